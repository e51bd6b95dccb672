//! Gitea delivers once, and never again: what it could not deliver is found by looking.

use serde_json::json;
use slipway_testkit::gitea::Brand;

use super::{CHECK, World};

#[tokio::test]
async fn a_push_whose_only_delivery_was_lost_is_found_by_reconciling() {
    let Some(mut world) = World::start(Brand::Gitea, "same_repository", "limits: {reconcile_interval: 5s}").await
    else {
        return;
    };
    world.bench.promote_a_first_model().await;
    // Nobody is there when it is delivered.
    world.bench.take_server().terminate().await.expect("it ends");
    let head = world.bench.push_with("epochs: 4", "epochs: 6").await;
    world.restart().await;
    let run = world.bench.end_of(&head).await;
    assert_eq!(run["state"], "done", "{run:#}");
    world.status(&head, CHECK, "success").await;

    // Nor is it delivered while the webhook is switched off.
    world.models().change_hook(world.hook, &json!({ "active": false })).await.expect("switched off");
    let head = world.bench.push_with("epochs: 4", "epochs: 7").await;
    let run = world.bench.end_of(&head).await;
    assert_eq!(run["state"], "done", "{run:#}");
    assert_eq!(world.bench.promotions().await, 3);
    world.bench.finish().await;
}
