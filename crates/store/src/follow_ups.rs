//! Follow-ups of a promotion in other repositories. They are written with the promotion and removed with their result, so that
//! each executes at least once and blocks nothing.

use std::time::Duration;

use jiff::Timestamp;
use sqlx::{AnyConnection, Row as _};

use super::claims::latest_set;
use super::database::{count_of, millis};
use super::written::text;
use super::{Store, StoreError, runs};
use slipway_domain::{Actor, Run, RunId, SourceName};

/// A promotion, and an environment whose repository must be read because of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FollowUp {
    /// The environment whose repository must be read.
    pub environment: SourceName,
    /// The run that was promoted.
    pub run: RunId,
    /// Number of attempts, including this one.
    pub attempts: u32,
}

/// Records that a promotion affects these environments.
pub(super) async fn add(
    connection: &mut AnyConnection,
    run: &Run,
    environments: &[SourceName],
) -> Result<(), StoreError> {
    for environment in environments {
        let insert = "INSERT INTO follow_ups (environment, run, at) VALUES ($1, $2, $3)
                      ON CONFLICT (environment, run) DO NOTHING";
        let insert = sqlx::query(insert).bind(environment.as_str().to_owned()).bind(run.id.to_string());
        insert.bind(millis(run.status.updated_at)).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Whether the follow-up of a later promotion of the same model is already complete. This happens if two servers, or a requeue,
/// change the order.
async fn is_overtaken(connection: &mut AnyConnection, done: &FollowUp) -> Result<bool, StoreError> {
    let newer = "SELECT 1 AS newer FROM runs AS promoted JOIN runs AS newer
                     ON newer.environment = promoted.environment AND newer.model = promoted.model
                        AND newer.source = promoted.source AND newer.opened > promoted.opened
                 WHERE promoted.id = $1 AND newer.change_id IS NULL AND newer.state IN ('waiting', 'promoting', 'done')
                   AND newer.state = 'done' AND newer.lane NOT LIKE '% rollback:%'
                   AND NOT EXISTS (SELECT 1 FROM follow_ups WHERE environment = $2 AND run = newer.id) LIMIT 1";
    let newer = sqlx::query(newer).bind(done.run.to_string()).bind(done.environment.as_str().to_owned());
    Ok(newer.fetch_optional(connection).await?.is_some())
}

impl Store {
    /// Leases due follow-ups of an environment, up to `limit`, in the order of the promotions. No other server receives them for
    /// `lease_duration`.
    pub async fn due_follow_ups(
        &self,
        environment: &SourceName,
        now: Timestamp,
        lease_duration: Duration,
        limit: u32,
    ) -> Result<Vec<FollowUp>, StoreError> {
        let take = sqlx::AssertSqlSafe(format!(
            "UPDATE follow_ups SET attempts = attempts + 1, due_at = $1, due_set_at = $2
             WHERE environment = $3 AND run IN (
                 SELECT run FROM follow_ups
                 WHERE environment = $3 AND (due_at <= $2 OR due_set_at > $4)
                 ORDER BY at, run LIMIT $5{})
             RETURNING run, attempts, at",
            self.database.locked_or_skipped()
        ));
        let rows = sqlx::query(take)
            .bind(millis(now + lease_duration))
            .bind(millis(now))
            .bind(environment.as_str().to_owned())
            .bind(latest_set(millis(now)))
            .bind(i64::from(limit))
            .fetch_all(&self.database.pool)
            .await?;
        let read = |row: &sqlx::any::AnyRow| {
            let run: String = row.try_get("run")?;
            let run = run.parse().map_err(|error| StoreError::Unreadable(format!("`{run}`: {error}")))?;
            let attempts = u32::try_from(count_of(row, "attempts")?).unwrap_or(u32::MAX);
            Ok((row.try_get::<i64, _>("at")?, FollowUp { environment: environment.clone(), run, attempts }))
        };
        let mut due: Vec<(i64, FollowUp)> = rows.iter().map(read).collect::<Result<_, StoreError>>()?;
        due.sort_by_key(|(at, due)| (*at, due.run));
        Ok(due.into_iter().map(|(_, due)| due).collect())
    }

    /// Removes a follow-up and records the run that results from it, if there is one: both or nothing. A second caller finds
    /// nothing to do. A follow-up that a later promotion has overtaken opens no run, because that run would promote an older
    /// artifact over a newer one. Returns whether the follow-up existed.
    pub async fn acknowledge_follow_up(&self, done: &FollowUp, follows: Option<&Run>) -> Result<bool, StoreError> {
        let mut transaction = match follows {
            Some(_) => self.database.begin_opening().await?,
            None => self.database.begin().await?,
        };
        let remove = sqlx::query("DELETE FROM follow_ups WHERE environment = $1 AND run = $2")
            .bind(done.environment.as_str().to_owned())
            .bind(done.run.to_string());
        let was_there = remove.execute(&mut *transaction).await?.rows_affected() == 1;
        if let (true, Some(run)) = (was_there, follows)
            && !is_overtaken(&mut transaction, done).await?
        {
            runs::open(&self.database, &mut transaction, run, &Actor::controller()).await?;
        }
        transaction.commit().await?;
        Ok(was_there)
    }

    /// Requeues a follow-up.
    pub async fn requeue_follow_up(&self, later: &FollowUp, due_at: Timestamp, note: &str) -> Result<(), StoreError> {
        let update =
            "UPDATE follow_ups SET due_at = $1, due_set_at = $2, note = $3 WHERE environment = $4 AND run = $5";
        sqlx::query(update)
            .bind(millis(due_at))
            .bind(millis(Timestamp::now()))
            .bind(text(note))
            .bind(later.environment.as_str().to_owned())
            .bind(later.run.to_string())
            .execute(&self.database.pool)
            .await?;
        Ok(())
    }

    /// Makes all follow-ups due, including those that an earlier server had leased. Only for the start of a server that does not
    /// share the store.
    pub async fn release_follow_ups(&self) -> Result<(), StoreError> {
        sqlx::query("UPDATE follow_ups SET due_at = 0 WHERE due_at > 0").execute(&self.database.pool).await?;
        Ok(())
    }

    /// Number of waiting follow-ups for the served environments.
    pub async fn follow_ups_waiting(&self) -> Result<u64, StoreError> {
        let count = "SELECT COUNT(*) AS waiting FROM follow_ups
                     WHERE $1 IS NULL OR $1 LIKE '%,' || environment || ',%'";
        let count = sqlx::query(count).bind(self.served_environments());
        count_of(&count.fetch_one(&self.database.pool).await?, "waiting")
    }
}
