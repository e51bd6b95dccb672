//! Runs at their promotion. Many are claimed together, because runs of one branch share a push. Also the runs that promote an
//! artifact downstream, and the earlier promotions for a rollback. The order in which runs were recorded determines the newer of
//! two runs, because clocks can jump.

use sqlx::any::AnyArguments;
use sqlx::query::Query;
use sqlx::{Any, AnyConnection, AssertSqlSafe, Row as _};

use super::claims::{latest_set, record};
use super::conditions::Conditions;
use super::database::{Database, millis};
use super::run_actions::supersede;
use super::runs::{self, read_document};
use super::written::text;
use super::{Claim, Lease, Store, StoreError, decisions, follow_ups, owners, quarantine};
use slipway_contract::Digest;
use slipway_domain::{Actor, Hold, Run, RunState, SourceName, Transition};

/// Maximum number of earlier promotions of a model that a rollback considers.
const MAX_EARLIER: i64 = 200;

/// Maximum number of stalled runs that are read together.
const MAX_STALLED: i64 = 500;

/// Supersedes older runs of the same source, model and environment that passed and still wait. Approvals of their artifacts
/// become void. Runs of other sources are not affected, even with equal model names. Rollbacks continue to wait: a hold decides
/// when other runs may follow.
pub(super) async fn take_place(
    database: &Database,
    connection: &mut AnyConnection,
    run: &Run,
) -> Result<(), StoreError> {
    let select = "SELECT id AS key, source, document FROM runs
                  WHERE environment = $1 AND model = $2 AND source = $4 AND state = 'waiting' AND active = 1
                    AND lane NOT LIKE '% rollback:%'
                    AND opened < (SELECT opened FROM runs WHERE id = $3)";
    let select = AssertSqlSafe(format!("{select}{}", database.locked()));
    let waiting = sqlx::query(select)
        .bind(run.cause.environment.as_str().to_owned())
        .bind(text(&*run.cause.model))
        .bind(run.id.to_string())
        .bind(run.cause.source.as_str().to_owned())
        .fetch_all(&mut *connection)
        .await?;
    for row in waiting {
        let Some(older) = runs::read_or_set_aside(connection, &row).await? else { continue };
        if older.training.artifact != run.training.artifact
            && let Some(artifact) = &older.training.artifact
        {
            decisions::forget_approvals(connection, &older.cause.environment, &older.cause.model, artifact).await?;
        }
        let cause =
            format!("superseded by run {} of {}, which passed its policy later", run.id, run.cause.head.short());
        supersede(database, connection, older, &cause).await?;
    }
    Ok(())
}

/// `due_at` of a woken run. The value is before every time, so that a server that claimed the run before it was woken does not
/// make it pause.
const WOKEN: i64 = -1;

impl Store {
    /// Claims runs to an environment in `state` (waiting or promoting), up to `limit`, in the order of their creation.
    pub async fn claim_promotions(
        &self,
        environment: &SourceName,
        state: RunState,
        claim: Claim,
        limit: u32,
    ) -> Result<Vec<(Run, Lease)>, StoreError> {
        let take = AssertSqlSafe(format!(
            "UPDATE runs SET lease = $1, lease_until = $2, lease_set_at = $3, due_at = 0 WHERE id IN (
                 SELECT id FROM runs
                 WHERE active = 1 AND stalled = 0 AND state IN ('waiting', 'promoting') AND {}
                   AND state = $8 AND environment = $6 AND ($7 IS NULL OR $7 LIKE '%,' || source || ',%')
                   AND (due_at <= $3 OR due_set_at > $4)
                   AND (lease IS NULL OR lease_until < $3 OR lease_set_at > $4)
                 ORDER BY created_at, id LIMIT $5{})
             RETURNING id AS key, source, document",
            quarantine::readable(quarantine::RUN, "id"),
            self.database.locked_or_skipped()
        ));
        let token = uuid::Uuid::now_v7().to_string();
        let now = millis(claim.now);
        let mut transaction = self.database.begin().await?;
        self.database.read_in_order(&mut transaction).await?;
        let rows = sqlx::query(take)
            .bind(token.clone())
            .bind(millis(claim.now + claim.lease_duration))
            .bind(now)
            .bind(latest_set(now))
            .bind(i64::from(limit))
            .bind(environment.as_str().to_owned())
            .bind(self.served_sources())
            .bind(state.as_str())
            .fetch_all(&mut *transaction)
            .await?;
        let mut claimed: Vec<Run> = Vec::with_capacity(rows.len());
        for row in &rows {
            if let Some(run) = runs::read_or_set_aside(&mut transaction, row).await? {
                claimed.push(run);
            } else {
                // The run is released: a newer server may be able to read it.
                let free = sqlx::query("UPDATE runs SET lease = NULL, lease_until = NULL WHERE id = $1");
                free.bind(row.try_get::<String, _>("key")?).execute(&mut *transaction).await?;
            }
        }
        transaction.commit().await?;
        claimed.sort_by_key(|run| (run.created_at, run.id));
        Ok(claimed.into_iter().map(|run| (run.clone(), Lease { run: run.id, token: token.clone() })).collect())
    }

    /// Writes a run's transition, and the environments whose repositories must be read because of it: all or nothing.
    pub async fn record_moved(
        &self,
        lease: &Lease,
        run: &Run,
        transition: &Transition,
        concerned: &[SourceName],
    ) -> Result<(), StoreError> {
        let mut transaction = self.database.begin_moving().await?;
        record(&self.database, &mut transaction, lease, run, Some(transition)).await?;
        owners::note_promoted(&mut transaction, run).await?;
        follow_ups::add(&mut transaction, run, concerned).await?;
        transaction.commit().await
    }

    /// Records a run that a person requested, and a hold that prevents automation from undoing it.
    pub async fn open_run(&self, run: &Run, actor: &Actor, hold: Option<&Hold>) -> Result<(), StoreError> {
        let mut transaction = self.database.begin_opening().await?;
        if let Some(hold) = hold {
            decisions::put_hold(&mut transaction, hold).await?;
        }
        runs::open(&self.database, &mut transaction, run, actor).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Records a run that a person starts without a push.
    pub async fn start_run(&self, run: &Run, actor: &Actor) -> Result<(), StoreError> {
        let mut transaction = self.database.begin_opening().await?;
        runs::insert(&self.database, &mut transaction, run, &format!("started by {actor}"), actor).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Makes waiting runs due now: those of an environment, of a model, or all.
    pub async fn make_waiting_due(
        &self,
        environment: Option<&SourceName>,
        model: Option<&str>,
    ) -> Result<(), StoreError> {
        let mut wanted = Conditions::new(["state = 'waiting'", "active = 1"]);
        wanted.equal("environment", environment.map(|environment| environment.as_str().to_owned()));
        wanted.equal("model", model.map(text));
        let update = AssertSqlSafe(format!("UPDATE runs SET due_at = {WOKEN} {}", wanted.clause()));
        wanted.bind_to(sqlx::query(update)).execute(&self.database.pool).await?;
        Ok(())
    }

    /// Active runs to an environment, oldest first.
    pub async fn runs_under_way(&self, environment: &SourceName) -> Result<Vec<Run>, StoreError> {
        let select = "SELECT id AS key, source, document FROM runs
                      WHERE environment = $1 AND active = 1 AND change_id IS NULL
                      ORDER BY created_at, id";
        let rows = sqlx::query(select).bind(environment.as_str().to_owned());
        let rows = rows.fetch_all(&self.database.pool).await?;
        self.readable_of(quarantine::RUN, &rows, read_document).await
    }

    /// Stalled runs to an environment, including runs of pull requests, oldest first: at most 500 after another run in this
    /// order.
    pub async fn stalled_runs(&self, environment: &SourceName, after: Option<&Run>) -> Result<Vec<Run>, StoreError> {
        let select = "SELECT id AS key, source, document FROM runs
                      WHERE environment = $1 AND active = 1 AND stalled = 1 AND (created_at, id) > ($2, $3)
                      ORDER BY created_at, id LIMIT $4";
        let (created_at, id) =
            after.map_or((i64::MIN, String::new()), |run| (millis(run.created_at), run.id.to_string()));
        let rows =
            sqlx::query(select).bind(environment.as_str().to_owned()).bind(created_at).bind(id).bind(MAX_STALLED);
        let rows = rows.fetch_all(&self.database.pool).await?;
        self.readable_of(quarantine::RUN, &rows, read_document).await
    }

    /// Runs of a source whose promotion an environment accepted and whose artifact still exists, newest first. Runs of pull
    /// requests have no promotion.
    pub async fn promoted_runs(
        &self,
        environment: &SourceName,
        model: &str,
        source: &SourceName,
    ) -> Result<Vec<Run>, StoreError> {
        let select = "SELECT id AS key, source, document FROM runs
                      WHERE environment = $1 AND model = $2 AND source = $4 AND change_id IS NULL
                        AND state IN ('waiting', 'promoting', 'done') AND state = 'done'
                        AND artifact_removed_at IS NULL
                      ORDER BY opened DESC LIMIT $3";
        let rows = sqlx::query(select)
            .bind(environment.as_str().to_owned())
            .bind(text(model))
            .bind(MAX_EARLIER)
            .bind(source.as_str().to_owned());
        let rows = rows.fetch_all(&self.database.pool).await?;
        self.readable_of(quarantine::RUN, &rows, read_document).await
    }

    /// The first readable run of some rows.
    async fn first_readable(&self, rows: Query<'_, Any, AnyArguments>) -> Result<Option<Run>, StoreError> {
        let rows = rows.fetch_all(&self.database.pool).await?;
        Ok(self.readable_of(quarantine::RUN, &rows, read_document).await?.into_iter().next())
    }

    /// Runs of a source's model on its branch that passed their gate, newest first, in any environment: all of them, or those
    /// with one artifact. Runs whose artifact was already named in the environment have no verdict.
    pub async fn passed_runs(
        &self,
        model: &str,
        source: &SourceName,
        artifact: Option<&Digest>,
    ) -> Result<Vec<Run>, StoreError> {
        let mut wanted = Conditions::new([
            "state IN ('waiting', 'promoting', 'done')",
            "change_id IS NULL",
            "artifact IS NOT NULL",
            "artifact_removed_at IS NULL",
        ]);
        wanted.equal("model", Some(text(model)));
        wanted.equal("source", Some(source.as_str().to_owned()));
        wanted.equal("artifact", artifact.map(Digest::to_string));
        let limit = wanted.place(MAX_EARLIER.into());
        let select = format!(
            "SELECT id AS key, source, document FROM runs {} ORDER BY opened DESC LIMIT {limit}",
            wanted.clause()
        );
        let rows = wanted.bind_to(sqlx::query(AssertSqlSafe(select))).fetch_all(&self.database.pool).await?;
        self.readable_of(quarantine::RUN, &rows, read_document).await
    }

    /// The newest active run of a source's model to an environment that has an artifact.
    pub async fn run_on_its_way(
        &self,
        environment: &SourceName,
        model: &str,
        source: &SourceName,
    ) -> Result<Option<Run>, StoreError> {
        let select = "SELECT id AS key, source, document FROM runs
                      WHERE environment = $1 AND model = $2 AND active = 1 AND change_id IS NULL AND artifact IS NOT NULL
                        AND source = $3
                      ORDER BY opened DESC LIMIT 5";
        let row = sqlx::query(select).bind(environment.as_str().to_owned()).bind(text(model));
        let row = row.bind(source.as_str().to_owned());
        self.first_readable(row).await
    }
}
