//! Positions of runs in their queue, and numbers of runs.

use jiff::Timestamp;
use serde::Serialize;
use sqlx::Row as _;

use super::database::{count_of, millis, timestamp};
use super::written::text;
use super::{Store, StoreError};
use slipway_domain::{Run, RunId, RunState};

/// Number of counter rows above which they are summed up.
const MAX_PIECES: u64 = 1_000;

/// Position of a run among those that wait to be claimed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QueuePlace {
    /// Its position in its repository's queue, from one.
    pub position: u64,
    /// Number of waiting runs of the repository.
    pub waiting: u64,
    /// The run of the same concurrency group that must end first.
    pub behind: Option<RunId>,
    /// Time at which it is due, if that is in the future.
    pub due_at: Option<Timestamp>,
}

impl Store {
    /// Position of a run in its source's queue; `None` if it does not wait to be claimed.
    pub async fn queue_place(&self, run: &Run, now: Timestamp) -> Result<Option<QueuePlace>, StoreError> {
        let own = "SELECT due_at, priority, created_at FROM runs
                   WHERE id = $1 AND active = 1 AND stalled = 0 AND state <> 'waiting'
                     AND (lease IS NULL OR lease_until < $2)";
        let own =
            sqlx::query(own).bind(run.id.to_string()).bind(millis(now)).fetch_optional(&self.database.pool).await?;
        let Some(own) = own else { return Ok(None) };
        let (due_at, priority, created_at): (i64, i64, i64) =
            (own.try_get("due_at")?, own.try_get("priority")?, own.try_get("created_at")?);
        let counts = "SELECT COUNT(*) AS waiting,
                             COUNT(CASE WHEN priority > $3 OR (priority = $3 AND (created_at, id) <= ($4, $5)) THEN 1 END)
                                 AS position
                      FROM runs WHERE source = $1 AND active = 1 AND stalled = 0 AND state <> 'waiting'
                        AND (lease IS NULL OR lease_until < $2)";
        let counts = sqlx::query(counts)
            .bind(run.cause.source.as_str().to_owned())
            .bind(millis(now))
            .bind(priority)
            .bind(created_at)
            .bind(run.id.to_string())
            .fetch_one(&self.database.pool)
            .await?;
        let older = "SELECT id FROM runs WHERE lane = $1 AND active = 1 AND stalled = 0 AND state <> 'waiting'
                     AND (created_at, id) < ($2, $3) ORDER BY created_at, id LIMIT 1";
        let older =
            sqlx::query(older).bind(text(run.concurrency_group().as_str())).bind(created_at).bind(run.id.to_string());
        let older = older.fetch_optional(&self.database.pool).await?;
        Ok(Some(QueuePlace {
            position: count_of(&counts, "position")?,
            waiting: count_of(&counts, "waiting")?,
            behind: older.map(|row| row.try_get::<String, _>("id")).transpose()?.and_then(|id| id.parse().ok()),
            due_at: (due_at > millis(now)).then(|| timestamp(due_at)).transpose()?,
        }))
    }

    /// Number of runs in each state, as counted by triggers of the database.
    pub async fn runs_by_state(&self) -> Result<Vec<(RunState, u64)>, StoreError> {
        let select = "SELECT state, CAST(SUM(amount) AS BIGINT) AS count, COUNT(*) AS pieces FROM run_counts
                      GROUP BY state";
        let rows = sqlx::query(select).fetch_all(&self.database.pool).await?;
        let mut counts = Vec::with_capacity(rows.len());
        let mut pieces = 0;
        for row in &rows {
            pieces += count_of(row, "pieces")?;
            // A newer server that shares the store can know more states.
            if let Some(state) = RunState::from_name(&row.try_get::<String, _>("state")?) {
                counts.push((state, count_of(row, "count")?));
            }
        }
        if pieces > MAX_PIECES && self.database.is_shared() {
            // The counts are correct even if this fails.
            self.sum_up_counts().await.ok();
        }
        counts.retain(|(_, count)| *count > 0);
        Ok(counts)
    }

    /// Replaces the counter rows by their sums. Only for PostgreSQL: SQLite updates its counters in place.
    async fn sum_up_counts(&self) -> Result<(), StoreError> {
        let sum_up = "WITH gone AS (DELETE FROM run_counts RETURNING state, amount)
                      INSERT INTO run_counts (state, amount) SELECT state, SUM(amount) FROM gone GROUP BY state";
        sqlx::query(sum_up).execute(&self.database.pool).await?;
        Ok(())
    }

    /// Creation time of the oldest run that is due and not claimed.
    pub async fn longest_waiting(&self, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        // The sign prevents both databases from reading all runs by their time.
        let select = "SELECT MIN(+created_at) AS oldest FROM runs
                      WHERE active = 1 AND stalled = 0 AND state <> 'waiting' AND lease IS NULL AND due_at <= $1";
        let row = sqlx::query(select).bind(millis(now)).fetch_one(&self.database.pool).await?;
        row.try_get::<Option<i64>, _>("oldest")?.map(timestamp).transpose()
    }

    /// Number of runs that are due and not claimed, and number of stalled runs.
    pub async fn waiting_and_stalled(&self, now: Timestamp) -> Result<(u64, u64), StoreError> {
        let select =
            "SELECT COUNT(CASE WHEN stalled = 0 AND state <> 'waiting' AND lease IS NULL AND due_at <= $1 THEN 1 END)
                                 AS waiting,
                             COUNT(CASE WHEN stalled = 1 THEN 1 END) AS stalled
                      FROM runs WHERE active = 1";
        let row = sqlx::query(select).bind(millis(now)).fetch_one(&self.database.pool).await?;
        Ok((count_of(&row, "waiting")?, count_of(&row, "stalled")?))
    }
}
