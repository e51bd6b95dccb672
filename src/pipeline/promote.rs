//! Last step: one commit makes the environment name the artifact. Success is the server's word for it, nothing less.

use jiff::Timestamp;
use slipway_contract::Digest;

use super::champion::{self, Champion};
use super::evaluate::artifact_of;
use super::{Pipeline, StepError, blocking, texts};
use crate::domain::{CommitSha, Promotion, Run, RunEvent, version_of};
use crate::git::{self, GitError, Outcome, Proposal, Snapshot, Trailer, WriteRequest};
use crate::manifest::{self, Values};

/// The trailer under which a promotion is found again in a branch's history.
const TRAILER: &str = "Slipway-Promotion";

/// Why no commit was proposed.
enum Declined {
    /// The manifests cannot be edited.
    Step(StepError),
    /// They name another champion than the one the candidate was compared with.
    ChampionMoved(String),
}

impl From<GitError> for Declined {
    fn from(error: GitError) -> Self {
        Self::Step(error.into())
    }
}

impl Pipeline {
    pub(super) async fn promote(&self, run: &mut Run) -> Result<(RunEvent, String), StepError> {
        let artifact = artifact_of(run)?;
        let model = run
            .model
            .parse()
            .map_err(|error: slipway_contract::NotAModelName| StepError::Failed { reason: error.to_string() })?;
        let promotion =
            Promotion { run: run.id, model, environment: run.environment.clone(), artifact: artifact.clone() };
        let values = Values {
            uri: self.artifacts.uri(&artifact),
            digest: artifact.to_string(),
            version: version_of(run.created_at, &artifact),
            run: run.id.to_string(),
        };
        let source = self.source(run)?.mirror.remote().url().to_owned();
        let message = texts::promotion_message(run, &promotion, &source);
        let mirror = self.environment(run)?.mirror.clone();
        let committer = self.settings.committer.clone();
        let request = WriteRequest {
            author: committer.clone(),
            committer,
            at: Timestamp::now(),
            trailer: Trailer { key: TRAILER.to_owned(), value: promotion.id().to_string() },
        };
        let judged = run.clone();
        let landed = blocking(move || {
            let propose = |snapshot: &Snapshot<'_>| propose(snapshot, &judged, &artifact, &values, &message);
            git::commit_and_push(&mirror, &request, propose)
        })
        .await?;
        match landed {
            Ok(Outcome::Pushed { commit, server_messages, .. }) => {
                if !server_messages.is_empty() {
                    self.store.append_log(run.id, &texts::server_said(&server_messages)).await?;
                }
                Ok(landed_in(run, commit))
            }
            Ok(Outcome::AlreadyThere { commit }) => Ok(landed_in(run, commit)),
            Ok(Outcome::NothingToDo) => Ok((RunEvent::Promoted, texts::named_already(run))),
            Err(Declined::ChampionMoved(cause)) => Ok((RunEvent::ChampionMoved, cause)),
            Err(Declined::Step(error)) => Err(held_up(error)),
        }
    }
}

fn landed_in(run: &mut Run, commit: CommitSha) -> (RunEvent, String) {
    let cause = texts::promoted(run, &commit);
    run.promotion_commit = Some(commit);
    (RunEvent::Promoted, cause)
}

/// A run that passed its gate is not refused any more for what the environment looks like: it waits for a person.
fn held_up(error: StepError) -> StepError {
    match error {
        StepError::Refused { reason, .. } => StepError::Again { retry: crate::domain::Retry::Never, reason },
        other => other,
    }
}

/// The environment's files with the artifact's values in the marked places. Called again for every new tip: what is
/// written is always derived from what stands there now.
fn propose(
    snapshot: &Snapshot<'_>,
    run: &Run,
    artifact: &Digest,
    values: &Values,
    message: &str,
) -> Result<Proposal, Declined> {
    let paths = champion::manifests(snapshot.find_files(&champion::is_manifest)?);
    let read = |path: &str| snapshot.read_file(path, champion::LARGEST_MANIFEST);
    let marked = champion::find_in(&paths, read, &run.model).map_err(Declined::Step)?;
    if has_moved(run, &marked.champion, artifact) {
        return Err(Declined::ChampionMoved(texts::champion_moved(run, &marked.champion)));
    }
    if marked.champion == Champion::Named(artifact.clone()) {
        return Ok(Proposal::Nothing);
    }
    let mut changes = Vec::new();
    for path in marked.files {
        let Some(bytes) = read(&path)? else { continue };
        let edited = manifest::set(&path, &bytes, &run.model, values).map_err(|refusal| {
            Declined::Step(StepError::Refused { reason: refusal.to_string(), diagnostics: Vec::new() })
        })?;
        if !edited.changes.is_empty() {
            changes.push((path, edited.content.into_owned()));
        }
    }
    Ok(Proposal::Change { changes, message: message.to_owned() })
}

/// Whether the environment names something else than when the candidate was compared (the candidate itself aside).
fn has_moved(run: &Run, now: &Champion, artifact: &Digest) -> bool {
    let was_unclear = run.evaluation.as_ref().is_some_and(|evaluation| evaluation.champion_unusable.is_some());
    match now {
        Champion::None => run.champion.is_some() || was_unclear,
        Champion::Named(digest) => Some(digest) != run.champion.as_ref() && digest != artifact,
        Champion::Unclear(_) => run.champion.is_some() || !was_unclear,
    }
}
