//! Changes that touch the policy itself: judged by the policy as it was, with what the new one would say beside it.

use super::World;
use crate::support::{POLICY, text};

const CHECK: &str = "slipway/digits";

#[tokio::test]
async fn a_pull_request_for_the_policy_is_judged_by_the_old_one_and_shows_what_it_changes_and_would_say() {
    let world = World::start().await;
    let strict = POLICY.replace("at_least: 0.7", "at_least: 0.9999");
    let head = world.bench.propose(&[("policy.yaml", strict)]).await;
    let number = world.github.open_pull("better", 1).await.expect("a pull request");
    world.deliver().await;

    let check = world.ended_check(&head, CHECK).await;
    assert_eq!(check["conclusion"], "success", "{check:#}");
    let note = &check["annotations"][0];
    assert_eq!((text(note, "path"), text(note, "annotation_level")), ("policy.yaml", "warning"), "{check:#}");
    assert!(text(note, "message").contains("the policy before the change"), "{note:#}");
    let comment = world.comment_that_says(number, "1 of 1 models passed").await;
    for part in [
        "This pull request changes the policy `policy.yaml`",
        "The new policy judges later changes: ",
        "refused: accuracy",
        "```diff\n",
        "-      at_least: 0.7\n+      at_least: 0.9999\n",
    ] {
        assert!(comment.contains(part), "no `{part}` in {comment}");
    }
    let run = world.bench.end_of(&head).await;
    assert_eq!(text(&run["proposed_policy"], "file"), "policy.yaml", "{run:#}");
    assert!(run["cost"]["parameters"].as_u64().is_some_and(|parameters| parameters > 0), "{run:#}");
    world.bench.finish().await;
}

#[tokio::test]
async fn a_policy_that_nobody_could_read_afterwards_is_reported_in_the_pull_request_that_breaks_it() {
    let world = World::start().await;
    let head = world.bench.propose(&[("policy.yaml", POLICY.replace("at_least", "at_laest"))]).await;
    let number = world.github.open_pull("better", 1).await.expect("a pull request");
    world.deliver().await;

    assert_eq!(world.ended_check(&head, CHECK).await["conclusion"], "success");
    let comment = world.comment_that_says(number, "1 of 1 models passed").await;
    assert!(comment.contains("cannot be read") && comment.contains("at_laest"), "{comment}");
    world.bench.finish().await;
}
