//! What environments named and since when, from git; and changes by hand, which are noticed and followed.

use serde_json::Value;

use super::world::{by_hand, deployed_digest, digits_in, done, refused, run_to, start, waiting_for, write_settings};
use crate::support::{DEADLINE, text};

#[tokio::test]
async fn a_manual_change_is_detected_reported_and_followed() {
    let bench = start(&[("staging", "")], "limits: {sync_interval: 1s}").await;
    let first = bench.promote_a_first_model().await;
    let head = bench.push_with("epochs: 4", "epochs: 6").await;
    let second = bench.end_of(&head).await;
    let clone = by_hand(&bench).await;
    clone.git(&["revert", "--no-edit", "HEAD"]).await.expect("reverted");
    let commit = clone.head().await.expect("a commit");
    assert!(clone.push("main").await.expect("pushed").success());
    let deployed_digest = |answer: &slipway_testkit::Answer| {
        let models = answer.json["models"].as_array().cloned().unwrap_or_default();
        models.iter().any(|model| model["current"]["commit"] == commit.as_str())
    };
    let synced = bench.api().wait_for("a look", "/api/v1/environments/staging", DEADLINE, deployed_digest).await;
    synced.expect("somebody notices");
    let model = digits_in(&bench, "staging").await;
    assert_eq!(model["current"]["commit"], commit.as_str(), "{model:#}");
    assert_eq!(model["current"]["deployed"]["artifact"], first["artifact"]);
    assert!(model["current"]["run"].is_null() && model["current"]["manual_author"].is_string(), "{model:#}");
    let audit = bench.api().get("/api/v1/audit").await.expect("the audit log");
    assert!(audit.text.contains("environment.drift"), "{}", audit.text);
    assert!(audit.text.contains(&commit[..12]), "{}", audit.text);
    let metrics = bench.api().get("/metrics").await.expect("metrics");
    assert!(metrics.text.contains("slipway_environment_drift_total{environment=\"staging\"} 1"), "{}", metrics.text);

    // What the branch says is the champion.
    let head = bench.push_with("epochs: 4", "epochs: 7").await;
    let third = bench.end_of(&head).await;
    assert_eq!(third["champion"], first["artifact"]);
    let history = done(&bench, &["environments", "history", "staging", "digits"]).await;
    let written: Vec<(Value, bool)> = history["deployment_records"]
        .as_array()
        .expect("a history")
        .iter()
        .map(|record| (record["deployed"]["artifact"].clone(), record["manual_author"].is_string()))
        .collect();
    let expected = [(&third, false), (&first, true), (&second, false), (&first, false)];
    let expected: Vec<(Value, bool)> = expected.map(|(run, hand)| (run["artifact"].clone(), hand)).into();
    assert_eq!(written[..4], expected, "{history:#}");
    bench.finish().await;
}

/// Who may push to an environment can write any message: only what was noted here before its push is a promotion.
#[tokio::test]
async fn a_commit_that_carries_the_trailers_of_a_promotion_is_still_somebodys_hand() {
    let bench = start(&[("staging", "")], "limits: {sync_interval: 1s}").await;
    let first = bench.promote_a_first_model().await;
    let message = bench.world.environment.message("main").await.expect("a message");
    let head = bench.push_with("epochs: 4", "epochs: 6").await;
    bench.end_of(&head).await;
    let clone = by_hand(&bench).await;
    clone.git(&["revert", "--no-edit", "HEAD"]).await.expect("reverted");
    clone.git(&["commit", "--amend", "--quiet", "-m", &message]).await.expect("forged");
    assert!(message.contains(text(&first, "id")) && message.contains("Slipway-Promotion: "), "{message}");
    let commit = clone.head().await.expect("a commit");
    assert!(clone.push("main").await.expect("pushed").success());
    let seen = |answer: &slipway_testkit::Answer| {
        let models = answer.json["models"].as_array().cloned().unwrap_or_default();
        models.iter().any(|model| model["current"]["commit"] == commit.as_str())
    };
    bench.api().wait_for("a look", "/api/v1/environments/staging", DEADLINE, seen).await.expect("somebody notices");
    let model = digits_in(&bench, "staging").await;
    assert!(model["current"]["run"].is_null() && text(&model["current"], "manual_author") == "Ada", "{model:#}");
    let audit = bench.api().get("/api/v1/audit").await.expect("the audit log");
    assert!(audit.text.contains("environment.drift") && audit.text.contains(&commit[..12]), "{}", audit.text);
    let history = done(&bench, &["environments", "history", "staging", "digits"]).await;
    assert!(history["deployment_records"][1]["run"].is_string(), "what was pushed here is known: {history:#}");
    bench.finish().await;
}

/// The identifier of a promotion is no secret: a commit with it that promotes nothing must not end the run as promoted.
#[tokio::test]
async fn a_commit_that_only_says_it_is_a_promotion_that_waits_is_not_taken_for_it() {
    let frozen = [("staging", "freezes: [{until: 2099-01-01T00:00:00Z, reason: the holidays}]")];
    let mut bench = start(&frozen, "").await;
    bench.push("a first model").await;
    let waiting = waiting_for(&bench, "staging").await;
    let artifact = text(&waiting, "artifact");
    let id =
        slipway_contract::Digest::of(format!("{}\ndigits\nstaging\n{artifact}\n", text(&waiting, "id")).as_bytes());
    let clone = by_hand(&bench).await;
    let message = format!("Nothing to see here\n\nSlipway-Promotion: {id}\nSlipway-Run: {}", text(&waiting, "id"));
    clone.git(&["commit", "--quiet", "--allow-empty", "-m", &message]).await.expect("forged");
    assert!(clone.push("main").await.expect("pushed").success());
    let forged = clone.head().await.expect("a commit");

    write_settings(&bench, &[("staging", "")], "");
    bench.restart(&[]).await;
    let stalled = run_to(&bench, "staging", "the run stalls", |run| run["stalled"] == true).await;
    let said =
        format!("{} in `staging` claims to be this promotion, but this installation did not write it", &forged[..12]);
    assert!(text(&stalled, "reason").contains(&said), "{stalled:#}");
    assert_eq!(deployed_digest(&bench, "staging").await, "none", "nothing is promoted, and nothing says it is");
    bench.finish().await;
}

#[tokio::test]
async fn what_was_in_production_on_a_day_is_answered_from_git_alone() {
    let bench = start(&[("staging", "")], "").await;
    let clone = by_hand(&bench).await;
    let manifest = clone.read("staging/inferenceservice.yaml").expect("a manifest");
    let artifacts = ["old", "new"].map(|text| slipway_contract::Digest::of(text.as_bytes()).to_string());
    for (artifact, day) in artifacts.iter().zip(["2030-03-01T12:00:00Z", "2030-03-05T12:00:00Z"]) {
        let marked = "slipway.dev/digest: none";
        clone
            .write(
                "staging/inferenceservice.yaml",
                manifest.replace(marked, &format!("slipway.dev/digest: {artifact}")),
            )
            .expect("written");
        let deployment = clone.read("staging/deployment.yaml").expect("a manifest");
        let lines: Vec<String> = deployment
            .lines()
            .map(|line| {
                if line.contains("digits:digest") {
                    format!("          value: \"{artifact}\"   # {{\"slipway\": \"digits:digest\"}}")
                } else {
                    line.to_owned()
                }
            })
            .collect();
        clone.write("staging/deployment.yaml", lines.join("\n") + "\n").expect("written");
        clone.git(&["add", "--all"]).await.expect("added");
        let dated = format!("--date={day}");
        let committed = std::process::Command::new("git")
            .current_dir(clone.path())
            .args(["commit", "--quiet", "-m", "By hand", &dated])
            .env("GIT_COMMITTER_DATE", day)
            .status()
            .expect("git");
        assert!(committed.success());
    }
    assert!(clone.push("main").await.expect("pushed").success());
    let at = async |day: &str| {
        let answer = done(&bench, &["environments", "show", "staging", "--at", day]).await;
        text(&answer["models"][0]["deployed"], "artifact").to_owned()
    };
    assert_eq!(at("2030-03-01").await, artifacts[0]);
    assert_eq!(at("2030-03-05T11:59:59Z").await, artifacts[0]);
    assert_eq!(at("2030-03-05").await, artifacts[1]);
    assert!(
        refused(&bench, &["environments", "show", "staging", "--at", "2001-01-01"]).await.contains("is younger than")
    );
    assert!(refused(&bench, &["environments", "show", "staging", "--at", "yesterday"]).await.contains("a day such as"));
    assert!(refused(&bench, &["environments", "show", "nowhere"]).await.contains("there is no environment `nowhere`"));
    let listed = done(&bench, &["environments", "list"]).await;
    assert_eq!(listed["environments"][0]["folder"], "staging");
    bench.finish().await;
}
