//! Deliveries that GitHub sent in vain: GitHub does not send them again, so its list of attempts is asked for them.

use super::World;

const CHECK: &str = "slipway/digits";

#[tokio::test]
async fn a_pull_request_whose_delivery_was_lost_is_judged_from_githubs_list_and_what_was_taken_is_not_taken_twice() {
    let mut world = World::start().await;
    let head = world.bench.propose_model("seed: 7", "seed: 8").await;
    let number = world.github.open_pull("better", 1).await.expect("a pull request");
    let lost = world.github.waiting();
    let [opened] = &lost[..] else { panic!("expected one delivery: {lost:?}") };
    // More than a page of others that were taken, one of them only at the second attempt.
    let taken = opened.by_another_hook().by_another_hook();
    world.github.record_attempt(&taken, 502);
    world.github.record_attempt(opened, 502);
    for _ in 0..130 {
        world.github.record_attempt(&opened.by_another_hook(), 202);
    }
    world.github.record_attempt(&taken, 202);
    world.bench.restart(&[]).await;
    world.bench.world.models.remove_hook("post-receive").expect("removed");

    assert_eq!(world.ended_check(&head, CHECK).await["conclusion"], "success");
    world.comment_that_says(number, "1 of 1 models passed").await;
    let fetched = world.github.requests().iter().filter(|call| call.path.contains("/app/hook/deliveries/")).count();
    assert_eq!(fetched, 1, "{:#?}", world.github.requests());
    let deliveries = world.bench.api().get("/api/v1/deliveries?source=digits").await.expect("an answer");
    let with_its_name = deliveries.json["deliveries"].as_array().expect("a list").iter();
    assert_eq!(with_its_name.filter(|delivery| delivery["id"] == *opened.guid).count(), 1, "{}", deliveries.text);

    // What GitHub sends again after all is known already.
    world.send(&lost).await;
    world.bench.restart(&[]).await;
    world.bench.world.models.remove_hook("post-receive").expect("removed");
    let listed = |github: &slipway_testkit::github::GitHub| {
        let lists = github.requests().iter().filter(|call| call.path.contains("/app/hook/deliveries?")).count();
        (lists >= 4).then_some(())
    };
    world.github.wait_for("another look", crate::support::DEADLINE, listed).await.expect("it looks again");
    let fetched = world.github.requests().iter().filter(|call| call.path.contains("/app/hook/deliveries/")).count();
    assert_eq!(fetched, 1, "what was found once is fetched again");
    assert_eq!(world.bench.api().runs().await.expect("runs").len(), 1);
    world.bench.finish().await;
}

#[tokio::test]
async fn a_list_that_cannot_be_had_now_holds_up_nothing_else() {
    let mut world = World::start().await;
    let before = world.github.requests().len();
    world.github.refuse(1, slipway_testkit::github::Refusal::Broken);
    world.bench.restart(&[]).await;
    world.bench.world.models.remove_hook("post-receive").expect("removed");
    let asked = |github: &slipway_testkit::github::GitHub| github.requests().get(before).cloned();
    let asked = world.github.wait_for("the look", crate::support::DEADLINE, asked).await.expect("it looks");
    assert!(asked.path.contains("/app/hook/deliveries"), "the refusal met another call: {asked:?}");
    let head = world.bench.propose_model("seed: 7", "seed: 8").await;
    world.github.open_pull("better", 1).await.expect("a pull request");
    world.deliver().await;
    assert_eq!(world.ended_check(&head, CHECK).await["conclusion"], "success");
    world.bench.finish().await;
}
