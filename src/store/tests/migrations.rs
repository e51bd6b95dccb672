//! Tables of older and newer versions.

use sqlx::sqlite::SqlitePool;

use super::{World, name, on_both_databases, run, sha};
use crate::domain::{Actor, RunState};
use crate::store::{DeliveryFilter, First, ReportFilter, ReportStatus, RunFilter, Settings, Store, StoreError};

/// What the first version wrote: a delivery of each kind, a run that is done, one under way, their ways and a log.
const ROWS: &str = include_str!("rows_of_version_1.sql");

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
    assert_eq!((taken.id, taken.state), (runs[0].id, RunState::Training));
    let newer = world.open("d-3", vec![run("m/slipway.yaml", '3', 100)]).await;
    assert_eq!(newer.len(), 1);
    assert_eq!(world.state(taken.id).await, RunState::Superseded, "the lane is the same as before");
}

/// Runs of two sources that promoted models of the same names, as earlier versions left them.
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

/// Who owns what after the rows of an earlier version were brought up to date.
async fn owners_of(settings: &Settings) -> Vec<(String, String, usize)> {
    let store = Store::open(settings).await.expect("brought up to date");
    let mut all = Vec::new();
    for environment in ["production", "staging"] {
        let owners = store.owners(&name(environment)).await.expect("asked");
        all.extend(owners.into_iter().map(|(model, owner)| (model, owner.to_string(), environment.len())));
    }
    all
}

fn as_promoted() -> Vec<(String, String, usize)> {
    [("churn", "team-a"), ("fraud", "team-b")].map(|(model, owner)| (model.to_owned(), owner.to_owned(), 7)).into()
}

fn before_identity(
    versions: &'static [super::super::migrations::Version],
) -> &'static [super::super::migrations::Version] {
    let end = versions.iter().position(|(_, name, _)| *name == "unapproved").expect("a version") + 1;
    &versions[..end]
}

#[tokio::test]
async fn models_that_were_promoted_before_belong_to_the_source_that_promoted_them_first() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("slipway.db");
    let pool = SqlitePool::connect(&format!("sqlite://{}?mode=rwc", file.display())).await.expect("a database");
    super::super::migrations::run(before_identity(super::super::migrations::SQLITE), &pool).await.expect("version 6");
    sqlx::raw_sql(PROMOTED).execute(&pool).await.expect("rows");
    pool.close().await;
    assert_eq!(owners_of(&Settings::Sqlite { file }).await, as_promoted());

    let Some(server) = tokio::task::spawn_blocking(super::postgres).await.expect("a server") else { return };
    let url = server.database().expect("a database");
    let pool = sqlx::PgPool::connect(&url).await.expect("a database");
    super::super::migrations::run(before_identity(super::super::migrations::POSTGRES), &pool).await.expect("version 6");
    sqlx::raw_sql(PROMOTED).execute(&pool).await.expect("rows");
    pool.close().await;
    let settings = Settings::Postgres { url: crate::store::PostgresUrl::new(&url).expect("an address") };
    assert_eq!(owners_of(&settings).await, as_promoted());
}

#[tokio::test]
async fn reports_that_an_earlier_version_had_given_up_are_made_after_the_update() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("slipway.db");
    let pool = SqlitePool::connect(&format!("sqlite://{}?mode=rwc", file.display())).await.expect("a database");
    let all = super::super::migrations::SQLITE;
    let up_to = |number: i64| &all[..all.partition_point(|version| version.0 <= number)];
    super::super::migrations::run(up_to(1), &pool).await.expect("the first version");
    sqlx::raw_sql(ROWS).execute(&pool).await.expect("rows");
    super::super::migrations::run(up_to(6), &pool).await.expect("the version before");
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
