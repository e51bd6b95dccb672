//! Tells the forges where runs stand, from the outbox: in order for each change, several changes at a time, at least once,
//! and never in the way of anything else. A forge that does not answer only delays what it would have been told.
//!
//! An entry only says that something moved. What is told is how the run stands by then, so entries that come late, twice
//! or after newer ones do no harm, and what was told already costs no call.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::worker::{chance, outlive};
use super::{Pipeline, StepError, comment, deployment};
use crate::domain::{CommitSha, Retry, Run, RunId, SourceName, pause_before};
use crate::forge::{ApiError, ForgeApi, Marker, Pages, Report};
use crate::store::{News, Notice, OutboxState, StoreError};

/// How often the outbox is looked at without being woken.
const POLL: Duration = Duration::from_secs(1);
/// How long an entry belongs to whoever took it: longer than any forge may take to answer.
const HOLD: Duration = Duration::from_mins(5);
/// Attempts after which an entry is given up.
const MOST_ATTEMPTS: u32 = 30;
/// Changes that a source's forge is told of at a time.
const AT_ONCE: usize = 16;
/// One in so many is of what became of runs that somebody knows of, even where others wait that nobody was told of.
const ONE_IN: usize = 4;
/// How long a telling waits in its place for a forge that asks to wait: others may not overtake it, and fewer are under way.
const IN_PLACE: Duration = Duration::from_mins(2);
/// Tellings that are remembered.
const MOST_TOLD: usize = 20_000;

/// What was told last, by what it is about, so that the same is not told again. Only digests: it may be forgotten.
#[derive(Default)]
struct Told(Mutex<HashMap<About, u64>>);

/// What is told of.
#[derive(Clone, PartialEq, Eq, Hash)]
enum About {
    Check(CommitSha, String, String),
    Deployment(RunId),
    Change(u64),
}

/// Why something was not told.
enum Untold {
    Forge(ApiError),
    Note { retry: Retry, reason: String },
    Store(StoreError),
}

impl From<StepError> for Untold {
    fn from(error: StepError) -> Self {
        match error {
            StepError::Store(error) => Self::Store(error),
            StepError::Again { retry, reason } => Self::Note { retry, reason },
            StepError::Refused { reason, .. } | StepError::Failed { reason } | StepError::TimedOut { reason } => {
                Self::Note { retry: Retry::Never, reason }
            }
        }
    }
}

impl From<ApiError> for Untold {
    fn from(error: ApiError) -> Self {
        Self::Forge(error)
    }
}

impl From<StoreError> for Untold {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Told {
    fn lock(&self) -> MutexGuard<'_, HashMap<About, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_known(&self, about: &About, digest: u64) -> bool {
        self.lock().get(about) == Some(&digest)
    }

    fn remember(&self, about: About, digest: u64) {
        let mut told = self.lock();
        if told.len() >= MOST_TOLD {
            told.clear();
        }
        told.insert(about, digest);
    }

    fn forget(&self, about: &About) {
        self.lock().remove(about);
    }
}

fn digest_of(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

impl Pipeline {
    /// Tells the forge of one source until `stop`.
    pub async fn report(self: &Arc<Self>, name: &SourceName, stop: &CancellationToken) -> Result<(), StoreError> {
        let told = Arc::new(Told::default());
        let mut moved = self.changes();
        // Tasks of their own: one that waits for the database must not wait for this loop, which waits for it as well.
        let mut telling = JoinSet::new();
        let mut taken = 0;
        while !stop.is_cancelled() {
            while telling.len() < AT_ONCE {
                let first = if taken % ONE_IN == 0 { News::Moved } else { News::Opened };
                match self.store.due_notice(name, first, Timestamp::now(), HOLD).await {
                    Ok(Some(notice)) => {
                        taken += 1;
                        let (pipeline, name, told, stop) =
                            (Arc::clone(self), name.clone(), Arc::clone(&told), stop.clone());
                        telling.spawn(async move { pipeline.report_one(&name, notice, &told, &stop).await });
                    }
                    Ok(None) => break,
                    Err(error) => {
                        outlive(error)?;
                        break;
                    }
                }
            }
            tokio::select! {
                Some(ended) = telling.join_next() => finished(ended)?,
                _ = moved.changed(), if telling.len() < AT_ONCE => {}
                () = tokio::time::sleep(POLL) => {}
                () = stop.cancelled() => {}
            }
        }
        while let Some(ended) = telling.join_next().await {
            finished(ended)?;
        }
        Ok(())
    }

    /// Tells of one entry, and notes what became of it.
    async fn report_one(
        &self,
        name: &SourceName,
        notice: Notice,
        told: &Told,
        stop: &CancellationToken,
    ) -> Result<(), StoreError> {
        let Notice { change, run, attempts } = &notice;
        let source = self.settings.sources.get(name);
        let Some(source) = source.filter(|source| source.api.is_some() || source.notes.is_some()) else {
            return self.store.settle_notice(change.sequence, OutboxState::Skipped, "").await;
        };
        let telling = async {
            match &source.api {
                Some(api) => self.tell_in_place(name, (api.as_ref(), source.pages.as_ref()), run, told).await,
                None => self.put_note(source, run).await.map_err(Untold::from),
            }
        };
        let telling = tokio::select! {
            telling = telling => telling,
            () = stop.cancelled() => return Ok(()),
        };
        let (retry, note) = match telling {
            Ok(()) => {
                metrics::counter!("slipway_reports_total", "outcome" => "told").increment(1);
                return self.store.settle_notice(change.sequence, OutboxState::Told, "").await;
            }
            Err(Untold::Store(error)) => return Err(error),
            Err(Untold::Forge(error)) => (error.retry(), error.to_string()),
            Err(Untold::Note { retry, reason }) => (retry, reason),
        };
        metrics::counter!("slipway_reports_total", "outcome" => "failed").increment(1);
        let pause = match retry {
            Retry::After(pause) => Some(pause),
            Retry::Backoff if *attempts < MOST_ATTEMPTS => Some(pause_before(*attempts, chance())),
            Retry::Backoff | Retry::Never => None,
        };
        tracing::warn!(run.id = %run.id, attempts, note, "`{}` of run {} was not told: {note}", name, run.id);
        match pause {
            Some(pause) => self.store.postpone_notice(change.sequence, Timestamp::now() + pause, &note).await,
            None => self.store.settle_notice(change.sequence, OutboxState::Dead, &note).await,
        }
    }

    /// Tells where a run stands, and waits for a forge that asks for a moment.
    async fn tell_in_place(
        &self,
        name: &SourceName,
        at: (&dyn ForgeApi, Option<&Pages>),
        run: &Run,
        told: &Told,
    ) -> Result<(), Untold> {
        let mut patience = IN_PLACE;
        loop {
            match self.tell(name, at, run, told).await {
                Err(Untold::Forge(ApiError::Throttled { pause })) if pause.max(POLL) <= patience => {
                    let pause = pause.max(POLL);
                    patience -= pause;
                    tokio::time::sleep(pause).await;
                }
                telling => return telling,
            }
        }
    }

    /// Tells where a run stands: its model's check, the check of its revision, and the comment of its change.
    async fn tell(
        &self,
        name: &SourceName,
        (api, pages): (&dyn ForgeApi, Option<&Pages>),
        run: &Run,
        told: &Told,
    ) -> Result<(), Untold> {
        let runs = self.store.newest_at(name, &run.head).await?;
        let run = &runs.iter().find(|newest| newest.id == run.id).unwrap_or(run).clone();
        // First what a merge waits for, and what people look for when they have opened a change.
        tell_once(api, &comment::of_revision(&run.head, &runs, pages), told).await?;
        tell_once(api, &comment::of_run(run, pages), told).await?;
        // Statuses have one place a name: what a later run of the model said there must not stay replaced.
        if let Some(newest) = runs.iter().find(|newest| newest.file == run.file && newest.id != run.id) {
            told.forget(&about(&comment::of_run(newest, pages)));
            tell_once(api, &comment::of_run(newest, pages), told).await?;
        }
        if let Some(deployment) = deployment::of_run(run, pages) {
            let (about, digest) = (About::Deployment(run.id), digest_of(&format!("{deployment:?}")));
            if !told.is_known(&about, digest) {
                api.deploy(&deployment).await?;
                told.remember(about, digest);
            }
        }
        let Some(change) = &run.change else { return Ok(()) };
        let of_change: Vec<Run> = runs.into_iter().filter(|run| run.change.as_ref() == Some(change)).collect();
        let about = About::Change(change.number);
        let all_ended = of_change.iter().all(|run| run.stalled || !run.state.is_active());
        // A comment that says that all is under way is worth a call only where an older one says something else.
        if !all_ended && !told.lock().contains_key(&about) || self.store.newest_of_lane(run).await?.head != run.head {
            return Ok(());
        }
        let text = comment::of_change(&run.head, &of_change, pages, api.longest_comment());
        if !told.is_known(&about, digest_of(&text)) {
            api.comment(change.number, &Marker::summary(), &text).await?;
            told.remember(about, digest_of(&text));
        }
        Ok(())
    }
}

/// What a telling came to. One that panicked is given again when its hold ends, and ends nothing else.
fn finished(ended: Result<Result<(), StoreError>, JoinError>) -> Result<(), StoreError> {
    match ended {
        Ok(ended) => ended.or_else(outlive),
        Err(panicked) => {
            tracing::error!(%panicked, "a telling ended: {panicked}");
            Ok(())
        }
    }
}

fn about(report: &Report) -> About {
    About::Check(report.revision.clone(), report.context.clone(), report.id.clone())
}

async fn tell_once(api: &dyn ForgeApi, report: &Report, told: &Told) -> Result<(), Untold> {
    let digest = digest_of(&format!("{report:?}"));
    if !told.is_known(&about(report), digest) {
        api.report(report).await?;
        told.remember(about(report), digest);
    }
    Ok(())
}
