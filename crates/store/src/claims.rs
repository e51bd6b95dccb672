//! Claiming runs: who comes next, how long a claim holds, and what is recorded under it.

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

/// Milliseconds by which the clocks of servers that share a store may differ.
const SKEW: i64 = 60 * 1000;

/// The latest time at which a pause or a lease can have been set, by a clock that shows `now`. What was set later was set
/// before the clock was set back: its end means nothing, so the pause is over and the lease has ended. How far away an end
/// is says nothing: a forge may ask for hours.
pub(super) fn latest_set(now: i64) -> i64 {
    now.saturating_add(SKEW)
}

/// How a run is claimed.
#[derive(Debug, Clone, Copy)]
pub struct Claim {
    /// The time now.
    pub now: Timestamp,
    /// How long the claim holds without being extended.
    pub lease_duration: Duration,
    /// Runs of one repository that may be held at a time.
    pub max_runs_per_source: u32,
}

/// One run that is not at its promotion: of the source with the highest priority waiting, among those the one with the fewest runs held, among those
/// the one that was served longest ago. Within a source: by priority, then by age; within a lane strictly by age. What this
/// program cannot read, or in a state it does not know, is passed over and holds up nobody.
///
/// Two conditions are written so that no index but `runs_waiting` and `runs_ahead_in_a_lane` answers them: the state is made an
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
               AND ($7 IS NULL OR $7 LIKE '%,' || due.environment || ',%')
               AND (due.due_at <= $3 OR due.due_set_at > $4)
               AND (due.lease IS NULL OR due.lease_until < $3 OR due.lease_set_at > $4)
               AND NOT EXISTS (SELECT 1 FROM runs AS older
                               WHERE older.lane = due.lane AND older.active + 0 = 1 AND older.stalled = 0
                                 AND older.state <> 'waiting' AND READABLE older.id
                                 AND (older.created_at, older.id) < (due.created_at, due.id))
             ORDER BY due.priority DESC, due.created_at, due.id LIMIT 1",
    ")
         WHERE ($6 IS NULL OR $6 LIKE '%,' || queues.source || ',%')
           AND COALESCE(held.runs, 0) < $5
         ORDER BY next.priority DESC, COALESCE(held.runs, 0), queues.claimed_at, next.created_at LIMIT 1)
     RETURNING id AS key, source, document",
];

/// What a server serves. Runs of other sources, and to other environments, are left to the servers that know them.
#[derive(Debug)]
pub(super) struct Served {
    sources: String,
    environments: String,
}

/// What a claim came to.
enum Claimed {
    Nothing,
    Run(Box<(Run, Lease)>),
    Unreadable { key: String, source: String, reason: String },
}

impl Store {
    /// Takes only runs of these sources to these environments from now on.
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

    /// Takes the next run that is due, held by nobody, and not at its promotion.
    pub async fn claim_run(&self, claim: Claim) -> Result<Option<(Run, Lease)>, StoreError> {
        loop {
            match self.claim_next(claim).await? {
                Claimed::Nothing => return Ok(None),
                Claimed::Run(claimed) => return Ok(Some(*claimed)),
                // It is passed over from now on, so the next round finds another or none.
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
                // The claim is undone: a newer server may be able to read the run.
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

    /// Holds the run longer; fails with [`StoreError::LeaseLost`] if it is not held any more.
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

    /// Writes the run, and the transition that brought it where it stands.
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

    /// Lets go of the run, not to be taken before `due_at`; but at once if it was woken while it was held.
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

    /// Frees every run. Only for a server that knows to be the only one, when it starts.
    pub async fn release_all(&self) -> Result<u64, StoreError> {
        let freed = sqlx::query("UPDATE runs SET lease = NULL, lease_until = NULL WHERE lease IS NOT NULL");
        Ok(freed.execute(&self.database.pool).await?.rows_affected())
    }
}

/// Writes the run under its lease. One that passed takes the place of older ones that passed and still wait.
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
        .bind(text(&*run.model))
        .bind(run.state.as_str())
        .bind(i64::from(run.state.is_active()))
        .bind(i64::from(run.stalled))
        .bind(run.cache_key.as_ref().map(Digest::to_string))
        .bind(run.artifact.as_ref().map(Digest::to_string))
        .bind(document(run)?)
        .bind(run.id.to_string())
        .bind(lease.token.clone())
        .execute(&mut *connection)
        .await?;
    held(lease, done.rows_affected())?;
    if let Some(transition) = transition {
        logs::add_transition(database, connection, run, transition).await?;
        if run.state == RunState::Promoting && transition.from == Some(RunState::Publishing) {
            promotions::take_place(database, connection, run).await?;
        }
    }
    Ok(())
}

fn held(lease: &Lease, rows: u64) -> Result<(), StoreError> {
    if rows == 1 { Ok(()) } else { Err(StoreError::LeaseLost { run: lease.run }) }
}
