//! Changes against a stateful Bitbucket Cloud, whose webhooks come twice, late and the wrong way round.

use slipway_testkit::bitbucket::{Bitbucket, Delivery, ROBOT_TOKEN};
use slipway_testkit::demo::SECRET;

use crate::support::{Bench, DEADLINE, DEFAULT_SETTINGS, text};

const CHECK: &str = "slipway/digits";
/// An account that may push.
const WRITER: &str = "{00000000-0000-4000-8000-000000000011}";
/// An account that may only look.
const READER: &str = "{00000000-0000-4000-8000-000000000012}";

/// A server whose source lives on the double.
struct World {
    bench: Bench,
    bitbucket: Bitbucket,
}

impl World {
    /// Starts with a first model on `main`.
    async fn start() -> Self {
        let mut bench = Bench::without_server(DEFAULT_SETTINGS).await;
        let bitbucket = Bitbucket::start(bench.world.models.clone()).await.expect("a Bitbucket");
        bitbucket.permit(WRITER, "write");
        bitbucket.permit(READER, "read");
        let url = bitbucket.url();
        let api =
            format!("forge: bitbucket, api: {{url: \"{url}\", repository: team/models, token: {{file: ./robot}}}}");
        bench.move_to_forge(&api, ("robot", ROBOT_TOKEN)).await;
        Self { bench, bitbucket }
    }

    /// Sends what waits at Bitbucket, in order and once.
    async fn deliver(&self) {
        self.send(&self.bitbucket.waiting()).await;
    }

    async fn send(&self, deliveries: &[Delivery]) {
        for delivery in deliveries {
            let answer = delivery.send(&self.bench.api(), "/webhooks/digits", SECRET).await.expect("an answer");
            assert!(matches!(answer.status, 200 | 202), "{}: {}", answer.status, answer.text);
        }
    }

    /// Waits until the status of a key at a commit has ended, as it should.
    async fn ended(&self, head: &str, key: &str, state: &str) {
        let ended = |bitbucket: &Bitbucket| {
            bitbucket.statuses(head, key).pop().filter(|status| status["state"] != "INPROGRESS")
        };
        let what = format!("the end of `{key}` at {head}");
        let ended = self.bitbucket.wait_for(&what, DEADLINE, ended).await.expect("it ends");
        assert_eq!(ended["state"], state, "{ended:#}");
    }

    /// Our first comment below a change once it says something.
    async fn comment_that_says(&self, number: u64, part: &str) -> String {
        let says = |bitbucket: &Bitbucket| bitbucket.our_comments(number).into_iter().find(|text| text.contains(part));
        self.bitbucket.wait_for(&format!("a comment with `{part}`"), DEADLINE, says).await.expect("it is written")
    }
}

#[tokio::test]
async fn a_pull_request_at_bitbucket_is_one_status_a_model_and_one_comment_however_its_deliveries_come() {
    let world = World::start().await;
    let first = world.bench.propose_model("seed: 7", "seed: 8").await;
    let number = world.bitbucket.open_pull("better", WRITER).await.expect("a pull request");
    let opened = world.bitbucket.waiting();
    let twice: Vec<_> = opened.iter().flat_map(|delivery| [delivery.clone(), delivery.by_another_hook()]).collect();
    world.send(&twice).await;
    world.send(&opened).await;
    world.ended(&first, CHECK, "SUCCESSFUL").await;
    world.ended(&first, "slipway", "SUCCESSFUL").await;
    let comment = world.comment_that_says(number, "1 of 1 models passed").await;
    assert!(comment.contains(&first[..12]) && !comment.contains("<details>"), "{comment}");

    let second = world.bench.propose_model("seed: 7", "seed: 9").await;
    world.bitbucket.deliver_push_event(number, WRITER).await.expect("noticed");
    let mut deliveries = world.bitbucket.waiting();
    deliveries.extend(deliveries.clone().iter().map(Delivery::by_another_hook));
    deliveries.extend(opened.iter().map(|delivery| delivery.by_another_hook().by_another_hook()));
    world.send(&deliveries).await;
    world.ended(&second, CHECK, "SUCCESSFUL").await;
    world.comment_that_says(number, &format!("Revision `{}`", &second[..12])).await;
    world.comment_that_says(number, "1 of 1 models passed").await;
    assert_eq!(world.bitbucket.our_comments(number).len(), 1);
    assert_eq!(world.bench.promotions().await, 0);
    world.bench.finish().await;
}

#[tokio::test]
async fn a_command_in_a_comment_at_bitbucket_is_followed_once_by_permission() {
    let world = World::start().await;
    let head = world.bench.propose_model("seed: 7", "seed: 8").await;
    let number = world.bitbucket.open_pull("better", WRITER).await.expect("a pull request");
    world.deliver().await;
    world.ended(&head, "slipway", "SUCCESSFUL").await;
    let runs = || async { world.bench.api().runs().await.expect("runs").len() };
    for (account, command, answer, after) in [
        (READER, "/slipway retrain", "Refused", 1),
        (READER, "/slipway explain", "trained: ", 1),
        (WRITER, "/slipway retrain", "has started", 2),
    ] {
        let id = world.bitbucket.write_comment(number, account, command);
        let deliveries = world.bitbucket.waiting();
        world.send(&deliveries).await;
        world.send(&deliveries.iter().map(Delivery::by_another_hook).collect::<Vec<_>>()).await;
        let said = world.comment_that_says(number, &format!("slipway:answer:{id})")).await;
        assert!(said.contains(answer), "{command}: {said}");
        assert_eq!(runs().await, after, "{command}");
    }
    let again = world.bench.api().runs().await.expect("runs")[0]["id"].clone();
    let ended = |run: &serde_json::Value| run["id"] == again && run["state"] == "done";
    world.bench.api().wait_for_run("the end of what was begun again", DEADLINE, ended).await.expect("it ends");
    world.bench.finish().await;
}

#[tokio::test]
async fn declining_a_pull_request_at_bitbucket_ends_its_run() {
    let world = World::start().await;
    let head = world.bench.propose_model("epochs: 4", "epochs: 4000").await;
    let number = world.bitbucket.open_pull("better", WRITER).await.expect("a pull request");
    world.deliver().await;
    let training = |run: &serde_json::Value| run["state"] == "training";
    world.bench.api().wait_for_run("it trains", DEADLINE, training).await.expect("it trains");
    world.bitbucket.decline(number, WRITER);
    world.deliver().await;
    assert_ne!(text(&world.bench.end_of(&head).await, "state"), "done");
    world.ended(&head, CHECK, "STOPPED").await;
    world.bench.until_no_trainer_is_left(DEADLINE).await;
    world.bench.finish().await;
}

#[tokio::test]
async fn a_bitbucket_that_limits_and_loses_answers_has_one_status_and_one_comment_in_the_end() {
    let world = World::start().await;
    world.bitbucket.limit(2);
    world.bitbucket.lose_answers("POST", 4);
    let head = world.bench.propose_model("seed: 7", "seed: 8").await;
    let number = world.bitbucket.open_pull("better", WRITER).await.expect("a pull request");
    world.deliver().await;
    world.ended(&head, CHECK, "SUCCESSFUL").await;
    world.ended(&head, "slipway", "SUCCESSFUL").await;
    world.comment_that_says(number, "1 of 1 models passed").await;
    // Whatever is still to be told is told before the answer to a comment that follows it.
    world.bitbucket.write_comment(number, WRITER, "/slipway help");
    world.deliver().await;
    world.comment_that_says(number, "slipway:answer:").await;
    let summaries = world.bitbucket.our_comments(number).into_iter().filter(|text| text.contains("slipway:change"));
    assert_eq!(summaries.count(), 1);
    assert!(!world.bench.server().errors().contains(ROBOT_TOKEN));
    world.bench.finish().await;
}

#[tokio::test]
async fn a_pull_request_from_a_fork_at_bitbucket_gets_one_report_that_it_is_not_judged() {
    let mut world = World::start().await;
    let commit = "0c4d8a7b6e5f4d3c2b1a09f8e7d6c5b4a3928170";
    let runs = world.bench.api().runs().await.expect("runs").len();
    for says in ["not judged, because this forge gives no access to their branches\n", "are not judged\n"] {
        let number = world.bitbucket.open_pull_from_fork("better", commit, READER);
        world.bitbucket.deliver_edit_event(number, READER);
        let deliveries = world.bitbucket.waiting();
        let again: Vec<_> = deliveries.iter().map(Delivery::by_another_hook).collect();
        world.send(&deliveries).await;
        world.send(&again).await;
        world.comment_that_says(number, says).await;
        let read = |answer: &slipway_testkit::Answer| answer.json["deliveries"] == serde_json::json!([]);
        let path = "/api/v1/deliveries?state=pending";
        world.bench.api().wait_for("all to be read", path, DEADLINE, read).await.expect("it is read");
        assert_eq!(world.bitbucket.our_comments(number).len(), 1);
        // Once more where those of forks are not to be judged anyway.
        if number == 1 {
            world.bench.set("pull_requests: same_repository").await;
        }
    }
    assert_eq!(world.bench.api().runs().await.expect("runs").len(), runs);
    world.bench.finish().await;
}
