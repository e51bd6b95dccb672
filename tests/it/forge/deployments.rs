//! Promotions as GitHub's deployments.

use serde_json::json;
use slipway_testkit::github::GitHub;

use super::World;
use crate::support::{DEADLINE, DEFAULT_SETTINGS, text};

const CHECK: &str = "slipway/digits";
const ENVIRONMENT: &str = "staging/digits";

impl World {
    /// Opens a change of the seed, waits for its verdict and merges it; answers what is on the branch then.
    async fn merge_a_pull_request(&self, seed: &str) -> String {
        self.bench.world.work.pull("main").await.expect("pulled");
        let head = self.bench.propose_model("seed: 7", seed).await;
        let number = self.github.open_pull("better", 1).await.expect("a pull request");
        self.deliver().await;
        self.ended_check(&head, CHECK).await;
        self.github.merge_pull(number).await.expect("merged");
        self.deliver().await;
        self.github.pull(number)["merge_commit_sha"].as_str().expect("a commit").to_owned()
    }

    /// Waits until what was said of the deployments so far is this, oldest first.
    async fn deployed(&self, expected: &[&[&str]]) {
        let said = |github: &GitHub| {
            let said: Vec<Vec<String>> = github.deployments(ENVIRONMENT).into_iter().map(|(_, words)| words).collect();
            (said == expected).then_some(())
        };
        self.github.wait_for(&format!("deployments {expected:?}"), DEADLINE, said).await.expect("they are told of");
    }

    /// Approves what waits, of this revision.
    async fn approve(&self, head: &str) {
        let waits = |run: &serde_json::Value| text(run, "state") == "waiting" && text(run, "head") == head;
        let run = self.bench.api().wait_for_run("one that waits", DEADLINE, waits).await.expect("it waits");
        let body = json!({"artifact": run["artifact"]});
        self.post("/api/v1/environments/staging/models/digits/approve", body).await;
    }

    async fn post(&self, path: &str, body: serde_json::Value) {
        let answer = self.bench.api().send("POST", path, &[], body.to_string().into_bytes()).await.expect("an answer");
        assert!(answer.status < 300, "{path}: {} {}", answer.status, answer.text);
    }
}

#[tokio::test]
async fn a_promotion_is_one_deployment_that_waits_is_there_and_is_replaced_by_the_next() {
    let people =
        format!("{DEFAULT_SETTINGS}\npeople: [{{name: grace, tokens: [settings], accounts: [\"github:11\"]}}]");
    let mut world = World::start_in(&people, "approvals: {number: 1}, ").await;
    let first = world.merge_a_pull_request("seed: 8").await;
    world.deployed(&[&["queued"]]).await;
    let (made, _) = world.github.deployments(ENVIRONMENT).remove(0);
    assert_eq!((text(&made, "sha"), text(&made, "task")), (first.as_str(), "slipway"), "{made:#}");

    // After a crash it is found, and what it says already is not said again.
    world.bench.take_server().kill_9().await.expect("killed");
    world.bench.restart(&[]).await;
    world.bench.world.models.remove_hook("post-receive").expect("removed");
    world.approve(&first).await;
    world.deployed(&[&["queued", "success"]]).await;
    assert_eq!(text(&world.bench.end_of(&first).await, "state"), "done");

    let second = world.merge_a_pull_request("seed: 9").await;
    world.deployed(&[&["queued", "success"], &["queued"]]).await;
    let waits = |run: &serde_json::Value| text(run, "state") == "waiting" && text(run, "head") == second;
    let run = world.bench.api().wait_for_run("one that waits", DEADLINE, waits).await.expect("it waits");
    world.post(&format!("/api/v1/runs/{}/cancel", text(&run, "id")), json!({})).await;
    world.deployed(&[&["queued", "success"], &["queued", "inactive"]]).await;

    let third = world.merge_a_pull_request("seed: 10").await;
    world.deployed(&[&["queued", "success"], &["queued", "inactive"], &["queued"]]).await;
    world.approve(&third).await;
    world.deployed(&[&["queued", "success", "inactive"], &["queued", "inactive"], &["queued", "success"]]).await;
    world.bench.finish().await;
}

#[tokio::test]
async fn a_deployment_whose_answers_are_lost_is_made_once() {
    let world = World::start().await;
    world.bench.world.work.pull("main").await.expect("pulled");
    let head = world.bench.propose_model("seed: 7", "seed: 8").await;
    let number = world.github.open_pull("better", 1).await.expect("a pull request");
    world.deliver().await;
    world.ended_check(&head, CHECK).await;
    world.comment_that_says(number, "1 of 1 models passed").await;
    // The checks of what is merged, and its deployment.
    world.github.lose_answers("POST", 6);
    world.github.merge_pull(number).await.expect("merged");
    world.deliver().await;
    world.deployed(&[&["success"]]).await;
    world.bench.finish().await;
}
