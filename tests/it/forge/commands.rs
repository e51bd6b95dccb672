//! Commands in comments and buttons of checks: who may, what follows, and that it follows once.

use super::{READER, WRITER, World};
use crate::support::{DEADLINE, text};

const CHECK: &str = "slipway/digits";

/// Opens a change whose run ends, and answers its number and head.
async fn judged(world: &World) -> (u64, String) {
    let head = world.bench.propose_model("seed: 7", "seed: 8").await;
    let number = world.github.open_pull("better", 1).await.expect("a pull request");
    world.deliver().await;
    world.ended_check(&head, CHECK).await;
    (number, head)
}

/// Writes a comment, tells of it twice, and answers ours.
async fn answered(world: &World, number: u64, account: u64, command: &str) -> (String, Vec<String>) {
    let id = world.github.write_comment(number, account, command);
    let deliveries = world.github.waiting();
    let again: Vec<_> = deliveries.iter().map(slipway_testkit::github::Delivery::by_another_hook).collect();
    world.send(&deliveries).await;
    world.send(&again).await;
    let answer = world.comment_that_says(number, &format!("slipway:answer:{id} ")).await;
    let signs = |github: &slipway_testkit::github::GitHub| Some(github.reactions(id)).filter(|signs| !signs.is_empty());
    (answer, world.github.wait_for("a sign", DEADLINE, signs).await.expect("a sign"))
}

#[tokio::test]
async fn a_command_is_followed_once_if_the_forge_says_that_its_account_may() {
    let world = World::start().await;
    let (number, head) = judged(&world).await;
    let runs = || async { world.bench.api().runs().await.expect("runs").len() };

    let (answer, signs) = answered(&world, number, READER, "/slipway retrain").await;
    assert!(answer.contains("Refused") && signs == ["confused"], "{answer} {signs:?}");
    let (answer, signs) = answered(&world, number, READER, "/slipway explain").await;
    assert!(answer.contains("trained: ") && signs == ["+1"], "{answer} {signs:?}");
    let (answer, signs) = answered(&world, number, WRITER, "/slipway retrain --now").await;
    assert!(answer.contains("Not understood") && signs == ["confused"], "{answer} {signs:?}");
    let (answer, signs) = answered(&world, number, WRITER, "/slipway approve staging").await;
    assert!(answer.contains("is approved") && signs == ["+1"], "{answer} {signs:?}");
    assert_eq!(runs().await, 1, "nothing was begun");

    let (answer, signs) = answered(&world, number, WRITER, "/slipway retrain").await;
    assert!(answer.contains("has started") && signs == ["+1"], "{answer} {signs:?}");
    let both = |github: &slipway_testkit::github::GitHub| {
        let checks = github.checks(&head, CHECK);
        (checks.len() == 2 && checks.iter().all(|check| check["conclusion"] == "success")).then_some(())
    };
    world.github.wait_for("the end of the second run", DEADLINE, both).await.expect("it ends");
    assert_eq!(runs().await, 2, "told twice, it is begun once");
    let answers = world.github.our_comments(number).len();
    assert_eq!(answers, 6, "five answers and the comment of the change");

    // The permission counts at that moment: it was taken away.
    world.github.permit(WRITER, "grace", "read");
    let (answer, _) = answered(&world, number, WRITER, "/slipway cancel").await;
    assert!(answer.contains("Refused"), "{answer}");
    // Nobody that is known, and nothing that is a command.
    let unauthenticated = world.github.write_comment(number, 99, "/slipway retrain");
    world.github.write_comment(number, 1, "nice work, `/slipway retrain` might help");
    world.deliver().await;
    let (answer, _) = answered(&world, number, 1, "/slipway help").await;
    assert!(answer.contains("/slipway rollback ENVIRONMENT"), "{answer}");
    assert!(world.github.reactions(unauthenticated).is_empty());
    assert_eq!(runs().await, 2);
    let audit = world.bench.api().get("/api/v1/audit?limit=100").await.expect("an answer");
    assert!(audit.text.contains("run.retrain") && audit.text.contains("account github:11 (grace)"), "{}", audit.text);
    world.bench.finish().await;
}

#[tokio::test]
async fn a_run_is_cancelled_by_a_command_and_begun_again_by_the_buttons_of_its_check() {
    let world = World::start().await;
    let head = world.bench.propose_model("epochs: 4", "epochs: 4000").await;
    let number = world.github.open_pull("better", 1).await.expect("a pull request");
    world.deliver().await;
    let training = |run: &serde_json::Value| run["state"] == "training";
    world.bench.api().wait_for_run("it trains", DEADLINE, training).await.expect("it trains");
    let (answer, signs) = answered(&world, number, WRITER, "/slipway cancel").await;
    assert!(answer.contains("is cancelled") && signs == ["+1"], "{answer} {signs:?}");
    assert_eq!(world.ended_check(&head, CHECK).await["conclusion"], "cancelled");
    assert_eq!(text(&world.bench.end_of(&head).await, "state"), "cancelled");

    // Somebody who may not press it presses it; then somebody who may.
    world.github.press(CHECK, Some("retrain"), READER).expect("pressed");
    world.deliver().await;
    world.github.press(CHECK, Some("retrain"), WRITER).expect("pressed");
    world.deliver().await;
    let second = |github: &slipway_testkit::github::GitHub| {
        github.checks(&head, CHECK).into_iter().find(|check| check["status"] == "in_progress")
    };
    let second = world.github.wait_for("a second check", DEADLINE, second).await.expect("it begins");
    assert_eq!(second["actions"][0]["identifier"], "cancel");
    world.github.press(CHECK, Some("cancel"), WRITER).expect("pressed");
    world.deliver().await;
    let ended = |github: &slipway_testkit::github::GitHub| {
        let checks = github.checks(&head, CHECK);
        (checks.len() == 2 && checks.iter().all(|check| check["conclusion"] == "cancelled")).then_some(())
    };
    world.github.wait_for("the end of the second check", DEADLINE, ended).await.expect("it ends");
    assert_eq!(world.bench.api().runs().await.expect("runs").len(), 2, "the reader's press began nothing");
    world.bench.until_no_trainer_is_left(DEADLINE).await;
    world.bench.finish().await;
}
