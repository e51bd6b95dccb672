//! Actions on a run from outside its worker: supersede, cancel, retry.

use jiff::Timestamp;
use sqlx::AnyConnection;

use super::database::{Database, millis};
use super::runs::{document, load};
use super::written::text;
use super::{Store, StoreError, logs};
use slipway_domain::{Actor, Run, RunEvent, RunId, Transition};

/// Supersedes an older run. A run that stalled while promoting never reached the environment, so it may end as well.
pub(super) async fn supersede(
    database: &Database,
    connection: &mut AnyConnection,
    mut run: Run,
    cause: &str,
) -> Result<(), StoreError> {
    let actor = Actor::controller();
    if run.status.state.may_be_terminated() {
        terminate(database, connection, run, RunEvent::Superseded, cause, &actor).await?;
    } else {
        let reason = format!("{}; {cause}", run.status.reason.take().unwrap_or_default());
        terminate(database, connection, run, RunEvent::Failed, &reason, &actor).await?;
    }
    Ok(())
}

/// Ends a run from outside its worker. Its lease ends too, so the worker cannot record anything more.
pub(super) async fn terminate(
    database: &Database,
    connection: &mut AnyConnection,
    mut run: Run,
    event: RunEvent,
    cause: &str,
    actor: &Actor,
) -> Result<Run, StoreError> {
    let from = run.status.state;
    run.status.state = from.after(event)?;
    run.status.updated_at = Timestamp::now();
    run.status.reason = Some(cause.to_owned());
    (run.status.stalled, run.status.awaits_environment) = (false, false);
    let update = "UPDATE runs SET state = $1, active = $2, stalled = 0, document = $3, lease = NULL, lease_until = NULL
                  WHERE id = $4";
    sqlx::query(update)
        .bind(run.status.state.as_str())
        .bind(i64::from(run.status.state.is_active()))
        .bind(document(&run)?)
        .bind(run.id.to_string())
        .execute(&mut *connection)
        .await?;
    let transition = Transition {
        from: Some(from),
        to: run.status.state,
        at: run.status.updated_at,
        cause: cause.to_owned(),
        actor: actor.clone(),
    };
    logs::add_transition(database, connection, &run, &transition).await?;
    Ok(run)
}

impl Store {
    /// Ends a run (cancelled), even if a worker has claimed it.
    pub async fn terminate(&self, run: RunId, event: RunEvent, cause: &str, actor: &Actor) -> Result<Run, StoreError> {
        let mut transaction = self.database.begin_moving().await?;
        let run = load(&self.database, &mut transaction, run).await?;
        let run = terminate(&self.database, &mut transaction, run, event, cause, actor).await?;
        transaction.commit().await?;
        Ok(run)
    }

    /// Makes a stalled run due again. If its concurrency group has a newer run, it fails instead: an older revision must not be
    /// promoted over a newer one.
    pub async fn retry_run(&self, run: RunId, cause: &str, actor: &Actor) -> Result<Run, StoreError> {
        let mut transaction = self.database.begin_moving().await?;
        let mut run = load(&self.database, &mut transaction, run).await?;
        if !run.status.stalled {
            return Err(StoreError::NotStalled { run: run.id, state: run.status.state });
        }
        if has_newer(&mut transaction, &run).await? {
            let cause = "a newer push of the same model has a run";
            let run = terminate(&self.database, &mut transaction, run, RunEvent::Failed, cause, actor).await?;
            transaction.commit().await?;
            return Ok(run);
        }
        (run.status.stalled, run.status.awaits_environment) = (false, false);
        run.status.attempts = 0;
        run.status.interruptions = 0;
        run.status.updated_at = Timestamp::now();
        sqlx::query("UPDATE runs SET stalled = 0, due_at = 0, document = $1 WHERE id = $2")
            .bind(document(&run)?)
            .bind(run.id.to_string())
            .execute(&mut *transaction)
            .await?;
        let transition = Transition {
            from: Some(run.status.state),
            to: run.status.state,
            at: run.status.updated_at,
            cause: cause.to_owned(),
            actor: actor.clone(),
        };
        logs::add_transition(&self.database, &mut transaction, &run, &transition).await?;
        transaction.commit().await?;
        Ok(run)
    }
}

/// Whether the concurrency group has a newer run.
async fn has_newer(connection: &mut AnyConnection, run: &Run) -> Result<bool, StoreError> {
    let select = "SELECT 1 AS newer FROM runs WHERE lane = $1 AND (created_at, id) > ($2, $3) LIMIT 1";
    let newer = sqlx::query(select)
        .bind(text(run.concurrency_group().as_str()))
        .bind(millis(run.created_at))
        .bind(run.id.to_string());
    Ok(newer.fetch_optional(connection).await?.is_some())
}
