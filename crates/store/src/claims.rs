//! Claims of runs: the order of runs, the duration of a claim, and records under a claim.

use std::sync::PoisonError;
use std::time::Duration;

use jiff::Timestamp;
use slipway_contract::Digest;
use sqlx::{AnyConnection, Row as _};

use super::database::{AdvisoryLock, Database, millis};
use super::runs::{document, read_document, scope_list};
use super::written::text;
use super::{Lease, Store, StoreError, logs, promotions, quarantine};
use slipway_domain::{Run, RunState, SourceName, Transition};

/// Maximum difference in milliseconds between the clocks of servers that share a store.
const SKEW: i64 = 60 * 1000;

/// The latest time at which a pause or a lease can have been set, by a clock that shows `now`. A later value was set before the
/// clock was set back. Its end is then meaningless: the pause is over and the lease has ended. The distance of an end proves
/// nothing, because a forge may request hours.
pub(super) fn latest_set(now: i64) -> i64 {
    now.saturating_add(SKEW)
}

/// The parameters of a claim.
#[derive(Debug, Clone, Copy)]
pub struct Claim {
    /// The current time.
    pub now: Timestamp,
    /// How long the claim is valid without an extension.
    pub lease_duration: Duration,
    /// Maximum number of claimed runs of one repository.
    pub max_runs_per_source: u32,
}

/// Selects one run before its promotion. The source is the one with the highest waiting priority, then with the fewest claimed
/// runs, then the one that was served longest ago. Within a source the order is priority, then age; within a concurrency group
/// only age counts. Runs that this program cannot read, or whose state it does not know, are skipped and block no other run.
///
/// Two conditions are written so that only the indexes `runs_waiting` and `runs_ahead_in_a_lane` match them: the state is an
/// expression, and `active + 0` is the condition of the second index alone.
const CLAIM: [&str; 2] = [
    "UPDATE runs SET lease = $1, lease_until = $2, lease_set_at = $3 WHERE id = (
         SELECT next.id FROM queues
         LEFT JOIN (SELECT source, COUNT(*) AS runs FROM runs
                    WHERE lease IS NOT NULL AND lease_until >= $3 AND lease_set_at <= $4 GROUP BY source) AS held
           ON held.source = queues.source
         JOIN runs AS next ON next.id = (
             SELECT due.id FROM runs AS due
             WHERE due.source = queues.source AND due.active = 1 AND due.stalled = 0
               AND due.state || '' IN ('queued', 'training', 'evaluating', 'gating', 'publishing')
               AND READABLE due.id
               AND ($7 IS NULL OR LISTED($7, due.environment))
               AND (due.due_at <= $3 OR due.due_set_at > $4)
               AND (due.lease IS NULL OR due.lease_until < $3 OR due.lease_set_at > $4)
               AND NOT EXISTS (SELECT 1 FROM runs AS older
                               WHERE older.lane = due.lane AND older.active + 0 = 1 AND older.stalled = 0
                                 AND older.state <> 'waiting' AND READABLE older.id
                                 AND (older.created_at, older.id) < (due.created_at, due.id))
             ORDER BY due.priority DESC, due.created_at, due.id LIMIT 1",
    ")
         WHERE ($6 IS NULL OR LISTED($6, queues.source))
           AND COALESCE(held.runs, 0) < $5
         ORDER BY next.priority DESC, COALESCE(held.runs, 0), queues.claimed_at, next.created_at LIMIT 1)
     RETURNING id AS key, source, document",
];

/// The sources and environments that a server serves. Runs of other sources or to other environments are left to other servers.
#[derive(Debug)]
pub(super) struct Served {
    sources: String,
    environments: String,
}

/// The result of a claim.
enum Claimed {
    Nothing,
    Run(Box<(Run, Lease)>),
    Unreadable { key: String, source: String, reason: String },
}

impl Store {
    /// From now on, claims only runs of these sources to these environments.
    pub fn serve_only(&self, sources: &[SourceName], environments: &[SourceName]) {
        let served = Served { sources: scope_list(sources), environments: scope_list(environments) };
        *self.served.write().unwrap_or_else(PoisonError::into_inner) = Some(served);
    }

    pub(super) fn served_sources(&self) -> Option<String> {
        self.served.read().unwrap_or_else(PoisonError::into_inner).as_ref().map(|served| served.sources.clone())
    }

    pub(super) fn served_environments(&self) -> Option<String> {
        self.served.read().unwrap_or_else(PoisonError::into_inner).as_ref().map(|served| served.environments.clone())
    }

    /// Claims the next run that is due, unclaimed, and not at its promotion.
    pub async fn claim_run(&self, claim: Claim) -> Result<Option<(Run, Lease)>, StoreError> {
        loop {
            match self.claim_next(claim).await? {
                Claimed::Nothing => return Ok(None),
                Claimed::Run(claimed) => return Ok(Some(*claimed)),
                // The run is skipped from now on, so the next iteration finds another one or none.
                Claimed::Unreadable { key, source, reason } => {
                    let mut transaction = self.database.begin().await?;
                    quarantine::set_aside(&mut transaction, quarantine::RUN, &key, Some(&source), &reason).await?;
                    transaction.commit().await?;
                }
            }
        }
    }

    async fn claim_next(&self, claim: Claim) -> Result<Claimed, StoreError> {
        let statement = CLAIM.join(self.database.locked_or_skipped());
        let statement = ["due", "older"].iter().fold(statement, |statement, table| {
            let key = format!("{table}.id");
            statement.replace(&format!("READABLE {key}"), &quarantine::readable(quarantine::RUN, &key))
        });
        let lists = [("$7", "due.environment"), ("$6", "queues.source")];
        let statement = lists.iter().fold(statement, |statement, (list, name)| {
            statement.replace(&format!("LISTED({list}, {name})"), &self.database.is_listed(list, name))
        });
        let statement = sqlx::AssertSqlSafe(statement);
        let token = uuid::Uuid::now_v7().to_string();
        let now = millis(claim.now);
        let mut transaction = self.database.begin().await?;
        self.database.acquire_lock(&mut transaction, AdvisoryLock::Claim).await?;
        self.database.read_in_order(&mut transaction).await?;
        let row = sqlx::query(statement)
            .bind(token.clone())
            .bind(millis(claim.now + claim.lease_duration))
            .bind(now)
            .bind(latest_set(now))
            .bind(i64::from(claim.max_runs_per_source))
            .bind(self.served_sources())
            .bind(self.served_environments())
            .fetch_optional(&mut *transaction)
            .await?;
        let Some(row) = row else { return Ok(Claimed::Nothing) };
        let run = match read_document(&row) {
            Err(StoreError::Unreadable(reason)) => {
                // Dropping the transaction undoes the claim: a newer server may be able to read the run.
                let (key, source) = (row.try_get("key")?, row.try_get("source")?);
                return Ok(Claimed::Unreadable { key, source, reason });
            }
            run => run?,
        };
        let served = sqlx::query("UPDATE queues SET claimed_at = $1 WHERE source = $2");
        served.bind(now).bind(row.try_get::<String, _>("source")?).execute(&mut *transaction).await?;
        transaction.commit().await?;
        let lease = Lease { run: run.id, token };
        Ok(Claimed::Run(Box::new((run, lease))))
    }

    /// Extends the lease; fails with [`StoreError::LeaseLost`] if the lease has ended.
    pub async fn extend_lease(&self, lease: &Lease, until: Timestamp) -> Result<(), StoreError> {
        let done = sqlx::query("UPDATE runs SET lease_until = $1, lease_set_at = $4 WHERE id = $2 AND lease = $3")
            .bind(millis(until))
            .bind(lease.run.to_string())
            .bind(lease.token.clone())
            .bind(millis(Timestamp::now()))
            .execute(&self.database.pool)
            .await?;
        held(lease, done.rows_affected())
    }

    /// Writes the run and the transition to its current state.
    pub async fn record_run(
        &self,
        lease: &Lease,
        run: &Run,
        transition: Option<&Transition>,
    ) -> Result<(), StoreError> {
        let mut transaction = match transition {
            Some(_) => self.database.begin_moving().await?,
            None => self.database.begin().await?,
        };
        record(&self.database, &mut transaction, lease, run, transition).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Releases the run until `due_at`, or without a pause if it was woken while it was claimed.
    pub async fn release_run(&self, lease: &Lease, due_at: Timestamp) -> Result<(), StoreError> {
        let update = "UPDATE runs SET lease = NULL, lease_until = NULL, due_set_at = $4,
                                      due_at = CASE WHEN due_at < 0 THEN 0 ELSE $1 END
                      WHERE id = $2 AND lease = $3";
        let done = sqlx::query(update)
            .bind(millis(due_at))
            .bind(lease.run.to_string())
            .bind(lease.token.clone())
            .bind(millis(Timestamp::now()))
            .execute(&self.database.pool)
            .await?;
        held(lease, done.rows_affected())
    }

    /// Releases every run. Only for the start of a server that does not share the store.
    pub async fn release_all(&self) -> Result<u64, StoreError> {
        let freed = sqlx::query("UPDATE runs SET lease = NULL, lease_until = NULL WHERE lease IS NOT NULL");
        Ok(freed.execute(&self.database.pool).await?.rows_affected())
    }
}

/// Writes the run under its lease. A run that passed replaces older runs that passed and still wait.
pub(super) async fn record(
    database: &Database,
    connection: &mut AnyConnection,
    lease: &Lease,
    run: &Run,
    transition: Option<&Transition>,
) -> Result<(), StoreError> {
    let update = "UPDATE runs SET model = $1, state = $2, active = $3, stalled = $4, run_key = $5, artifact = $6,
                                      document = $7
                      WHERE id = $8 AND lease = $9";
    let done = sqlx::query(update)
        .bind(text(&*run.cause.model))
        .bind(run.status.state.as_str())
        .bind(i64::from(run.status.state.is_active()))
        .bind(i64::from(run.status.stalled))
        .bind(run.training.cache_key.as_ref().map(Digest::to_string))
        .bind(run.training.artifact.as_ref().map(Digest::to_string))
        .bind(document(run)?)
        .bind(run.id.to_string())
        .bind(lease.token.clone())
        .execute(&mut *connection)
        .await?;
    held(lease, done.rows_affected())?;
    if let Some(transition) = transition {
        logs::add_transition(database, connection, run, transition).await?;
        if run.status.state == RunState::Promoting && transition.from == Some(RunState::Publishing) {
            promotions::take_place(database, connection, run).await?;
        }
    }
    Ok(())
}

fn held(lease: &Lease, rows: u64) -> Result<(), StoreError> {
    if rows == 1 { Ok(()) } else { Err(StoreError::LeaseLost { run: lease.run }) }
}
