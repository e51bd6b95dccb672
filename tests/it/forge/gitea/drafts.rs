//! Drafts, which Gitea and Forgejo know by their titles.

use slipway_testkit::gitea::Brand;

use super::{CHECK, World};

#[tokio::test]
async fn a_draft_at_a_real_gitea_is_not_judged_where_that_is_set_and_is_judged_once_it_is_ready() {
    judges_a_draft_once_it_is_ready(Brand::Gitea).await;
}

#[tokio::test]
#[ignore = "make test-forgejo"]
async fn a_draft_at_a_real_forgejo_is_not_judged_where_that_is_set_and_is_judged_once_it_is_ready() {
    judges_a_draft_once_it_is_ready(Brand::Forgejo).await;
}

async fn judges_a_draft_once_it_is_ready(brand: Brand) {
    let Some(world) = World::start(brand, "same_repository, judge_drafts: false", "").await else { return };
    world.bench.promote_a_first_model().await;
    let models = world.models();
    let head = world.bench.propose_model("seed: 7", "seed: 8").await;
    let grace = &world.people.grace.1;
    let number = models.open_pull_titled(grace, "better", "WIP: better").await.expect("a pull request");
    world.status(&head, "slipway", "success").await;
    let status = models.statuses(&head).await.expect("statuses");
    let [status] = &status[..] else { panic!("one status: {status:#?}") };
    assert_eq!(status["description"], "drafts are not judged until they are marked as ready");

    // Another title of a draft is nothing to act upon; that it is ready is.
    models.rename_pull(number, "[wip] much better").await.expect("renamed");
    models.rename_pull(number, "much better").await.expect("renamed");
    world.status(&head, CHECK, "success").await;
    world.comment_that_says(number, "1 of 1 models passed").await;
    let of_head =
        world.bench.api().runs().await.expect("runs").iter().filter(|run| run["head"] == head.as_str()).count();
    assert_eq!(of_head, 1);
    world.bench.finish().await;
}
