//! Promotions by request: one open request, merged at the head that was judged, closed when it is not wanted.

use serde_json::Value;
use slipway_testkit::github::{GitHub, ROBOT_TOKEN};

use super::world::{done, named, prepare, run_to};
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
    super::world::settle(&bench, &[("staging", &requests)], "");
    std::fs::write(bench.world.config().with_file_name("robot"), ROBOT_TOKEN).expect("written");
    let mut bench = bench;
    bench.restart(&[]).await;
    (bench, github)
}

fn waits_for_request(run: &Value) -> bool {
    text(run, "state") == "waiting" && run["held_back"].as_array().is_some_and(|held| !held.is_empty())
}

#[tokio::test]
async fn a_request_is_opened_updated_by_a_newer_candidate_and_followed_once_people_merge_it() {
    let (bench, github) = start("people").await;
    let first = bench.push("a first model").await;
    let waiting = run_to(&bench, "staging", "an open request", |run| text(run, "state") == "waiting").await;
    let detail = bench.api().run(text(&waiting, "id")).await.expect("a run");
    assert!(waits_for_request(&detail), "{detail:#}");
    assert_eq!(text(&detail["held_back"][0], "rule"), "request", "{detail:#}");
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
    assert_eq!(named(&bench, "staging").await, text(&run, "artifact"));
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
    assert_eq!(named(&bench, "staging").await, text(&run, "artifact"));
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
