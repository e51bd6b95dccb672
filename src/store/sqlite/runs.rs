//! Runs in SQLite: the whole run as a JSON document, and beside it the columns that are searched.

use std::time::Duration;

use jiff::Timestamp;
use slipway_contract::Digest;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::{SqliteStore, millis, timestamp};
use crate::domain::{Run, RunEvent, RunId, RunState, Transition};
use crate::store::{Lease, LogLine, StoreError, cause_of};

/// Lines a run's log may have; a trainer that says more is not kept from working, only from filling the disk.
const MOST_LOG_LINES: i64 = 20_000;

fn read_document(row: &SqliteRow) -> Result<Run, StoreError> {
    let document: String = row.try_get("document")?;
    serde_json::from_str(&document).map_err(|error| StoreError::Unreadable(format!("a run: {error}")))
}

fn read_state(word: &str) -> Result<RunState, StoreError> {
    let known = RunState::ALL.into_iter().find(|state| state.as_str() == word);
    known.ok_or_else(|| StoreError::Unreadable(format!("`{word}` is not a state of a run")))
}

fn document(run: &Run) -> String {
    serde_json::to_string(run).expect("a run holds only texts, numbers and times")
}

/// Inserts a run unless its cause is known, and supersedes what it replaces. Says whether it was new.
pub(super) async fn open(connection: &mut SqliteConnection, run: &Run) -> Result<bool, StoreError> {
    let insert = "INSERT INTO runs (id, source, file, branch, head, model, state, active, document, created_at)
                  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (source, file, branch, head) DO NOTHING";
    let (source, file, branch, head) = cause_of(run);
    let inserted = sqlx::query(insert)
        .bind(run.id.to_string())
        .bind(source.as_str())
        .bind(file)
        .bind(branch)
        .bind(head)
        .bind(&run.model)
        .bind(run.state.as_str())
        .bind(run.state.is_active())
        .bind(document(run))
        .bind(millis(run.created_at))
        .execute(&mut *connection)
        .await?;
    if inserted.rows_affected() == 0 {
        return Ok(false);
    }
    let first =
        Transition { from: None, to: run.state, at: run.created_at, cause: format!("push of {}", run.head.short()) };
    add_transition(connection, run.id, &first).await?;
    let older = "SELECT document FROM runs WHERE source = ? AND file = ? AND branch = ? AND active = 1 AND id <> ?";
    let older = sqlx::query(older)
        .bind(source.as_str())
        .bind(file)
        .bind(branch)
        .bind(run.id.to_string())
        .fetch_all(&mut *connection)
        .await?;
    for row in older {
        let older = read_document(&row)?;
        if older.state.may_be_called_off() || older.stalled {
            let cause = format!("superseded by {}, pushed later", run.head.short());
            supersede(connection, older, &cause).await?;
        }
    }
    Ok(true)
}

/// Supersedes an older run. One that stalled while promoting never reached the environment, so it may go too.
async fn supersede(connection: &mut SqliteConnection, mut run: Run, cause: &str) -> Result<(), StoreError> {
    if run.state.may_be_called_off() {
        call_off(connection, run, RunEvent::Superseded, cause).await?;
    } else {
        let reason = format!("{}; {cause}", run.reason.take().unwrap_or_default());
        call_off(connection, run, RunEvent::Failed, &reason).await?;
    }
    Ok(())
}

/// Ends a run from outside. Its lease ends with it, so the worker that holds it can record nothing more.
pub(super) async fn call_off(
    connection: &mut SqliteConnection,
    mut run: Run,
    event: RunEvent,
    cause: &str,
) -> Result<Run, StoreError> {
    let from = run.state;
    run.state = from.after(event)?;
    run.updated_at = Timestamp::now();
    run.reason = Some(cause.to_owned());
    run.stalled = false;
    let update = "UPDATE runs SET state = ?, active = ?, stalled = 0, document = ?, lease = NULL, lease_until = NULL WHERE id = ?";
    sqlx::query(update)
        .bind(run.state.as_str())
        .bind(run.state.is_active())
        .bind(document(&run))
        .bind(run.id.to_string())
        .execute(&mut *connection)
        .await?;
    let transition = Transition { from: Some(from), to: run.state, at: run.updated_at, cause: cause.to_owned() };
    add_transition(connection, run.id, &transition).await?;
    Ok(run)
}

pub(super) async fn claim(
    store: &SqliteStore,
    now: Timestamp,
    hold_for: Duration,
) -> Result<Option<(Run, Lease)>, StoreError> {
    let claim = "UPDATE runs SET lease = ?1, lease_until = ?2 WHERE id = (
                     SELECT id FROM runs AS due
                     WHERE active = 1 AND stalled = 0 AND due_at <= ?3 AND (lease IS NULL OR lease_until < ?3)
                       AND NOT EXISTS (SELECT 1 FROM runs AS older
                                       WHERE older.active = 1 AND older.stalled = 0 AND older.source = due.source AND older.file = due.file
                                         AND older.branch = due.branch AND older.created_at < due.created_at)
                     ORDER BY created_at, id LIMIT 1)
                 RETURNING document";
    let token = uuid::Uuid::now_v7().to_string();
    let row = sqlx::query(claim)
        .bind(&token)
        .bind(millis(now + hold_for))
        .bind(millis(now))
        .fetch_optional(&store.pool)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let run = read_document(&row)?;
    let lease = Lease { run: run.id, token };
    Ok(Some((run, lease)))
}

pub(super) async fn extend(store: &SqliteStore, lease: &Lease, until: Timestamp) -> Result<(), StoreError> {
    let done = sqlx::query("UPDATE runs SET lease_until = ? WHERE id = ? AND lease = ?")
        .bind(millis(until))
        .bind(lease.run.to_string())
        .bind(&lease.token)
        .execute(&store.pool)
        .await?;
    held(lease, done.rows_affected())
}

fn held(lease: &Lease, rows: u64) -> Result<(), StoreError> {
    if rows == 1 { Ok(()) } else { Err(StoreError::LeaseLost { run: lease.run }) }
}

pub(super) async fn record(
    store: &SqliteStore,
    lease: &Lease,
    run: &Run,
    transition: Option<&Transition>,
) -> Result<(), StoreError> {
    let mut transaction = store.begin().await?;
    let update =
        "UPDATE runs SET model = ?, state = ?, active = ?, stalled = ?, run_key = ?, artifact = ?, document = ?
                  WHERE id = ? AND lease = ?";
    let done = sqlx::query(update)
        .bind(&run.model)
        .bind(run.state.as_str())
        .bind(run.state.is_active())
        .bind(run.stalled)
        .bind(run.run_key.as_ref().map(Digest::as_str))
        .bind(run.artifact.as_ref().map(Digest::as_str))
        .bind(document(run))
        .bind(run.id.to_string())
        .bind(&lease.token)
        .execute(&mut *transaction)
        .await?;
    held(lease, done.rows_affected())?;
    if let Some(transition) = transition {
        add_transition(&mut transaction, run.id, transition).await?;
    }
    transaction.commit().await?;
    Ok(())
}

async fn add_transition(
    connection: &mut SqliteConnection,
    run: RunId,
    transition: &Transition,
) -> Result<(), StoreError> {
    let Transition { from, to, at, cause } = transition;
    let insert = "INSERT INTO transitions (run, number, from_state, to_state, at, cause)
                  SELECT ?1, COUNT(*) + 1, ?2, ?3, ?4, ?5 FROM transitions WHERE run = ?1";
    sqlx::query(insert)
        .bind(run.to_string())
        .bind(from.map(RunState::as_str))
        .bind(to.as_str())
        .bind(millis(*at))
        .bind(cause)
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn release(store: &SqliteStore, lease: &Lease, due_at: Timestamp) -> Result<(), StoreError> {
    let update = "UPDATE runs SET lease = NULL, lease_until = NULL, due_at = ? WHERE id = ? AND lease = ?";
    let done = sqlx::query(update)
        .bind(millis(due_at))
        .bind(lease.run.to_string())
        .bind(&lease.token)
        .execute(&store.pool)
        .await?;
    held(lease, done.rows_affected())
}

pub(super) async fn retry(store: &SqliteStore, run: RunId, cause: &str) -> Result<Run, StoreError> {
    let mut transaction = store.begin().await?;
    let mut run = load(&mut transaction, run).await?;
    if !run.stalled {
        return Err(StoreError::NotStalled { run: run.id, state: run.state });
    }
    if has_newer(&mut transaction, &run).await? {
        let run =
            call_off(&mut transaction, run, RunEvent::Failed, "a newer push of the same model was taken up meanwhile")
                .await?;
        transaction.commit().await?;
        return Ok(run);
    }
    run.stalled = false;
    run.attempts = 0;
    run.updated_at = Timestamp::now();
    sqlx::query("UPDATE runs SET stalled = 0, due_at = 0, document = ? WHERE id = ?")
        .bind(document(&run))
        .bind(run.id.to_string())
        .execute(&mut *transaction)
        .await?;
    let transition = Transition { from: Some(run.state), to: run.state, at: run.updated_at, cause: cause.to_owned() };
    add_transition(&mut transaction, run.id, &transition).await?;
    transaction.commit().await?;
    Ok(run)
}

/// Whether a later run of the same model and branch exists: an older one must not be promoted over it.
async fn has_newer(connection: &mut SqliteConnection, run: &Run) -> Result<bool, StoreError> {
    let select = "SELECT 1 FROM runs WHERE source = ? AND file = ? AND branch = ? AND created_at > ? LIMIT 1";
    let (source, file, branch, _) = cause_of(run);
    let newer = sqlx::query(select).bind(source.as_str()).bind(file).bind(branch).bind(millis(run.created_at));
    Ok(newer.fetch_optional(connection).await?.is_some())
}

pub(super) async fn load(connection: &mut SqliteConnection, run: RunId) -> Result<Run, StoreError> {
    let row = sqlx::query("SELECT document FROM runs WHERE id = ?").bind(run.to_string());
    let row = row.fetch_optional(connection).await?.ok_or(StoreError::NoSuchRun { run })?;
    read_document(&row)
}

pub(super) async fn newest(store: &SqliteStore, limit: u32) -> Result<Vec<Run>, StoreError> {
    let rows = sqlx::query("SELECT document FROM runs ORDER BY created_at DESC, id DESC LIMIT ?").bind(limit);
    rows.fetch_all(&store.pool).await?.iter().map(read_document).collect()
}

pub(super) async fn by_state(store: &SqliteStore) -> Result<Vec<(RunState, u64)>, StoreError> {
    let rows = sqlx::query("SELECT state, COUNT(*) AS count FROM runs GROUP BY state").fetch_all(&store.pool).await?;
    let count = |row: &SqliteRow| {
        let count: i64 = row.try_get("count")?;
        Ok((read_state(&row.try_get::<String, _>("state")?)?, count.unsigned_abs()))
    };
    rows.iter().map(count).collect()
}

pub(super) async fn transitions(store: &SqliteStore, run: RunId) -> Result<Vec<Transition>, StoreError> {
    let select = "SELECT from_state, to_state, at, cause FROM transitions WHERE run = ? ORDER BY number";
    let rows = sqlx::query(select).bind(run.to_string()).fetch_all(&store.pool).await?;
    let read = |row: &SqliteRow| {
        let from: Option<String> = row.try_get("from_state")?;
        Ok(Transition {
            from: from.map(|word| read_state(&word)).transpose()?,
            to: read_state(&row.try_get::<String, _>("to_state")?)?,
            at: timestamp(row.try_get("at")?)?,
            cause: row.try_get("cause")?,
        })
    };
    rows.iter().map(read).collect()
}

pub(super) async fn append_log(store: &SqliteStore, run: RunId, line: &str) -> Result<(), StoreError> {
    let insert = "INSERT INTO log_lines (run, number, at, line)
                  SELECT ?1, COUNT(*) + 1, ?2, ?3 FROM log_lines WHERE run = ?1 HAVING COUNT(*) < ?4";
    sqlx::query(insert)
        .bind(run.to_string())
        .bind(millis(Timestamp::now()))
        .bind(line)
        .bind(MOST_LOG_LINES)
        .execute(&store.pool)
        .await?;
    Ok(())
}

pub(super) async fn log(store: &SqliteStore, run: RunId, after: u64, limit: u32) -> Result<Vec<LogLine>, StoreError> {
    let select = "SELECT number, at, line FROM log_lines WHERE run = ? AND number > ? ORDER BY number LIMIT ?";
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let rows = sqlx::query(select).bind(run.to_string()).bind(after).bind(limit).fetch_all(&store.pool).await?;
    let read = |row: &SqliteRow| {
        let number: i64 = row.try_get("number")?;
        Ok(LogLine { number: number.unsigned_abs(), at: timestamp(row.try_get("at")?)?, line: row.try_get("line")? })
    };
    rows.iter().map(read).collect()
}

pub(super) async fn artifact_of_key(store: &SqliteStore, key: &Digest) -> Result<Option<(RunId, Digest)>, StoreError> {
    let select =
        "SELECT document FROM runs WHERE run_key = ? AND artifact IS NOT NULL ORDER BY created_at DESC LIMIT 1";
    let row = sqlx::query(select).bind(key.as_str()).fetch_optional(&store.pool).await?;
    let Some(run) = row.map(|row| read_document(&row)).transpose()? else {
        return Ok(None);
    };
    Ok(run.artifact.map(|artifact| (run.id, artifact)))
}
