//! From a push to a champion, through a request that the forge's own rules hold back.

use serde_json::Value;
use slipway_testkit::gitea::Brand;

use super::{CHECK, World};
use crate::environments::world::{deployed_digest, done, run_to};
use crate::support::text;

#[tokio::test]
async fn a_push_is_judged_reported_and_promoted_by_a_request_that_is_merged() {
    promotes_by_a_request(Brand::Gitea).await;
}

#[tokio::test]
#[ignore = "make test-forgejo"]
async fn a_push_at_a_real_forgejo_is_judged_reported_and_promoted_by_a_request_that_is_merged() {
    promotes_by_a_request(Brand::Forgejo).await;
}

async fn promotes_by_a_request(brand: Brand) {
    let Some(world) = World::start(brand, "same_repository", "").await else { return };
    let run = world.bench.promote_a_first_model().await;
    let head = text(&run, "head");
    world.status(head, CHECK, "success").await;
    world.status(head, "slipway", "success").await;

    let environment = world.environment();
    let [request] = &environment.pulls().await.expect("requests")[..] else { panic!("one request") };
    assert_eq!((&request["merged"], text(request, "title")), (&true.into(), "Promote digits to staging"));
    assert_eq!(text(&request["user"], "login"), "slipway");
    let main = &world.bench.world.environment;
    let merged = main.rev_parse("main^2").await.expect("a merge");
    assert_eq!(merged, text(&run, "promotion_commit"), "what was judged is what was merged: {run:#}");
    assert_eq!(deployed_digest(&world.bench, "staging").await, text(&run, "artifact"));
    assert_eq!(world.bench.promotions().await, 1);
    assert_eq!(main.tip("slipway/staging/digits").await.expect("asked"), None, "our branch is gone");

    // The next one is compared with it, and takes its place.
    let head = world.bench.push_with("epochs: 4", "epochs: 6").await;
    let second = world.bench.end_of(&head).await;
    assert_eq!((text(&second, "state"), &second["champion"]), ("done", &run["artifact"]), "{second:#}");
    assert_eq!(deployed_digest(&world.bench, "staging").await, text(&second, "artifact"));
    assert_eq!(world.bench.promotions().await, 2);
    world.bench.finish().await;
}

#[tokio::test]
async fn a_check_that_the_branch_requires_is_waited_for_and_a_head_that_nobody_judged_is_not_merged() {
    waits_for_a_required_check(Brand::Gitea).await;
}

#[tokio::test]
#[ignore = "make test-forgejo"]
async fn a_check_that_a_branch_at_a_real_forgejo_requires_is_waited_for() {
    waits_for_a_required_check(Brand::Forgejo).await;
}

async fn waits_for_a_required_check(brand: Brand) {
    let Some(world) = World::start(brand, "same_repository", "").await else { return };
    let environment = world.environment();
    environment.protect("main", &["manifests"]).await.expect("protected");
    let head = world.bench.push("a first model").await;
    let is_open = |run: &Value| text(run, "state") == "waiting";
    let run = run_to(&world.bench, "staging", "an open request", is_open).await;
    let branch_tip = world.bench.world.environment.rev_parse("slipway/staging/digits").await.expect("a branch");
    let moves = run["transitions"].as_array().map_or(0, Vec::len);

    // Asked again and again it is refused each time, and nothing is offered anew for that.
    for _ in 0..3 {
        done(&world.bench, &["hold", "staging", "digits", "--reason", "only to be looked at again"]).await;
        done(&world.bench, &["release", "staging", "digits"]).await;
    }
    let requests = environment.pulls().await.expect("requests");
    assert_eq!((requests.len(), &requests[0]["merged"]), (1, &false.into()), "{requests:#?}");
    assert_eq!(world.bench.world.environment.rev_parse("slipway/staging/digits").await.expect("a branch"), branch_tip);
    let run = world.bench.api().run(text(&run, "id")).await.expect("a run");
    let more = run["transitions"].as_array().map_or(0, Vec::len) - moves;
    assert!(more <= 12, "{more} more moves: {run:#}");

    environment.set_status(&branch_tip, "manifests", "success").await.expect("reported");
    let run = world.bench.end_of(&head).await;
    assert_eq!(text(&run, "state"), "done", "{run:#}");
    assert_eq!(world.bench.world.environment.rev_parse("main^2").await.expect("a merge"), branch_tip);
    assert_eq!(deployed_digest(&world.bench, "staging").await, text(&run, "artifact"));
    world.bench.finish().await;
}
