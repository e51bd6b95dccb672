//! Reports the state of runs to the forges: brings everything that is behind up to date, in order for each pull request, several
//! pull requests concurrently, and without delaying anything else. A report is given up only if the forge reports it as
//! impossible.
//!
//! A state change of a run only marks its report as behind. The report contains the state at the time of the call, so late,
//! repeated or reordered reports do no harm, and a state that the forge already shows costs no call.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::outage::Outage;
use super::reported::{NotReported, Reporter};
use super::{Reports, comment, deployment};
use crate::context::{Source, StepError, jitter, log_and_continue};
use slipway_domain::{Needs, Retry, Run, SourceName, Unjudged, backoff, spoken};
use slipway_forge::{ApiError, Conclusion, ForgeApi, Marker, Pages};
use slipway_store::{DueReport, Fault, First, ReportSubject, StoreError};

/// Delay of a report that another server is making, and the shortest pause for a forge that throttles.
const MOMENT: Duration = Duration::from_secs(1);
/// Duration of the lease on a report: longer than any forge may take to answer.
const CLAIM_LEASE: Duration = Duration::from_mins(5);
/// Number of attempts after which a report is refused if the forge reports it as impossible. For a moment, the forge may reject a
/// commit that was just pushed.
const MAX_REFUSALS: u32 = 5;
/// Maximum number of pull requests of a source that are reported concurrently.
const AT_ONCE: usize = 16;
/// One report in this number is about a run that the forge already shows, even if others wait that it does not show yet.
const ONE_IN: usize = 4;
/// Maximum time that a report waits in its place for a forge that throttles. Later reports may not overtake it, and fewer are in
/// progress.
const IN_PLACE: Duration = Duration::from_mins(2);

/// State that the reports of one source share.
struct ReporterContext {
    name: SourceName,
    outage: Mutex<Outage>,
    since: Timestamp,
    stop: CancellationToken,
}

impl ReporterContext {
    fn outage(&self) -> MutexGuard<'_, Outage> {
        self.outage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<StepError> for NotReported {
    fn from(error: StepError) -> Self {
        match error {
            StepError::Store(error) => Self::Store(error),
            StepError::Transient { retry, reason } => Self::Note { retry, reason },
            StepError::Interrupted { reason }
            | StepError::Refused { reason, .. }
            | StepError::Environment { reason }
            | StepError::Failed { reason }
            | StepError::TimedOut { reason } => Self::Note { retry: Retry::Backoff, reason },
        }
    }
}

impl Reports {
    /// Reports to the forge of one source until `stop`.
    pub async fn report(self: &Arc<Self>, name: &SourceName, stop: &CancellationToken) -> Result<(), StoreError> {
        let (outage, since) = (Mutex::default(), Timestamp::now());
        let context = Arc::new(ReporterContext { name: name.clone(), outage, since, stop: stop.clone() });
        self.context.store.release_reports(name).await.or_else(log_and_continue)?;
        let Some(source) = self.context.settings.sources.get(name) else { return Ok(()) };
        let mut retried = self.context.retried.subscribe();
        // Separate tasks: a report that waits for the database must not wait for this loop, which waits for the database as well.
        let mut reporting = JoinSet::new();
        let mut taken = 0;
        while !stop.is_cancelled() {
            if retried.has_changed().unwrap_or_default() {
                retried.borrow_and_update();
                context.outage().succeeded();
            }
            while reporting.len() < context.outage().most(AT_ONCE, Instant::now()) {
                let first = if taken % ONE_IN == 0 { First::Known } else { First::Unknown };
                match self.context.store.due_report(name, first, Timestamp::now(), CLAIM_LEASE).await {
                    Ok(Some(report)) => {
                        taken += 1;
                        let (reports, context) = (Arc::clone(self), Arc::clone(&context));
                        reporting.spawn(async move { reports.report_one(&context, report).await });
                    }
                    Ok(None) => break,
                    Err(error) => {
                        log_and_continue(error)?;
                        break;
                    }
                }
            }
            tokio::select! {
                Some(ended) = reporting.join_next() => finished(ended)?,
                () = source.moved.notified(), if reporting.len() < AT_ONCE => {}
                () = stop.cancelled() => {}
            }
        }
        while let Some(ended) = reporting.join_next().await {
            finished(ended)?;
        }
        Ok(())
    }

    /// Makes one report, and records the result.
    async fn report_one(&self, context: &ReporterContext, report: DueReport) -> Result<(), StoreError> {
        let Some(source) = self.context.settings.sources.get(&context.name) else { return Ok(()) };
        let began = Instant::now();
        let (ended, has_called_forge) = match (&source.api, &report.subject) {
            (Some(api), subject) => {
                let reporter = Reporter::new(&self.context.store, &context.name, api.as_ref(), context.since);
                let ended = tokio::select! {
                    ended = self.bring_up_to_date(&reporter, source, api.as_ref(), subject) => ended,
                    () = context.stop.cancelled() => {
                        reporter.release().await?;
                        return self.context.store.release_report(&report).await;
                    }
                };
                (ended, reporter.has_called_forge())
            }
            (None, ReportSubject::Run(run)) if source.notes.is_some() => {
                (self.put_note(source, run).await.map_err(NotReported::from), true)
            }
            (None, _) => return self.context.store.skip_report(&report).await,
        };
        match ended {
            Ok(()) => {
                metrics::counter!("slipway_report_attempts_total", "outcome" => "reported").increment(1);
                self.context.store.record_reported(&report, Timestamp::now()).await?;
                if has_called_forge && context.outage().succeeded() {
                    let due = self.context.store.revive_reports(&context.name).await?;
                    tracing::info!(
                        source = %context.name, due,
                        "the forge of `{}` accepts reports again", context.name
                    );
                }
                Ok(())
            }
            Err(NotReported::Store(error)) => Err(error),
            Err(error) => self.requeue_failed_report(context, &report, error, began).await,
        }
    }

    /// Records why a report failed, and when it is retried.
    async fn requeue_failed_report(
        &self,
        context: &ReporterContext,
        report: &DueReport,
        error: NotReported,
        began: Instant,
    ) -> Result<(), StoreError> {
        let (now, name) = (Timestamp::now(), &context.name);
        let pause = backoff(report.attempts, jitter());
        let (pause, fault, note) = match error {
            NotReported::Store(error) => return Err(error),
            NotReported::Busy => (MOMENT, Fault::None, "another server is reporting it".to_owned()),
            NotReported::Forge(ApiError::Throttled { pause })
            | NotReported::Note { retry: Retry::After(pause), .. } => (
                pause,
                Fault::None,
                format!("the forge limits requests: the next attempt follows in {}", spoken(pause)),
            ),
            NotReported::Forge(error) if error.is_final() && report.attempts >= MAX_REFUSALS => {
                metrics::counter!("slipway_report_attempts_total", "outcome" => "refused").increment(1);
                tracing::error!(
                    report.id, %error,
                    "the forge refuses the report `{}` of `{name}` permanently: {error}", report.id
                );
                return self.context.store.refuse_report(report, &error.to_string()).await;
            }
            NotReported::Forge(error) if error.is_final() || matches!(error, ApiError::Moved { .. }) => {
                (pause, Fault::Own, error.to_string())
            }
            error => {
                let note = match error {
                    NotReported::Forge(error) => error.to_string(),
                    NotReported::Note { reason, .. } => reason,
                    NotReported::Busy | NotReported::Store(_) => String::new(),
                };
                let fault = context.outage().failed(report.fault, began, Instant::now(), jitter());
                (pause, fault, note)
            }
        };
        metrics::counter!("slipway_report_attempts_total", "outcome" => "failed").increment(1);
        let DueReport { id, attempts, .. } = report;
        tracing::warn!(report.id = id, attempts, note, "the report `{id}` of `{name}` was not sent: {note}");
        self.context.store.requeue_report(report, now, pause, fault, &note).await
    }

    /// Reports the current state, and waits for a forge that throttles for a short time.
    async fn bring_up_to_date(
        &self,
        reporter: &Reporter<'_>,
        source: &Source,
        api: &dyn ForgeApi,
        subject: &ReportSubject,
    ) -> Result<(), NotReported> {
        let mut remaining_wait = IN_PLACE;
        loop {
            let ended = match subject {
                ReportSubject::Run(run) => self.report_run(reporter, (api, source.pages.as_ref()), run).await,
                ReportSubject::Revision(unjudged) => self.report_unjudged(reporter, unjudged).await,
            };
            match ended {
                Err(NotReported::Forge(ApiError::Throttled { pause })) if pause.max(MOMENT) <= remaining_wait => {
                    let pause = pause.max(MOMENT);
                    remaining_wait -= pause;
                    tokio::time::sleep(pause).await;
                }
                ended => return ended,
            }
        }
    }

    /// Reports the state of a run: the check of its revision, its model's check, its deployment, and the comment of its pull
    /// request.
    async fn report_run(
        &self,
        reporter: &Reporter<'_>,
        (api, pages): (&dyn ForgeApi, Option<&Pages>),
        run: &Run,
    ) -> Result<(), NotReported> {
        let runs = self.context.store.newest_at(&run.cause.source, &run.cause.head).await?;
        let run = &runs.iter().find(|newest| newest.id == run.id).unwrap_or(run).clone();
        // First the check that a merge waits for and that people expect after they have opened a pull request.
        reporter.report(&comment::of_revision(&run.cause.head, &runs, pages)).await?;
        // If a revision has only one status per name, that status belongs to the newest run.
        let of_run = comment::of_run(run, pages);
        let newest = runs.iter().find(|newest| newest.cause.file == run.cause.file && newest.id != run.id);
        let newest = newest.map(|newest| comment::of_run(newest, pages)).filter(|_| !api.keeps_each_report());
        match newest.filter(|newest| newest.context == of_run.context) {
            Some(newest) => reporter.report(&newest).await?,
            None => reporter.report(&of_run).await?,
        }
        if let Some(deployment) = deployment::of_run(run, pages) {
            reporter.deployment(&deployment).await?;
        }
        let Some(pull_request) = &run.cause.pull_request else { return Ok(()) };
        let of_pull_request: Vec<Run> =
            runs.into_iter().filter(|run| run.cause.pull_request.as_ref() == Some(pull_request)).collect();
        let all_ended = of_pull_request.iter().all(|run| run.status.stalled || !run.status.state.is_active());
        let summary = Marker::summary();
        // A comment that everything is in progress is worth a call only if an older comment has other content.
        if !all_ended && !reporter.has_comment(pull_request.number, &summary).await?
            || self.context.store.newest_in_concurrency_group(run).await?.cause.head != run.cause.head
        {
            return Ok(());
        }
        let text = comment::of_pull_request(&run.cause.head, &of_pull_request, pages, api.longest_comment());
        reporter.comment(pull_request.number, &summary, &text).await
    }

    /// Reports a revision for which nothing is trained. If it has runs by now, the runs are reported instead.
    async fn report_unjudged(&self, reporter: &Reporter<'_>, what: &Unjudged) -> Result<(), NotReported> {
        let Unjudged { revision, pull_request, needs, title } = what;
        let Some(revision) = revision else {
            let Some(pull_request) = pull_request else { return Ok(()) };
            return reporter.comment(*pull_request, &Marker::summary(), &comment::of_unjudged(title)).await;
        };
        if !self.context.store.newest_at(reporter.source(), revision).await?.is_empty() {
            return Ok(());
        }
        let report = match needs {
            Needs::Approval => comment::unapproved(revision),
            Needs::Person => comment::without_runs(revision, Conclusion::ActionRequired, title),
            Needs::Nobody => comment::without_runs(revision, Conclusion::Neutral, title),
        };
        reporter.report(&report).await?;
        match pull_request {
            Some(pull_request) if *needs == Needs::Approval => {
                reporter.comment(*pull_request, &Marker::summary(), &comment::of_report(&report)).await
            }
            _ => Ok(()),
        }
    }
}

/// Handles the end of a report's task. A report that panicked is due again when its lease ends, and ends no other report.
fn finished(ended: Result<Result<(), StoreError>, JoinError>) -> Result<(), StoreError> {
    match ended {
        Ok(ended) => ended.or_else(log_and_continue),
        Err(panicked) => {
            tracing::error!(%panicked, "a report panicked: {panicked}");
            Ok(())
        }
    }
}
