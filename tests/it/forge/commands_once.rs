//! Commands and buttons are followed once: every delivery comes three times, and answers are lost.

use serde_json::{Value, json};
use slipway_testkit::github::Delivery;

use super::{WRITER, World};
use crate::environments::world::{deployed_digest, prepare};
use crate::support::{DEADLINE, text};

const CHECK: &str = "slipway/digits";

/// An account that may write, and operates an environment.
const KIM: u64 = 13;

impl World {
    /// Promotes a version whose push GitHub tells of, and answers its run.
    async fn promote_version(&self, seed: u32) -> Value {
        let head = self.push_as(seed, 1).await;
        let run = self.bench.end_of(&head).await;
        assert_eq!(text(&run, "state"), "done", "{run:#}");
        run
    }

    /// Opens a change whose run ends, and answers its number and head.
    async fn judge_a_pull_request(&self) -> (u64, String) {
        let head = self.bench.propose_model("seed: 7", "seed: 99").await;
        let number = self.github.open_pull("better", 1).await.expect("a pull request");
        self.deliver().await;
        self.ended_check(&head, CHECK).await;
        (number, head)
    }

    /// Sends what waits three times, from three hooks.
    async fn deliver_three_times(&self) -> Vec<Delivery> {
        let once = self.github.waiting();
        for _ in 0..3 {
            let again: Vec<Delivery> = once.iter().map(Delivery::by_another_hook).collect();
            self.send(&again).await;
        }
        once
    }

    /// Writes a comment that is told of three times, while the first two tries to answer it fail, and answers our answer.
    async fn command_three_times(&self, number: u64, command: &str) -> (String, Vec<Delivery>) {
        self.github.refuse_calls("POST", &format!("/issues/{number}/comments"), 2);
        let id = self.github.write_comment(number, WRITER, command);
        let deliveries = self.deliver_three_times().await;
        let answer = self.comment_that_says(number, &format!("slipway:answer:{id} ")).await;
        self.until_all_is_read().await;
        (answer, deliveries)
    }

    async fn runs(&self) -> Vec<Value> {
        self.bench.api().runs().await.expect("runs")
    }

    /// The entries of the audit log for an action, refused or not.
    async fn audited(&self, action: &str) -> Vec<Value> {
        let answer = self.bench.api().get("/api/v1/audit?limit=500").await.expect("the audit log");
        let entries = answer.json["entries"].as_array().cloned().unwrap_or_default();
        entries.into_iter().filter(|entry| text(entry, "action").trim_end_matches(".refused") == action).collect()
    }
}

#[tokio::test]
async fn a_rollback_that_is_delivered_three_times_and_whose_answers_are_lost_goes_back_once() {
    let world = World::start_at_github(prepare(&[("staging", "")], "").await).await;
    let mut versions = Vec::new();
    for seed in [11, 12, 13, 14] {
        versions.push(world.promote_version(seed).await);
    }
    let (number, _) = world.judge_a_pull_request().await;
    let before = world.runs().await.len();

    let (answer, deliveries) = world.command_three_times(number, "/slipway rollback staging").await;
    assert!(answer.contains("restores the earlier artifact"), "{answer}");
    let back = |run: &Value| !run["origin_run"].is_null() && text(run, "state") == "done";
    let run = world.bench.api().wait_for_run("the rollback", DEADLINE, back).await.expect("it is rolled back");
    assert_eq!(run["artifact"], versions[2]["artifact"]);

    // Told of again once production names the third version, it does not go back to the second.
    for _ in 0..3 {
        let again: Vec<Delivery> = deliveries.iter().map(Delivery::by_another_hook).collect();
        world.send(&again).await;
        world.until_all_is_read().await;
    }
    assert_eq!(world.runs().await.len(), before + 1, "one run for one command");
    assert_eq!(deployed_digest(&world.bench, "staging").await, text(&versions[2], "artifact"));
    assert_eq!(world.bench.promotions().await, 5);
    let answers: Vec<String> =
        world.github.our_comments(number).into_iter().filter(|text| text.contains("answer:")).collect();
    assert_eq!(answers.len(), 1, "{answers:#?}");
    let entries = world.audited("promotion.rollback").await;
    assert_eq!(entries.len(), 1, "{entries:#?}");
    assert_eq!(entries[0]["refused"], json!(false));
    assert!(text(&entries[0], "target").starts_with("staging/digits"), "{entries:#?}");
    assert!(text(&entries[0], "detail").contains("comment"), "{entries:#?}");

    // A command of its own goes back once more.
    world
        .bench
        .api()
        .send("POST", "/api/v1/environments/staging/models/digits/release", &[], b"{}".to_vec())
        .await
        .expect("an answer");
    let (answer, _) = world.command_three_times(number, "/slipway rollback staging").await;
    assert!(answer.contains("restores the earlier artifact"), "{answer}");
    let back = |run: &Value| {
        !run["origin_run"].is_null() && text(run, "state") == "done" && run["artifact"] == versions[1]["artifact"]
    };
    world.bench.api().wait_for_run("the second rollback", DEADLINE, back).await.expect("it is rolled back");
    assert_eq!(world.runs().await.len(), before + 2);
    world.bench.finish().await;
}

#[tokio::test]
async fn every_command_has_one_effect_one_answer_and_one_entry_however_often_it_is_delivered() {
    let world = World::start_at_github(prepare(&[("staging", "")], "").await).await;
    let (number, head) = world.judge_a_pull_request().await;
    for (command, said, action) in [
        ("/slipway hold staging", "held until", "promotion.hold"),
        ("/slipway approve staging", "is approved", "promotion.approve"),
        ("/slipway retrain", "has started", "run.retrain"),
    ] {
        let (answer, deliveries) = world.command_three_times(number, command).await;
        assert!(answer.contains(said), "{command}: {answer}");
        let both_ended = |github: &slipway_testkit::github::GitHub| {
            github.checks(&head, CHECK).iter().all(|check| check["status"] == "completed").then_some(())
        };
        world.github.wait_for("the ends of the runs", DEADLINE, both_ended).await.expect("they end");
        let again: Vec<Delivery> = deliveries.iter().map(Delivery::by_another_hook).collect();
        world.send(&again).await;
        world.until_all_is_read().await;
        let entries = world.audited(action).await;
        assert_eq!(entries.len(), 1, "{command}: {entries:#?}");
        assert_eq!(entries[0]["refused"], json!(false), "{command}: {entries:#?}");
    }
    assert_eq!(world.runs().await.len(), 2, "retrained once");

    // What cannot be done is decided once as well, and marked in the audit log.
    let (answer, _) = world.command_three_times(number, "/slipway cancel").await;
    assert!(answer.contains("has ended"), "{answer}");
    let entries = world.audited("run.cancel").await;
    assert_eq!(entries.len(), 1, "{entries:#?}");
    assert_eq!(entries[0]["refused"], json!(true), "{entries:#?}");
    let answers = world.github.our_comments(number).iter().filter(|text| text.contains("answer:")).count();
    assert_eq!(answers, 4);
    world.bench.finish().await;
}

#[tokio::test]
async fn a_press_of_a_button_that_is_delivered_three_times_is_one_press() {
    let world = World::start_at_github(prepare(&[("staging", "")], "").await).await;
    let (_, head) = world.judge_a_pull_request().await;
    let ended = async |count: usize| {
        let all = |github: &slipway_testkit::github::GitHub| {
            let checks = github.checks(&head, CHECK);
            (checks.len() == count && checks.iter().all(|check| check["status"] == "completed")).then_some(())
        };
        world.github.wait_for("the ends of the runs", DEADLINE, all).await.expect("they end");
    };
    world.github.press(CHECK, Some("retrain"), WRITER).expect("pressed");
    let deliveries = world.deliver_three_times().await;
    ended(2).await;
    // Once the second run has ended, the same press would find nothing under way.
    let again: Vec<Delivery> = deliveries.iter().map(Delivery::by_another_hook).collect();
    world.send(&again).await;
    world.until_all_is_read().await;
    assert_eq!(world.runs().await.len(), 2, "pressed once");

    // The check of the second run has a button of its own.
    world.github.press(CHECK, Some("retrain"), WRITER).expect("pressed");
    world.deliver_three_times().await;
    ended(3).await;
    world.until_all_is_read().await;
    assert_eq!(world.runs().await.len(), 3);
    assert_eq!(world.audited("run.retrain").await.len(), 2);
    world.bench.finish().await;
}

#[tokio::test]
async fn the_approve_button_of_a_check_downstream_approves_for_that_environment() {
    let rules = "after: {all: [staging]}, approvals: {number: 1}";
    let world = World::start_at_github(prepare(&[("staging", ""), ("production", rules)], "").await).await;
    let head = world.push_as(11, 1).await;
    let check = "slipway/digits/production";
    let requires_approval = |github: &slipway_testkit::github::GitHub| {
        github.checks(&head, check).into_iter().find(|check| check["conclusion"] == "action_required")
    };
    world.github.wait_for("the check that asks", DEADLINE, requires_approval).await.expect("it asks");
    world.github.press(check, Some("approve"), WRITER).expect("there is a button");
    world.deliver_three_times().await;
    let landed = |run: &Value| text(run, "environment") == "production" && text(run, "state") == "done";
    let run = world.bench.api().wait_for_run("the promotion to production", DEADLINE, landed).await.expect("it lands");
    assert_eq!(deployed_digest(&world.bench, "production").await, text(&run, "artifact"));
    world.until_all_is_read().await;
    let entries = world.audited("promotion.approve").await;
    assert_eq!(entries.len(), 1, "{entries:#?}");
    assert!(text(&entries[0], "target").starts_with("production/digits"), "{entries:#?}");
    world.bench.finish().await;
}

#[tokio::test]
async fn where_an_environment_has_operators_nobody_else_holds_or_rolls_back_there() {
    let people = "people: [{name: grace, accounts: [\"github:11\"]}, {name: kim, accounts: [\"github:13\"]}]";
    let rules = [("staging", "operators: [kim]")];
    let world = World::start_at_github(prepare(&rules, people).await).await;
    world.github.permit(KIM, "kim", "write");
    let first = world.promote_version(11).await;
    world.promote_version(12).await;
    let (number, _) = world.judge_a_pull_request().await;
    for command in ["/slipway hold staging", "/slipway rollback staging"] {
        let (answer, _) = world.command_three_times(number, command).await;
        assert!(answer.contains("refused: only the") && answer.contains("operators"), "{command}: {answer}");
    }
    assert_eq!(world.bench.promotions().await, 2);
    let refused = world.audited("promotion.rollback").await;
    assert_eq!((refused.len(), &refused[0]["refused"]), (1, &json!(true)), "{refused:#?}");

    let id = world.github.write_comment(number, KIM, "/slipway rollback staging");
    world.deliver().await;
    let answer = world.comment_that_says(number, &format!("slipway:answer:{id} ")).await;
    assert!(answer.contains("restores the earlier artifact"), "{answer}");
    let back = |run: &Value| !run["origin_run"].is_null() && text(run, "state") == "done";
    let run = world.bench.api().wait_for_run("the rollback", DEADLINE, back).await.expect("it is rolled back");
    assert_eq!(run["artifact"], first["artifact"]);
    world.bench.finish().await;
}
