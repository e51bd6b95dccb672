//! Reads an environment's history from git: the artifact that it named, since when, by which commit, and whether that was a
//! promotion or a change by hand. The result is stored as an index; git remains the source of truth, and the branch determines
//! the champion. A commit is a promotion by Slipway only if Slipway recorded that it made the commit, regardless of its message.

use std::collections::BTreeMap;

use jiff::Timestamp;
use slipway_contract::Digest;

use super::Promotions;
use super::actions::ActionError;
use super::promote::TRAILER;
use crate::context::marks::Marks;
use crate::context::{StepError, blocking, deployed_artifact, deployed_artifacts, messages};
use slipway_domain::{Actor, CommitSha, DeployedArtifact, DeployedBy, DeploymentRecord, Run, RunId, SourceName};
use slipway_git::{CommitInfo, GitError, Mirror};
use slipway_store::{NewAuditEntry, ReadHistory, StoreError};

/// Maximum number of commits in the first read. Artifacts that were named before them are recorded as older.
const FIRST_READ: usize = 1_000;
/// Maximum number of commits in a later read. A branch that grew by more was not moved by promotions.
const MAX_AT_ONCE: usize = 20_000;

impl Promotions {
    /// Reads the new part of an environment's history: after a fetch, or as far as the mirror contains it.
    pub(crate) async fn read_history(&self, name: &SourceName, fetch: bool) -> Result<(), StepError> {
        let Some(environment) = self.context.environment_by_name(name) else { return Ok(()) };
        // Read before the fetch: a tip that is fetched after this is older only if the branch was rewound.
        let read_to = self.context.store.history_read_to(name).await?;
        let known = if fetch { None } else { known_beyond(environment.mirror().clone(), read_to.clone()).await? };
        let tip = match known {
            Some(Known::Tip(tip)) => tip,
            Some(Known::Behind) => return Ok(()),
            None => self.context.remotes.fetch(environment.mirror()).await??,
        };
        if read_to.as_ref() == Some(&tip) {
            return Ok(());
        }
        let before = self.context.store.deployment_records(name).await?;
        let (mirror, marks, wanted) = (environment.mirror().clone(), environment.marks().clone(), name.clone());
        let history = blocking(move || {
            read(&Reading { environment: wanted, mirror: &mirror, marks: &marks }, read_to, &before, tip)
        });
        let (mut history, claims) = history.await??;
        for (record, claim) in history.deployment_records.iter_mut().zip(claims) {
            if let Some(claim) = claim
                && self.is_ours(name, record, &claim).await?
            {
                record.by = DeployedBy::Run(claim.run);
            }
        }
        if environment.requests().is_some() {
            for record in
                history.deployment_records.iter_mut().filter(|record| matches!(record.by, DeployedBy::Hand(_)))
            {
                if let Some(run) = self.merged_as(record).await? {
                    record.by = DeployedBy::Run(run);
                }
            }
        }
        let is_first = history.before.is_none();
        for record in self.context.store.record_history(&history).await? {
            if !is_first && matches!(record.by, DeployedBy::Hand(_)) {
                self.report_drift(&record).await?;
            }
            self.wake_waiting(None, Some(&record.model)).await?;
        }
        Ok(())
    }

    /// The run whose promotion request a commit by the forge has merged. A squash may have lost the trailers of the promotion.
    /// The forge is queried only about requests with this artifact.
    async fn merged_as(&self, record: &DeploymentRecord) -> Result<Option<RunId>, StepError> {
        let Some(artifact) = record.deployed.artifact() else { return Ok(None) };
        let is_it = |run: &Run| run.cause.model == record.model && run.training.artifact.as_ref() == Some(artifact);
        let promoted = match self.owner_of(&record.environment, &record.model).await? {
            Some(owner) => self.context.store.promoted_runs(&record.environment, &record.model, &owner).await?,
            None => Vec::new(),
        };
        let known = promoted.iter().find(|run| is_it(run) && run.promotion.commit.as_ref() == Some(&record.commit));
        if let Some(run) = known {
            return Ok(Some(run.id));
        }
        let under_way = self.context.store.runs_under_way(&record.environment).await?;
        for run in under_way.iter().filter(|run| run.promotion.request.is_some() && is_it(run)) {
            if self.merge_commit_of(run).await?.as_ref() == Some(&record.commit) {
                return Ok(Some(run.id));
            }
        }
        Ok(None)
    }

    /// Whether a commit is the promotion that it claims to be: Slipway noted it before the push, or its run has recorded it. The
    /// message proves nothing, because any author can write it.
    async fn is_ours(&self, name: &SourceName, record: &DeploymentRecord, claim: &Claim) -> Result<bool, StoreError> {
        if self.context.store.pushed_for(name, &claim.commit).await? == Some(claim.run) {
            return Ok(true);
        }
        let run = match self.context.store.run(claim.run).await {
            Ok(run) => run,
            Err(StoreError::NoSuchRun { .. }) => return Ok(false),
            Err(error) => return Err(error),
        };
        let recorded = [run.promotion.commit.as_ref(), run.promotion.request.as_ref().map(|request| &request.head)];
        let is_recorded = recorded.into_iter().flatten().any(|known| *known == claim.commit || *known == record.commit);
        Ok(is_recorded && run.cause.environment == *name && run.cause.model == record.model)
    }

    /// Logs and audits a change of an environment by hand. Git is the source of truth, so the change stays.
    async fn report_drift(&self, record: &DeploymentRecord) -> Result<(), StoreError> {
        let detail = messages::drifted(record);
        tracing::warn!(environment = %record.environment, model = record.model, commit = %record.commit, "{detail}");
        metrics::counter!("slipway_environment_drift_total", "environment" => record.environment.to_string())
            .increment(1);
        let entry = NewAuditEntry {
            actor: Actor::controller(),
            action: "environment.drift".to_owned(),
            target: format!("{}/{}", record.environment, record.model),
            detail,
        };
        self.context.store.audit(&entry).await
    }

    /// The artifacts that an environment named at a time, from git alone, with the commit that was its tip.
    pub async fn environment_at(
        &self,
        name: &SourceName,
        at: Timestamp,
    ) -> Result<Option<(CommitSha, Vec<(String, DeployedArtifact)>)>, ActionError> {
        let Some(environment) = self.context.environment_by_name(name) else { return Ok(None) };
        let mirror = environment.mirror().clone();
        let tip = self.context.remotes.fetch(&mirror).await?.map_err(StepError::from)?;
        let commit = blocking(move || mirror.commit_at(&tip, at)).await?.map_err(StepError::from)?;
        let Some(commit) = commit else { return Ok(None) };
        let deployed = self.context.deployed_artifacts_at(environment, &commit).await?;
        Ok(Some((commit, deployed)))
    }
}

/// Local knowledge of a branch, without a request to its server.
enum Known {
    /// Its tip.
    Tip(CommitSha),
    /// The mirror is behind the commit that another server has read.
    Behind,
}

/// The tip in the mirror, if the history can be read from `read_to` up to it; `None` if the server must be queried.
async fn known_beyond(mirror: Mirror, read_to: Option<CommitSha>) -> Result<Option<Known>, StepError> {
    let known = blocking(move || {
        let Some(tip) = mirror.known_tip() else { return Ok(None) };
        let Some(read_to) = read_to.filter(|read_to| *read_to != tip) else { return Ok(Some(Known::Tip(tip))) };
        if !mirror.contains(&read_to)? {
            return Ok(None);
        }
        let is_behind = mirror.merge_base(&tip, &read_to)?.as_ref() == Some(&tip);
        Ok::<_, GitError>(Some(if is_behind { Known::Behind } else { Known::Tip(tip) }))
    });
    Ok(known.await??)
}

struct Reading<'a> {
    environment: SourceName,
    mirror: &'a Mirror,
    marks: &'a Marks,
}

/// A commit, and its first parent.
type Step = (CommitSha, Option<CommitSha>);

/// The unread commits up to the tip along first parents, oldest first, each with its parent. `None` if the last read commit is
/// not among them.
fn commits_since(mirror: &Mirror, read_to: Option<&CommitSha>, tip: &CommitSha) -> Result<Option<Vec<Step>>, GitError> {
    let most = if read_to.is_some() { MAX_AT_ONCE } else { FIRST_READ };
    let mut commits = Vec::new();
    let mut commit = tip.clone();
    while commits.len() < most {
        if Some(&commit) == read_to {
            commits.reverse();
            return Ok(Some(commits));
        }
        let parent = mirror.parent(&commit)?;
        commits.push((commit, parent.clone()));
        let Some(parent) = parent else { break };
        commit = parent;
    }
    commits.reverse();
    Ok(read_to.is_none().then_some(commits))
}

/// The changes of an environment since the last read, or all changes if its history was rewritten. Also returns the claim of each
/// change's commit.
fn read(
    reading: &Reading<'_>,
    read_to: Option<CommitSha>,
    before: &[DeploymentRecord],
    tip: CommitSha,
) -> Result<(ReadHistory, Vec<Option<Claim>>), StepError> {
    let Reading { environment, mirror, marks } = reading;
    let mut deployed: BTreeMap<String, DeployedArtifact> = BTreeMap::new();
    let (mut deployment_records, mut claims) = (Vec::new(), Vec::new());
    let replaces = read_to.clone();
    let (read_to, commits) = match commits_since(mirror, read_to.as_ref(), &tip)? {
        Some(commits) if read_to.is_some() => {
            deployed.extend(before.iter().map(|record| (record.model.clone(), record.deployed.clone())));
            (read_to, commits)
        }
        _ => (None, commits_since(mirror, None, &tip)?.unwrap_or_default()),
    };
    for (number, (commit, parent)) in commits.into_iter().enumerate() {
        let first = read_to.is_none() && number == 0;
        let touched: Vec<(String, DeployedArtifact)> = if first {
            deployed_artifacts(mirror, marks, &commit)?
        } else {
            touched_by(reading, &commit, parent.as_ref())?
        };
        let mut info = None;
        for (model, now) in touched {
            if deployed.get(&model) == Some(&now) {
                continue;
            }
            deployed.insert(model.clone(), now.clone());
            if info.is_none() {
                info = Some(mirror.commit_info(&commit)?);
            }
            let Some(info) = &info else { continue };
            let claim = claim(mirror, info, &model, &now)?;
            let unknown = first && parent.is_some() && claim.is_none();
            let by = if unknown { DeployedBy::Unknown } else { DeployedBy::Hand(info.author.clone()) };
            let at = info.time.unwrap_or(Timestamp::UNIX_EPOCH);
            claims.push(claim);
            deployment_records.push(DeploymentRecord {
                environment: environment.clone(),
                model,
                deployed: now,
                commit: commit.clone(),
                at,
                seen_at: None,
                by,
            });
        }
    }
    let replaces = replaces.filter(|_| read_to.is_none());
    Ok((ReadHistory { environment: environment.clone(), before: read_to, replaces, tip, deployment_records }, claims))
}

/// The artifacts of the models whose manifests a commit touched.
fn touched_by(
    reading: &Reading<'_>,
    commit: &CommitSha,
    parent: Option<&CommitSha>,
) -> Result<Vec<(String, DeployedArtifact)>, StepError> {
    let Reading { mirror, marks, .. } = reading;
    let mut paths = mirror.changed_paths(parent, commit)?;
    paths.retain(|path| marks.may_hold(path));
    if paths.is_empty() {
        return Ok(Vec::new());
    }
    let mut models = marks.models_in(&(*mirror, commit), &paths)?;
    if let Some(parent) = parent {
        models.extend(marks.models_in(&(*mirror, parent), &paths)?);
    }
    let deployed = |model: String| {
        let deployed = deployed_artifact(marks, mirror, commit, &model);
        (model, deployed)
    };
    Ok(models.into_iter().map(deployed).collect())
}

/// The run for which a commit, or a commit that it merges, claims to promote this artifact. Anyone who may push there can make
/// this claim.
fn claim(
    mirror: &Mirror,
    commit: &CommitInfo,
    model: &str,
    deployed: &DeployedArtifact,
) -> Result<Option<Claim>, GitError> {
    let claimed = |commit: &CommitInfo| {
        promoted_by(commit, model, deployed).map(|run| Claim { run, commit: commit.commit.clone() })
    };
    if let Some(claim) = claimed(commit) {
        return Ok(Some(claim));
    }
    let Some((before, merged)) = commit.parents.split_first() else { return Ok(None) };
    for merged in merged {
        // The merge did not bring a commit that was already in the branch.
        let is_new = mirror.merge_base(before, merged)?.as_ref() != Some(merged);
        if let Some(claim) = claimed(&mirror.commit_info(merged)?).filter(|_| is_new) {
            return Ok(Some(claim));
        }
    }
    Ok(None)
}

/// The claim of a commit.
struct Claim {
    run: RunId,
    /// The commit that carries the trailers.
    commit: CommitSha,
}

fn promoted_by(commit: &CommitInfo, model: &str, deployed: &DeployedArtifact) -> Option<RunId> {
    let is_promotion = commit.trailer(TRAILER).is_some()
        && commit.trailer("Slipway-Model") == Some(model)
        && commit.trailer("Slipway-Artifact") == deployed.artifact().map(Digest::as_str);
    commit.trailer("Slipway-Run").filter(|_| is_promotion).and_then(|run| run.parse().ok())
}
