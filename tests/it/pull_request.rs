//! A change (pull request) is judged by the policy of the branch it wants to go to, and promotes nothing.

use serde_json::json;
use slipway_testkit::demo::SECRET;
use slipway_testkit::signature;

use crate::support::{Bench, DEADLINE, DEFAULT_SETTINGS, MODEL, text};

const HOOK: &str = "/webhooks/digits";

/// Tells of a change as GitHub does.
async fn deliver_pull_request(bench: &Bench, action: &str, head: &str, base: &str, fork: bool) -> u16 {
    let id = if fork { 42 } else { 41 };
    let repository = json!({"id": 41, "full_name": "team/models"});
    let body = json!({
        "action": action, "number": 7, "repository": repository, "sender": {"id": 3, "login": "ada"},
        "pull_request": {
            "number": 7, "merged": false, "user": {"id": 3, "login": "ada"},
            "head": {"ref": "better", "sha": head, "repo": {"id": id, "full_name": "ada/models"}},
            "base": {"ref": "main", "sha": base, "repo": repository},
        },
    })
    .to_string();
    let signature = signature(SECRET, body.as_bytes());
    let delivery = format!("{action}-{head}-{fork}");
    let headers = [
        ("x-github-event", "pull_request"),
        ("x-github-delivery", &*delivery),
        ("x-hub-signature-256", &signature),
        ("content-type", "application/json"),
    ];
    bench.api().send("POST", HOOK, &headers, body.into_bytes()).await.expect("an answer").status
}

/// Pushes a change of the model to a branch of its own, under the reference that GitHub gives it.
async fn propose(bench: &Bench, old: &str, new: &str) -> String {
    assert!(MODEL.contains(old));
    let work = &bench.world.work;
    work.git(&["checkout", "-q", "-B", "better"]).await.expect("a branch");
    work.write("slipway.yaml", MODEL.replace(old, new)).expect("written");
    let head = work.commit(&format!("{old} -> {new}")).await.expect("a commit");
    assert!(work.push_with("better", &["--force"]).await.expect("pushed").success());
    bench.world.models.git(&["update-ref", "refs/pull/7/head", &head]).await.expect("a reference");
    work.git(&["checkout", "-q", "main"]).await.expect("back");
    head
}

#[tokio::test]
async fn a_pull_request_is_judged_and_promotes_nothing_and_closing_it_ends_its_run() {
    let mut bench = Bench::without_server(DEFAULT_SETTINGS).await;
    let settings = std::fs::read_to_string(bench.world.config()).expect("settings");
    std::fs::write(bench.world.config(), settings.replace("forge: plain", "forge: github, repository_id: \"41\""))
        .expect("written");
    bench.restart(&[]).await;
    bench.world.models.remove_hook("post-receive").expect("removed");
    let base = bench.push("a first model").await;

    let head = propose(&bench, "seed: 7", "seed: 8").await;
    assert_eq!(deliver_pull_request(&bench, "opened", &head, &base, false).await, 202);
    let run = bench.end_of(&head).await;
    assert_eq!(text(&run, "state"), "done", "{run:#}");
    assert_eq!((&run["pull_request"], text(&run, "base")), (&json!(7), &*base));
    assert!(text(&run, "reason").contains("passes its policy"), "{run:#}");
    assert_eq!(bench.promotions().await, 0, "a change promotes nothing");

    // The same revision told again is the same run; another one takes its place; closing ends that.
    assert_eq!(deliver_pull_request(&bench, "synchronize", &head, &base, false).await, 202);
    let long = propose(&bench, "epochs: 4", "epochs: 400").await;
    assert_eq!(deliver_pull_request(&bench, "synchronize", &long, &base, false).await, 202);
    let training = |run: &serde_json::Value| run["head"] == long.as_str() && run["state"] == "training";
    bench.api().wait_for_run("it trains", DEADLINE, training).await.expect("it trains");
    assert_eq!(deliver_pull_request(&bench, "closed", &long, &base, false).await, 202);
    let ended = bench.end_of(&long).await;
    assert_eq!(text(&ended, "state"), "cancelled", "{ended:#}");
    bench.until_no_trainer_is_left(std::time::Duration::from_secs(2)).await;
    assert_eq!(bench.api().runs().await.expect("runs").len(), 2);

    // Forks wait for somebody's approval, which nobody can give where permissions are not known.
    let fork = propose(&bench, "seed: 7", "seed: 9").await;
    assert_eq!(deliver_pull_request(&bench, "reopened", &fork, &base, true).await, 202);
    let path = format!("/api/v1/deliveries/digits/reopened-{fork}-true");
    let read = async {
        loop {
            let delivery = bench.api().get(&path).await.expect("an answer");
            if text(&delivery.json, "state") != "pending" {
                break delivery.json;
            }
        }
    };
    let delivery = tokio::time::timeout(DEADLINE, read).await.expect("it is read");
    assert_eq!(text(&delivery, "state"), "ignored", "{delivery:#}");
    assert!(text(&delivery, "note").contains("its revision cannot be approved"), "{delivery:#}");
    bench.finish().await;
}
