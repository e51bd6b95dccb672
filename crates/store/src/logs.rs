//! Transitions of runs, in one order over all runs, and the lines of their logs.

use jiff::Timestamp;
use serde::Serialize;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row as _};

use super::database::{AdvisoryLock, Database, count_of, millis, stored, time_of};
use super::reports;
use super::runs::read_state;
use super::written::text;
use super::{Store, StoreError};
use slipway_domain::{Actor, Run, RunId, SourceName, Transition};

/// Maximum number of lines in a run's log. Further lines of a trainer are dropped, so that they cannot fill the disk; the
/// training continues.
const MAX_LOG_LINES: i64 = 20_000;

/// One line of a run's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogLine {
    /// Its position in the log, from one.
    pub number: u64,
    /// Time at which it was written.
    pub at: Timestamp,
    /// The text.
    pub line: String,
}

/// One transition of any run, with its global sequence number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Its position in the order of all transitions.
    pub sequence: u64,
    /// The run.
    pub run: RunId,
    /// The run's source.
    pub source: SourceName,
    /// The run's model.
    pub model: String,
    /// The transition.
    #[serde(flatten)]
    pub transition: Transition,
}

/// Inserts a transition and the resulting report to the forge.
pub(super) async fn add_transition(
    database: &Database,
    connection: &mut AnyConnection,
    run: &Run,
    transition: &Transition,
) -> Result<(), StoreError> {
    database.acquire_lock(connection, AdvisoryLock::Transition).await?;
    let Transition { from, to, at, cause, actor } = transition;
    let insert = "INSERT INTO transitions (run, number, from_state, to_state, at, cause, actor)
                  SELECT $1, COUNT(*) + 1, $2, $3, $4, $5, $6 FROM transitions WHERE run = $1
                  RETURNING sequence";
    let row = sqlx::query(insert)
        .bind(run.id.to_string())
        .bind(from.map(|state| state.as_str().to_owned()))
        .bind(to.as_str())
        .bind(millis(*at))
        .bind(text(&**cause))
        .bind(text(actor.as_str()))
        .fetch_one(&mut *connection)
        .await?;
    reports::run_moved(connection, row.try_get("sequence")?, run, *at).await
}

fn read_transition(row: &AnyRow) -> Result<Transition, StoreError> {
    let from: Option<String> = row.try_get("from_state")?;
    Ok(Transition {
        from: from.map(|word| read_state(&word)).transpose()?,
        to: read_state(&row.try_get::<String, _>("to_state")?)?,
        at: time_of(row, "at")?,
        cause: row.try_get("cause")?,
        actor: Actor::stored(row.try_get("actor")?),
    })
}

/// A transition with its run, from a row of both tables.
pub(super) fn read_change(row: &AnyRow) -> Result<Change, StoreError> {
    let run: String = row.try_get("run")?;
    Ok(Change {
        sequence: count_of(row, "sequence")?,
        run: run.parse().map_err(|error| StoreError::Unreadable(format!("`{run}`: {error}")))?,
        source: SourceName::try_from(row.try_get::<String, _>("source")?).map_err(StoreError::Unreadable)?,
        model: row.try_get("model")?,
        transition: read_transition(row)?,
    })
}

/// The readable rows. A state that only a newer server knows is left out here; that server reports it.
fn known<T>(rows: &[AnyRow], read: fn(&AnyRow) -> Result<T, StoreError>) -> Result<Vec<T>, StoreError> {
    let mut known = Vec::with_capacity(rows.len());
    for row in rows {
        match read(row) {
            Err(StoreError::Unreadable(reason)) => tracing::debug!(reason, "a transition is skipped: {reason}"),
            read => known.push(read?),
        }
    }
    Ok(known)
}

impl Store {
    /// The transitions of a run.
    pub async fn transitions(&self, run: RunId) -> Result<Vec<Transition>, StoreError> {
        let select = "SELECT from_state, to_state, at, cause, actor FROM transitions WHERE run = $1 ORDER BY number";
        let rows = sqlx::query(select).bind(run.to_string()).fetch_all(&self.database.pool).await?;
        known(&rows, read_transition)
    }

    /// The time at which a run entered its current state.
    pub async fn in_state_since(&self, run: RunId) -> Result<Option<Timestamp>, StoreError> {
        let select = "SELECT MAX(at) AS at FROM transitions
                      WHERE run = $1 AND (from_state IS NULL OR from_state <> to_state)";
        let row = sqlx::query(select).bind(run.to_string()).fetch_one(&self.database.pool).await?;
        row.try_get::<Option<i64>, _>("at")?.map(super::database::timestamp).transpose()
    }

    /// Transitions of all runs after a sequence number.
    pub async fn changes(&self, after: u64, limit: u32) -> Result<Vec<Change>, StoreError> {
        let select = "SELECT sequence, run, source, model, from_state, to_state, at, cause, actor
                      FROM transitions JOIN runs ON runs.id = transitions.run
                      WHERE sequence > $1 ORDER BY sequence LIMIT $2";
        let mut after = after;
        loop {
            let rows = sqlx::query(select).bind(stored(after)).bind(i64::from(limit));
            let rows = rows.fetch_all(&self.database.pool).await?;
            let changes = known(&rows, read_change)?;
            match rows.last() {
                // A page without readable rows is not the end of the list.
                Some(last) if changes.is_empty() => after = count_of(last, "sequence")?,
                _ => return Ok(changes),
            }
        }
    }

    /// The sequence number of the newest transition; zero if there is none.
    pub async fn newest_change(&self) -> Result<u64, StoreError> {
        let row = sqlx::query("SELECT COALESCE(MAX(sequence), 0) AS newest FROM transitions");
        count_of(&row.fetch_one(&self.database.pool).await?, "newest")
    }

    /// Appends a line to a run's log.
    pub async fn append_log(&self, run: RunId, line: &str) -> Result<(), StoreError> {
        self.append(run, line, "").await
    }

    /// Appends a line to a run's log after a failed attempt, unless that attempt already appended it: the log then ends with the
    /// line.
    pub async fn append_log_again(&self, run: RunId, line: &str) -> Result<(), StoreError> {
        let unless = "AND NOT EXISTS (SELECT 1 FROM log_lines AS last WHERE last.run = $1 AND last.line = $3
                        AND last.number = (SELECT MAX(number) FROM log_lines WHERE run = $1))";
        self.append(run, line, unless).await
    }

    async fn append(&self, run: RunId, line: &str, condition: &str) -> Result<(), StoreError> {
        let insert = format!(
            "INSERT INTO log_lines (run, number, at, line)
             SELECT $1, COALESCE(MAX(number), 0) + 1, $2, $3 FROM log_lines WHERE run = $1
             HAVING COALESCE(MAX(number), 0) < $4 {condition}"
        );
        sqlx::query(AssertSqlSafe(insert))
            .bind(run.to_string())
            .bind(millis(Timestamp::now()))
            .bind(text(line))
            .bind(MAX_LOG_LINES)
            .execute(&self.database.pool)
            .await?;
        Ok(())
    }

    /// A run's log after a line.
    pub async fn log(&self, run: RunId, after: u64, limit: u32) -> Result<Vec<LogLine>, StoreError> {
        let select = "SELECT number, at, line FROM log_lines WHERE run = $1 AND number > $2 ORDER BY number LIMIT $3";
        let rows = sqlx::query(select).bind(run.to_string()).bind(stored(after)).bind(i64::from(limit));
        let read = |row: &AnyRow| {
            Ok(LogLine { number: count_of(row, "number")?, at: time_of(row, "at")?, line: row.try_get("line")? })
        };
        rows.fetch_all(&self.database.pool).await?.iter().map(read).collect()
    }
}
