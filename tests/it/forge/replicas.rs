//! Two servers that share a PostgreSQL, and the same changes told to both.

use slipway_testkit::github::{Delivery, GitHub};
use slipway_testkit::{Postgres, SlipwayProcess};

use super::World;
use crate::support::{DEADLINE, DEFAULT_SETTINGS, slipway};

const CHECKS: [&str; 2] = ["slipway", "slipway/digits"];

#[tokio::test]
async fn pull_requests_delivered_to_two_servers_have_one_check_a_model_and_one_comment_each() {
    let postgres = Postgres::start().expect("a PostgreSQL server: `make postgres` installs one");
    let database = postgres.database().expect("a database");
    let shared = "artifacts: {folder: ./artifacts}\nstore: {postgres: {url: {file: ./database}}}";
    let world = World::start_beside(&format!("{DEFAULT_SETTINGS}\n{shared}"), "", &[("database", &database)]).await;
    let settings = std::fs::read_to_string(world.bench.world.config()).expect("settings");
    let second = world.bench.world.config().with_file_name("second.yaml");
    std::fs::write(&second, settings.replace("state: ./state", "state: ./state-of-the-second")).expect("written");
    let other = SlipwayProcess::start(&slipway(), &second, &[]).await.expect("a second server");

    let mut pull_requests = Vec::new();
    for seed in 1..=4 {
        let head = world.bench.propose_model("seed: 7", &format!("seed: {seed}0")).await;
        let number = world.github.open_pull("better", 1).await.expect("a pull request");
        let waiting = world.github.waiting();
        let again: Vec<Delivery> = waiting.iter().map(Delivery::by_another_hook).collect();
        let (one, two) = if seed % 2 == 0 { (&waiting, &again) } else { (&again, &waiting) };
        tokio::join!(world.send(one), async {
            for delivery in two {
                let answer = delivery.send(&other.api(), "/webhooks/digits", slipway_testkit::demo::SECRET).await;
                assert!(matches!(answer.expect("an answer").status, 200 | 202));
            }
        });
        pull_requests.push((number, head));
    }
    for (number, head) in &pull_requests {
        assert_eq!(world.ended_check(head, CHECKS[1]).await["conclusion"], "success");
        assert_eq!(world.ended_check(head, CHECKS[0]).await["conclusion"], "success");
        world.comment_that_says(*number, "1 of 1 models passed").await;
    }
    let is_reported =
        |metrics: &slipway_testkit::Answer| metrics.text.lines().any(|line| line == "slipway_outbox_pending 0");
    world.bench.api().wait_for("an empty outbox", "/metrics", DEADLINE, is_reported).await.expect("all is told");
    for (number, head) in &pull_requests {
        for name in CHECKS {
            assert_eq!(world.github.checks(head, name).len(), 1, "{name} at {head}");
        }
        assert_eq!(world.github.our_comments(*number).len(), 1);
    }
    let logins =
        |github: &GitHub| github.requests().iter().filter(|call| call.path.ends_with("/access_tokens")).count();
    assert!(logins(&world.github) >= 2, "both servers have spoken to the forge");
    assert!(other.children().expect("children").is_empty());
    assert!(other.terminate().await.expect("it ends").success());
    world.bench.finish().await;
}

#[tokio::test]
async fn a_pull_request_of_a_fork_delivered_to_two_servers_has_one_check_and_one_comment_that_ask_for_an_approval() {
    let postgres = Postgres::start().expect("a PostgreSQL server: `make postgres` installs one");
    let database = postgres.database().expect("a database");
    let shared = "artifacts: {folder: ./artifacts}\nstore: {postgres: {url: {file: ./database}}}";
    let world = World::start_beside(&format!("{DEFAULT_SETTINGS}\n{shared}"), "", &[("database", &database)]).await;
    let settings = std::fs::read_to_string(world.bench.world.config()).expect("settings");
    let second = world.bench.world.config().with_file_name("second.yaml");
    std::fs::write(&second, settings.replace("state: ./state", "state: ./state-of-the-second")).expect("written");
    let other = SlipwayProcess::start(&slipway(), &second, &[]).await.expect("a second server");
    // Both look before either has written.
    world.github.delay(std::time::Duration::from_millis(300));
    let mut pull_requests = Vec::new();
    for seed in 1..=3 {
        let head = world.bench.propose_model("seed: 7", &format!("seed: {seed}0")).await;
        let number = world.github.open_pull_of_fork("better", super::READER).await.expect("a pull request");
        let waiting = world.github.waiting();
        let again: Vec<Delivery> = waiting.iter().map(Delivery::by_another_hook).collect();
        tokio::join!(world.send(&waiting), async {
            for delivery in &again {
                let answer = delivery.send(&other.api(), "/webhooks/digits", slipway_testkit::demo::SECRET).await;
                assert!(matches!(answer.expect("an answer").status, 200 | 202));
            }
        });
        pull_requests.push((number, head));
    }
    let is_reported =
        |metrics: &slipway_testkit::Answer| metrics.text.lines().any(|line| line == "slipway_outbox_pending 0");
    let is_read = |answer: &slipway_testkit::Answer| answer.json["deliveries"] == serde_json::json!([]);
    let pending = "/api/v1/deliveries?state=pending";
    for (number, head) in &pull_requests {
        assert_eq!(world.ended_check(head, "slipway").await["conclusion"], "action_required");
        world.comment_that_says(*number, "needs an approval before training").await;
    }
    world.bench.api().wait_for("no delivery left", pending, DEADLINE, is_read).await.expect("all is read");
    world.bench.api().wait_for("no report behind", "/metrics", DEADLINE, is_reported).await.expect("all is told");
    for (number, head) in &pull_requests {
        assert_eq!(world.github.checks(head, "slipway").len(), 1, "at {head}");
        assert_eq!(world.github.our_comments(*number).len(), 1);
    }
    assert!(other.terminate().await.expect("it ends").success());
    world.bench.finish().await;
}
