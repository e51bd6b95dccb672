//! A forge that refuses, breaks, forgets its tokens and loses its answers: everything is told in the end, and once.

use std::time::Duration;

use slipway_testkit::github::Refusal;

use super::World;

const CHECK: &str = "slipway/digits";

#[tokio::test]
async fn a_forge_that_limits_breaks_and_loses_answers_has_one_check_and_one_comment_in_the_end() {
    let world = World::start().await;
    world.github.refuse(1, Refusal::Secondary);
    world.github.refuse(1, Refusal::Broken);
    world.github.refuse(1, Refusal::Primary);
    // One check and one comment are made, and Slipway does not hear of it.
    world.github.lose_answers("POST", 4);
    let head = world.bench.propose_model("seed: 7", "seed: 8").await;
    let number = world.github.open_pull("better", 1).await.expect("a pull request");
    world.deliver().await;
    world.bench.end_of(&head).await;
    world.github.expire_tokens();
    assert_eq!(world.ended_check(&head, CHECK).await["conclusion"], "success");
    assert_eq!(world.ended_check(&head, "slipway").await["conclusion"], "success");
    world.comment_that_says(number, "1 of 1 models passed").await;
    // Whatever is still to be told is told before the answer to a comment that follows it.
    world.github.write_comment(number, 1, "/slipway help");
    world.deliver().await;
    world.comment_that_says(number, "slipway:answer:").await;
    assert_eq!(world.github.checks(&head, CHECK).len(), 1);
    assert_eq!(world.github.checks(&head, "slipway").len(), 1);
    let summaries = world.github.our_comments(number).into_iter().filter(|text| text.contains("slipway:change"));
    assert_eq!(summaries.count(), 1);
    let log = world.bench.server().errors();
    for secret in ["ghs_", "BEGIN RSA", "eyJ"] {
        assert!(!log.contains(secret), "the log holds `{secret}`: {log}");
    }
    world.bench.finish().await;
}

#[tokio::test]
async fn what_an_hour_has_no_calls_for_is_reported_in_the_next_and_no_call_is_refused() {
    let world = World::start().await;
    // Twenty-five calls are left to others, and a change costs up to eight.
    world.github.limit_the_hour(25 + 5, Duration::from_secs(4));
    for seed in [8, 9] {
        let head = world.bench.propose_model("seed: 7", &format!("seed: {seed}")).await;
        let number = world.github.open_pull("better", 1).await.expect("a pull request");
        world.deliver().await;
        assert_eq!(world.ended_check(&head, CHECK).await["conclusion"], "success");
        assert_eq!(world.ended_check(&head, "slipway").await["conclusion"], "success");
        world.comment_that_says(number, "1 of 1 models passed").await;
    }
    assert!(world.github.requests().len() > 10, "all fitted into an hour");
    assert_eq!(world.github.limited().0, 0, "calls were refused");
    world.bench.finish().await;
}

#[tokio::test]
async fn a_server_that_was_killed_finds_its_checks_and_its_comment_again() {
    let mut world = World::start().await;
    let head = world.bench.propose_model("epochs: 4", "epochs: 400").await;
    let number = world.github.open_pull("better", 1).await.expect("a pull request");
    world.deliver().await;
    let begun = |github: &slipway_testkit::github::GitHub| github.checks(&head, CHECK).pop();
    world.github.wait_for("a check", crate::support::DEADLINE, begun).await.expect("it is told of");
    world.bench.take_server().kill_9().await.expect("killed");
    world.bench.restart(&[]).await;
    world.bench.world.models.remove_hook("post-receive").expect("removed");
    world.ended_check(&head, CHECK).await;
    world.comment_that_says(number, "1 of 1 models").await;
    assert_eq!(world.github.checks(&head, CHECK).len(), 1);
    assert_eq!(world.github.checks(&head, "slipway").len(), 1);
    assert_eq!(world.github.our_comments(number).len(), 1);
    world.bench.finish().await;
}
