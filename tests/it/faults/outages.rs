//! PostgreSQL goes away under load: its machine crashes, its connections are cut in the middle of transactions.

use std::time::Duration;

use super::{World, all_read, lost, runs};

const OUTAGES: usize = 5;
const CUTS: usize = 30;
const CONNECTIONS: usize = 4;

#[tokio::test]
async fn what_was_acknowledged_survives_crashes_of_postgres_and_the_server_goes_on() {
    let mut world = World::on_postgres().await;
    let server = world.start().await;
    let load = world.load(&server);
    let running = load.start(CONNECTIONS);
    for _ in 0..OUTAGES {
        load.after(30).await;
        let mut postgres = world.postgres.take().expect("a server");
        world.postgres = Some(
            tokio::task::spawn_blocking(move || {
                postgres.crash_and_restart().expect("restarted");
                postgres
            })
            .await
            .expect("restarted"),
        );
    }
    load.after(30).await;
    let outcome = running.end().await;
    let store = world.store().await;
    all_read(&store).await;
    let tried = outcome.acknowledged.len();
    let lost = lost(&store, &outcome.acknowledged).await;
    println!("{OUTAGES} crashes: {tried} acknowledged, {} refused with 503, {lost} lost", outcome.refused);
    assert_eq!((lost, runs(&store).await, outcome.cut), (0, 1, 0), "of {tried}");
    assert!(!server.errors().contains("panicked"), "{}", server.errors());
    store.close().await;
    assert!(server.terminate().await.expect("it ends").success());
    world.finish().await;
}

#[tokio::test]
async fn connections_cut_in_the_middle_of_transactions_lose_nothing() {
    let world = World::on_postgres().await;
    let server = world.start().await;
    let load = world.load(&server);
    let running = load.start(CONNECTIONS);
    let database = std::fs::read_to_string(world.path().join("database")).expect("an address");
    let mut cut = 0;
    for _ in 0..CUTS {
        load.after(10).await;
        cut += world.postgres.as_ref().expect("a server").cut_connections(&database).expect("cut");
    }
    tokio::time::timeout(Duration::from_mins(1), load.after(10)).await.expect("the server goes on");
    let outcome = running.end().await;
    let store = world.store().await;
    all_read(&store).await;
    let tried = outcome.acknowledged.len();
    let lost = lost(&store, &outcome.acknowledged).await;
    println!("{cut} connections cut: {tried} acknowledged, {} refused with 503, {lost} lost", outcome.refused);
    assert!(cut >= 1);
    assert_eq!((lost, runs(&store).await, outcome.cut), (0, 1, 0), "of {tried}");
    store.close().await;
    assert!(server.terminate().await.expect("it ends").success());
    world.finish().await;
}
