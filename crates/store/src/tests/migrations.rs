//! Tests of tables that differ from this version: of a newer version, or changed by hand.

use super::{World, on_both_databases, run};
use crate::{Store, StoreError};

on_both_databases! {
    async fn tables_with_more_than_is_known_here_are_worked_with(world: World) {
        let kept = world.open("d-1", vec![run("m/slipway.yaml", 'a', 1)]).await;
        world.tamper("INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                      SELECT 999, 'more', success, checksum, 0 FROM _sqlx_migrations LIMIT 1").await;
        world.tamper("ALTER TABLE runs ADD COLUMN of_a_newer_version TEXT NOT NULL DEFAULT ''").await;
        world.tamper("CREATE TABLE of_a_newer_version (name TEXT NOT NULL PRIMARY KEY)").await;
        let world = world.reopened().await;
        assert_eq!(world.claim().await.map(|(run, _)| run.id), Some(kept[0]));
    }

    async fn tables_that_older_servers_cannot_work_with_are_refused_with_what_to_do(world: World) {
        world.tamper("INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                      SELECT 999, 'breaking names', success, checksum, 0 FROM _sqlx_migrations LIMIT 1").await;
        world.store.close().await;
        let Err(error) = Store::open(&world.settings).await else { panic!("a newer store was opened") };
        assert!(error.to_string().contains("written by a newer Slipway (version 999"), "{error}");
    }

    async fn tables_that_were_changed_by_hand_are_refused(world: World) {
        world.tamper("UPDATE _sqlx_migrations SET success = success, checksum = substr(checksum, 1, 3)").await;
        world.store.close().await;
        let refused = Store::open(&world.settings).await.err();
        assert!(matches!(refused, Some(StoreError::Incompatible { .. })), "{refused:?}");
    }
}
