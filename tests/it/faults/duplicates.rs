//! The same pushes told many times, in any order, late, by several hooks, or not at all.

use slipway_store::{RunFilter, Store};
use slipway_testkit::{Answer, SlipwayProcess, WorkTree, signature};

use super::{HOOK, SECRET, World, all_read, runs};
use crate::support::DEADLINE;

async fn deliver(server: &SlipwayProcess, id: &str, body: &[u8]) -> Answer {
    let signature = signature(SECRET, body);
    let headers = [
        ("x-github-event", "push"),
        ("x-github-delivery", id),
        ("x-hub-signature-256", &signature),
        ("content-type", "application/json"),
    ];
    server.api().send("POST", HOOK, &headers, body.to_vec()).await.expect("an answer")
}

/// Another clone of the models' repository.
async fn clone(world: &World) -> WorkTree {
    WorkTree::clone(&world.git.url("models.git"), world.path().join("second")).await.expect("a clone")
}

/// Pushes another model file to the served branch, without telling anybody.
async fn push(work: &WorkTree, content: &str, message: &str) -> String {
    work.write("slipway.yaml", content).expect("written");
    let head = work.commit(message).await.expect("a commit");
    assert!(work.push("main").await.expect("pushed").success());
    head
}

/// What GitHub says of a push of the served branch.
fn moved(before: &str, after: &str, forced: bool) -> String {
    serde_json::json!({"ref": "refs/heads/main", "before": before, "after": after, "forced": forced,
                       "repository": {"id": 41, "full_name": "team/models"}})
    .to_string()
}

async fn end(world: World, store: Store, server: SlipwayProcess) {
    store.close().await;
    assert!(server.terminate().await.expect("it ends").success());
    world.finish().await;
}

#[tokio::test]
async fn one_push_is_one_run_however_often_and_by_whatever_names_it_is_delivered() {
    let world = World::on_sqlite().await;
    let server = world.start().await;
    let body = world.push_event();
    for round in 0..3 {
        for id in ["same".to_owned(), format!("other-{round}"), format!("by-another-hook-{round}")] {
            assert_eq!(deliver(&server, &id, &body).await.status, 202);
        }
    }
    let store = world.store().await;
    all_read(&store).await;
    assert_eq!(runs(&store).await, 1, "of 9 deliveries");
    // Days later the forge sends it again.
    assert_eq!(deliver(&server, "much later", &body).await.status, 202);
    all_read(&store).await;
    assert_eq!(runs(&store).await, 1);
    end(world, store, server).await;
}

#[tokio::test]
async fn pushes_delivered_in_the_wrong_order_end_with_one_run_of_the_newest_revision() {
    let world = World::on_sqlite().await;
    let server = world.start().await;
    let work = clone(&world).await;
    let mut heads = vec![world.head.clone()];
    for n in 0..4 {
        heads.push(push(&work, &format!("kind: Wrong {n}\n"), &format!("revision {n}")).await);
    }
    for (round, order) in [[3, 1, 2, 0], [0, 2, 3, 1]].into_iter().enumerate() {
        for n in order {
            let body = moved(&heads[n], &heads[n + 1], false);
            assert_eq!(deliver(&server, &format!("{round}-{n}"), body.as_bytes()).await.status, 202);
        }
    }
    let store = world.store().await;
    all_read(&store).await;
    let all = store.runs(&RunFilter::default(), 10).await.expect("runs");
    assert_eq!(all.iter().map(|run| run.cause.head.as_str()).collect::<Vec<_>>(), [&*heads[4]]);
    end(world, store, server).await;
}

#[tokio::test]
async fn a_branch_set_back_to_what_it_was_is_dealt_with_again() {
    let world = World::on_sqlite().await;
    let server = world.start().await;
    let store = world.store().await;
    deliver(&server, "first", &world.push_event()).await;
    all_read(&store).await;
    let work = clone(&world).await;
    let second = push(&work, "kind: Other\n", "another").await;
    deliver(&server, "forth", moved(&world.head, &second, false).as_bytes()).await;
    all_read(&store).await;
    work.git(&["push", "--force", "origin", &format!("{}:refs/heads/main", world.head)]).await.expect("forced back");
    deliver(&server, "back", moved(&second, &world.head, true).as_bytes()).await;
    all_read(&store).await;
    let heads: Vec<String> = store
        .runs(&RunFilter::default(), 10)
        .await
        .expect("runs")
        .iter()
        .rev()
        .map(|run| run.cause.head.to_string())
        .collect();
    assert_eq!(heads, [world.head.clone(), second, world.head.clone()]);
    end(world, store, server).await;
}

#[tokio::test]
async fn a_push_without_a_delivery_is_found_after_the_next_start() {
    let world = World::on_sqlite().await;
    let server = world.start().await;
    deliver(&server, "first", &world.push_event()).await;
    let store = world.store().await;
    all_read(&store).await;
    assert!(server.terminate().await.expect("it ends").success());
    let work = clone(&world).await;
    let undelivered = push(&work, "kind: Pushed while the webhook was down\n", "missed").await;
    let server = world.start().await;
    let found = |run: &serde_json::Value| run["head"] == undelivered.as_str();
    let run = server.api().wait_for_run("the missed push is found", DEADLINE, found).await.expect("found");
    assert_eq!(run["base"], world.head.as_str());
    end(world, store, server).await;
}

#[tokio::test]
async fn a_head_commit_that_says_so_keeps_its_models_from_being_built() {
    let world = World::on_sqlite().await;
    let server = world.start().await;
    let store = world.store().await;
    deliver(&server, "first", &world.push_event()).await;
    all_read(&store).await;
    let work = clone(&world).await;
    let skipped = push(&work, "kind: Other\n", "Not yet\n\n[skip slipway]").await;
    deliver(&server, "second", moved(&world.head, &skipped, false).as_bytes()).await;
    all_read(&store).await;
    assert_eq!(runs(&store).await, 1);
    let source = "models".to_owned().try_into().expect("a name");
    let note = store.delivery(&source, "second").await.expect("stored").note;
    assert!(note.contains("[skip slipway]"), "{note}");
    end(world, store, server).await;
}

#[tokio::test]
async fn a_head_commit_that_asks_to_be_skipped_skips_its_own_push_and_none_before_it() {
    let world = World::on_sqlite().await;
    let server = world.start().await;
    let store = world.store().await;
    deliver(&server, "first", &world.push_event()).await;
    all_read(&store).await;
    let work = clone(&world).await;
    let wanted = push(&work, "kind: Wanted\n", "wanted").await;
    let within = push(&work, "kind: Within\n", "within the push that is skipped").await;
    let skipped = push(&work, "kind: Other\n", "Not yet\n\n[skip slipway]").await;
    // What was told of the push before comes later, or never.
    deliver(&server, "second", moved(&wanted, &skipped, false).as_bytes()).await;
    all_read(&store).await;
    deliver(&server, "late", moved(&world.head, &wanted, false).as_bytes()).await;
    all_read(&store).await;
    let all = store.runs(&RunFilter::default(), 10).await.expect("runs");
    let heads: Vec<&str> = all.iter().map(|run| run.cause.head.as_str()).collect();
    assert_eq!(heads, [wanted.as_str(), world.head.as_str()], "not {within}, which is of the push that is skipped");
    let base = all[0].cause.base.as_ref().map(ToString::to_string);
    assert_eq!(base.as_deref(), Some(world.head.as_str()));
    let source = "models".to_owned().try_into().expect("a name");
    let note = store.delivery(&source, "second").await.expect("stored").note;
    assert!(note.contains("affects") && note.contains("[skip slipway]"), "{note}");
    end(world, store, server).await;
}

#[tokio::test]
async fn of_pushes_without_a_delivery_only_the_commit_that_says_so_is_skipped() {
    let world = World::on_sqlite().await;
    let server = world.start().await;
    deliver(&server, "first", &world.push_event()).await;
    let store = world.store().await;
    all_read(&store).await;
    assert!(server.terminate().await.expect("it ends").success());
    let work = clone(&world).await;
    let undelivered = push(&work, "kind: Pushed while the webhook was down\n", "missed").await;
    push(&work, "kind: Other\n", "Not yet [skip slipway]").await;
    let server = world.start().await;
    let found = |run: &serde_json::Value| run["head"] == undelivered.as_str();
    server.api().wait_for_run("the missed push is found", DEADLINE, found).await.expect("found");
    end(world, store, server).await;
}
