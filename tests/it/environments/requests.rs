//! Promotions by request: one open request, merged at the head that was judged, closed when it is not wanted.

use serde_json::Value;
use slipway_testkit::github::{GitHub, ROBOT_TOKEN};

use super::world::{deployed_digest, digits_in, done, prepare, run_to};
use crate::support::{Bench, DEADLINE, text};

const WRITER: u64 = 11;

/// A server whose environment takes promotions as requests, merged by whom it says.
async fn start(merge: &str) -> (Bench, GitHub) {
    let bench = prepare(&[("staging", "")], "").await;
    let github = GitHub::start(bench.world.environment.clone()).await.expect("a GitHub");
    github.permit(WRITER, "grace", "write");
    let requests = format!(
        "requests: {{forge: github, merge: {merge}, api: {{url: \"{}\", repository: team/models, token: {{file: ./robot}}}}}}",
        github.url()
    );
    super::world::write_settings(&bench, &[("staging", &requests)], "");
    std::fs::write(bench.world.config().with_file_name("robot"), ROBOT_TOKEN).expect("written");
    let mut bench = bench;
    bench.restart(&[]).await;
    (bench, github)
}

fn waits_for_request(run: &Value) -> bool {
    text(run, "state") == "waiting" && run["blocking_rules"].as_array().is_some_and(|held| !held.is_empty())
}

#[tokio::test]
async fn a_request_is_opened_updated_by_a_newer_candidate_and_followed_once_people_merge_it() {
    let (bench, github) = start("people").await;
    let first = bench.push("a first model").await;
    let waiting = run_to(&bench, "staging", "an open request", |run| text(run, "state") == "waiting").await;
    let detail = bench.api().run(text(&waiting, "id")).await.expect("a run");
    assert!(waits_for_request(&detail), "{detail:#}");
    assert_eq!(text(&detail["blocking_rules"][0], "rule"), "request", "{detail:#}");
    let pull = github.pull(1);
    assert_eq!(
        (text(&pull, "title"), text(&pull["head"], "ref")),
        ("Promote digits to staging", "slipway/staging/digits")
    );
    assert!(text(&pull, "body").contains("Slipway-Artifact: sha256:"), "{pull:#}");
    assert_eq!(bench.promotions().await, 0, "nothing is on the branch itself");

    let head = bench.push_with("epochs: 4", "epochs: 6").await;
    let newer = |run: &Value| run["head"] == head.as_str() && text(run, "state") == "waiting";
    let newer = run_to(&bench, "staging", "the newer candidate", newer).await;
    assert_eq!(text(&bench.end_of(&first).await, "state"), "superseded");
    let branch = bench.world.environment.tip("slipway/staging/digits").await.expect("asked").expect("a branch");
    let message = bench.world.environment.message(&branch).await.expect("a message");
    assert!(message.contains(text(&newer, "artifact")), "{message}");
    assert_eq!(github.pulls(), 1, "one request, updated");

    github.merge_pull(1).await.expect("merged by a person");
    done(&bench, &["hold", "staging", "digits", "--reason", "only to be looked at again"]).await;
    done(&bench, &["release", "staging", "digits"]).await;
    let run = bench.end_of(&head).await;
    assert_eq!(text(&run, "state"), "done", "{run:#}");
    assert_eq!(deployed_digest(&bench, "staging").await, text(&run, "artifact"));
    assert_eq!(bench.promotions().await, 1);
    assert_eq!(bench.world.environment.tip("slipway/staging/digits").await.expect("asked"), None, "our branch is gone");
    bench.finish().await;
}

#[tokio::test]
async fn slipway_merges_by_itself_where_that_is_set() {
    let (bench, github) = start("slipway").await;
    let head = bench.push("a first model").await;
    let run = bench.api().wait_for_end(&head, DEADLINE).await.expect("it ends");
    assert_eq!(text(&run, "state"), "done", "{run:#}");
    assert_eq!(github.pull(1)["merged"], true, "{:#}", github.pull(1));
    assert_eq!(deployed_digest(&bench, "staging").await, text(&run, "artifact"));
    bench.finish().await;
}

#[tokio::test]
async fn a_request_that_people_close_refuses_the_promotion_and_a_rejection_closes_it() {
    let (bench, github) = start("people").await;
    let head = bench.push("a first model").await;
    run_to(&bench, "staging", "an open request", |run| text(run, "state") == "waiting").await;
    github.close_pull(1);
    done(&bench, &["hold", "staging", "digits", "--reason", "only to be looked at again"]).await;
    done(&bench, &["release", "staging", "digits"]).await;
    let run = bench.end_of(&head).await;
    assert_eq!(text(&run, "state"), "refused", "{run:#}");
    assert!(text(&run, "reason").contains("request 1 was closed without being merged"), "{run:#}");

    let head = bench.push_with("epochs: 4", "epochs: 6").await;
    let is_open = |run: &Value| run["head"] == head.as_str() && text(run, "state") == "waiting";
    let open = run_to(&bench, "staging", "another request", is_open).await;
    done(&bench, &["reject", "digits", "digits", text(&open, "artifact"), "--reason", "wrong labels"]).await;
    let run = bench.end_of(&head).await;
    assert_eq!(text(&run, "state"), "refused", "{run:#}");
    assert_eq!(text(&github.pull(2), "state"), "closed", "{:#}", github.pull(2));
    assert_eq!(bench.promotions().await, 0);
    bench.finish().await;
}

/// Has everything that waits looked at again now.
async fn recheck_waiting(bench: &Bench) {
    done(bench, &["hold", "staging", "--reason", "only to be looked at again"]).await;
    done(bench, &["release", "staging"]).await;
}

#[tokio::test]
async fn a_rollback_is_a_request_as_well_and_a_later_one_takes_the_place_of_one_that_is_open() {
    let (bench, github) = start("people").await;
    let mut promoted = Vec::new();
    for (number, epochs) in [(1, "epochs: 4"), (2, "epochs: 6"), (3, "epochs: 7")] {
        let head = bench.push_with("epochs: 4", epochs).await;
        let has_open_request = |run: &Value| run["head"] == head.as_str() && text(run, "state") == "waiting";
        run_to(&bench, "staging", "an open request", has_open_request).await;
        github.merge_pull(number).await.expect("merged by a person");
        recheck_waiting(&bench).await;
        let run = bench.end_of(&head).await;
        assert_eq!(text(&run, "state"), "done", "{run:#}");
        promoted.push(run);
    }
    let tip = bench.world.environment_tip().await.expect("a tip");

    let back = done(&bench, &["rollback", "digits", "staging", "--reason", "odd answers"]).await;
    let waits = |id: &Value| {
        let id = id.clone();
        move |run: &Value| run["id"] == id && text(run, "state") == "waiting"
    };
    run_to(&bench, "staging", "the rollback's request", waits(&back["id"])).await;
    let pull = github.pull(4);
    assert_eq!(
        (text(&pull, "title"), text(&pull["head"], "ref")),
        ("Roll digits in staging back", "slipway/staging/digits.rollback")
    );
    let replaced = format!("\nChampion before: {}\n", text(&promoted[2], "artifact"));
    assert!(text(&pull, "body").contains(&replaced), "{pull:#}");
    assert_eq!(bench.world.environment_tip().await.expect("a tip"), tip, "nothing is on the branch itself");

    // A candidate that passes meanwhile waits for the hold, and does not take the rollback's place.
    let head = bench.push_with("epochs: 4", "epochs: 8").await;
    let waiting = |run: &Value| run["head"] == head.as_str() && text(run, "state") == "waiting";
    run_to(&bench, "staging", "a candidate that is held", waiting).await;
    assert_eq!(text(&bench.api().run(text(&back, "id")).await.expect("a run"), "state"), "waiting");

    let to = text(&promoted[0], "id");
    let further = done(&bench, &["rollback", "digits", "staging", "--reason", "further", "--to", to]).await;
    run_to(&bench, "staging", "the later rollback's request", waits(&further["id"])).await;
    recheck_waiting(&bench).await;
    let overtaken = |run: &Value| run["id"] == back["id"] && text(run, "state") == "superseded";
    let overtaken = run_to(&bench, "staging", "the end of the first rollback", overtaken).await;
    assert!(text(&overtaken, "reason").contains(text(&further, "id")), "{overtaken:#}");
    assert_eq!(github.pulls(), 4, "one request for rollbacks, updated");

    github.merge_pull(4).await.expect("merged by a person");
    recheck_waiting(&bench).await;
    let landed = |run: &Value| run["id"] == further["id"] && text(run, "state") == "done";
    let landed = run_to(&bench, "staging", "the rollback", landed).await;
    assert!(!text(&landed, "promotion_commit").is_empty(), "{landed:#}");
    assert_eq!(deployed_digest(&bench, "staging").await, text(&promoted[0], "artifact"));
    // The candidate that is held is compared with what is there now.
    let compared = |run: &Value| {
        run["head"] == head.as_str() && text(run, "state") == "waiting" && run["champion"] == promoted[0]["artifact"]
    };
    run_to(&bench, "staging", "the held candidate, compared anew", compared).await;
    bench.finish().await;
}

#[tokio::test]
async fn slipway_merges_a_rollback_by_itself_where_that_is_set() {
    let (bench, github) = start("slipway").await;
    let first = bench.promote_a_first_model().await;
    let head = bench.push_with("epochs: 4", "epochs: 6").await;
    assert_eq!(text(&bench.end_of(&head).await, "state"), "done");
    let back = done(&bench, &["rollback", "digits", "staging", "--reason", "odd answers"]).await;
    let landed = |run: &Value| run["id"] == back["id"] && text(run, "state") == "done";
    run_to(&bench, "staging", "the rollback", landed).await;
    assert_eq!(github.pull(3)["merged"], true, "{:#}", github.pull(3));
    assert_eq!(deployed_digest(&bench, "staging").await, text(&first, "artifact"));
    bench.finish().await;
}

/// Expects that the environment's last commit, which has one parent, is known as the promotion of a run.
async fn is_known_as_ours(bench: &Bench, run: &Value) {
    let tip = bench.world.environment_tip().await.expect("a tip");
    let detail = bench.api().run(text(run, "id")).await.expect("a run");
    assert_eq!(text(&detail, "promotion_commit"), tip, "{detail:#}");
    let parents = bench.world.environment.log("main", &["-1", "--format=%P"]).await.expect("a log");
    assert_eq!(parents.split_whitespace().count(), 1, "no merge commit: {parents}");
    let model = digits_in(bench, "staging").await;
    assert_eq!((&model["current"]["run"], text(&model["current"], "commit")), (&run["id"], tip.as_str()), "{model:#}");
    let metrics = bench.api().get("/metrics").await.expect("metrics");
    assert!(!metrics.text.contains("slipway_environment_drift_total{"), "nobody did that by hand: {}", metrics.text);
}

#[tokio::test]
async fn slipway_merges_by_the_method_that_the_repository_takes_or_that_is_set() {
    for (method, takes) in [("", "squash"), ("", "rebase"), (", method: squash", "squash")] {
        let (bench, github) = start(&format!("slipway{method}")).await;
        let methods = if method.is_empty() { vec![takes] } else { vec!["merge", "squash", "rebase"] };
        github.take_merges_by(&methods);
        let first = bench.promote_a_first_model().await;
        is_known_as_ours(&bench, &first).await;
        let message = bench.world.environment.message("main").await.expect("a message");
        assert!(message.starts_with("Promote digits to staging\n"), "{message}");
        assert!(message.contains("\nSlipway-Promotion: "), "its trailers are kept: {message}");
        let head = bench.push_with("epochs: 4", "epochs: 6").await;
        assert_eq!(text(&bench.end_of(&head).await, "state"), "done");
        bench.finish().await;
    }
}

#[tokio::test]
async fn a_squash_by_people_that_keeps_only_the_title_is_known_as_the_promotion() {
    let (bench, github) = start("people").await;
    github.take_merges_by(&["squash"]);
    let first = bench.push("a first model").await;
    run_to(&bench, "staging", "an open request", |run| text(run, "state") == "waiting").await;
    github.merge_pull(1).await.expect("squashed by a person");
    let message = bench.world.environment.message("main").await.expect("a message");
    assert_eq!(message.trim_end(), "Promote digits to staging (#1)");
    recheck_waiting(&bench).await;
    let run = bench.end_of(&first).await;
    assert_eq!(text(&run, "state"), "done", "{run:#}");
    is_known_as_ours(&bench, &run).await;
    bench.finish().await;
}
