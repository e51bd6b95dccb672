//! Tables of older and newer versions.

use sqlx::sqlite::SqlitePool;

use super::{World, name, on_both_databases, run, sha};
use crate::domain::{Actor, RunState};
use crate::store::{DeliveryFilter, RunFilter, Settings, Store, StoreError};

/// What the first version wrote: a delivery of each kind, a run that is done, one under way, their ways and a log.
const ROWS: &str = include_str!("rows_of_version_1.sql");

on_both_databases! {
    async fn tables_of_a_newer_version_are_refused_with_what_to_do(world: World) {
        world.tamper("INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                      SELECT 999, 'x', success, checksum, 0 FROM _sqlx_migrations LIMIT 1").await;
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

#[tokio::test]
async fn a_store_of_the_first_version_keeps_everything_that_was_in_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("slipway.db");
    let pool = SqlitePool::connect(&format!("sqlite://{}?mode=rwc", file.display())).await.expect("a database");
    let versions = &super::super::migrations::SQLITE[..1];
    super::super::migrations::run(versions, &pool).await.expect("the first version");
    sqlx::raw_sql(ROWS).execute(&pool).await.expect("rows");
    pool.close().await;

    let store = Store::open(&Settings::Sqlite { file }).await.expect("brought up to date");
    let listed = store.deliveries(&DeliveryFilter::default(), 10).await.expect("listed");
    let mut kept = Vec::new();
    for head in listed {
        let stored = store.delivery(&head.source, &head.id).await.expect("kept");
        kept.push((head.id, head.state.as_str(), stored.delivery.body));
    }
    let expected = [("d-2", "pending", b"{\"b\": 2}".to_vec()), ("d-1", "done", b"{\"a\": 1}".to_vec())];
    assert_eq!(kept, expected.map(|(id, state, body)| (id.to_owned(), state, body)));
    assert_eq!(store.kept_bytes().await.expect("summed"), 16);

    let runs = store.runs(&RunFilter::default(), 10).await.expect("runs");
    assert_eq!(runs.iter().map(|run| run.state).collect::<Vec<_>>(), [RunState::Training, RunState::Done]);
    assert_eq!(store.transitions(runs[1].id).await.expect("way").len(), 2);
    assert_eq!(store.transitions(runs[1].id).await.expect("way")[0].actor, Actor::controller());
    assert_eq!(store.log(runs[1].id, 0, 10).await.expect("log")[0].line, "epoch 1");
    let seen = store.seen_branch(&name("models"), "main").await.expect("asked").expect("seen");
    assert_eq!((seen.head, seen.adopted), (sha('2'), false));

    assert_eq!(store.release_all().await.expect("freed"), 1);
    let world =
        World { settings: Settings::Sqlite { file: folder.path().join("slipway.db") }, store, _folder: Some(folder) };
    let (taken, _) = world.claim().await.expect("the run under way");
    assert_eq!((taken.id, taken.state), (runs[0].id, RunState::Training));
    let newer = world.open("d-3", vec![run("m/slipway.yaml", '3', 100)]).await;
    assert_eq!(newer.len(), 1);
    assert_eq!(world.state(taken.id).await, RunState::Superseded, "the lane is the same as before");
}
