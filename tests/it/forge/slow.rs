//! A forge whose API is slow: who pushes does not wait for it.

use std::time::Duration;

use super::{WRITER, World};
use crate::support::text;

/// How long every answer of the forge takes.
const SLOW: Duration = Duration::from_secs(30);
/// Within what a push has to lead to a run meanwhile.
const AT_ONCE: Duration = Duration::from_secs(15);

#[tokio::test]
async fn a_push_behind_a_command_that_waits_for_a_slow_forge_leads_to_a_run_at_once() {
    let world = World::start().await;
    world.bench.propose_model("seed: 7", "seed: 8").await;
    let number = world.github.open_pull("better", 1).await.expect("a pull request");
    drop(world.github.waiting());
    world.github.delay(SLOW);
    let comment = world.github.write_comment(number, WRITER, "/slipway help");
    world.deliver().await;
    world.github.merge_pull(number).await.expect("merged");
    world.deliver().await;

    let head = world.github.pull(number)["merge_commit_sha"].as_str().expect("a commit").to_owned();
    let is_it = |run: &serde_json::Value| text(run, "head") == head;
    world.bench.api().wait_for_run("the run of the push", AT_ONCE, is_it).await.expect("it does not wait");
    assert!(world.github.our_comments(number).is_empty(), "the forge has answered nothing yet");

    // The command is followed as well, once.
    world.github.delay(Duration::ZERO);
    world.comment_that_says(number, &format!("slipway:answer:{comment} ")).await;
    world.bench.end_of(&head).await;
    world.bench.finish().await;
}

#[tokio::test]
async fn a_push_behind_a_pull_request_reported_to_a_slow_forge_leads_to_a_run_at_once() {
    let world = World::start().await;
    world.bench.propose(&[("README.md", "hello".to_owned())]).await;
    let number = world.github.open_pull("better", 1).await.expect("a pull request");
    world.github.delay(SLOW);
    world.deliver().await;
    world.bench.propose_model("seed: 7", "seed: 8").await;
    let other = world.github.open_pull("better", 1).await.expect("a pull request");
    assert_ne!(number, other);
    drop(world.github.waiting());
    world.github.merge_pull(other).await.expect("merged");
    world.deliver().await;

    let head = world.github.pull(other)["merge_commit_sha"].as_str().expect("a commit").to_owned();
    let is_it = |run: &serde_json::Value| text(run, "head") == head;
    world.bench.api().wait_for_run("the run of the push", AT_ONCE, is_it).await.expect("it does not wait");
    world.github.delay(Duration::ZERO);
    world.bench.end_of(&head).await;
    world.bench.finish().await;
}
