//! Turns to write a branch.

use std::time::Duration;

use crate::store::Store;

use super::{World, on_both_databases};

const REPOSITORY: &str = "https://git.example.org/environment.git";

/// Reads whether somebody waits for a lock, until somebody does.
async fn somebody_waits(store: &Store) {
    let waits = async {
        loop {
            let count = "SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
                         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
            let waiting: i64 = sqlx::query_scalar(count).fetch_one(&store.database.pool).await.expect("locks");
            if waiting > 0 {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waits).await.expect("somebody waits");
}

on_both_databases! {
    async fn one_server_at_a_time_has_the_turn_to_write_a_branch(world: World) {
        let other = std::sync::Arc::new(world.another().await);
        let turn = world.store.branch_turn(REPOSITORY, "main").await.expect("a turn");
        // Another branch is nobody's business.
        drop(other.branch_turn(REPOSITORY, "next").await.expect("a turn"));
        if !world.store.database.is_shared() {
            // A file has one server, and nothing to wait for.
            drop(other.branch_turn(REPOSITORY, "main").await.expect("a turn"));
            return;
        }
        let mut wants = tokio::task::JoinSet::new();
        let waiting = other.clone();
        wants.spawn(async move { waiting.branch_turn(REPOSITORY, "main").await.map(drop) });
        somebody_waits(&world.store).await;
        assert!(wants.try_join_next().is_none(), "it waits for as long as the first has its turn");
        drop(turn);
        wants.join_next().await.expect("a task").expect("it ran").expect("its turn");
        drop(world.store.branch_turn(REPOSITORY, "main").await.expect("given back"));
    }
}
