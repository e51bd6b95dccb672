//! What people do: approve, hold, reject, roll back, take onward.

use serde_json::json;

use super::world::{command, deployed_digest, digits_in, done, prepare, refused, run_to, start, waiting_for};
use crate::support::{DEADLINE, text};

#[tokio::test]
async fn an_approval_is_of_the_artifact_that_waits_and_never_of_the_author_alone() {
    let people = "people: [{name: kim, tokens: [settings], emails: [Ada@example.com]}, {name: lee, tokens: [lee]}]";
    let bench = start(&[("staging", "approvals: {number: 1, by: [kim, lee]}")], people).await;
    let head = bench.push("a first model").await;
    let waiting = waiting_for(&bench, "staging").await;
    let artifact = text(&waiting, "artifact");
    let other = slipway_contract::Digest::of(b"another");
    let wrong = refused(&bench, &["approve", "digits", "staging", "--artifact", other.as_str()]).await;
    assert!(wrong.contains(&format!("is not in progress for `staging`, but {artifact}")), "{wrong}");
    assert!(refused(&bench, &["approve", "other", "staging"]).await.contains("no run of `other` is in progress"));
    let output = command(&bench, &["approve", "digits", "staging"]).await;
    assert_eq!(output.status.code(), Some(0));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("does not count alone: kim wrote"), "{said}");
    let own = |run: &serde_json::Value| text(run, "reason").contains("that of its author alone does not suffice");
    run_to(&bench, "staging", "the author's own approval", own).await;
    let model = digits_in(&bench, "staging").await;
    assert_eq!(model["active_runs"][0]["approvals"][0]["person"], "kim", "{model:#}");
    assert_eq!(bench.promotions().await, 0);

    let token = bench.world.folder.join("token-of-lee");
    let made = command_beside(&bench, &["tokens", "create", "lee", "--role", "operator"]);
    std::fs::write(&token, made.trim()).expect("written");
    let lee = bench.api().with_token(made.trim());
    let path = "/api/v1/environments/staging/models/digits/approve";
    let body = json!({"artifact": artifact}).to_string().into_bytes();
    let approved = lee.send("POST", path, &[], body).await.expect("an answer");
    assert_eq!(approved.status, 200);
    // Nothing of what held it back before stands beside the approval that completes it.
    assert_eq!(approved.json["blocking_rules"], json!([]), "{}", approved.text);
    assert!(!text(&approved.json, "reason").contains("approvals"), "{}", approved.text);
    assert_eq!(text(&bench.end_of(&head).await, "state"), "done");
    assert_eq!(bench.promotions().await, 1);
    let audit = bench.api().get("/api/v1/audit").await.expect("the audit log");
    assert!(audit.text.contains(&format!("staging/digits {artifact}")), "{}", audit.text);
    bench.finish().await;
}

/// A command beside the server, with its settings.
fn command_beside(bench: &crate::support::Bench, arguments: &[&str]) -> String {
    let output = std::process::Command::new(crate::support::slipway())
        .args(arguments)
        .arg("--config")
        .arg(bench.world.config())
        .output()
        .expect("it ran");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

#[tokio::test]
async fn a_rollback_brings_the_earlier_promotion_back_and_holds_until_released() {
    let bench = start(&[("staging", "")], "").await;
    let first = bench.promote_a_first_model().await;
    let before = bench.world.environment.show("main", "staging/inferenceservice.yaml").await.expect("a manifest");
    assert!(
        refused(&bench, &["rollback", "digits", "staging", "--reason", "x"]).await.contains("no earlier promotion")
    );
    let head = bench.push_with("epochs: 4", "epochs: 6").await;
    let second = bench.end_of(&head).await;
    assert_eq!(text(&second, "state"), "done");

    let back = done(&bench, &["rollback", "digits", "staging", "--reason", "odd answers"]).await;
    let is_back = |run: &serde_json::Value| run["id"] == back["id"] && text(run, "state") == "done";
    let back = run_to(&bench, "staging", "the rollback", is_back).await;
    assert_eq!((&back["artifact"], &back["origin_run"]), (&first["artifact"], &first["id"]));
    let after = bench.world.environment.show("main", "staging/inferenceservice.yaml").await.expect("a manifest");
    assert_eq!(after, before, "the manifests are as they were, byte for byte");
    let message = bench.world.environment.message("main").await.expect("a message");
    assert!(message.starts_with("Roll digits in staging back\n"), "{message}");
    assert!(message.contains("odd answers"), "{message}");
    let replaced = format!("\nChampion before: {}\n", text(&second, "artifact"));
    assert!(message.contains(&replaced), "it names what it replaces: {message}");
    let ways: Vec<&str> = back["transitions"].as_array().expect("a way").iter().map(|step| text(step, "to")).collect();
    assert_eq!(ways, ["promoting", "done"], "nothing is trained for it");

    // Automation does not undo it until somebody releases the hold.
    let head = bench.push_with("epochs: 4", "epochs: 7").await;
    let waiting = waiting_for(&bench, "staging").await;
    let reason = format!("rollback to run {}: odd answers", text(&first, "id"));
    assert!(text(&waiting, "reason").contains(&reason), "{waiting:#}");
    assert!(
        digits_in(&bench, "staging").await["holds"][0]["reason"].as_str().is_some_and(|held| held.contains(&reason))
    );
    done(&bench, &["release", "staging", "digits"]).await;
    let third = bench.api().wait_for_end(&head, DEADLINE).await.expect("it ends");
    assert_eq!(text(&third, "state"), "done");
    assert_eq!(third["champion"], first["artifact"], "it was compared with what was brought back");
    assert!(refused(&bench, &["release", "staging", "digits"]).await.contains("has no hold on `digits`"));

    // To a run by its name, as often as wanted.
    let to = done(&bench, &["rollback", "digits", "staging", "--reason", "again", "--to", text(&second, "id")]).await;
    let is_to = |run: &serde_json::Value| run["id"] == to["id"] && text(run, "state") == "done";
    run_to(&bench, "staging", "the rollback to a run", is_to).await;
    assert_eq!(deployed_digest(&bench, "staging").await, text(&second, "artifact"));
    assert_eq!(bench.promotions().await, 5);

    // What was asked for is in the audit log with its target and its reason, and what was refused is marked.
    let audit = bench.api().get("/api/v1/audit?limit=500").await.expect("the audit log");
    let entries = audit.json["entries"].as_array().cloned().unwrap_or_default();
    let rollbacks = entries.iter().filter(|entry| text(entry, "action").starts_with("promotion.rollback"));
    let rollbacks: Vec<(&str, bool, bool)> = rollbacks
        .map(|entry| {
            let detail = text(entry, "detail");
            let has_reason =
                ["reason: x;", "reason: odd answers;", "reason: again;"].iter().any(|r| detail.contains(r));
            (text(entry, "target"), has_reason, entry["refused"] == true)
        })
        .collect();
    let (asked, refused) = (("staging/digits", true, false), ("staging/digits", true, true));
    assert_eq!(rollbacks, [asked, refused, asked, asked], "{entries:#?}");
    assert!(audit.text.contains(&format!("to run {}", text(&second, "id"))), "{}", audit.text);
    bench.finish().await;
}

#[tokio::test]
async fn a_rejected_artifact_is_promoted_by_nobody_again() {
    let bench = start(&[("staging", "approvals: {number: 1}")], "").await;
    let head = bench.push("a first model").await;
    let waiting = waiting_for(&bench, "staging").await;
    let artifact = text(&waiting, "artifact");
    done(&bench, &["reject", "digits", "digits", artifact, "--reason", "wrong labels"]).await;
    let run = bench.end_of(&head).await;
    assert_eq!(text(&run, "state"), "refused", "{run:#}");
    assert!(text(&run, "reason").contains("rejected artifact"), "{run:#}");
    assert!(text(&run, "reason").contains("wrong labels"), "{run:#}");
    let again = refused(&bench, &["promote", "digits", "staging", "--run", text(&run, "id")]).await;
    assert!(again.contains("has not passed its policy") || again.contains("wrong labels"), "{again}");

    // The same files make the same weights, which stay rejected.
    bench.world.work.write("notes.txt", "more").expect("written");
    bench.world.work.write("data/extra", "x").expect("written");
    let head = bench.push("the same model").await;
    let run = bench.end_of(&head).await;
    assert_eq!((text(&run, "state"), text(&run, "artifact")), ("refused", artifact), "{run:#}");
    assert!(text(&run, "reason").contains("wrong labels"), "{run:#}");
    let other = command(&bench, &["reject", "nowhere", "digits", artifact, "--reason", "x"]).await;
    assert_eq!(other.status.code(), Some(2), "{}", String::from_utf8_lossy(&other.stderr));
    assert_eq!(bench.promotions().await, 0);
    bench.finish().await;
}

#[tokio::test]
async fn a_hold_on_the_whole_environment_ends_by_itself() {
    let bench = start(&[("staging", "")], "").await;
    let until = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(8);
    done(&bench, &["hold", "staging", "--reason", "maintenance", "--until", &until.to_string()]).await;
    let head = bench.push("a first model").await;
    let run = bench.end_of(&head).await;
    assert_eq!(text(&run, "state"), "done", "{run:#}");
    let ways: Vec<&str> = run["transitions"].as_array().expect("a way").iter().map(|step| text(step, "to")).collect();
    if ways.contains(&"waiting") {
        let landed: jiff::Timestamp = text(&run, "updated_at").parse().expect("a time");
        assert!(landed >= until, "{run:#}");
    }
    let past = refused(&bench, &["hold", "staging", "--reason", "x", "--until", "2020-01-01T00:00:00Z"]).await;
    assert!(past.contains("the end of the hold is in the past"), "{past}");
    bench.finish().await;
}

#[tokio::test]
async fn a_person_takes_an_artifact_to_an_environment_that_follows_no_other() {
    let bench = start(&[("staging", ""), ("lab", "")], "").await;
    let first = bench.promote_a_first_model().await;
    let lab = done(&bench, &["promote", "digits", "lab"]).await;
    let is_it = |run: &serde_json::Value| run["id"] == lab["id"] && text(run, "state") == "done";
    let promoted = run_to(&bench, "lab", "the promotion to the lab", is_it).await;
    assert_eq!(promoted["artifact"], first["artifact"]);
    assert_eq!(deployed_digest(&bench, "lab").await, text(&first, "artifact"));
    assert!(refused(&bench, &["promote", "digits", "lab"]).await.contains("names the artifact of run"));
    bench.finish().await;
}

#[tokio::test]
async fn a_token_of_another_source_neither_sees_nor_steers_a_model() {
    let mut bench = prepare(&[("staging", ""), ("lab", "")], "").await;
    let settings = std::fs::read_to_string(bench.world.config()).expect("settings");
    let url = bench.world.git.url("models.git");
    let elsewhere = format!(
        "- {{name: elsewhere, forge: plain, url: \"{url}\", secret: {{file: ./secret}}, environment: lab}}\nenvironments:"
    );
    std::fs::write(bench.world.config(), settings.replace("environments:", &elsewhere)).expect("written");
    bench.restart(&[]).await;
    bench.promote_a_first_model().await;
    let made = command_beside(&bench, &["tokens", "create", "stranger", "--role", "operator", "--source", "elsewhere"]);
    let unauthenticated = bench.api().with_token(made.trim());
    let body = json!({"reason": "x"}).to_string().into_bytes();
    for (method, path) in [
        ("GET", "/api/v1/environments/staging"),
        ("GET", "/api/v1/environments/staging/at?time=2026-01-01T00:00:00Z"),
        ("GET", "/api/v1/environments/staging/models/digits/history"),
        ("POST", "/api/v1/environments/staging/models/digits/hold"),
        ("POST", "/api/v1/environments/staging/models/digits/rollback"),
        ("POST", "/api/v1/environments/staging/hold"),
    ] {
        let sent = if method == "POST" { body.clone() } else { Vec::new() };
        let answer = unauthenticated.send(method, path, &[], sent).await.expect("an answer");
        assert_eq!(answer.status, 404, "{method} {path}: {}", answer.text);
    }
    let reader = command_beside(&bench, &["tokens", "create", "reader", "--role", "viewer"]);
    let reader = bench.api().with_token(reader.trim());
    let path = "/api/v1/environments/staging/models/digits/hold";
    assert_eq!(reader.send("POST", path, &[], body).await.expect("an answer").status, 403);
    assert!(digits_in(&bench, "staging").await["holds"].as_array().is_some_and(Vec::is_empty));
    bench.finish().await;
}
