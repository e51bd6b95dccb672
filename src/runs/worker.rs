//! The loop that moves runs: claims one under a lease, executes the step of its state, and records the result.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::Runs;
use crate::context::{POLL, Step, StepError, catch_panic, failpoint, jitter, log_and_continue, messages};
use slipway_domain::{Actor, Retry, Run, RunEvent, RunState, SourceName, Transition, backoff, spoken};
use slipway_store::{Claim, Lease, StoreError};

/// Interval at which a lease is extended, and at which a worker notices that its run was cancelled.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// Number of failed attempts at one step after which the run records that it still waits: about an hour. It continues by itself
/// when the outage ends.
const LONG_OUTAGE: u32 = 20;
/// Number of interrupted attempts at one step after which a run waits for a person.
const MAX_INTERRUPTIONS: u32 = 3;

/// Records how long a run was in the state that it left.
fn measure(left: RunState, since: Option<Timestamp>, until: Timestamp) {
    if let Some(since) = since {
        let seconds = until.duration_since(since).as_secs_f64().max(0.0);
        metrics::histogram!("slipway_run_state_seconds", "state" => left.as_str()).record(seconds);
    }
}

/// The handler of a run: a worker, up to its promotion and through it if no rule blocks it; or the environment's promoter, which
/// processes waiting runs, many at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RunHandler {
    Work,
    Promotion,
}

/// How a run is released.
#[derive(Debug, Clone, Copy)]
struct Processed {
    due_at: Timestamp,
    /// Whether another loop should continue it now.
    goes_on: bool,
}

impl Processed {
    fn until(due_at: Timestamp) -> Self {
        Self { due_at, goes_on: false }
    }
}

impl RunHandler {
    fn serves(self, state: RunState) -> bool {
        match self {
            Self::Work => state.is_active() && state != RunState::Waiting,
            Self::Promotion => matches!(state, RunState::Waiting | RunState::Promoting),
        }
    }
}

impl Runs {
    /// Moves runs until `stop`. Then a step that trains or evaluates is interrupted, and the next worker repeats it; any other
    /// step is finished first. After a retirement, every step that was begun is finished.
    pub async fn move_runs(self: &Arc<Self>, stop: &CancellationToken) -> Result<(), StoreError> {
        let _heartbeat = self.context.heartbeats.listen();
        while !stop.is_cancelled() && !self.context.retired.is_cancelled() {
            self.context.record_heartbeat();
            match self.move_one_run(stop).await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => log_and_continue(error)?,
            }
            tokio::select! {
                () = self.context.due.notified() => {}
                () = self.context.retired() => {}
                () = tokio::time::sleep(POLL) => {}
                () = stop.cancelled() => {}
            }
        }
        Ok(())
    }

    /// Moves the run that waits longest. Returns whether there was one.
    async fn move_one_run(self: &Arc<Self>, stop: &CancellationToken) -> Result<bool, StoreError> {
        let Some((run, lease)) = self.context.store.claim_run(self.claim()).await? else { return Ok(false) };
        self.process(run, &lease, RunHandler::Work, stop).await?;
        Ok(true)
    }

    pub(crate) fn claim(&self) -> Claim {
        Claim {
            now: Timestamp::now(),
            lease_duration: self.context.settings.lease,
            max_runs_per_source: self.context.settings.max_runs_per_source,
        }
    }

    /// Moves a run as far as possible without waiting. A run that was cancelled or taken over is left alone.
    pub(crate) async fn process(
        self: &Arc<Self>,
        run: Run,
        lease: &Lease,
        handler: RunHandler,
        stop: &CancellationToken,
    ) -> Result<(), StoreError> {
        // The results of training and evaluation are stored elsewhere by then, and every step starts from an empty folder. A run
        // that waits for a person therefore uses no disk. The folder is cleared before the run is released, as this server may
        // process the run next.
        let process = async {
            let processed = Box::pin(self.process_leased(run, lease, handler, stop)).await;
            self.context.clear_work(lease.run()).await;
            processed
        };
        // The lease is extended until everything is recorded and cleared, however long that takes.
        let processed = tokio::select! {
            processed = process => processed,
            lost = self.keep_lease(lease) => {
                self.context.clear_work(lease.run()).await;
                Err(lost)
            }
        };
        let released = match processed {
            Ok(processed) => self.context.store.release_run(lease, processed.due_at).await.map(|()| processed.goes_on),
            Err(error) => Err(error),
        };
        match released {
            Ok(goes_on) => {
                if goes_on {
                    self.context.due.notify_one();
                    self.context.promotable.notify_waiters();
                }
                Ok(())
            }
            Err(StoreError::LeaseLost { run }) => {
                tracing::info!(run.id = %run, "run {run} was cancelled or another worker took it over");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Processes a run under its lease.
    #[tracing::instrument(skip_all, fields(run.id = %run.id, model = %run.cause.model))]
    async fn process_leased(
        self: &Arc<Self>,
        mut run: Run,
        lease: &Lease,
        handler: RunHandler,
        stop: &CancellationToken,
    ) -> Result<Processed, StoreError> {
        while handler.serves(run.status.state) {
            run.status.awaits_environment = false;
            let mut attempted = run.clone();
            let cancel = stop.child_token();
            let work = catch_panic(self.step(&mut attempted, &cancel));
            let ended = tokio::select! {
                ended = work => ended,
                // A check changes nothing, and may wait long for a server. The next server repeats it.
                () = stop.cancelled(), if run.status.state == RunState::Waiting => return Ok(Processed::until(Timestamp::now())),
            };
            let interruptible = matches!(run.status.state, RunState::Training | RunState::Evaluating);
            if stop.is_cancelled() && interruptible && ended.is_err() {
                return Ok(Processed::until(Timestamp::now()));
            }
            match ended {
                Ok(Step::Waits(until)) => return Ok(Processed::until(until)),
                Ok(Step::Moved(event, cause)) => {
                    (attempted.status.attempts, attempted.status.interruptions) = (0, 0);
                    run = self.record_or_fail(lease, run, attempted, event, cause).await?;
                }
                Err(StepError::Refused { reason, diagnostics }) => {
                    attempted.status.diagnostics = diagnostics;
                    run = self.record_or_fail(lease, run, attempted, RunEvent::Refused, reason).await?;
                }
                Err(StepError::Environment { reason }) => {
                    run.status.awaits_environment = true;
                    return self.requeue(lease, run, Retry::Never, reason).await;
                }
                Err(StepError::TimedOut { reason }) => {
                    attempted.status.timed_out = true;
                    run = self.record_or_fail(lease, run, attempted, RunEvent::Failed, reason).await?;
                }
                Err(StepError::Failed { reason }) => {
                    run = self.record_or_fail(lease, run, attempted, RunEvent::Failed, reason).await?;
                }
                Err(StepError::Interrupted { reason }) => {
                    run.status.interruptions += 1;
                    let again =
                        if run.status.interruptions < MAX_INTERRUPTIONS { Retry::Backoff } else { Retry::Never };
                    return self.requeue(lease, run, again, reason).await;
                }
                Err(StepError::Transient { retry, reason }) => return self.requeue(lease, run, retry, reason).await,
                // A newer server may soon be able to read the row, so the step is retried for a while.
                Err(StepError::Store(error)) if error.is_of_one_row() => {
                    let again = if run.status.attempts < LONG_OUTAGE { Retry::Backoff } else { Retry::Never };
                    return self.requeue(lease, run, again, error.to_string()).await;
                }
                Err(StepError::Store(error)) => return Err(error),
            }
            if (stop.is_cancelled() || self.context.retired.is_cancelled()) && run.status.state.is_active() {
                return Ok(Processed::until(Timestamp::now()));
            }
        }
        Ok(Processed { due_at: Timestamp::now(), goes_on: run.status.state.is_active() })
    }

    /// Executes the step of the run's state.
    async fn step(self: &Arc<Self>, run: &mut Run, cancel: &CancellationToken) -> Result<Step, StepError> {
        let (event, cause) = match run.status.state {
            RunState::Queued => self.plan(run).await,
            RunState::Training => Box::pin(self.train(run, cancel)).await,
            RunState::Evaluating => Box::pin(self.evaluate(run, cancel)).await,
            RunState::Gating => self.gate(run).await,
            RunState::Publishing => self.publish(run).await,
            RunState::Waiting => return self.promotions.wait(run).await,
            RunState::Promoting => self.promotions.promote(run).await,
            RunState::Done | RunState::Refused | RunState::Failed | RunState::Superseded | RunState::Cancelled => {
                Err(StepError::Failed {
                    reason: format!("a run that is {} has no next step", run.status.state.as_str()),
                })
            }
        }?;
        Ok(Step::Moved(event, cause))
    }

    /// Extends the lease while this worker holds it. Returns the reason when the lease is lost. An unreachable store is no
    /// reason: no other server can take the run over either, and hours of training would be lost. A takeover is detected as soon
    /// as the store answers; until then nothing can be recorded under the old lease.
    async fn keep_lease(&self, lease: &Lease) -> StoreError {
        loop {
            tokio::time::sleep(HEARTBEAT.min(self.context.settings.lease / 3)).await;
            self.context.record_heartbeat();
            match self.context.store.extend_lease(lease, Timestamp::now() + self.context.settings.lease).await {
                Ok(()) => {}
                Err(error) if error.retry() == Retry::Never => {
                    metrics::counter!("slipway_leases_lost_total").increment(1);
                    return error;
                }
                Err(error) => tracing::warn!(%error, "the lease of run {} could not be extended: {error}", lease.run()),
            }
        }
    }

    /// Records the state after an event. If the result could not be read back, or is not a valid transition, the run fails with
    /// the reason, and nothing of the attempt is stored.
    async fn record_or_fail(
        &self,
        lease: &Lease,
        before: Run,
        attempted: Run,
        event: RunEvent,
        cause: String,
    ) -> Result<Run, StoreError> {
        // Boxed, because every step contains this future.
        match Box::pin(self.record(lease, attempted, event, cause)).await {
            Err(error) if error.is_of_one_row() => {
                metrics::counter!("slipway_quarantined_total", "kind" => "move").increment(1);
                let reason = format!("a defect of Slipway, please report it: {error}");
                Box::pin(self.record(lease, before, RunEvent::Failed, reason)).await
            }
            recorded => recorded,
        }
    }

    /// Records the state after an event.
    async fn record(&self, lease: &Lease, mut run: Run, event: RunEvent, cause: String) -> Result<Run, StoreError> {
        let from = run.status.state;
        run.status.state = from.after(event)?;
        run.status.updated_at = Timestamp::now();
        run.status.reason = Some(cause.clone());
        let transition = Transition {
            from: Some(from),
            to: run.status.state,
            at: run.status.updated_at,
            cause,
            actor: Actor::controller(),
        };
        let since = self.context.store.in_state_since(run.id).await;
        let promoted = matches!(event, RunEvent::Promoted | RunEvent::Found);
        let concerned = if promoted { self.concerned_by(&run).await } else { Vec::new() };
        failpoint::reach(run.status.state, false);
        self.context.store.record_moved(lease, &run, &transition, &concerned).await?;
        failpoint::reach(run.status.state, true);
        if !concerned.is_empty() {
            self.context.promoted.notify_waiters();
        }
        self.context.notify_changed(&run.cause.source);
        measure(from, since.ok().flatten(), run.status.updated_at);
        let seconds = run.status.updated_at.duration_since(run.created_at).as_secs();
        tracing::info!(
            state = run.status.state.as_str(),
            cause = transition.cause,
            seconds,
            "run {} is {}",
            run.id,
            run.status.state.as_str()
        );
        if !run.status.state.is_active() {
            metrics::counter!("slipway_runs_ended_total", "state" => run.status.state.as_str()).increment(1);
        }
        Ok(run)
    }

    /// The environments whose repositories have follow-ups of a promotion. The history of the run's own environment is read here,
    /// as far as the mirror contains it, so that it contains the promotion as soon as the promotion is reported.
    async fn concerned_by(&self, run: &Run) -> Vec<SourceName> {
        let mut concerned = self.promotions.next_after(run);
        if let Err(error) = self.promotions.read_history(&run.cause.environment, false).await {
            tracing::warn!(%error, "the rest of the history of `{}` will be read later: {error}", run.cause.environment);
            concerned.push(run.cause.environment.clone());
        }
        concerned
    }

    /// Makes a run wait: for a pause or, if only a person can help, until it is retried. The run waits for the end of an outage
    /// however long it takes, and records a long outage once.
    async fn requeue(
        &self,
        lease: &Lease,
        mut run: Run,
        retry: Retry,
        reason: String,
    ) -> Result<Processed, StoreError> {
        run.status.attempts += 1;
        let pause = match retry {
            Retry::After(pause) => Some(pause),
            Retry::Backoff => Some(backoff(run.status.attempts, jitter())),
            Retry::Never => None,
        };
        run.status.stalled = pause.is_none();
        run.status.updated_at = Timestamp::now();
        let said = if let Some(pause) = pause {
            tracing::warn!(reason, "run {} waits {} before attempt {}", run.id, spoken(pause), run.status.attempts + 1);
            (run.status.attempts == LONG_OUTAGE).then(|| messages::long_outage(run.status.attempts, &reason))
        } else {
            tracing::error!(reason, "run {} is stalled: {reason}", run.id);
            Some(if run.status.awaits_environment {
                messages::awaits(&run, &reason)
            } else {
                messages::stalled(&reason)
            })
        };
        let said = said.map(|cause| {
            let (at, actor) = (run.status.updated_at, Actor::controller());
            Transition { from: Some(run.status.state), to: run.status.state, at, cause, actor }
        });
        run.status.reason = Some(reason);
        self.context.store.record_run(lease, &run, said.as_ref()).await?;
        self.context.notify_changed(&run.cause.source);
        Ok(Processed::until(Timestamp::now() + pause.unwrap_or_default()))
    }
}
