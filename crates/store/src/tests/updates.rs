//! Tests of migrations of older tables with rows.

use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};
use sqlx::sqlite::SqlitePool;

use super::{World, name, run, sha};
use crate::migrations::{self, POSTGRES, SQLITE, Version};
use crate::{DeliveryFilter, First, PostgresUrl, ReportFilter, ReportStatus, RunFilter, Settings, Store};
use slipway_domain::{Actor, RunState};

/// Rows of version 1: a delivery of each kind, a run that is done, an active run, their transitions and a log.
const ROWS: &str = include_str!("rows_of_version_1.sql");

/// Rows of version 8: claimed runs, paused runs and runs that are done, with all related rows.
const ROWS_OF_8: &str = include_str!("rows_of_version_8.sql");

fn up_to(versions: &'static [Version], number: i64) -> &'static [Version] {
    &versions[..versions.partition_point(|version| version.0 <= number)]
}

/// An SQLite database without tables, with its folder and its file.
async fn sqlite() -> (tempfile::TempDir, PathBuf, SqlitePool) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("slipway.db");
    let pool = SqlitePool::connect(&format!("sqlite://{}?mode=rwc", file.display())).await.expect("a database");
    (folder, file, pool)
}

/// Stores that were migrated from the tables of an earlier version with these rows; one for each available database.
async fn brought_up_to_date(version: i64, rows: &'static str) -> Vec<World> {
    let mut worlds = Vec::new();
    let (folder, file, pool) = sqlite().await;
    migrations::run(up_to(SQLITE, version), &pool).await.expect("the earlier version");
    sqlx::raw_sql(rows).execute(&pool).await.expect("rows");
    pool.close().await;
    let settings = Settings::Sqlite { file };
    let store = Store::open(&settings).await.expect("brought up to date");
    worlds.push(World { settings, store, _folder: Some(folder) });

    if let Some(server) = tokio::task::spawn_blocking(super::postgres).await.expect("a server") {
        let url = server.database().expect("a database");
        let pool = sqlx::PgPool::connect(&url).await.expect("a database");
        migrations::run(up_to(POSTGRES, version), &pool).await.expect("the earlier version");
        sqlx::raw_sql(rows).execute(&pool).await.expect("rows");
        pool.close().await;
        let settings = Settings::Postgres { url: PostgresUrl::new(&url).expect("an address") };
        let store = Store::open(&settings).await.expect("brought up to date");
        worlds.push(World { settings, store, _folder: None });
    }
    worlds
}

#[tokio::test]
async fn a_store_of_the_first_version_keeps_everything_that_was_in_it() {
    let (folder, file, pool) = sqlite().await;
    migrations::run(up_to(SQLITE, 1), &pool).await.expect("the first version");
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
    assert_eq!(runs.iter().map(|run| run.status.state).collect::<Vec<_>>(), [RunState::Training, RunState::Done]);
    let mut counts = store.runs_by_state().await.expect("counted");
    counts.sort_by_key(|(state, _)| state.as_str());
    assert_eq!(counts, [(RunState::Done, 1), (RunState::Training, 1)], "what was there is counted");
    assert_eq!(store.transitions(runs[1].id).await.expect("way").len(), 2);
    assert_eq!(store.transitions(runs[1].id).await.expect("way")[0].actor, Actor::controller());
    assert_eq!(store.log(runs[1].id, 0, 10).await.expect("log")[0].line, "epoch 1");
    let seen = store.seen_branch(&name("models"), "main").await.expect("asked").expect("seen");
    assert_eq!((seen.head, seen.adopted), (sha('2'), false));

    assert_eq!(store.release_all().await.expect("freed"), 1);
    let world =
        World { settings: Settings::Sqlite { file: folder.path().join("slipway.db") }, store, _folder: Some(folder) };
    let (taken, _) = world.claim().await.expect("the run under way");
    assert_eq!((taken.id, taken.status.state), (runs[0].id, RunState::Training));
    let newer = world.open("d-3", vec![run("m/slipway.yaml", '3', 100)]).await;
    assert_eq!(newer.len(), 1);
    assert_eq!(world.state(taken.id).await, RunState::Superseded, "the lane is the same as before");
}

/// Runs of two sources that promoted models with the same name, as left by earlier versions.
const PROMOTED: &str = "
INSERT INTO runs (id, source, lane, model, branch, head, state, active, document, created_at, environment) VALUES
    ('r-1', 'team-a', 'l-1', 'churn', 'main', 'h', 'done', 0, '{}', 1, 'staging'),
    ('r-2', 'team-b', 'l-2', 'churn', 'main', 'h', 'done', 0, '{}', 0, 'staging'),
    ('r-3', 'team-b', 'l-2', 'churn', 'main', 'h', 'refused', 0, '{}', 2, 'production'),
    ('r-4', 'team-b', 'l-3', 'fraud', 'main', 'h', 'done', 0, '{}', 3, 'staging');
INSERT INTO runs (id, source, lane, model, branch, head, change_id, state, active, document, created_at, environment) VALUES
    ('r-5', 'team-b', 'l-4', 'spam', 'main', 'h', 7, 'done', 0, '{}', 4, 'staging');
INSERT INTO transitions (run, number, from_state, to_state, at, cause, actor) VALUES
    ('r-2', 1, NULL, 'queued', 0, 'c', 'controller'), ('r-1', 1, NULL, 'queued', 1, 'c', 'controller'),
    ('r-1', 2, 'promoting', 'done', 10, 'c', 'controller'), ('r-2', 2, 'promoting', 'done', 11, 'c', 'controller'),
    ('r-3', 1, 'gating', 'refused', 12, 'c', 'controller'), ('r-4', 1, 'promoting', 'done', 13, 'c', 'controller'),
    ('r-5', 1, 'publishing', 'done', 14, 'c', 'controller');
INSERT INTO rejections (model, artifact, document) VALUES ('churn', 'sha256:0', '{}');
";

#[tokio::test]
async fn models_that_were_promoted_before_belong_to_the_source_that_promoted_them_first() {
    for world in brought_up_to_date(6, PROMOTED).await {
        let owners = world.store.owners(&name("staging")).await.expect("asked").into_iter();
        let owners: Vec<(String, String)> = owners.map(|(model, owner)| (model, owner.to_string())).collect();
        let expected = [("churn", "team-a"), ("fraud", "team-b")];
        assert_eq!(owners, expected.map(|(model, owner)| (model.to_owned(), owner.to_owned())));
        assert!(world.store.owners(&name("production")).await.expect("asked").is_empty());
    }
}

/// A time after the time of the rows of version 8.
fn after(seconds: i64) -> Timestamp {
    "2026-11-24T10:00:00Z".parse::<Timestamp>().expect("a time") + SignedDuration::from_secs(seconds)
}

#[tokio::test]
async fn leases_and_pauses_of_an_earlier_version_hold_until_their_end() {
    for world in brought_up_to_date(8, ROWS_OF_8).await {
        assert!(world.claim_at(after(20)).await.is_none(), "one is held by an older server, one waits for its pause");
        let (freed, _) = world.claim_at(after(31)).await.expect("the lease has ended");
        assert_eq!((freed.cause.head, freed.status.state), (sha('2'), RunState::Training));
        let (again, _) = world.claim_at(after(599)).await.expect("the new lease has ended as well");
        assert_eq!(again.id, freed.id);
        assert!(world.claim_at(after(599)).await.is_none(), "a pause of ten minutes is no sign of a clock set back");
        let (paused, _) = world.claim_at(after(601)).await.expect("the pause is over");
        assert_eq!((paused.cause.head, paused.status.attempts), (sha('3'), 4));
    }
}

#[tokio::test]
async fn what_an_earlier_version_kept_is_counted_listed_and_subject_to_retention() {
    for world in brought_up_to_date(8, ROWS_OF_8).await {
        let store = &world.store;
        let mut counts = store.runs_by_state().await.expect("counted");
        counts.sort_by_key(|(state, _)| state.as_str());
        assert_eq!(counts, [(RunState::Done, 1), (RunState::Queued, 1), (RunState::Training, 1)]);
        let runs = store.runs(&RunFilter::default(), 10).await.expect("runs");
        let heads: Vec<_> = runs.iter().map(|run| run.cause.head.clone()).collect();
        assert_eq!(heads, [sha('3'), sha('2'), sha('1')]);
        // The commit's own time counts for records from before the time at which a record was first seen was stored.
        let records = store.deployment_records(&name("staging")).await.expect("asked");
        assert_eq!((records[0].seen_at, records[0].since()), (None, after(5)));
        let last = store.verify_audit().await.expect("read").expect("whole").expect("an entry");
        assert_eq!((last.number, last.action.as_str()), (1, "run.cancel"));
        let newer = world.open("d-9", vec![run("m/slipway.yaml", '9', 100)]).await;
        assert_eq!(world.state(newer[0]).await, RunState::Queued);
        let counts = store.runs_by_state().await.expect("counted");
        assert_eq!(counts.iter().map(|(_, amount)| amount).sum::<u64>(), 4, "{counts:?}");
    }
}

#[tokio::test]
async fn reports_that_an_earlier_version_had_given_up_are_made_after_the_update() {
    let (_folder, file, pool) = sqlite().await;
    migrations::run(up_to(SQLITE, 1), &pool).await.expect("the first version");
    sqlx::raw_sql(ROWS).execute(&pool).await.expect("rows");
    migrations::run(up_to(SQLITE, 6), &pool).await.expect("the version before");
    let given_up = "DELETE FROM outbox;
                    INSERT INTO outbox (sequence, source, target, state, attempts, note, opens)
                    SELECT sequence, source, source || ' revision ' || head, 'dead', 1, '401 Unauthorized', 1
                    FROM transitions JOIN runs ON runs.id = transitions.run";
    sqlx::raw_sql(given_up).execute(&pool).await.expect("entries");
    pool.close().await;

    let store = Store::open(&Settings::Sqlite { file }).await.expect("brought up to date");
    assert!(store.reports_behind().await.expect("counted").is_empty());
    let (source, now) = (name("models"), jiff::Timestamp::now());
    assert!(store.take_over_outbox(&source, now).await.expect("taken over") >= 3);
    let listed = store.reports(&ReportFilter::default(), 10).await.expect("listed");
    let behind: Vec<_> = listed.iter().map(|report| (report.status, report.revision.clone())).collect();
    let expected = [ReportStatus::Behind, ReportStatus::Behind];
    assert_eq!(behind.iter().map(|(status, _)| *status).collect::<Vec<_>>(), expected, "{behind:?}");
    let hold = std::time::Duration::from_mins(1);
    assert!(store.due_report(&source, First::Known, now, hold).await.expect("asked").is_some());
}
