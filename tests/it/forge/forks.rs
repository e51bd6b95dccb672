//! Changes from forks: nothing is trained before somebody who may push has approved exactly the revision.

use slipway_testkit::github::Delivery;

use super::{READER, WRITER, World};
use crate::support::{DEFAULT_SETTINGS, text};

const CHECK: &str = "slipway/digits";

impl World {
    /// Opens a change from a fork, of the seed; answers its number, its head and the deliveries.
    async fn propose_from_fork(&self, seed: &str) -> (u64, String, Vec<Delivery>) {
        let head = self.bench.propose_model("seed: 7", seed).await;
        let number = self.github.open_pull_of_fork("better", READER).await.expect("a pull request");
        let opened = self.github.waiting();
        self.send(&opened).await;
        (number, head, opened)
    }

    /// Writes a comment below a change and waits for the answer.
    async fn answer_to(&self, number: u64, account: u64, command: &str) -> String {
        let id = self.github.write_comment(number, account, command);
        self.deliver().await;
        self.comment_that_says(number, &format!("slipway:answer:{id} ")).await
    }
}

#[tokio::test]
async fn a_revision_of_a_fork_is_judged_once_exactly_it_is_approved_and_the_next_push_waits_anew() {
    let world = World::start().await;
    let (number, first, opened) = world.propose_from_fork("seed: 8").await;
    let waits = world.ended_check(&first, "slipway").await;
    assert_eq!(waits["conclusion"], "action_required", "{waits:#}");
    let comment = world.comment_that_says(number, "needs an approval before training").await;
    assert!(comment.contains(&format!("/slipway judge {first}")), "{comment}");

    // Not by who may only look, not another revision, not a part of a name.
    let approve = format!("/slipway judge {first}");
    assert!(
        world.answer_to(number, READER, &approve).await.contains("Refused: this command needs the permission to write")
    );
    let other = format!("/slipway judge {}", "1".repeat(40));
    assert!(world.answer_to(number, WRITER, &other).await.contains(&format!("this pull request is now at `{first}`")));
    let short = format!("/slipway judge {}", &first[..12]);
    assert!(world.answer_to(number, WRITER, &short).await.contains("all digits of a commit"));
    assert!(world.bench.api().runs().await.expect("runs").is_empty(), "nothing was begun");

    assert!(world.answer_to(number, WRITER, &approve).await.contains("is judged"));
    assert_eq!(world.ended_check(&first, CHECK).await["conclusion"], "success");
    world.comment_that_says(number, "1 of 1 models passed").await;
    let audit = world.bench.api().get("/api/v1/audit").await.expect("the audit log");
    assert!(audit.text.contains("pull_request.approve") && audit.text.contains(&first), "{}", audit.text);

    // Told of the opening once more, before and after the next push, it does not ask for what was approved.
    let again = |delivery: &Delivery| delivery.by_another_hook();
    world.send(&opened.iter().map(again).collect::<Vec<_>>()).await;
    let second = world.bench.propose_model("seed: 7", "seed: 9").await;
    world.github.deliver_push_event(number).await.expect("noticed");
    world.deliver().await;
    world.comment_that_says(number, &format!("/slipway judge {second}")).await;
    world.send(&opened.iter().map(|delivery| again(&again(delivery))).collect::<Vec<_>>()).await;
    assert!(
        world.answer_to(number, WRITER, &approve).await.contains(&format!("this pull request is now at `{second}`"))
    );
    assert_eq!(world.bench.api().runs().await.expect("runs").len(), 1, "the approval was of the revision before");
    assert_eq!(world.github.checks(&first, "slipway").pop().expect("a check")["conclusion"], "success");
    world.comment_that_says(number, &format!("/slipway judge {second}")).await;

    // By the button of the check, which is that of one revision.
    world.github.press("slipway", Some("judge"), READER).expect("there is a button");
    world.deliver().await;
    world.github.press("slipway", Some("judge"), WRITER).expect("there is a button");
    world.deliver().await;
    assert_eq!(world.ended_check(&second, CHECK).await["conclusion"], "success");
    assert_eq!(world.bench.api().runs().await.expect("runs").len(), 2);
    assert_eq!(world.bench.promotions().await, 0);
    world.bench.finish().await;
}

#[tokio::test]
async fn what_a_fork_proposes_is_trained_within_limits_of_its_own() {
    let tight = DEFAULT_SETTINGS.replace("threads: 1", "threads: 1, forks: {deadline: 1ms}");
    let world = World::start_with(&tight).await;
    let (number, head, _) = world.propose_from_fork("seed: 8").await;
    world.answer_to(number, WRITER, &format!("/slipway judge {head}")).await;
    let check = world.ended_check(&head, CHECK).await;
    assert_eq!(check["conclusion"], "timed_out", "{check:#}");
    assert!(text(&check["output"], "title").contains("1ms"), "{check:#}");

    // The same of the repository itself has all the time it may take.
    let head = world.bench.propose_model("seed: 7", "seed: 9").await;
    world.github.open_pull("better", 1).await.expect("a pull request");
    world.deliver().await;
    assert_eq!(world.ended_check(&head, CHECK).await["conclusion"], "success");
    world.bench.finish().await;
}

#[tokio::test]
async fn a_merge_group_that_holds_a_fork_is_judged_no_more_than_the_fork_itself() {
    let mut world = World::start().await;
    let first = world.bench.propose_model("seed: 7", "seed: 8").await;
    let number = world.github.open_pull_of_fork("better", READER).await.expect("a pull request");
    // The delivery of the change itself is lost: the forge is asked where it comes from.
    drop(world.github.waiting());
    world.github.form_merge_group(number).await.expect("a merge group");
    world.deliver().await;
    let waits = world.ended_check(&first, "slipway").await;
    assert_eq!(waits["conclusion"], "action_required", "{waits:#}");
    assert!(
        world
            .answer_to(number, READER, &format!("/slipway judge {first}"))
            .await
            .contains("Refused: this command needs")
    );
    assert!(world.bench.api().runs().await.expect("runs").is_empty(), "nothing was begun");
    world.answer_to(number, WRITER, &format!("/slipway judge {first}")).await;
    assert_eq!(world.ended_check(&first, CHECK).await["conclusion"], "success");

    // Where changes of forks are not judged at all, no group that holds one is.
    world.bench.set("pull_requests: same_repository").await;
    let second = world.bench.propose_model("seed: 7", "seed: 9").await;
    world.github.deliver_push_event(number).await.expect("noticed");
    drop(world.github.waiting());
    world.github.form_merge_group(number).await.expect("a merge group");
    world.deliver().await;
    let refused = world.ended_check(&second, "slipway").await;
    assert_eq!(refused["conclusion"], "action_required", "{refused:#}");
    assert_eq!(text(&refused["output"], "title"), "groups with pull requests from forks are not judged");
    let runs = world.bench.api().runs().await.expect("runs");
    assert_eq!(runs.len(), 1, "{runs:#?}");
    world.bench.finish().await;
}
