//! From a delivery to runs: which branch moved, which models it touches, and what is recorded of it.

use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::source::{self, ModelFile, ModelFiles};
use super::worker::outlive;
use super::{Pipeline, Source, StepError, blocking};
use crate::domain::{
    CommitSha, Delivery, DeliveryState, Event, EventKind, Push, Reference, Retry, Run, RunId, RunState, pause_before,
};
use crate::git::{GitError, Mirror};
use crate::store::{Settled, StoreError};

/// How often deliveries are looked for without being woken: for those that were postponed.
const POLL: Duration = Duration::from_secs(1);

impl Pipeline {
    /// Reads deliveries until `stop`.
    pub async fn read_deliveries(&self, stop: &CancellationToken) -> Result<(), StoreError> {
        while !stop.is_cancelled() {
            match self.read_one_delivery().await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => outlive(error)?,
            }
            tokio::select! {
                () = self.deliveries.notified() => {}
                () = tokio::time::sleep(POLL) => {}
                () = stop.cancelled() => {}
            }
        }
        Ok(())
    }

    /// Reads the delivery that waits longest. Answers whether there was one.
    #[tracing::instrument(skip_all)]
    async fn read_one_delivery(&self) -> Result<bool, StoreError> {
        let Some((delivery, attempts)) = self.store.due_delivery(Timestamp::now()).await? else {
            return Ok(false);
        };
        match self.meaning_of(&delivery).await {
            Ok(settled) => {
                let opened = self.store.settle_delivery(&delivery, &settled).await?;
                tracing::info!(
                    delivery.id, source = %delivery.source, runs = opened.len(), note = settled.note,
                    "delivery {} read: {}", delivery.id, settled.note
                );
                if !opened.is_empty() {
                    self.due.notify_one();
                }
            }
            Err(StepError::Store(error)) => return Err(error),
            Err(error) => self.postpone(&delivery, attempts, error).await?,
        }
        Ok(true)
    }

    /// Leaves a delivery to be read again. It was acknowledged, so it is never given up for what may pass: a server
    /// that is down, a login that is wrong.
    async fn postpone(&self, delivery: &Delivery, attempts: u32, error: StepError) -> Result<(), StoreError> {
        let (retry, reason) = match error {
            StepError::Again { retry, reason } => (retry, reason),
            StepError::Refused { reason, .. } | StepError::Failed { reason } => (Retry::Backoff, reason),
            StepError::Store(error) => return Err(error),
        };
        let pause = match retry {
            Retry::After(pause) => pause,
            Retry::Backoff | Retry::Never => pause_before(attempts + 1, super::worker::chance()),
        };
        tracing::warn!(delivery.id, reason, "delivery {} is read again in {pause:?}: {reason}", delivery.id);
        self.store.postpone_delivery(delivery, Timestamp::now() + pause, &reason).await
    }

    async fn meaning_of(&self, delivery: &Delivery) -> Result<Settled, StepError> {
        let nothing = |state, note| Ok(Settled { state, note, runs: Vec::new() });
        let Some(source) = self.settings.sources.get(&delivery.source) else {
            return nothing(DeliveryState::Dead, format!("the source `{}` is not served any more", delivery.source));
        };
        let events = match source.forge.read(&delivery.event, &delivery.body) {
            Err(error) => return nothing(DeliveryState::Dead, error.to_string()),
            Ok(events) => events,
        };
        let (push, after) = match served_push(events, source.mirror.remote().branch()) {
            Ok(push) => push,
            Err(reason) => return nothing(DeliveryState::Ignored, reason),
        };
        let mirror = source.mirror.clone();
        let head = after.clone();
        let touched = blocking(move || touched_models(&mirror, push.movement.before(), &head)).await??;
        let Some((base, touched)) = touched else {
            return nothing(DeliveryState::Ignored, format!("{} is not on the branch any more", after.short()));
        };
        if touched.is_empty() {
            return nothing(DeliveryState::Done, "no model is touched".to_owned());
        }
        let runs: Vec<Run> =
            touched.iter().map(|file| new_run(delivery, source, base.as_ref(), &after, file)).collect();
        let names: Vec<&str> = runs.iter().map(|run| run.model.as_str()).collect();
        Ok(Settled { state: DeliveryState::Done, note: format!("touches {}", names.join(", ")), runs })
    }
}

/// The push of the served branch among the events and where the branch points now, or why nothing follows from them.
fn served_push(events: Vec<Event>, served: &str) -> Result<(Push, CommitSha), String> {
    let mut reasons = Vec::new();
    for event in events {
        match event.kind {
            EventKind::Push(push) => match (&push.reference, push.movement.after()) {
                (Reference::Branch(branch), Some(after)) if branch == served => {
                    let after = after.clone();
                    return Ok((push, after));
                }
                (Reference::Branch(branch), Some(_)) => {
                    reasons.push(format!("the branch `{branch}` is not served, only `{served}`"));
                }
                (Reference::Branch(branch), None) => reasons.push(format!("the branch `{branch}` was deleted")),
                (Reference::Tag(tag), _) => reasons.push(format!("`{tag}` is a tag, not a branch")),
            },
            EventKind::Ignored { reason } => reasons.push(reason),
            kind => reasons.push(format!("nothing is done about `{}` yet", kind.as_str())),
        }
    }
    Err(reasons.join("; "))
}

/// The revision the push is compared with, and the model files it touches; `None` if the revision is gone.
#[expect(clippy::type_complexity, reason = "read in one place, right above")]
fn touched_models(
    mirror: &Mirror,
    before: Option<&CommitSha>,
    after: &CommitSha,
) -> Result<Option<(Option<CommitSha>, Vec<ModelFile>)>, GitError> {
    mirror.fetch()?;
    if !mirror.contains(after)? {
        return Ok(None);
    }
    let base = match before {
        Some(before) if mirror.contains(before)? => Some(before.clone()),
        // The revision before is not to be had (a forced push, or the first one seen): compare with the parent.
        Some(_) => mirror.parent(after)?,
        None => None,
    };
    let files = source::model_files(mirror, after)?;
    let Some(base) = base else {
        return Ok(Some((None, files)));
    };
    let changed = mirror.changed_paths(Some(&base), after)?;
    let touched = files.into_iter().filter(|file| touches(file, &changed)).collect();
    Ok(Some((Some(base), touched)))
}

/// Whether a change of `paths` makes the model rebuild. A model that cannot be read is touched by any change in its
/// folder, so that its author hears of the mistake.
fn touches(file: &ModelFile, paths: &[String]) -> bool {
    let folder = source::folder_of(&file.path);
    match file.text.as_ref().ok().and_then(|text| source::read_model(&file.path, text).ok()) {
        Some(model) => {
            let files = ModelFiles::of(&file.path, &model);
            paths.iter().any(|path| *path == file.path || files.contain(path))
        }
        None => paths.iter().any(|path| path.starts_with(folder)),
    }
}

fn new_run(delivery: &Delivery, source: &Source, base: Option<&CommitSha>, head: &CommitSha, file: &ModelFile) -> Run {
    let now = Timestamp::now();
    Run {
        id: RunId::new(),
        source: delivery.source.clone(),
        model: source::name_of(file),
        file: file.path.clone(),
        branch: source.mirror.remote().branch().to_owned(),
        base: base.cloned(),
        head: head.clone(),
        environment: source.environment.clone(),
        state: RunState::Queued,
        reason: None,
        diagnostics: Vec::new(),
        stalled: false,
        attempts: 0,
        run_key: None,
        artifact: None,
        reused_from: None,
        champion: None,
        evaluation: None,
        evidence: None,
        verdict: None,
        promotion_commit: None,
        delivered_at: delivery.received_at,
        created_at: now,
        updated_at: now,
    }
}
