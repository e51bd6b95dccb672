//! An environment that may be written: its branch, its folder there, and its rules.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::branch_writer::BranchWriter;
use super::marks::{Marked, Marks};
use super::step::{StepError, blocking};
use super::{Context, messages};
use slipway_domain::{CommitSha, CommitTemplates, DeployedArtifact, Retry, Rules, Run, SourceName};
use slipway_forge::{ForgeApi, MergeMethod};
use slipway_git::Mirror;

/// Settings for the promotion requests of an environment.
#[derive(Debug, Clone)]
pub struct Requests {
    /// The API of the forge of the environment's repository.
    pub api: Arc<dyn ForgeApi>,
    /// Who merges.
    pub merge: Merge,
    /// The method by which Slipway merges. If `None`, Slipway uses a method that the repository accepts.
    pub method: Option<MergeMethod>,
}

/// Who merges a promotion request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merge {
    /// People, at the forge.
    People,
    /// Slipway, as soon as the forge permits it.
    Slipway,
}

/// An environment that may be written.
pub struct Environment {
    writer: BranchWriter,
    folder: Option<String>,
    marks: Arc<Marks>,
    rules: Rules,
    requests: Option<Requests>,
    owners: BTreeMap<String, SourceName>,
    operators: BTreeSet<String>,
    commit: CommitTemplates,
}

impl Environment {
    /// Creates an environment in a folder of a branch, or in the whole branch. Promotions are commits to the branch, or promotion
    /// requests.
    pub fn new(writer: BranchWriter, folder: Option<String>, rules: Rules, requests: Option<Requests>) -> Self {
        let marks = Arc::new(Marks::below(folder.as_deref()));
        let (owners, operators, commit) = (BTreeMap::new(), BTreeSet::new(), CommitTemplates::default());
        Self { writer, folder, marks, rules, requests, owners, operators, commit }
    }

    /// Sets the sources that own models here regardless of the first promotion, and the people who may hold and roll back from a
    /// forge.
    #[must_use]
    pub fn owned(self, owners: BTreeMap<String, SourceName>, operators: BTreeSet<String>) -> Self {
        Self { owners, operators, ..self }
    }

    /// Sets the templates of promotion commits.
    #[must_use]
    pub fn with_commit_templates(self, commit: CommitTemplates) -> Self {
        Self { commit, ..self }
    }

    /// The templates of promotion commits.
    pub(crate) fn commit_templates(&self) -> &CommitTemplates {
        &self.commit
    }

    /// The source that owns each model here, according to the settings.
    pub fn owners(&self) -> &BTreeMap<String, SourceName> {
        &self.owners
    }

    /// Names of the people who may hold and roll back from a forge. If there are none, the writers of each model's source may.
    pub fn operators(&self) -> &BTreeSet<String> {
        &self.operators
    }

    /// Mirror of the branch that contains its manifests.
    pub fn mirror(&self) -> &Mirror {
        self.writer.mirror()
    }

    /// The folder of the branch that contains its manifests; `None` for the whole branch.
    pub fn folder(&self) -> Option<&str> {
        self.folder.as_deref()
    }

    /// Its rules.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    pub(crate) fn requests(&self) -> Option<&Requests> {
        self.requests.as_ref()
    }

    pub(crate) fn marks(&self) -> &Arc<Marks> {
        &self.marks
    }

    pub(crate) fn writer(&self) -> &BranchWriter {
        &self.writer
    }

    /// Whether promotions come here directly from the other environment.
    pub(crate) fn comes_after(&self, other: &SourceName) -> bool {
        self.rules.after.as_ref().is_some_and(|after| after.environments.contains(other))
    }
}

impl Context {
    /// The environment of this name.
    pub fn environment_by_name(&self, name: &SourceName) -> Option<&Environment> {
        self.settings.environments.get(name)
    }

    /// The sources whose models reach an environment, directly or through other environments.
    pub fn sources_of(&self, name: &SourceName) -> BTreeSet<&SourceName> {
        let mut reached = BTreeSet::new();
        let mut open = vec![name];
        while let Some(next) = open.pop() {
            if reached.insert(next) {
                let before = self.environment_by_name(next).and_then(|environment| environment.rules.after.as_ref());
                open.extend(before.into_iter().flat_map(|after| &after.environments));
            }
        }
        self.sources().filter(|(_, served)| reached.contains(&served.environment)).map(|(source, _)| source).collect()
    }

    /// Whether a source's branch also contains manifests of an environment.
    pub(crate) fn is_environment(&self, source: &super::Source) -> bool {
        let place = |mirror: &Mirror| (mirror.remote().url().to_owned(), mirror.remote().branch().to_owned());
        let source = place(&source.mirror);
        self.settings.environments.values().any(|environment| place(environment.mirror()) == source)
    }

    /// The target environment of a run.
    pub(crate) fn environment(&self, run: &Run) -> Result<&Environment, StepError> {
        // Workers do not claim runs of environments that this server does not serve. A run whose environment was removed from the
        // settings waits until it is added again.
        self.environment_by_name(&run.cause.environment).ok_or_else(|| StepError::Transient {
            retry: Retry::Backoff,
            reason: format!("the environment `{}` is not in the settings of this server", run.cause.environment),
        })
    }

    /// Fetches the branch of an environment and reads the marks of a model.
    pub(crate) async fn marked_now(&self, environment: &Environment, model: &str) -> Result<Marked, StepError> {
        let tip = self.remotes.fetch(environment.mirror()).await??;
        let (mirror, marks, model) = (environment.mirror().clone(), environment.marks().clone(), model.to_owned());
        blocking(move || marks.find(&(&mirror, &tip), &model)).await?
    }

    /// The artifacts that an environment named at a commit, per model.
    pub(crate) async fn deployed_artifacts_at(
        &self,
        environment: &Environment,
        commit: &CommitSha,
    ) -> Result<Vec<(String, DeployedArtifact)>, StepError> {
        let (mirror, marks, commit) = (environment.mirror().clone(), environment.marks().clone(), commit.clone());
        blocking(move || deployed_artifacts(&mirror, &marks, &commit)).await?
    }
}

/// Returns the deployed artifact if it is an artifact or nothing, and an error otherwise. A candidate is never compared with an
/// unclear artifact, and never replaces one.
pub(crate) fn readable(run: &Run, deployed: DeployedArtifact) -> Result<DeployedArtifact, StepError> {
    match deployed {
        DeployedArtifact::Unclear(reason) => Err(StepError::Environment { reason: messages::unreadable(run, &reason) }),
        deployed => Ok(deployed),
    }
}

/// The artifacts that an environment named at a commit, per model. If marks are unreadable, the entry gives the reason.
pub(crate) fn deployed_artifacts(
    mirror: &Mirror,
    marks: &Marks,
    commit: &CommitSha,
) -> Result<Vec<(String, DeployedArtifact)>, StepError> {
    let at = (mirror, commit);
    let models = marks.models(&at)?;
    Ok(models
        .into_iter()
        .map(|model| {
            let deployed = deployed_artifact(marks, mirror, commit, &model);
            (model, deployed)
        })
        .collect())
}

/// The artifact that an environment named for one model at a commit.
pub(crate) fn deployed_artifact(marks: &Marks, mirror: &Mirror, commit: &CommitSha, model: &str) -> DeployedArtifact {
    match marks.deployed(&(mirror, commit), model) {
        Ok(deployed) => deployed,
        Err(
            StepError::Refused { reason, .. }
            | StepError::Environment { reason }
            | StepError::Failed { reason }
            | StepError::TimedOut { reason }
            | StepError::Interrupted { reason }
            | StepError::Transient { reason, .. },
        ) => DeployedArtifact::Unclear(reason),
        Err(StepError::Store(error)) => DeployedArtifact::Unclear(error.to_string()),
    }
}
