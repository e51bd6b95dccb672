//! Tests of the locks for writing a branch.

use super::{World, on_both_databases};

const REPOSITORY: &str = "https://git.example.org/environment.git";

on_both_databases! {
    async fn one_server_at_a_time_has_the_lock_to_write_a_branch(world: World) {
        let other = std::sync::Arc::new(world.another().await);
        let lock = world.store.lock_branch(REPOSITORY, "main").await.expect("a turn");
        // The lock of one branch does not affect another branch.
        other.lock_branch(REPOSITORY, "next").await.expect("a turn").release().await;
        if !world.store.database.is_shared() {
            // A SQLite file has only one server, so there is no other server to wait for.
            other.lock_branch(REPOSITORY, "main").await.expect("a turn").release().await;
            return;
        }
        let mut wants = tokio::task::JoinSet::new();
        let waiting = other.clone();
        wants.spawn(async move { waiting.lock_branch(REPOSITORY, "main").await.expect("its turn").release().await });
        // The waiting server polls in the meantime.
        other.lock_branch(REPOSITORY, "next").await.expect("a turn").release().await;
        assert!(wants.try_join_next().is_none(), "it waits for as long as the first has its turn");
        lock.release().await;
        wants.join_next().await.expect("a task").expect("its turn");
        world.store.lock_branch(REPOSITORY, "main").await.expect("given back").release().await;
    }

    async fn a_lock_that_is_dropped_or_whose_session_is_cut_is_free_again(world: World) {
        let other = world.another().await;
        drop(world.store.lock_branch(REPOSITORY, "main").await.expect("a turn"));
        world.store.lock_branch(REPOSITORY, "main").await.expect("taken again").release().await;
        let lost = world.store.lock_branch(REPOSITORY, "main").await.expect("a turn");
        if world.store.database.is_shared() {
            world.tamper("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted
                          AND database = (SELECT oid FROM pg_database WHERE datname = current_database())").await;
        }
        let next = other.lock_branch(REPOSITORY, "main").await.expect("the lock went with the session");
        lost.release().await;
        next.release().await;
        world.store.lock_branch(REPOSITORY, "main").await.expect("in a new session").release().await;
    }

    async fn locks_of_many_branches_cost_one_connection(world: World) {
        let mut branch_locks = Vec::new();
        for number in 0..100 {
            branch_locks.push(world.store.lock_branch(REPOSITORY, &format!("branch-{number}")).await.expect("a turn"));
        }
        if world.store.database.is_shared() {
            let count = "SELECT COUNT(DISTINCT pid) FROM pg_locks WHERE locktype = 'advisory' AND granted
                         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
            let sessions: i64 = sqlx::query_scalar(count).fetch_one(&world.store.database.pool).await.expect("locks");
            assert_eq!(sessions, 1);
        }
        for lock in branch_locks {
            lock.release().await;
        }
    }
}
