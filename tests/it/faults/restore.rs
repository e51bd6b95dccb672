//! The store is lost and restored from a backup that was written under load: nothing that was acknowledged before the
//! backup is missing, and nothing that was promoted after it is promoted again.

use std::path::Path;

use slipway_domain::Run;
use tokio::process::Command;

use super::promotions::{MODELS, all_ended, each_landed_once, passed};
use super::{World, address_of, all_read, lost};
use crate::support::{DEADLINE, slipway};

const CONNECTIONS: usize = 8;

/// Runs `slipway` beside the server, which has to succeed.
async fn beside(world: &World, arguments: &[&str], folder: &Path) {
    let mut command = Command::new(slipway());
    command.args(arguments).arg(folder).arg("--config").arg(world.path().join("server-a.yaml"));
    let output = command.output().await.expect("it ran");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Takes the store away for good.
fn lose_the_store(world: &World) {
    std::fs::remove_dir_all(world.path().join("state-a")).expect("lost");
    if let Some(postgres) = &world.postgres {
        std::fs::write(world.path().join("database"), postgres.database().expect("a database")).expect("written");
    }
}

/// Answers what was tried and found, for people.
async fn restore_under_load(world: World) -> String {
    world.mark_models().await;
    let runs: Vec<Run> = (0..MODELS).map(|number| passed(number, 0, None)).collect();
    let store = world.filled(&runs).await;
    let server = world.start().await;
    let at = world.load(&server).at(address_of(&server));
    let first = at.start(CONNECTIONS);
    let some_landed = async {
        while world.landed().await.is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(DEADLINE, some_landed).await.expect("promotions land");
    // What is acknowledged up to here is in the backup; the load goes on meanwhile.
    let acknowledged = first.end().await.acknowledged;
    let second = at.start(CONNECTIONS);
    let backup = world.path().join("backup");
    beside(&world, &["backup"], &backup).await;
    let at_backup = world.landed().await.len();
    all_ended(&store).await;
    let after = second.end().await.acknowledged.len();
    store.close().await;
    server.kill_9().await.expect("killed");
    assert_eq!(world.landed().await.len(), MODELS, "everything was promoted before the store is lost");

    lose_the_store(&world);
    beside(&world, &["restore"], &backup).await;
    let server = world.start().await;
    let store = world.store().await;
    all_read(&store).await;
    let lost_deliveries = lost(&store, &acknowledged).await;
    let ended: Vec<Run> =
        all_ended(&store).await.into_iter().filter(|run| runs.iter().any(|passed| passed.id == run.id)).collect();
    assert_eq!((ended.len(), lost_deliveries), (MODELS, 0), "of {} acknowledged deliveries", acknowledged.len());
    let (lost, doubled) = each_landed_once(&world, &ended).await;
    assert!(!server.errors().contains("panicked"), "{}", server.errors());
    assert!(store.verify_audit().await.expect("read").is_ok());
    store.close().await;
    assert!(server.terminate().await.expect("it ends").success());
    world.finish().await;
    format!(
        "restored from a backup under load: {} deliveries acknowledged before it, {lost_deliveries} lost ({after} came \
         after it); {MODELS} promotions tried, {MODELS} landed ({at_backup} by the end of the backup), {lost} lost, \
         {doubled} doubled",
        acknowledged.len()
    )
}

#[tokio::test]
async fn a_store_on_sqlite_restored_from_a_backup_under_load_loses_nothing_and_promotes_nothing_twice() {
    println!("{}", restore_under_load(World::on_sqlite().await).await);
}

#[tokio::test]
async fn a_store_on_postgres_restored_from_a_backup_under_load_loses_nothing_and_promotes_nothing_twice() {
    println!("{}", restore_under_load(World::on_postgres().await).await);
}
