//! Commands of people at a forge. The effect of a command, its entries in the audit log and its answer are written in one
//! transaction under the command's cause. A repeated delivery finds the answer and has no effect.

use jiff::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row as _};

use super::audit::{self, NewAuditEntry};
use super::database::{AdvisoryLock, millis};
use super::written::text;
use super::{Retrained, Store, StoreError, decisions, run_actions, runs};
use slipway_domain::{Actor, Approval, ConcurrencyGroup, Hold, Run, RunEvent, RunId, SourceName};

/// Minimum time for which a command is stored. Forges redeliver for some days at most.
const KEPT: jiff::SignedDuration = jiff::SignedDuration::from_hours(90 * 24);

/// A command that is executed once.
#[derive(Debug, Clone)]
pub struct NewCommand {
    /// The source whose forge received it.
    pub source: SourceName,
    /// The identity of the command across repeated deliveries: `comment 17`.
    pub cause: String,
    /// The cause under which a refusal is stored, if the same command may be repeated once it is possible.
    pub cause_of_refusal: Option<String>,
    /// The requested action as command text.
    pub command: String,
    /// The actor who issued the command.
    pub actor: Actor,
}

/// The effect of a command.
#[derive(Debug, Clone)]
pub enum Effect {
    /// No effect except an entry in the audit log, if there is one.
    Nothing,
    /// A run that has ended is repeated as a new run.
    Retrain {
        /// The new run.
        new: Box<Run>,
        /// The run to repeat, if the command named one. If its concurrency group has a newer run, nothing remains to be done.
        of: Option<RunId>,
        /// The cause of the new run.
        cause: String,
    },
    /// A run is cancelled.
    Cancel {
        /// The run.
        run: Box<Run>,
        /// The cause of the cancellation.
        cause: String,
    },
    /// An artifact is approved.
    Approve(Approval),
    /// Promotions are held.
    Hold(Hold),
    /// An earlier promotion is restored, and a hold protects it.
    RollBack(Box<Run>, Hold),
    /// New runs of a pull request start.
    Open(Vec<Run>),
}

/// An effect and its entry in the audit log.
#[derive(Debug, Clone)]
pub struct AuditedEffect {
    /// The effect.
    pub effect: Effect,
    /// The entry in the audit log; `None` if nothing changes.
    pub entry: Option<NewAuditEntry>,
}

/// The result of an effect.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The effect is complete; also for [`Effect::Nothing`].
    Done,
    /// The result of a repetition of a run.
    Retrained(Retrained),
    /// The cancelled run.
    Cancelled(Box<Run>),
    /// The effect does not fit the current state.
    Refused(String),
}

impl Outcome {
    /// The reason of a refusal, if it was refused.
    fn refusal(&self) -> Option<String> {
        match self {
            Self::Done | Self::Cancelled(_) | Self::Retrained(Retrained::Begun(_) | Retrained::Known(_)) => None,
            Self::Retrained(Retrained::Overtaken) => Some("a newer revision has a run".to_owned()),
            Self::Retrained(Retrained::UnderWay) => Some("it has not ended yet".to_owned()),
            Self::Refused(reason) => Some(reason.clone()),
        }
    }
}

/// A processed command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Followed {
    /// The cause under which it is stored.
    pub cause: String,
    /// Whether it had an effect; otherwise it was refused.
    pub done: bool,
    /// The answer to the user.
    pub answer: String,
    /// Whether the answer was written at the forge.
    pub answered: bool,
}

fn read(row: &AnyRow) -> Result<Followed, StoreError> {
    let answered: Option<i64> = row.try_get("answered_at")?;
    Ok(Followed {
        cause: row.try_get("cause")?,
        done: row.try_get::<i64, _>("done")? != 0,
        answer: row.try_get("answer")?,
        answered: answered.is_some(),
    })
}

impl Store {
    /// The processed command with this cause, if there is one.
    pub async fn command(&self, source: &SourceName, cause: &str) -> Result<Option<Followed>, StoreError> {
        let select = "SELECT cause, done, answer, answered_at FROM commands WHERE source = $1 AND cause = $2";
        let select = sqlx::query(select).bind(source.as_str().to_owned()).bind(cause.to_owned());
        select.fetch_optional(&self.database.pool).await?.as_ref().map(read).transpose()
    }

    /// Executes a command: all its effects, their entries in the audit log and the answer, or nothing. `answer` computes from the
    /// outcomes whether the command had an effect, and the answer. A command that was processed before is only looked up: the
    /// outcomes are then `None`.
    pub async fn follow_command(
        &self,
        command: &NewCommand,
        audited_effects: Vec<AuditedEffect>,
        answer: impl FnOnce(&[Outcome]) -> (bool, String),
    ) -> Result<(Followed, Option<Vec<Outcome>>), StoreError> {
        let mut transaction = if audited_effects.iter().any(|audited_effect| audited_effect.effect.opens_a_run()) {
            self.database.begin_opening().await?
        } else if audited_effects.iter().any(|audited_effect| matches!(audited_effect.effect, Effect::Cancel { .. })) {
            self.database.begin_moving().await?
        } else {
            self.database.begin().await?
        };
        if !begin(&mut transaction, command).await? {
            drop(transaction);
            let known = self.command(&command.source, &command.cause).await?;
            let gone = || StoreError::Unreadable(format!("the command of {} does not exist any more", command.cause));
            return Ok((known.ok_or_else(gone)?, None));
        }
        self.lock_concurrency_groups(&mut transaction, &audited_effects).await?;
        let mut outcomes = Vec::new();
        let mut entries = Vec::new();
        for AuditedEffect { effect, entry } in audited_effects {
            let outcome = self.take_effect(&mut transaction, effect, &command.actor).await?;
            entries.extend(entry.map(|entry| match outcome.refusal() {
                Some(reason) => entry.refused(&reason),
                None => entry,
            }));
            outcomes.push(outcome);
        }
        let (done, answer) = answer(&outcomes);
        let followed = end(&mut transaction, command, done, answer).await?;
        // The lock of the audit log is taken last, so its holder never waits for another server.
        if !entries.is_empty() {
            self.database.acquire_lock(&mut transaction, AdvisoryLock::Audit).await?;
        }
        for entry in &entries {
            audit::append(&mut transaction, entry).await?;
        }
        transaction.commit().await?;
        Ok((followed, Some(outcomes)))
    }

    /// Records that a command's answer was written.
    pub async fn record_answered(&self, source: &SourceName, cause: &str) -> Result<(), StoreError> {
        let update = "UPDATE commands SET answered_at = $3 WHERE source = $1 AND cause = $2";
        let update = sqlx::query(update).bind(source.as_str().to_owned()).bind(cause.to_owned());
        update.bind(millis(Timestamp::now())).execute(&self.database.pool).await?;
        Ok(())
    }

    /// Removes commands that are too old for another delivery.
    pub(super) async fn remove_commands(&self, now: Timestamp) -> Result<u64, StoreError> {
        let oldest = now.saturating_sub(KEPT).unwrap_or(Timestamp::MIN);
        let delete = sqlx::query("DELETE FROM commands WHERE at < $1").bind(millis(oldest));
        Ok(delete.execute(&self.database.pool).await?.rows_affected())
    }

    /// Locks the runs that the effects can move, in a fixed order. A worker that records such a run locks it first as well.
    async fn lock_concurrency_groups(
        &self,
        connection: &mut AnyConnection,
        audited_effects: &[AuditedEffect],
    ) -> Result<(), StoreError> {
        let mut concurrency_groups: Vec<ConcurrencyGroup> =
            audited_effects.iter().filter_map(|audited_effect| audited_effect.effect.concurrency_group()).collect();
        concurrency_groups.sort();
        concurrency_groups.dedup();
        for concurrency_group in concurrency_groups {
            let select = "SELECT id FROM runs WHERE lane = $1 AND active = 1 ORDER BY created_at, id";
            let select = AssertSqlSafe(format!("{select}{}", self.database.locked()));
            sqlx::query(select).bind(text(concurrency_group.as_str())).fetch_all(&mut *connection).await?;
        }
        Ok(())
    }

    async fn take_effect(
        &self,
        connection: &mut AnyConnection,
        effect: Effect,
        actor: &Actor,
    ) -> Result<Outcome, StoreError> {
        match effect {
            Effect::Nothing => {}
            Effect::Retrain { new, of, cause } => {
                return Ok(Outcome::Retrained(self.retrain_in(connection, &new, of, &cause, actor).await?));
            }
            Effect::Cancel { run, cause } => {
                let run = runs::load(&self.database, connection, run.id).await?;
                let ended =
                    run_actions::terminate(&self.database, connection, run, RunEvent::Cancelled, &cause, actor).await;
                return match ended {
                    Ok(run) => Ok(Outcome::Cancelled(Box::new(run))),
                    Err(StoreError::IllegalMove(error)) => Ok(Outcome::Refused(error.to_string())),
                    Err(error) => Err(error),
                };
            }
            Effect::Approve(approval) => decisions::put_approval(connection, &approval).await?,
            Effect::Hold(hold) => decisions::put_hold(connection, &hold).await?,
            Effect::RollBack(run, hold) => {
                decisions::put_hold(connection, &hold).await?;
                runs::open(&self.database, connection, &run, actor).await?;
            }
            Effect::Open(new) => {
                for run in &new {
                    runs::open(&self.database, connection, run, &Actor::controller()).await?;
                }
            }
        }
        Ok(Outcome::Done)
    }
}

impl Effect {
    fn opens_a_run(&self) -> bool {
        matches!(self, Self::Retrain { .. } | Self::RollBack(..) | Self::Open(_))
    }

    fn concurrency_group(&self) -> Option<ConcurrencyGroup> {
        match self {
            Self::Retrain { new, .. } => Some(new.concurrency_group()),
            Self::Cancel { run, .. } => Some(run.concurrency_group()),
            Self::Nothing | Self::Approve(_) | Self::Hold(_) | Self::RollBack(..) | Self::Open(_) => None,
        }
    }
}

/// Inserts the cause of a command, if it is new. Waits for a concurrent transaction with the same cause.
async fn begin(connection: &mut AnyConnection, command: &NewCommand) -> Result<bool, StoreError> {
    let NewCommand { source, cause, command, actor, .. } = command;
    let insert = "INSERT INTO commands (source, cause, command, actor, at) VALUES ($1, $2, $3, $4, $5)
                  ON CONFLICT (source, cause) DO NOTHING";
    let insert = sqlx::query(insert).bind(source.as_str().to_owned()).bind(text(&**cause)).bind(text(&**command));
    let insert = insert.bind(text(actor.as_str())).bind(millis(Timestamp::now()));
    Ok(insert.execute(connection).await?.rows_affected() > 0)
}

/// Writes the result of a command. A refusal can leave its cause free for another attempt.
async fn end(
    connection: &mut AnyConnection,
    command: &NewCommand,
    done: bool,
    answer: String,
) -> Result<Followed, StoreError> {
    let of_refusal = command.cause_of_refusal.as_ref().filter(|_| !done);
    let cause = of_refusal.unwrap_or(&command.cause).clone();
    if let Some(cause) = of_refusal {
        let delete = sqlx::query("DELETE FROM commands WHERE source = $1 AND cause = $2");
        delete.bind(command.source.as_str().to_owned()).bind(cause.clone()).execute(&mut *connection).await?;
    }
    let update = "UPDATE commands SET cause = $3, done = $4, answer = $5 WHERE source = $1 AND cause = $2";
    sqlx::query(update)
        .bind(command.source.as_str().to_owned())
        .bind(command.cause.clone())
        .bind(cause.clone())
        .bind(i64::from(done))
        .bind(text(&*answer))
        .execute(connection)
        .await?;
    Ok(Followed { cause, done, answer, answered: false })
}
