//! Last step: one commit makes the environment name the artifact. Success is the server's word for it, nothing less.

use std::sync::Arc;

use jiff::Timestamp;
use slipway_contract::Digest;

use super::Promotions;
use super::rules::Ruling;
use crate::context::marks::{MAX_MANIFEST_BYTES, Marks};
use crate::context::{Declined, PromotionMessage, StepError, artifact_of, blocking, deployed_artifact, messages};
use slipway_domain::{CommitSha, CommitTemplates, DeployedArtifact, Origin, Promotion, Run, RunEvent, version_of};
use slipway_git::{GitError, Identity, Outcome, PendingPromotion, Proposal, Snapshot, Trailer, WriteRequest};
use slipway_manifest::Values;
use slipway_store::StoreError;

/// The trailer under which a promotion is found again in a branch's history.
pub(crate) const TRAILER: &str = "Slipway-Promotion";

impl Declined {
    /// What it means for the run.
    fn end(self, run: &mut Run) -> Result<(RunEvent, String), StepError> {
        match self {
            Self::ChampionMoved(cause) => Ok((RunEvent::ChampionMoved, cause)),
            Self::HeldBack(held) => {
                let cause = messages::blocking_rules(&held);
                run.blocking_rules = held;
                Ok((RunEvent::HeldBack, cause))
            }
            Self::Rejected(reason) => Err(StepError::Refused { reason, diagnostics: Vec::new() }),
            Self::Step(error) => Err(held_up(error)),
        }
    }
}

impl Promotions {
    pub(crate) async fn promote(self: &Arc<Self>, run: &mut Run) -> Result<(RunEvent, String), StepError> {
        let artifact = artifact_of(run)?;
        self.know_contributors(run).await?;
        let model = run
            .model
            .parse()
            .map_err(|error: slipway_contract::NotAModelName| StepError::Failed { reason: error.to_string() })?;
        let promotion =
            Promotion { run: run.id, model, environment: run.environment.clone(), artifact: artifact.clone() };
        let values = self.values(run, &artifact).await?;
        let source = self.context.source(run)?.mirror.remote().url().to_owned();
        let environment = self.context.environment(run)?;
        let (writer, marks) = (environment.writer().clone(), environment.marks().clone());
        let committer = self.context.settings.committer.clone();
        let request = WriteRequest {
            author: committer.clone(),
            committer,
            at: Timestamp::now(),
            trailer: Trailer { key: TRAILER.to_owned(), value: promotion.id().to_string() },
        };
        let noting = {
            let (context, environment, run) = (self.context.clone(), run.environment.clone(), run.id);
            let asynchronous = tokio::runtime::Handle::current();
            move |commit: &CommitSha| {
                let noted = context.store.record_pushed(&environment, commit, run);
                asynchronous.block_on(noted).map_err(|error| Declined::Step(StepError::Store(error)))
            }
        };
        let proposing = ProposalBuilder {
            promotions: self.clone(),
            asynchronous: tokio::runtime::Handle::current(),
            run: run.clone(),
            marks,
            artifact,
            values,
            promotion,
            source,
            templates: environment.commit_templates().clone(),
            author: environment.mirror().remote().author().unwrap_or(&self.context.settings.committer).clone(),
        };
        let propose = Box::new(move |snapshot: &Snapshot<'_>| proposing.propose(snapshot));
        let pending_promotion = PendingPromotion { built: Box::new(noting), ..PendingPromotion::new(request, propose) };
        if let Some(requests) = environment.requests() {
            let requests = requests.clone();
            return match self.request(run, &requests, pending_promotion).await? {
                Ok(moved) => Ok(moved),
                Err(declined) => {
                    self.context.store.release_model(run).await?;
                    declined.end(run)
                }
            };
        }
        match writer.write(&self.context.remotes, pending_promotion).await? {
            Ok(Outcome::Pushed { commit, server_messages, .. }) => {
                // The commit has landed: a line that cannot be written does not change that.
                if !server_messages.is_empty()
                    && let Err(error) =
                        self.context.store.append_log(run.id, &messages::server_said(&server_messages)).await
                {
                    tracing::warn!(run.id = %run.id, %error, "what the server said is not in the log: {error}");
                }
                Ok(landed_in(run, commit))
            }
            Ok(Outcome::AlreadyThere { commit }) => match self.landed_before(run, &commit).await? {
                Ok(()) => Ok(landed_in(run, commit)),
                Err(declined) => declined.end(run),
            },
            Ok(Outcome::NothingToDo) => Ok((RunEvent::Promoted, messages::already_deployed(run))),
            Err(declined) => {
                self.context.store.release_model(run).await?;
                declined.end(run)
            }
        }
    }

    /// Whether a commit that carries the trailer of a run's promotion is that promotion: it was made here, or, where the store was
    /// restored since or a forge has merged it, it made the environment name the artifact. Then the rules are asked again,
    /// because anybody can write a trailer.
    pub(super) async fn landed_before(&self, run: &Run, commit: &CommitSha) -> Result<Result<(), Declined>, StepError> {
        if self.context.store.pushed_for(&run.environment, commit).await? == Some(run.id) {
            return Ok(Ok(()));
        }
        let environment = self.context.environment(run)?;
        let (mirror, marks) = (environment.mirror().clone(), environment.marks().clone());
        let (model, landed) = (run.model.clone(), commit.clone());
        let deployed = blocking(move || {
            let before = mirror.parent(&landed)?.map(|parent| deployed_artifact(&marks, &mirror, &parent, &model));
            Ok::<_, GitError>((before, deployed_artifact(&marks, &mirror, &landed, &model)))
        });
        let (before, after) = deployed.await??;
        let wanted = DeployedArtifact::Artifact(artifact_of(run)?);
        if after != wanted || before.as_ref() == Some(&wanted) {
            let reason = messages::claimed_by(run, commit);
            return Err(StepError::Transient { retry: slipway_domain::Retry::Never, reason });
        }
        // What people merged is theirs: it landed whatever the rules say since.
        if environment.requests().is_some() {
            return Ok(Ok(()));
        }
        Ok(match self.ruling(run).await? {
            Ruling::Free => Ok(()),
            Ruling::Held(held) => Err(Declined::HeldBack(held)),
            Ruling::Overtaken(_) => Err(Declined::HeldBack(Vec::new())),
            Ruling::Rejected(reason) => Err(Declined::Rejected(reason)),
        })
    }

    /// What is written into the marked places. A rollback writes what was written then.
    async fn values(&self, run: &Run, artifact: &Digest) -> Result<Values, StepError> {
        let restored = match &run.origin {
            Some(Origin::Rollback { to, .. }) => match self.context.store.run(*to).await {
                // Retention removed it after the rollback was asked for.
                Err(StoreError::NoSuchRun { .. }) => None,
                found => Some(found?),
            },
            _ => None,
        };
        let made_by = restored.as_ref().unwrap_or(run);
        Ok(Values {
            uri: self.context.artifacts.uri(artifact),
            digest: artifact.to_string(),
            version: version_of(made_by.created_at, artifact),
            run: made_by.id.to_string(),
        })
    }
}

fn landed_in(run: &mut Run, commit: CommitSha) -> (RunEvent, String) {
    let cause = messages::promoted(run, &commit);
    run.promotion_commit = Some(commit);
    (RunEvent::Promoted, cause)
}

/// What the environment's marks refuse is no fault of the model: the run waits for a person to mend the environment.
pub(crate) fn held_up(error: StepError) -> StepError {
    match error {
        StepError::Refused { reason, .. } => StepError::Environment { reason },
        other => other,
    }
}

/// What a promotion is proposed from.
struct ProposalBuilder {
    promotions: Arc<Promotions>,
    asynchronous: tokio::runtime::Handle,
    run: Run,
    marks: Arc<Marks>,
    artifact: Digest,
    values: Values,
    promotion: Promotion,
    source: String,
    templates: CommitTemplates,
    author: Identity,
}

impl ProposalBuilder {
    /// The environment's files with the artifact's values in the marked places. Called again for every new tip: what is
    /// written is always derived from what stands there now, and only if the rules allow it now.
    fn propose(&self, snapshot: &Snapshot<'_>) -> Result<Proposal, Declined> {
        let Self { promotions, asynchronous, run, marks, artifact, values, promotion, source, templates, author } =
            self;
        let marked = marks.find(snapshot, &run.model).map_err(Declined::Step)?;
        if has_moved(run, &marked.deployed, artifact) {
            return Err(Declined::ChampionMoved(messages::champion_moved(run, &marked.deployed)));
        }
        if marked.deployed == DeployedArtifact::Artifact(artifact.clone()) {
            return Ok(Proposal::Nothing);
        }
        match asynchronous.block_on(promotions.ruling(run)).map_err(Declined::Step)? {
            Ruling::Free => {
                let claimed = asynchronous.block_on(promotions.claim_model(run));
                if let Some(reason) = claimed.map_err(|error| Declined::Step(error.into()))? {
                    return Err(Declined::Step(StepError::Environment { reason }));
                }
            }
            Ruling::Held(held) => return Err(Declined::HeldBack(held)),
            // Nothing of it has landed, so it may still go: the look at those that wait sees to it.
            Ruling::Overtaken(_) => return Err(Declined::HeldBack(Vec::new())),
            Ruling::Rejected(reason) => return Err(Declined::Rejected(reason)),
        }
        let mut changes = Vec::new();
        for path in marked.files {
            let Some(bytes) = snapshot.read_file(&path, MAX_MANIFEST_BYTES)? else { continue };
            let edited = slipway_manifest::set(&path, &bytes, &run.model, values).map_err(|refusal| {
                Declined::Step(StepError::Refused { reason: refusal.to_string(), diagnostics: Vec::new() })
            })?;
            if !edited.changes.is_empty() {
                changes.push((path, edited.content.into_owned()));
            }
        }
        let replaced = &marked.deployed;
        let message = messages::promotion_message(
            run,
            promotion,
            &PromotionMessage { source, replaced, values, templates, author },
        );
        Ok(Proposal::Change { changes, message })
    }
}

/// Whether the environment names something else than when the candidate was compared (the candidate itself aside). A
/// rollback was compared long ago, and is wanted whatever stands there now.
pub(super) fn has_moved(run: &Run, now: &DeployedArtifact, artifact: &Digest) -> bool {
    if matches!(run.origin, Some(Origin::Rollback { .. })) {
        return false;
    }
    let was_unclear = run.evaluation.as_ref().is_some_and(|evaluation| evaluation.champion_unusable.is_some());
    match now {
        DeployedArtifact::Nothing => run.champion.is_some() || was_unclear,
        DeployedArtifact::Artifact(digest) => Some(digest) != run.champion.as_ref() && digest != artifact,
        DeployedArtifact::Unclear(_) => run.champion.is_some() || !was_unclear,
    }
}
