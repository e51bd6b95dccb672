//! Tests of the store on both databases: every test of `on_both_databases!` runs on SQLite and on a real PostgreSQL server.

mod audit;
mod backup;
mod branch_locks;
mod branch_models;
mod claims;
mod commands;
mod deliveries;
mod deployment_records;
mod due;
mod growth;
mod lists;
mod logs;
mod migrations;
mod owners;
mod promotion_facts;
mod promotions;
mod quarantine;
mod reported;
mod reports;
mod repositories;
mod retention;
mod runs;
mod speed;
mod statements;
mod test_sets;
mod texts;
mod tokens;
mod trained;
mod updates;

use std::sync::OnceLock;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use slipway_testkit::{Postgres, ignore_test};

use super::{BranchHead, Claim, DeliveryOutcome, Lease, PostgresUrl, Settings, Store};
use slipway_domain::{
    Actor, CommitSha, Delivery, DeliveryState, Run, RunCause, RunId, RunState, SourceName, Transition,
};

const CLAIM_LEASE: Duration = Duration::from_secs(30);

/// Runs each test on both databases.
macro_rules! on_both_databases {
    ($(async fn $name:ident($($pattern:tt)+) $body:block)*) => {
        $(async fn $name($($pattern)+) $body)*

        mod on_sqlite {
            $(#[tokio::test]
            async fn $name() {
                super::$name(crate::tests::World::on_sqlite().await).await;
            })*
        }

        mod on_postgres {
            $(#[tokio::test]
            async fn $name() {
                if let Some(world) = crate::tests::World::on_postgres().await {
                    super::$name(world).await;
                }
            })*
        }
    };
}
use on_both_databases;

/// The PostgreSQL server that all tests of this program share; it ends with the program. `None` where there is none: the
/// calling test is then ignored.
fn postgres() -> Option<&'static Postgres> {
    static SERVER: OnceLock<Result<Postgres, String>> = OnceLock::new();
    let started = SERVER.get_or_init(|| Postgres::start().map_err(|error| format!("{error:#}")));
    started.as_ref().map_err(|error| ignore_test("PostgreSQL does not start", error)).ok()
}

/// A store with its settings, so that a test can reopen it.
struct World {
    settings: Settings,
    store: Store,
    _folder: Option<tempfile::TempDir>,
}

impl World {
    async fn on_sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = Settings::Sqlite { file: folder.path().join("a store, 100%.db") };
        Self { store: Store::open(&settings).await.expect("a store"), settings, _folder: Some(folder) }
    }

    async fn on_postgres() -> Option<Self> {
        let server = tokio::task::spawn_blocking(postgres).await.expect("a server")?;
        let settings =
            Settings::Postgres { url: PostgresUrl::new(&server.database().expect("a database")).expect("an address") };
        Some(Self { store: Store::open(&settings).await.expect("a store"), settings, _folder: None })
    }

    async fn reopened(self) -> Self {
        self.store.close().await;
        Self { store: Store::open(&self.settings).await.expect("a store"), ..self }
    }

    /// Another server on the same store.
    async fn another(&self) -> Store {
        Store::open(&self.settings).await.expect("a store")
    }

    /// Records runs as the effect of one delivery.
    async fn open(&self, delivery: &str, runs: Vec<Run>) -> Vec<RunId> {
        let delivery = delivery_with_id(delivery);
        self.store.record_delivery(&delivery).await.expect("recorded");
        let outcome = DeliveryOutcome { runs, ..DeliveryOutcome::nothing(DeliveryState::Done, "") };
        self.store.acknowledge_deliveries(&[&delivery], &outcome).await.expect("settled")
    }

    async fn claim(&self) -> Option<(Run, Lease)> {
        self.claim_at(Timestamp::now()).await
    }

    async fn claim_at(&self, now: Timestamp) -> Option<(Run, Lease)> {
        self.store
            .claim_run(Claim { now, lease_duration: CLAIM_LEASE, max_runs_per_source: 64 })
            .await
            .expect("claimed")
    }

    async fn state(&self, run: RunId) -> RunState {
        self.store.run(run).await.expect("a run").status.state
    }

    /// Records a transition of a run.
    async fn moved(&self, lease: &Lease, run: &Run, to: RunState) -> Run {
        let transition = transition(run.status.state, to);
        let run = run.clone().with(|run| run.status.state = to);
        self.store.record_run(lease, &run, Some(&transition)).await.expect("recorded");
        run
    }

    /// Executes a statement directly in the database.
    async fn tamper(&self, statement: &'static str) {
        sqlx::raw_sql(statement).execute(&self.store.database.pool).await.expect("done");
    }
}

fn delivery_with_id(id: &str) -> Delivery {
    Delivery {
        source: name("models"),
        id: id.to_owned(),
        event: "push".to_owned(),
        headers: [("x-event".to_owned(), "push".to_owned())].into(),
        body: br#"{"a": 1}"#.to_vec(),
        received_at: "2026-11-24T10:00:00Z".parse().expect("a time"),
    }
}

fn name(text: &str) -> SourceName {
    SourceName::try_from(text.to_owned()).expect("a name")
}

fn sha(digit: char) -> CommitSha {
    digit.to_string().repeat(40).parse().expect("a commit")
}

fn head(before: Option<char>, head: char) -> BranchHead {
    BranchHead {
        source: name("models"),
        branch: "main".to_owned(),
        before: before.map(sha),
        head: sha(head),
        adopted: false,
    }
}

fn transition(from: RunState, to: RunState) -> Transition {
    let (at, cause, actor) = (Timestamp::now(), "because".to_owned(), Actor::controller());
    Transition { from: Some(from), to, at, cause, actor }
}

/// A run of a revision that consists of this digit, created at this second after a fixed time.
fn run(file: &str, digit: char, second: i64) -> Run {
    let at: Timestamp = "2026-11-24T10:00:00Z".parse().expect("a time");
    let at = at + SignedDuration::from_secs(second);
    let cause = RunCause {
        source: name("models"),
        model: file.to_owned(),
        file: file.to_owned(),
        branch: "main".to_owned(),
        pull_request: None,
        base: None,
        head: sha(digit),
        environment: name("staging"),
        delivered_at: at,
    };
    Run::queued(cause, at)
}
