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

/// How an environment takes promotions by request.
#[derive(Debug, Clone)]
pub struct Requests {
    /// The API of the forge that the environment's repository is on.
    pub api: Arc<dyn ForgeApi>,
    /// Who merges.
    pub merge: Merge,
    /// How Slipway merges; by a method that the repository takes if `None`.
    pub method: Option<MergeMethod>,
}

/// Who merges a promotion's request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merge {
    /// People, at the forge.
    People,
    /// Slipway, as soon as the forge lets it.
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
    /// An environment on a branch: in a folder of it, or in all of it. Promotions are commits to the branch, or requests
    /// to merge one.
    pub fn new(writer: BranchWriter, folder: Option<String>, rules: Rules, requests: Option<Requests>) -> Self {
        let marks = Arc::new(Marks::below(folder.as_deref()));
        let (owners, operators, commit) = (BTreeMap::new(), BTreeSet::new(), CommitTemplates::default());
        Self { writer, folder, marks, rules, requests, owners, operators, commit }
    }

    /// The same with the sources that own models here whoever promotes them first, and with the people who may hold and roll back
    /// from a forge.
    #[must_use]
    pub fn owned(self, owners: BTreeMap<String, SourceName>, operators: BTreeSet<String>) -> Self {
        Self { owners, operators, ..self }
    }

    /// The same whose promotions' commits say this.
    #[must_use]
    pub fn with_commit_templates(self, commit: CommitTemplates) -> Self {
        Self { commit, ..self }
    }

    /// What the commits of promotions say.
    pub(crate) fn commit_templates(&self) -> &CommitTemplates {
        &self.commit
    }

    /// The sources that models belong to here by the settings.
    pub fn owners(&self) -> &BTreeMap<String, SourceName> {
        &self.owners
    }

    /// The people who may hold and roll back from a forge, by their names; the writers of each model's source if there are none.
    pub fn operators(&self) -> &BTreeSet<String> {
        &self.operators
    }

    /// Mirror of the branch its manifests are on.
    pub fn mirror(&self) -> &Mirror {
        self.writer.mirror()
    }

    /// The folder of the branch that its manifests are in; all of the branch if `None`.
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

    /// Whether promotions come here from another environment.
    pub(crate) fn comes_after(&self, other: &SourceName) -> bool {
        self.rules.after.as_ref().is_some_and(|after| after.environments.contains(other))
    }
}

impl Context {
    /// The environment of this name.
    pub fn environment_by_name(&self, name: &SourceName) -> Option<&Environment> {
        self.settings.environments.get(name)
    }

    /// The sources whose models reach an environment, directly or through others.
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

    /// Whether a source's branch holds manifests of an environment as well.
    pub(crate) fn is_environment(&self, source: &super::Source) -> bool {
        let place = |mirror: &Mirror| (mirror.remote().url().to_owned(), mirror.remote().branch().to_owned());
        let source = place(&source.mirror);
        self.settings.environments.values().any(|environment| place(environment.mirror()) == source)
    }

    /// The environment a run is to be promoted to.
    pub(crate) fn environment(&self, run: &Run) -> Result<&Environment, StepError> {
        // Runs to environments that are not served here are not taken; what is removed from the settings waits to come back.
        self.environment_by_name(&run.environment).ok_or_else(|| StepError::Transient {
            retry: Retry::Backoff,
            reason: format!("the environment `{}` is not in the settings of this server", run.environment),
        })
    }

    /// What an environment says of a model now: the branch is fetched first.
    pub(crate) async fn marked_now(&self, environment: &Environment, model: &str) -> Result<Marked, StepError> {
        let tip = self.remotes.fetch(environment.mirror()).await??;
        let (mirror, marks, model) = (environment.mirror().clone(), environment.marks().clone(), model.to_owned());
        blocking(move || marks.find(&(&mirror, &tip), &model)).await?
    }

    /// What an environment named at a commit, model by model.
    pub(crate) async fn deployed_artifacts_at(
        &self,
        environment: &Environment,
        commit: &CommitSha,
    ) -> Result<Vec<(String, DeployedArtifact)>, StepError> {
        let (mirror, marks, commit) = (environment.mirror().clone(), environment.marks().clone(), commit.clone());
        blocking(move || deployed_artifacts(&mirror, &marks, &commit)).await?
    }
}

/// What an environment names of a run's model, if that is an artifact or nothing. No candidate is compared with anything else, and
/// none takes its place.
pub(crate) fn readable(run: &Run, deployed: DeployedArtifact) -> Result<DeployedArtifact, StepError> {
    match deployed {
        DeployedArtifact::Unclear(reason) => Err(StepError::Environment { reason: messages::unreadable(run, &reason) }),
        deployed => Ok(deployed),
    }
}

/// What an environment named at a commit, model by model. Of a model whose marks cannot be read, that is said.
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

/// What an environment named of one model at a commit.
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
