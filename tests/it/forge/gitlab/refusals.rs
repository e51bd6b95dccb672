//! A GitLab that limits, breaks and loses its answers, and deliveries that come with a token or a wrong signature.

use slipway_testkit::demo::SECRET;
use slipway_testkit::gitlab::Refusal;

use super::{CHECK, WRITER, World};

#[tokio::test]
async fn a_gitlab_that_limits_breaks_and_loses_answers_has_one_status_and_one_note_in_the_end() {
    let world = World::start().await;
    world.gitlab.refuse(1, Refusal::Limited);
    world.gitlab.refuse(1, Refusal::Broken);
    // Statuses and a note are made, and Slipway does not hear of it.
    world.gitlab.lose_answers("POST", 4);
    let head = world.bench.propose_model("seed: 7", "seed: 8").await;
    let number = world.gitlab.open_merge_request("better", WRITER).await.expect("a merge request");
    world.deliver().await;
    world.bench.end_of(&head).await;
    world.ended(&head, CHECK, "success").await;
    world.ended(&head, "slipway", "success").await;
    world.note_that_says(number, "1 of 1 models passed").await;
    // Whatever is still to be told is told before the answer to a note that follows it.
    world.gitlab.write_note(number, 1, "/slipway help");
    world.deliver().await;
    world.note_that_says(number, "slipway:answer:").await;
    let summaries = world.gitlab.our_notes(number).into_iter().filter(|text| text.contains("slipway:change"));
    assert_eq!(summaries.count(), 1);
    for name in [CHECK, "slipway"] {
        assert_eq!(world.gitlab.statuses(&head, name).len(), 1, "{name}");
    }
    assert!(!world.bench.server().errors().contains(slipway_testkit::gitlab::ROBOT_TOKEN));
    world.bench.finish().await;
}

#[tokio::test]
async fn a_server_that_was_killed_finds_its_status_and_its_note_at_gitlab_again() {
    let mut world = World::start().await;
    let head = world.bench.propose_model("epochs: 4", "epochs: 400").await;
    let number = world.gitlab.open_merge_request("better", WRITER).await.expect("a merge request");
    world.deliver().await;
    let begun = |gitlab: &slipway_testkit::gitlab::GitLab| gitlab.statuses(&head, CHECK).pop();
    world.gitlab.wait_for("a status", crate::support::DEADLINE, begun).await.expect("it is told of");
    world.bench.take_server().kill_9().await.expect("killed");
    world.bench.restart(&[]).await;
    world.bench.world.models.remove_hook("post-receive").expect("removed");
    world.ended(&head, CHECK, "success").await;
    world.note_that_says(number, "1 of 1 models").await;
    assert_eq!(world.gitlab.statuses(&head, CHECK).len(), 1);
    assert_eq!(world.gitlab.our_notes(number).len(), 1);
    world.bench.finish().await;
}

#[tokio::test]
async fn a_delivery_of_gitlab_is_taken_with_its_token_and_not_with_a_signature_by_another_secret() {
    let world = World::start().await;
    let head = world.bench.propose_model("seed: 7", "seed: 8").await;
    world.gitlab.open_merge_request("better", WRITER).await.expect("a merge request");
    let [delivery] = &world.gitlab.waiting()[..] else { panic!("one delivery") };
    let api = world.bench.api();
    let wrong = delivery.send(&api, "/webhooks/digits", "another secret").await.expect("an answer");
    assert_eq!(wrong.status, 401, "{}", wrong.text);
    let taken = delivery.send_with_token(&api, "/webhooks/digits", SECRET).await.expect("an answer");
    assert_eq!(taken.status, 202, "{}", taken.text);
    world.ended(&head, CHECK, "success").await;
    world.bench.finish().await;
}
