//! What every store promises, held against each of them.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use slipway_contract::Digest;

use super::*;
use crate::domain::CommitSha;

const HOLD: Duration = Duration::from_secs(30);

struct World {
    folder: tempfile::TempDir,
    store: Arc<dyn Store>,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = connect(&settings(&folder)).await.expect("a store");
        Self { folder, store }
    }

    async fn reopened(self) -> Self {
        self.store.close().await;
        let store = connect(&settings(&self.folder)).await.expect("a store");
        Self { folder: self.folder, store }
    }

    /// Records runs as the reading of one delivery would.
    async fn open(&self, delivery: &str, runs: Vec<Run>) -> Vec<RunId> {
        let delivery = delivery_named(delivery);
        self.store.record_delivery(&delivery).await.expect("recorded");
        let settled = Settled { state: DeliveryState::Done, note: String::new(), runs };
        self.store.settle_delivery(&delivery, &settled).await.expect("settled")
    }

    async fn claim(&self) -> Option<(Run, Lease)> {
        self.store.claim_run(Timestamp::now(), HOLD).await.expect("claimed")
    }

    async fn state(&self, run: RunId) -> RunState {
        self.store.run(run).await.expect("a run").state
    }
}

fn settings(folder: &tempfile::TempDir) -> Settings {
    Settings::Sqlite { file: folder.path().join("slipway.db") }
}

fn delivery_named(id: &str) -> Delivery {
    Delivery {
        source: name("models"),
        id: id.to_owned(),
        event: "push".to_owned(),
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

/// A run of a revision named by its digit, created at that second of a minute.
fn run(file: &str, digit: char, second: i64) -> Run {
    let at: Timestamp = "2026-11-24T10:00:00Z".parse().expect("a time");
    let at = at + SignedDuration::from_secs(second);
    Run {
        id: RunId::new(),
        source: name("models"),
        model: file.to_owned(),
        file: file.to_owned(),
        branch: "main".to_owned(),
        base: None,
        head: sha(digit),
        environment: name("staging"),
        state: RunState::Queued,
        reason: None,
        diagnostics: Vec::new(),
        stalled: false,
        attempts: 0,
        run_key: None,
        artifact: None,
        reused_from: None,
        champion: None,
        evaluation: None,
        evidence: None,
        verdict: None,
        promotion_commit: None,
        delivered_at: at,
        created_at: at,
        updated_at: at,
    }
}

fn moved(run: &Run, to: RunState) -> (Run, Transition) {
    let transition = Transition { from: Some(run.state), to, at: Timestamp::now(), cause: "because".to_owned() };
    (Run { state: to, ..run.clone() }, transition)
}

#[tokio::test]
async fn a_delivery_is_stored_once_and_survives_a_restart() {
    let world = World::new().await;
    let delivery = delivery_named("d-1");
    assert_eq!(world.store.record_delivery(&delivery).await.expect("recorded"), Intake::Stored);
    assert_eq!(world.store.record_delivery(&delivery).await.expect("recorded"), Intake::Duplicate);
    let world = world.reopened().await;
    assert_eq!(world.store.due_delivery(Timestamp::now()).await.expect("due"), Some((delivery, 0)));
}

#[tokio::test]
async fn a_postponed_delivery_waits_and_counts_its_attempts() {
    let world = World::new().await;
    let delivery = delivery_named("d-1");
    world.store.record_delivery(&delivery).await.expect("recorded");
    let later = Timestamp::now() + SignedDuration::from_mins(1);
    world.store.postpone_delivery(&delivery, later, "unreachable").await.expect("postponed");
    assert_eq!(world.store.due_delivery(Timestamp::now()).await.expect("due"), None);
    assert_eq!(world.store.due_delivery(later).await.expect("due"), Some((delivery.clone(), 1)));
    let dead = Settled { state: DeliveryState::Dead, note: "given up".to_owned(), runs: Vec::new() };
    world.store.settle_delivery(&delivery, &dead).await.expect("settled");
    assert_eq!(world.store.due_delivery(later).await.expect("due"), None);
}

#[tokio::test]
async fn one_revision_is_one_run_by_however_many_deliveries_it_is_announced() {
    let world = World::new().await;
    assert_eq!(world.open("d-1", vec![run("a", '1', 0), run("b", '1', 0)]).await.len(), 2);
    assert_eq!(world.open("d-2", vec![run("a", '1', 5), run("b", '1', 5)]).await.len(), 0);
    assert_eq!(world.store.runs(10).await.expect("runs").len(), 2);
}

#[tokio::test]
async fn a_newer_push_supersedes_what_has_not_begun_to_promote() {
    let world = World::new().await;
    let old = world.open("d-1", vec![run("a", '1', 0)]).await[0];
    let (claimed, lease) = world.claim().await.expect("a run");
    let new = world.open("d-2", vec![run("a", '2', 1)]).await[0];
    assert_eq!(world.state(old).await, RunState::Superseded);
    let (next, transition) = moved(&claimed, RunState::Training);
    let refused = world.store.record_run(&lease, &next, Some(&transition)).await;
    assert!(matches!(refused, Err(StoreError::LeaseLost { run }) if run == old), "{refused:?}");
    assert_eq!(world.claim().await.expect("the newer").0.id, new);
}

#[tokio::test]
async fn a_run_that_is_promoting_ends_before_the_newer_one_begins() {
    let world = World::new().await;
    let old = world.open("d-1", vec![run("a", '1', 0)]).await[0];
    let (claimed, lease) = world.claim().await.expect("a run");
    let (promoting, transition) = moved(&claimed, RunState::Promoting);
    world.store.record_run(&lease, &promoting, Some(&transition)).await.expect("recorded");
    let new = world.open("d-2", vec![run("a", '2', 1)]).await[0];
    assert_eq!(world.state(old).await, RunState::Promoting);
    assert!(world.claim().await.is_none(), "runs of one model go in order");
    let (done, transition) = moved(&promoting, RunState::Done);
    world.store.record_run(&lease, &done, Some(&transition)).await.expect("recorded");
    world.store.release_run(&lease, Timestamp::now()).await.expect("released");
    assert_eq!(world.claim().await.expect("the newer").0.id, new);
}

#[tokio::test]
async fn a_run_is_held_by_one_worker_until_its_lease_ends() {
    let world = World::new().await;
    world.open("d-1", vec![run("a", '1', 0)]).await;
    let (_, first) = world.claim().await.expect("a run");
    assert!(world.claim().await.is_none());
    let later = Timestamp::now() + SignedDuration::from_secs(31);
    let (_, second) = world.store.claim_run(later, HOLD).await.expect("claimed").expect("taken over");
    let lost = world.store.extend_lease(&first, later).await;
    assert!(matches!(lost, Err(StoreError::LeaseLost { .. })), "{lost:?}");
    world.store.extend_lease(&second, later).await.expect("held");
}

#[tokio::test]
async fn a_server_that_starts_again_takes_up_its_runs_at_once() {
    let world = World::new().await;
    let id = world.open("d-1", vec![run("a", '1', 0)]).await[0];
    let (claimed, lease) = world.claim().await.expect("a run");
    let (training, transition) = moved(&claimed, RunState::Training);
    world.store.record_run(&lease, &training, Some(&transition)).await.expect("recorded");
    let world = world.reopened().await;
    assert_eq!(world.store.release_all().await.expect("freed"), 1);
    let (again, _) = world.claim().await.expect("a run");
    assert_eq!((again.id, again.state), (id, RunState::Training));
    let ways: Vec<RunState> = world.store.transitions(id).await.expect("way").iter().map(|step| step.to).collect();
    assert_eq!(ways, [RunState::Queued, RunState::Training]);
}

#[tokio::test]
async fn a_stalled_run_waits_for_a_person_and_does_not_hold_up_newer_ones() {
    let world = World::new().await;
    let old = world.open("d-1", vec![run("a", '1', 0)]).await[0];
    let (claimed, lease) = world.claim().await.expect("a run");
    let stalled = Run { stalled: true, state: RunState::Promoting, ..claimed };
    world.store.record_run(&lease, &stalled, None).await.expect("recorded");
    world.store.release_run(&lease, Timestamp::now()).await.expect("released");
    assert!(world.claim().await.is_none());
    assert!(!world.store.retry_run(old, "by hand").await.expect("retried").stalled);
    let (again, lease) = world.claim().await.expect("due again");
    world.store.record_run(&lease, &Run { stalled: true, ..again }, None).await.expect("recorded");
    world.store.release_run(&lease, Timestamp::now()).await.expect("released");
    let new = world.open("d-2", vec![run("a", '2', 1)]).await[0];
    assert_eq!(world.state(old).await, RunState::Failed);
    assert_eq!(world.claim().await.expect("the newer").0.id, new);
    assert!(matches!(world.store.retry_run(old, "by hand").await, Err(StoreError::NotStalled { .. })));
}

#[tokio::test]
async fn an_older_run_is_not_retried_over_a_newer_one() {
    let world = World::new().await;
    let old = world.open("d-1", vec![run("a", '1', 0)]).await[0];
    let (claimed, lease) = world.claim().await.expect("a run");
    let promoting = Run { state: RunState::Promoting, ..claimed };
    world.store.record_run(&lease, &promoting, None).await.expect("recorded");
    world.open("d-2", vec![run("a", '2', 1)]).await;
    world.store.record_run(&lease, &Run { stalled: true, ..promoting }, None).await.expect("recorded");
    world.store.release_run(&lease, Timestamp::now()).await.expect("released");
    assert_eq!(world.store.retry_run(old, "by hand").await.expect("settled").state, RunState::Failed);
}

#[tokio::test]
async fn cancelling_ends_a_run_once_and_never_after_it_ended() {
    let world = World::new().await;
    let id = world.open("d-1", vec![run("a", '1', 0)]).await[0];
    let cancelled = world.store.call_off(id, RunEvent::Cancelled, "by hand").await.expect("cancelled");
    assert_eq!(cancelled.state, RunState::Cancelled);
    assert!(matches!(world.store.call_off(id, RunEvent::Cancelled, "again").await, Err(StoreError::IllegalMove(_))));
    let nobody = RunId::new();
    assert!(matches!(world.store.run(nobody).await, Err(StoreError::NoSuchRun { run }) if run == nobody));
}

#[tokio::test]
async fn an_artifact_is_found_by_its_run_key() {
    let world = World::new().await;
    let id = world.open("d-1", vec![run("a", '1', 0)]).await[0];
    let (claimed, lease) = world.claim().await.expect("a run");
    let (key, artifact) = (Digest::of(b"key"), Digest::of(b"weights"));
    let without = Run { run_key: Some(key.clone()), ..claimed };
    world.store.record_run(&lease, &without, None).await.expect("recorded");
    assert_eq!(world.store.artifact_of_key(&key).await.expect("asked"), None);
    let with = Run { artifact: Some(artifact.clone()), ..without };
    world.store.record_run(&lease, &with, None).await.expect("recorded");
    assert_eq!(world.store.artifact_of_key(&key).await.expect("asked"), Some((id, artifact)));
}

#[tokio::test]
async fn a_log_is_read_from_any_line_on() {
    let world = World::new().await;
    let id = world.open("d-1", vec![run("a", '1', 0)]).await[0];
    for line in ["one", "two", "three"] {
        world.store.append_log(id, line).await.expect("written");
    }
    let lines = world.store.log(id, 1, 10).await.expect("read");
    let lines: Vec<(u64, &str)> = lines.iter().map(|line| (line.number, line.line.as_str())).collect();
    assert_eq!(lines, [(2, "two"), (3, "three")]);
}

#[tokio::test]
async fn tables_of_a_newer_version_are_refused_with_what_to_do() {
    let world = World::new().await;
    world.store.close().await;
    let url = format!("sqlite://{}", world.folder.path().join("slipway.db").display());
    let pool = sqlx::SqlitePool::connect(&url).await.expect("a database");
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (999, 'x', 1, x'00', 0)";
    sqlx::query(newer).execute(&pool).await.expect("written");
    pool.close().await;
    let Err(error) = connect(&settings(&world.folder)).await else { panic!("a newer store was opened") };
    assert!(error.to_string().contains("written by a newer Slipway (version 999"), "{error}");
}

#[tokio::test]
async fn runs_are_counted_by_where_they_stand() {
    let world = World::new().await;
    world.open("d-1", vec![run("a", '1', 0), run("b", '1', 0), run("c", '1', 0)]).await;
    let id = world.open("d-2", vec![run("a", '2', 1)]).await[0];
    world.store.call_off(id, RunEvent::Cancelled, "by hand").await.expect("cancelled");
    let mut counts = world.store.runs_by_state().await.expect("counted");
    counts.sort_by_key(|(state, _)| state.as_str());
    assert_eq!(counts, [(RunState::Cancelled, 1), (RunState::Queued, 2), (RunState::Superseded, 1)]);
    world.store.check_writable().await.expect("writable");
}
