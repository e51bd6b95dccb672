//! Tests of backups: they contain every table and can be restored into both databases.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jiff::Timestamp;
use serde_json::Value;
use slipway_contract::Digest;
use sqlx::AssertSqlSafe;

use super::{World, delivery_with_id, head, name, on_both_databases, postgres, run};
use crate::{
    Alike, BackupError, DeliveryOutcome, Dump, NewAuditEntry, NewUse, PostgresUrl, Role, Settings, Store, Trained,
    restore,
};
use slipway_domain::{Actor, Approval, DeliveryState, Document, Hold, RunId};

/// Fills the store with rows of every kind.
async fn filled(world: &World) {
    let deliveries = ["d-1", "d-2", "d-3"].map(delivery_with_id);
    for delivery in &deliveries {
        world.store.record_delivery(delivery).await.expect("recorded");
    }
    let runs = vec![run("a/slipway.yaml", '1', 0), run("b/slipway.yaml", '1', 1)];
    let outcome = DeliveryOutcome {
        runs,
        branch: Some(head(None, '1')),
        ..DeliveryOutcome::nothing(DeliveryState::Done, "ö \"x\"\n")
    };
    let opened = world.store.acknowledge_deliveries(&[&deliveries[0]], &outcome).await.expect("settled");
    world.store.append_log(opened[0], "a line\twith \u{1F980}").await.expect("logged");
    let (taken, lease) = world.claim().await.expect("a run");
    world.moved(&lease, &taken, slipway_domain::RunState::Training).await;
    world.store.create_token("kim", Role::Admin, &[], None).await.expect("a token");
    let entry = NewAuditEntry {
        actor: Actor::token("kim"),
        action: "run.cancel".to_owned(),
        target: "x".to_owned(),
        detail: String::new(),
    };
    world.store.audit(&entry).await.expect("written");
    let (environment, model, actor, at) = (name("staging"), "m".to_owned(), Actor::token("kim"), Timestamp::now());
    let hold = Hold {
        environment: environment.clone(),
        model: None,
        actor: actor.clone(),
        reason: "x".to_owned(),
        at,
        until: None,
    };
    world.store.hold(&hold).await.expect("held");
    let approval = Approval { environment, model, artifact: Digest::of(b"a"), person: "kim".to_owned(), actor, at };
    world.store.approve(&approval).await.expect("approved");
    let report = Document { name: "r".to_owned(), digest: Digest::of(b"r") };
    let trained = Trained { run: RunId::new(), artifact: Digest::of(b"a"), report };
    world.store.record_trained(&Digest::of(b"k"), &trained).await.expect("recorded");
    world.store.identity().await.expect("made");
    let (run, source, digest) = (RunId::new(), name("models"), Digest::of(b"rows"));
    let (set, question, candidate) = (&digest, &digest, &digest);
    let (alike, columns) = (&Alike { kept: vec![vec![3, 4]], sought: Vec::new() }, &["x".to_owned()]);
    let rows = &[1, 2];
    let new =
        NewUse { run, source: &source, model: "m", set, rows, alike, columns, question, candidate, figures: true };
    world.store.record_use(&new).await.expect("recorded");
    fill_the_rest(&world.store).await;
}

/// Inserts a row into every empty table, so that the test also covers tables without an insertion of their own above.
async fn fill_the_rest(store: &Store) {
    for usage in store.table_usage().await.expect("counted") {
        if usage.rows > 0 {
            continue;
        }
        let columns = store.columns_of(&usage.table).await.expect("columns");
        let names: Vec<String> = columns.iter().map(|(name, _)| format!("\"{name}\"")).collect();
        let values: Vec<&str> = columns.iter().map(|(_, is_number)| if *is_number { "1" } else { "'x'" }).collect();
        let insert = format!(
            "INSERT INTO \"{}\" ({}) {} VALUES ({})",
            usage.table,
            names.join(", "),
            if store.is_shared() { "OVERRIDING SYSTEM VALUE" } else { "" },
            values.join(", ")
        );
        let done = sqlx::query(AssertSqlSafe(insert)).execute(&store.database.pool).await;
        done.unwrap_or_else(|error| panic!("`{}` cannot be filled by this test: {error}", usage.table));
    }
}

/// The rows of every table, without an order.
fn rows_of(folder: &Path, dump: &Dump) -> BTreeMap<String, BTreeSet<String>> {
    let mut tables = BTreeMap::new();
    for table in &dump.tables {
        let text = std::fs::read_to_string(folder.join(table.file())).expect("a table");
        let row = |line: &str| {
            let values: Vec<Value> = serde_json::from_str(line).expect("a row");
            let named: BTreeMap<&String, &Value> = table.columns.iter().zip(&values).collect();
            serde_json::to_string(&named).expect("a row")
        };
        tables.insert(table.name.clone(), text.lines().map(row).collect());
    }
    tables
}

async fn dumped(store: &Store) -> (tempfile::TempDir, Dump) {
    let folder = tempfile::tempdir().expect("a folder");
    let dump = store.dump(folder.path()).await.expect("written");
    (folder, dump)
}

/// Leases and claims differ after a restore, because their holders no longer exist.
const FREE: &str = "UPDATE runs SET lease = NULL, lease_until = NULL; UPDATE reported SET claim = NULL, claimed_until = 0, unsure = unsure + 1";

async fn comes_back_in(world: &World, target: &Settings) {
    let (folder, dump) = dumped(&world.store).await;
    restore(target, folder.path(), &dump).await.expect("restored");
    let restored = Store::open(target).await.expect("a store");
    world.tamper(FREE).await;
    let (before, after) = (dumped(&world.store).await, dumped(&restored).await);
    let (before, mut after) = (rows_of(before.0.path(), &before.1), rows_of(after.0.path(), &after.1));
    let audit = after.get_mut("audit").expect("a table");
    assert_eq!(audit.len(), before["audit"].len() + 1, "and an entry that says so");
    audit.retain(|entry| !entry.contains("store.restore"));
    assert!(before.values().all(|rows| !rows.is_empty()), "a table without rows shows nothing");
    assert_eq!(before, after);

    let newest = restored.newest_change().await.expect("asked");
    restored.open_run(&run("c/slipway.yaml", '3', 9), &Actor::controller(), None).await.expect("it works");
    let next = restored.newest_change().await.expect("asked");
    assert!(next > newest + 1_000, "numbers that were given after the backup are not given again: {newest}, {next}");
    restored.close().await;

    let again = restore(target, folder.path(), &dump).await;
    assert!(matches!(again, Err(BackupError::NotEmpty(_))), "{again:?}");
}

on_both_databases! {
    async fn every_table_comes_back_in_sqlite(world: World) {
        filled(&world).await;
        let folder = tempfile::tempdir().expect("a folder");
        comes_back_in(&world, &Settings::Sqlite { file: folder.path().join("restored.db") }).await;
    }

    async fn every_table_comes_back_in_postgres(world: World) {
        let Some(server) = tokio::task::spawn_blocking(postgres).await.expect("a server") else { return };
        filled(&world).await;
        let url = PostgresUrl::new(&server.database().expect("a database")).expect("an address");
        comes_back_in(&world, &Settings::Postgres { url }).await;
    }

    async fn a_backup_holds_what_was_there_at_one_moment(world: World) {
        filled(&world).await;
        let store = &world.store;
        let writing = async {
            for number in 0..200 {
                let delivery = delivery_with_id(&format!("w-{number}"));
                store.record_delivery(&delivery).await.expect("recorded");
                let outcome = DeliveryOutcome {
                    runs: vec![run("w/slipway.yaml", '5', 100 + number)],
                    ..DeliveryOutcome::nothing(DeliveryState::Done, "")
                };
                store.acknowledge_deliveries(&[&delivery], &outcome).await.expect("settled");
            }
        };
        let ((folder, dump), ()) = tokio::join!(dumped(store), writing);
        let target = tempfile::tempdir().expect("a folder");
        let target = Settings::Sqlite { file: target.path().join("restored.db") };
        if let Settings::Sqlite { file } = &target {
            std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        }
        // The references between the tables are valid, so all tables are from one moment.
        restore(&target, folder.path(), &dump).await.expect("restored");
    }

    async fn a_damaged_table_and_one_of_a_newer_slipway_restore_nothing(world: World) {
        filled(&world).await;
        let (folder, dump) = dumped(&world.store).await;
        let place = tempfile::tempdir().expect("a folder");
        let target = Settings::Sqlite { file: place.path().join("restored.db") };
        let newer = Dump { versions: vec![2, 999], ..dump.clone() };
        let refused = restore(&target, folder.path(), &newer).await;
        assert!(matches!(refused, Err(BackupError::Unknown(_))), "{refused:?}");
        let table = folder.path().join("tables/runs.jsonl");
        let content = std::fs::read(&table).expect("a table");
        std::fs::write(&table, &content[..content.len() - 10]).expect("cut");
        let refused = restore(&target, folder.path(), &dump).await;
        assert!(matches!(refused, Err(BackupError::Damaged { .. })), "{refused:?}");
        std::fs::write(&table, content).expect("as it was");
        restore(&target, folder.path(), &dump).await.expect("restored");
    }
}
