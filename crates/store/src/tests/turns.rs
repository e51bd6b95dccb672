//! Turns to write a branch.

use super::{World, on_both_databases};

const REPOSITORY: &str = "https://git.example.org/environment.git";

on_both_databases! {
    async fn one_server_at_a_time_has_the_turn_to_write_a_branch(world: World) {
        let other = std::sync::Arc::new(world.another().await);
        let turn = world.store.branch_turn(REPOSITORY, "main").await.expect("a turn");
        // Another branch is nobody's business.
        other.branch_turn(REPOSITORY, "next").await.expect("a turn").give_back().await;
        if !world.store.database.is_shared() {
            // A file has one server, and nothing to wait for.
            other.branch_turn(REPOSITORY, "main").await.expect("a turn").give_back().await;
            return;
        }
        let mut wants = tokio::task::JoinSet::new();
        let waiting = other.clone();
        wants.spawn(async move { waiting.branch_turn(REPOSITORY, "main").await.expect("its turn").give_back().await });
        // It looks again and again meanwhile.
        other.branch_turn(REPOSITORY, "next").await.expect("a turn").give_back().await;
        assert!(wants.try_join_next().is_none(), "it waits for as long as the first has its turn");
        turn.give_back().await;
        wants.join_next().await.expect("a task").expect("its turn");
        world.store.branch_turn(REPOSITORY, "main").await.expect("given back").give_back().await;
    }

    async fn a_turn_that_is_dropped_or_whose_session_is_cut_is_free_again(world: World) {
        let other = world.another().await;
        drop(world.store.branch_turn(REPOSITORY, "main").await.expect("a turn"));
        world.store.branch_turn(REPOSITORY, "main").await.expect("taken again").give_back().await;
        let lost = world.store.branch_turn(REPOSITORY, "main").await.expect("a turn");
        if world.store.database.is_shared() {
            world.tamper("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted
                          AND database = (SELECT oid FROM pg_database WHERE datname = current_database())").await;
        }
        let next = other.branch_turn(REPOSITORY, "main").await.expect("the lock went with the session");
        lost.give_back().await;
        next.give_back().await;
        world.store.branch_turn(REPOSITORY, "main").await.expect("in a new session").give_back().await;
    }

    async fn turns_of_many_branches_cost_one_connection(world: World) {
        let mut turns = Vec::new();
        for number in 0..100 {
            turns.push(world.store.branch_turn(REPOSITORY, &format!("branch-{number}")).await.expect("a turn"));
        }
        if world.store.database.is_shared() {
            let count = "SELECT COUNT(DISTINCT pid) FROM pg_locks WHERE locktype = 'advisory' AND granted
                         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
            let sessions: i64 = sqlx::query_scalar(count).fetch_one(&world.store.database.pool).await.expect("locks");
            assert_eq!(sessions, 1);
        }
        for turn in turns {
            turn.give_back().await;
        }
    }
}
