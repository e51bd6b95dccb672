//! The order of environments, soak, freezes: what holds a promotion back, and that it goes on by itself.

use super::world::{deployed_digest, digits_in, done, run_to, start, waiting_for, write_settings};
use crate::support::{DEADLINE, text};

#[tokio::test]
async fn an_artifact_is_promoted_downstream_after_its_soak_and_is_compared_with_what_is_there() {
    let environments = [("staging", ""), ("production", "after: {all: [staging], soak: 6s}")];
    let bench = start(&environments, "").await;
    let first = bench.promote_a_first_model().await;
    let downstream =
        run_to(&bench, "production", "the promotion to production", |run| text(run, "state") == "done").await;
    assert_eq!(downstream["artifact"], first["artifact"]);
    assert_eq!(downstream["origin_run"], first["id"]);
    let ways: Vec<&str> =
        downstream["transitions"].as_array().expect("a way").iter().map(|step| text(step, "to")).collect();
    let way = ["queued", "training", "evaluating", "gating", "publishing", "promoting", "waiting", "promoting", "done"];
    assert_eq!(ways, way, "{downstream:#}");
    let waited = &downstream["transitions"][6];
    assert!(text(waited, "cause").contains("blocked: `staging` has not named it for 6s yet, until "), "{waited:#}");
    let (staged, promoted) = (digits_in(&bench, "staging").await, digits_in(&bench, "production").await);
    let time =
        |model: &serde_json::Value| -> jiff::Timestamp { text(&model["current"], "since").parse().expect("a time") };
    assert!(time(&promoted).duration_since(time(&staged)) >= jiff::SignedDuration::from_secs(6));
    assert_eq!(promoted["current"]["run"], downstream["id"]);
    assert_eq!(deployed_digest(&bench, "production").await, text(&first, "artifact"));

    // The second model is compared in production with what production names.
    let head = bench.push_with("epochs: 4", "epochs: 6").await;
    bench.end_of(&head).await;
    let is_second = |run: &serde_json::Value| run["head"] == head.as_str() && text(run, "state") == "done";
    let second = run_to(&bench, "production", "the second promotion", is_second).await;
    assert_eq!(second["champion"], first["artifact"]);
    assert_eq!(bench.promotions().await, 4);
    let message = bench.world.environment.message("main").await.expect("a message");
    assert!(message.contains("\nSlipway-Environment: production\n"), "{message}");
    bench.finish().await;
}

#[tokio::test]
async fn a_freeze_holds_everything_back_with_its_reason_until_it_is_lifted() {
    let rules = [("staging", "freezes: [{until: 2099-01-01T00:00:00Z, reason: the holidays}]")];
    let mut bench = start(&rules, "").await;
    let head = bench.push("a first model").await;
    let waiting = waiting_for(&bench, "staging").await;
    let frozen = &waiting["blocking_rules"][0];
    assert_eq!((text(frozen, "rule"), text(frozen, "earliest")), ("freeze", "2099-01-01T00:00:00Z"), "{waiting:#}");
    assert!(text(&waiting, "reason").contains("the environment is frozen: the holidays"), "{waiting:#}");
    assert_eq!(bench.promotions().await, 0);
    let shown = digits_in(&bench, "staging").await;
    assert_eq!(shown["active_runs"][0]["run"], waiting["id"], "{shown:#}");
    write_settings(&bench, &[("staging", "")], "");
    bench.restart(&[]).await;
    assert_eq!(text(&bench.end_of(&head).await, "state"), "done");
    assert_eq!(bench.promotions().await, 1);
    bench.finish().await;
}

#[tokio::test]
async fn a_newer_candidate_takes_the_place_of_one_that_waits_and_a_refused_one_does_not() {
    let environments = [("staging", "approvals: {number: 1}")];
    let bench = start(&environments, "").await;
    let first = bench.push("a first model").await;
    let waiting = waiting_for(&bench, "staging").await;
    let worse = bench.push_with("learning_rate: 1e-2", "learning_rate: 1e-9").await;
    assert_eq!(text(&bench.end_of(&worse).await, "state"), "refused");
    assert_eq!(waiting_for(&bench, "staging").await["id"], waiting["id"], "what passed still waits");
    let better = bench.push_with("epochs: 4", "epochs: 6").await;
    let is_better = |run: &serde_json::Value| run["head"] == better.as_str() && text(run, "state") == "waiting";
    let newer = run_to(&bench, "staging", "the newer candidate", is_better).await;
    let old = bench.end_of(&first).await;
    assert_eq!(text(&old, "state"), "superseded");
    assert!(text(&old, "reason").contains(text(&newer, "id")), "{old:#}");
    assert_eq!(bench.promotions().await, 0);
    bench.finish().await;
}

#[tokio::test]
async fn nothing_is_promoted_downstream_to_an_environment_that_does_not_mark_the_model() {
    let environments = [("staging", ""), ("production", "after: {any: [staging]}")];
    let bench = super::world::prepare(&environments, "").await;
    let clone = super::world::by_hand(&bench).await;
    clone.git(&["rm", "--quiet", "-r", "production"]).await.expect("removed");
    clone.commit("No production yet").await.expect("committed");
    assert!(clone.push("main").await.expect("pushed").success());
    let mut bench = bench;
    bench.restart(&[]).await;
    bench.promote_a_first_model().await;
    let runs = bench.api().runs().await.expect("runs");
    assert_eq!(runs.len(), 1, "{runs:#?}");
    let promote = super::world::refused(&bench, &["promote", "digits", "production"]).await;
    assert!(promote.contains("no manifest of the environment has a mark for `digits`"), "{promote}");
    bench.finish().await;
}

#[tokio::test]
async fn of_several_environments_any_or_all_have_to_name_it() {
    let environments = [
        ("staging", ""),
        ("canary", "after: {all: [staging]}"),
        ("europe", "after: {any: [staging, canary]}"),
        ("world", "after: {all: [staging, canary]}"),
    ];
    let bench = start(&environments, "").await;
    super::world::done(&bench, &["hold", "canary", "--reason", "nobody looks yet"]).await;
    bench.promote_a_first_model().await;
    let done = |run: &serde_json::Value| text(run, "state") == "done";
    run_to(&bench, "europe", "any", done).await;
    let held = waiting_for(&bench, "world").await;
    assert_eq!(text(&held["blocking_rules"][0], "reason"), "`canary` does not name it", "{held:#}");
    super::world::done(&bench, &["release", "canary"]).await;
    run_to(&bench, "world", "all", done).await;
    assert_eq!(bench.promotions().await, 4);
    let runs = bench.api().runs().await.expect("runs");
    assert_eq!(runs.len(), 4, "one for each environment: {runs:#?}");
    bench.finish().await;
}

#[tokio::test]
async fn rules_are_read_again_right_before_the_write() {
    let bench = start(&[("staging", "")], "").await;
    // The run's push is refused and stalls; meanwhile a person holds the model.
    bench.world.environment.install_hook("pre-receive", "#!/bin/sh\nexit 1\n").expect("installed");
    let head = bench.push("a first model").await;
    let stalled = bench.end_of(&head).await;
    assert_eq!(text(&stalled, "state"), "promoting");
    super::world::done(&bench, &["hold", "staging", "digits", "--reason", "odd answers"]).await;
    bench.world.environment.remove_hook("pre-receive").expect("removed");
    super::world::done(&bench, &["runs", "retry", text(&stalled, "id")]).await;
    let waiting = waiting_for(&bench, "staging").await;
    assert!(text(&waiting, "reason").contains("the model is held by token settings: odd answers"), "{waiting:#}");
    assert_eq!(bench.promotions().await, 0);
    super::world::done(&bench, &["release", "staging", "digits"]).await;
    assert_eq!(text(&bench.api().wait_for_end(&head, DEADLINE).await.expect("it ends"), "state"), "done");
    assert_eq!(bench.promotions().await, 1);
    bench.finish().await;
}

/// A commit says itself when it was made. `soak` counts from when it was first seen here.
#[tokio::test]
async fn a_commit_that_says_it_is_years_old_has_not_soaked() {
    let environments = [("staging", ""), ("production", "after: {all: [staging], soak: 1h}")];
    let bench = start(&environments, "limits: {sync_interval: 1s}").await;
    let first = bench.promote_a_first_model().await;
    waiting_for(&bench, "production").await;
    let clone = super::world::by_hand(&bench).await;
    clone.git(&["revert", "--no-edit", "HEAD"]).await.expect("reverted");
    clone.git(&["revert", "--no-edit", "HEAD"]).await.expect("reverted again");
    clone.git(&["commit", "--amend", "--no-edit", "--date=2020-01-01T00:00:00Z"]).await.expect("dated");
    let old = ["rebase", "--quiet", "--force-rebase", "--committer-date-is-author-date", "HEAD~1"];
    clone.git(&old).await.expect("committed long ago");
    let commit = clone.head().await.expect("a commit");
    assert!(clone.push("main").await.expect("pushed").success());
    let seen = |answer: &slipway_testkit::Answer| {
        let models = answer.json["models"].as_array().cloned().unwrap_or_default();
        models.iter().any(|model| model["current"]["commit"] == commit.as_str())
    };
    bench.api().wait_for("a look", "/api/v1/environments/staging", DEADLINE, seen).await.expect("somebody notices");
    let model = super::world::digits_in(&bench, "staging").await;
    assert_eq!(model["current"]["deployed"]["artifact"], first["artifact"]);
    assert!(text(&model["current"], "since").starts_with("2020-01-01"), "{model:#}");
    let seen_at: jiff::Timestamp = text(&model["current"], "seen_at").parse().expect("a time");
    let model = super::world::digits_in(&bench, "production").await;
    let earliest = text(&model["active_runs"][0]["blocking_rules"][0], "earliest");
    let earliest: jiff::Timestamp = earliest.parse().expect("a time");
    assert_eq!(earliest, seen_at + jiff::SignedDuration::from_hours(1), "{model:#}");
    assert_eq!(bench.promotions().await, 1, "{model:#}");
    bench.finish().await;
}

#[tokio::test]
async fn the_commit_of_a_promotion_says_what_the_team_wants_and_is_known_again() {
    let words = "commit: {subject: \"deploy({environment}): {model} {version}\", \
                 rollback_subject: \"revert({environment}): {model}\", body: \"Ticket: OPS-42\", sign_off: true}";
    let bench = start(&[("staging", words)], "").await;
    let run = bench.promote_a_first_model().await;
    let message = bench.world.environment.message("main").await.expect("a message");
    assert!(message.starts_with("deploy(staging): digits 20"), "{message}");
    assert!(message.contains("\n\nTicket: OPS-42\n\nChampion before: none"), "{message}");
    let trailers = message.trim_end().rsplit("\n\n").next().expect("a last paragraph");
    assert!(trailers.contains("\nSigned-off-by: ") && trailers.contains("\nSlipway-Promotion: "), "{message}");
    assert_eq!(digits_in(&bench, "staging").await["current"]["run"], run["id"]);
    let second = bench.end_of(&bench.push_with("epochs: 4", "epochs: 6").await).await;
    assert_eq!(text(&second, "state"), "done", "{second:#}");
    let back = done(&bench, &["rollback", "digits", "staging", "--reason", "odd answers"]).await;
    let is_back = |run: &serde_json::Value| run["id"] == back["id"] && text(run, "state") == "done";
    run_to(&bench, "staging", "the rollback", is_back).await;
    let message = bench.world.environment.message("main").await.expect("a message");
    assert!(message.starts_with("revert(staging): digits\n\nTo run "), "{message}");
    bench.finish().await;
}
