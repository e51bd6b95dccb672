//! Last step: one commit makes the environment name the artifact. Only a confirmation by the server counts as success.

use std::sync::Arc;

use jiff::Timestamp;
use slipway_contract::Digest;

use super::Promotions;
use super::ruling::{PromotionRules, Ruling};
use crate::context::marks::{MAX_MANIFEST_BYTES, Marks};
use crate::context::{Declined, PromotionMessage, StepError, artifact_of, blocking, deployed_artifact, messages};
use slipway_domain::{CommitSha, CommitTemplates, DeployedArtifact, Origin, Promotion, Run, RunEvent, version_of};
use slipway_git::{GitError, Identity, Outcome, PendingPromotion, Proposal, Snapshot, Trailer, WriteRequest};
use slipway_manifest::Values;
use slipway_store::StoreError;

/// The trailer that identifies a promotion in a branch's history.
pub(crate) const TRAILER: &str = "Slipway-Promotion";

impl Declined {
    /// The consequence for the run.
    fn end(self, run: &mut Run) -> Result<(RunEvent, String), StepError> {
        match self {
            Self::ChampionMoved(cause) => Ok((RunEvent::ChampionMoved, cause)),
            Self::HeldBack(held) => {
                let cause = messages::blocking_rules(&held);
                run.promotion.blocking_rules = held;
                Ok((RunEvent::HeldBack, cause))
            }
            Self::Rejected(reason) => Err(StepError::Refused { reason, diagnostics: Vec::new() }),
            Self::Step(error) => Err(held_up(error)),
        }
    }
}

impl Promotions {
    pub(crate) async fn promote(&self, run: &mut Run) -> Result<(RunEvent, String), StepError> {
        let artifact = artifact_of(run)?;
        self.know_contributors(run).await?;
        let model = run
            .cause
            .model
            .parse()
            .map_err(|error: slipway_contract::NotAModelName| StepError::Failed { reason: error.to_string() })?;
        let promotion =
            Promotion { run: run.id, model, environment: run.cause.environment.clone(), artifact: artifact.clone() };
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
            let (store, environment, run) = (self.context.store.clone(), run.cause.environment.clone(), run.id);
            let asynchronous = tokio::runtime::Handle::current();
            move |commit: &CommitSha| {
                let noted = store.record_pushed(&environment, commit, run);
                asynchronous.block_on(noted).map_err(|error| Declined::Step(StepError::Store(error)))
            }
        };
        let proposing = ProposalBuilder {
            rules: self.rules_of(run)?,
            asynchronous: tokio::runtime::Handle::current(),
            marks,
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
                // The commit has landed. A failure to write the log does not change that.
                if !server_messages.is_empty()
                    && let Err(error) =
                        self.context.store.append_log(run.id, &messages::server_said(&server_messages)).await
                {
                    tracing::warn!(
                        run.id = %run.id, %error,
                        "the messages of the git server could not be written to the log: {error}"
                    );
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

    /// Checks whether a commit with the trailer of a run's promotion is that promotion. It is if Slipway made it. If the store
    /// was restored since, or a forge merged it, the commit must have made the environment name the artifact. Without promotion
    /// requests the rules are then evaluated again, because any author can write a trailer.
    pub(super) async fn landed_before(&self, run: &Run, commit: &CommitSha) -> Result<Result<(), Declined>, StepError> {
        if self.context.store.pushed_for(&run.cause.environment, commit).await? == Some(run.id) {
            return Ok(Ok(()));
        }
        let environment = self.context.environment(run)?;
        let (mirror, marks) = (environment.mirror().clone(), environment.marks().clone());
        let (model, landed) = (run.cause.model.clone(), commit.clone());
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
        // People decided to merge the request, so it has landed, whatever the rules require since.
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

    /// The values for the marked places. A rollback writes the values of the run that it restores.
    async fn values(&self, run: &Run, artifact: &Digest) -> Result<Values, StepError> {
        let restored = match &run.origin {
            Some(Origin::Rollback { to, .. }) => match self.context.store.run(*to).await {
                // Retention removed the run after the rollback was requested.
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
    run.promotion.commit = Some(commit);
    (RunEvent::Promoted, cause)
}

/// Turns a refusal by the environment's marks into a fault of the environment: the run waits until a person fixes it.
pub(crate) fn held_up(error: StepError) -> StepError {
    match error {
        StepError::Refused { reason, .. } => StepError::Environment { reason },
        other => other,
    }
}

/// The inputs of a proposal.
struct ProposalBuilder {
    rules: PromotionRules,
    asynchronous: tokio::runtime::Handle,
    marks: Arc<Marks>,
    values: Values,
    promotion: Promotion,
    source: String,
    templates: CommitTemplates,
    author: Identity,
}

impl ProposalBuilder {
    /// Proposes the environment's files with the artifact's values in the marked places. The writer calls this again for every
    /// new tip, so that the commit is always derived from the current files, and only if the rules allow it now. The branch may be
    /// locked meanwhile, so nothing but the store is called: once for the facts, and once more if the model has no owner yet.
    fn propose(&self, snapshot: &Snapshot<'_>) -> Result<Proposal, Declined> {
        let Self { rules, asynchronous, marks, values, promotion, source, templates, author } = self;
        let PromotionRules { run, artifact, .. } = rules;
        let marked = marks.find(snapshot, &run.cause.model).map_err(Declined::Step)?;
        if has_moved(run, &marked.deployed, artifact) {
            return Err(Declined::ChampionMoved(messages::champion_moved(run, &marked.deployed)));
        }
        if marked.deployed == DeployedArtifact::Artifact(artifact.clone()) {
            return Ok(Proposal::Nothing);
        }
        match asynchronous.block_on(rules.claim()).map_err(Declined::Step)? {
            Ruling::Free => {}
            Ruling::Held(held) => return Err(Declined::HeldBack(held)),
            // Nothing has landed, so the run can still be superseded. The check of waiting runs does that.
            Ruling::Overtaken(_) => return Err(Declined::HeldBack(Vec::new())),
            Ruling::Rejected(reason) => return Err(Declined::Rejected(reason)),
        }
        let mut changes = Vec::new();
        for path in marked.files {
            let Some(bytes) = snapshot.read_file(&path, MAX_MANIFEST_BYTES)? else { continue };
            let edited = slipway_manifest::set(&path, &bytes, &run.cause.model, values).map_err(|refusal| {
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

/// Whether the environment names another artifact than when the candidate was compared, apart from the candidate itself. A
/// rollback was compared long ago, and is wanted whatever the environment names now.
pub(super) fn has_moved(run: &Run, now: &DeployedArtifact, artifact: &Digest) -> bool {
    if matches!(run.origin, Some(Origin::Rollback { .. })) {
        return false;
    }
    let was_unclear =
        run.judgement.evaluation.as_ref().is_some_and(|evaluation| evaluation.champion_unusable.is_some());
    match now {
        DeployedArtifact::Nothing => run.judgement.champion.is_some() || was_unclear,
        DeployedArtifact::Artifact(digest) => Some(digest) != run.judgement.champion.as_ref() && digest != artifact,
        DeployedArtifact::Unclear(_) => run.judgement.champion.is_some() || !was_unclear,
    }
}
