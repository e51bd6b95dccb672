//! The server is killed with -9 under load, at random moments, a hundred times on each store.

use super::{World, address_of, all_read, lost, runs};

const KILLS: u64 = 100;
const CONNECTIONS: usize = 8;

/// Answers what was tried and found, for people.
async fn kill_under_load(world: World) -> String {
    let mut acknowledged = Vec::new();
    let mut server = world.start().await;
    let load = world.load(&server);
    let mut state = 0x5eed_u64;
    for _ in 0..KILLS {
        // A moment after some acknowledgements, drawn from a fixed seed (Knuth's MMIX constants).
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let moment = state >> 58;
        let at = load.at(address_of(&server));
        let running = at.start(CONNECTIONS);
        at.after(moment + 1).await;
        server.kill_9().await.expect("killed");
        acknowledged.extend(running.ended().await.acknowledged);
        server = world.start().await;
    }
    let store = world.store().await;
    all_read(&store).await;
    let tried = acknowledged.len();
    let (lost, started) = (lost(&store, &acknowledged).await, runs(&store).await);
    assert!(tried as u64 >= KILLS, "{tried}");
    assert_eq!((lost, started), (0, 1), "of {tried} acknowledged deliveries");
    assert!(!server.errors().contains("panicked"), "{}", server.errors());
    store.close().await;
    assert!(server.terminate().await.expect("it ends").success());
    world.finish().await;
    format!("killed {KILLS} times: {tried} acknowledged, {lost} lost, {started} run started")
}

#[tokio::test]
async fn a_server_on_sqlite_killed_a_hundred_times_loses_no_acknowledged_delivery() {
    println!("{}", kill_under_load(World::on_sqlite().await).await);
}

#[tokio::test]
async fn a_server_on_postgres_killed_a_hundred_times_loses_no_acknowledged_delivery() {
    println!("{}", kill_under_load(World::on_postgres().await).await);
}
