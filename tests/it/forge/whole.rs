//! Changes from their opening to their rollback in one go, with every delivery twice, from two hooks, and the wrong way round.

use slipway_testkit::github::{Delivery, GitHub};

use super::{WRITER, World};
use crate::support::{DEADLINE, DEFAULT_SETTINGS};

const CHECK: &str = "slipway/digits";

impl World {
    /// Sends what waits: the newest first, each from two hooks, and all of it once more.
    async fn deliver_in_disorder(&self) {
        let mut waiting = self.github.waiting();
        waiting.reverse();
        let of_two_hooks: Vec<Delivery> =
            waiting.iter().flat_map(|delivery| [delivery.by_another_hook(), delivery.clone()]).collect();
        self.send(&of_two_hooks).await;
        self.send(&waiting).await;
    }

    /// Writes a command and waits for the only answer to it.
    async fn command(&self, number: u64, command: &str) -> String {
        let id = self.github.write_comment(number, WRITER, command);
        self.deliver_in_disorder().await;
        self.comment_that_says(number, &format!("slipway:answer:{id} ")).await
    }

    /// Takes a change of the seed all the way into the environment, which holds `before` promotions; answers its number
    /// and the artifact.
    async fn promote_a_pull_request(&self, seed: &str, before: usize) -> (u64, String) {
        let work = &self.bench.world.work;
        work.pull("main").await.expect("pulled");
        let first = self.bench.propose_model("seed: 7", &format!("seed: {seed}1")).await;
        let number = self.github.open_pull("better", 1).await.expect("a pull request");
        self.deliver_in_disorder().await;
        self.ended_check(&first, CHECK).await;
        let second = self.bench.propose_model("seed: 7", &format!("seed: {seed}2")).await;
        self.github.deliver_push_event(number).await.expect("noticed");
        self.deliver_in_disorder().await;
        assert_eq!(self.ended_check(&second, CHECK).await["conclusion"], "success");
        self.comment_that_says(number, &format!("Revision `{}`", &second[..12])).await;
        self.comment_that_says(number, "1 of 1 models passed").await;

        let answer = self.command(number, "/slipway approve staging").await;
        assert!(answer.contains("is approved"), "{answer}");
        self.github.merge_pull(number).await.expect("merged");
        self.deliver_in_disorder().await;
        let merged = self.github.pull(number)["merge_commit_sha"].as_str().expect("a commit").to_owned();
        let run = self.bench.end_of(&merged).await;
        assert_eq!(run["state"], "done", "{run:#}");
        assert_eq!(self.bench.promotions().await, before + 1);
        for head in [&first, &second, &merged] {
            for name in [CHECK, "slipway"] {
                assert_eq!(self.github.checks(head, name).len(), 1, "{name} at {head}");
            }
        }
        let summaries = self.github.our_comments(number).into_iter().filter(|text| text.contains("slipway:change"));
        assert_eq!(summaries.count(), 1, "{:#?}", self.github.our_comments(number));
        (number, run["artifact"].as_str().expect("an artifact").to_owned())
    }
}

#[tokio::test]
async fn pull_requests_are_opened_pushed_to_approved_merged_promoted_and_rolled_back_once_each() {
    let world = World::start_in(DEFAULT_SETTINGS, "approvals: {number: 1}, ").await;
    let (_, first) = world.promote_a_pull_request("1", 0).await;
    let (number, second) = world.promote_a_pull_request("2", 1).await;
    assert_ne!(first, second);

    let answer = world.command(number, "/slipway rollback staging").await;
    assert!(!answer.contains("Refused"), "{answer}");
    let back = |run: &serde_json::Value| !run["origin_run"].is_null() && run["state"] == "done";
    let run = world.bench.api().wait_for_run("the rollback", DEADLINE, back).await.expect("it is rolled back");
    assert_eq!(run["artifact"], *first, "{run:#}");
    assert_eq!(world.bench.promotions().await, 3);
    let restored = |github: &GitHub| {
        let said: Vec<_> = github.deployments("staging/digits").into_iter().map(|(_, words)| words.join(" ")).collect();
        (said == ["success inactive", "success inactive", "success"]).then_some(())
    };
    world.github.wait_for("a deployment of each", DEADLINE, restored).await.expect("one each");
    // Two runs of each change, one of each merge, and the rollback.
    assert_eq!(world.bench.api().runs().await.expect("runs").len(), 7);
    let answers = |github: &GitHub| github.our_comments(number).iter().filter(|text| text.contains("answer:")).count();
    assert_eq!(answers(&world.github), 2, "the approval and the rollback are answered once");
    world.bench.finish().await;
}
