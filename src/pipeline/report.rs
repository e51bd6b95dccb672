//! Tells the forges where runs stand, from the outbox: in order for each model and revision, at least once, and never
//! in the way of anything else. A forge that does not answer only delays what it would have been told.

use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::worker::{chance, outlive};
use super::{Pipeline, Source};
use crate::domain::{Retry, Run, RunState, SourceName, Transition, pause_before};
use crate::forge::{Report, ReportState};
use crate::store::{Notice, OutboxState, StoreError};

/// How often the outbox is looked at without being woken.
const POLL: Duration = Duration::from_secs(1);
/// How long an entry belongs to whoever took it: longer than any forge may take to answer.
const HOLD: Duration = Duration::from_mins(2);
/// Attempts after which an entry is given up.
const MOST_ATTEMPTS: u32 = 30;

impl Pipeline {
    /// Tells the forge of one source until `stop`.
    pub async fn report(&self, name: &SourceName, stop: &CancellationToken) -> Result<(), StoreError> {
        let Some(source) = self.settings.sources.get(name) else { return Ok(()) };
        while !stop.is_cancelled() {
            match self.report_one(name, source, stop).await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => outlive(error)?,
            }
            tokio::select! {
                () = tokio::time::sleep(POLL) => {}
                () = stop.cancelled() => {}
            }
        }
        Ok(())
    }

    /// Tells what waits longest. Answers whether there was something.
    async fn report_one(
        &self,
        name: &SourceName,
        source: &Source,
        stop: &CancellationToken,
    ) -> Result<bool, StoreError> {
        let Some(notice) = self.store.due_notice(name, Timestamp::now(), HOLD).await? else { return Ok(false) };
        let Notice { change, run, attempts } = &notice;
        let report = report_of(run, &change.transition);
        let Some(api) = &source.api else {
            self.store.settle_notice(change.sequence, OutboxState::Skipped, "").await?;
            return Ok(true);
        };
        let told = tokio::select! {
            told = api.report(&report) => told,
            () = stop.cancelled() => return Ok(false),
        };
        let outcome = if told.is_ok() { "told" } else { "failed" };
        metrics::counter!("slipway_reports_total", "outcome" => outcome).increment(1);
        match told {
            Ok(()) => self.store.settle_notice(change.sequence, OutboxState::Told, "").await?,
            Err(error) => {
                let pause = match error.retry() {
                    Retry::After(pause) => Some(pause),
                    Retry::Backoff if *attempts < MOST_ATTEMPTS => Some(pause_before(*attempts, chance())),
                    Retry::Backoff | Retry::Never => None,
                };
                let note = error.to_string();
                tracing::warn!(run.id = %run.id, attempts, note, "`{}` of run {} was not told: {note}", name, run.id);
                match pause {
                    Some(pause) => {
                        self.store.postpone_notice(change.sequence, Timestamp::now() + pause, &note).await?;
                    }
                    None => self.store.settle_notice(change.sequence, OutboxState::Dead, &note).await?,
                }
            }
        }
        Ok(true)
    }
}

/// What is said of a transition.
fn report_of(run: &Run, transition: &Transition) -> Report {
    let state = match transition.to {
        _ if run.stalled && transition.from == Some(transition.to) => ReportState::Error,
        RunState::Done => ReportState::Success,
        RunState::Refused => ReportState::Failure,
        RunState::Failed | RunState::Superseded | RunState::Cancelled => ReportState::Error,
        RunState::Queued
        | RunState::Training
        | RunState::Evaluating
        | RunState::Gating
        | RunState::Publishing
        | RunState::Promoting => ReportState::Pending,
    };
    let cause = transition.cause.lines().next().unwrap_or_default();
    Report {
        revision: run.head.clone(),
        context: format!("slipway/{}", run.model),
        state,
        description: format!("{}: {cause}", transition.to.as_str()),
    }
}
