//! The policies of a run: its model's, read where the push began, and the floors of the platform's owner.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use slipway_contract::{Digest, Model};

use super::Runs;
use super::plan::refused;
use crate::context::{StepError, blocking};
use crate::repository::{ModelFile, Revision, folder_path, model_check, policy_file, source};
use slipway_domain::{CommitSha, Diagnostic, Run, RunEvent, Verdict};
use slipway_gate::evaluation::{Columns, Evaluation};
use slipway_gate::policy::{Evidence, Expected, Policy, RequiredEvidence, Shortage, TestSet};
use slipway_git::{GitError, Mirror};

/// What a run is judged by.
pub(crate) struct Policies {
    own: Policy,
    mandatory: Arc<[Policy]>,
    /// Where the model's own was read.
    place: PolicyPlace,
}

/// A model's policy where it was read, with the files of the repository that it was read from.
#[derive(Clone)]
pub(crate) struct PolicyPlace {
    pub(crate) revision: CommitSha,
    pub(crate) path: String,
    pub(crate) digest: Digest,
    /// Texts by their paths.
    pub(crate) texts: BTreeMap<String, String>,
}

impl Policies {
    fn all(&self) -> impl Iterator<Item = &Policy> {
        self.mandatory.iter().chain([&self.own])
    }

    /// The columns of predictions that they need.
    pub(crate) fn columns(&self) -> Columns {
        self.all().map(Policy::columns).fold(Columns::default(), Columns::and)
    }

    /// The columns that name the queries and series they judge.
    pub(crate) fn units(&self, evaluation: &Evaluation) -> BTreeSet<String> {
        self.all().flat_map(|policy| policy.units(evaluation)).collect()
    }

    /// What they need to see besides predictions.
    pub(crate) fn required_evidence(&self) -> RequiredEvidence {
        self.all().map(Policy::required_evidence).fold(RequiredEvidence::default(), RequiredEvidence::and)
    }

    /// What they will ask of the rows of a model: what no row answers is told before training.
    pub(crate) fn expected(&self, run: &Run, model: &str) -> Vec<Expected> {
        let (now, note) = (Timestamp::now(), read_where(&self.place.revision, run));
        let mandatory_policies = self.mandatory.iter().flat_map(|policy| policy.expects(model, now));
        mandatory_policies
            .chain(self.own.expects(model, now).into_iter().map(|expected| expected.noted(&note)))
            .collect()
    }

    /// How often a test set may be used, as the strictest of them says.
    pub(crate) fn test_set(&self) -> Option<TestSet> {
        self.own.test_set_over(&self.mandatory)
    }

    /// What their verdict hangs on besides the evidence.
    pub(crate) fn digests(&self) -> impl Iterator<Item = &Digest> {
        self.all().map(Policy::digest)
    }

    /// Where the model's own was read.
    pub(crate) fn place(&self) -> &PolicyPlace {
        &self.place
    }

    /// What another policy of the model would say in the place of its own, beside the same floors; nothing where it asks for
    /// what these did not.
    pub(crate) fn instead(&self, policy: &Policy, evidence: &Evidence<'_>) -> Option<String> {
        let covered = self.columns().cover(&policy.columns())
            && self.required_evidence().and(policy.required_evidence()) == self.required_evidence();
        covered.then(|| policy.judge_over(&self.mandatory, evidence).summary())
    }

    /// The verdict of all of them.
    pub(crate) fn judge(&self, evidence: &Evidence<'_>) -> Verdict {
        self.own.judge_over(&self.mandatory, evidence)
    }
}

impl Runs {
    /// Refuses a model that its policies could never judge, or never pass on its test rows, before anything is trained. Answers
    /// what only a candidate that is clearly better than the champion could pass.
    pub(super) async fn check_policies(&self, run: &Run, model: &Model) -> Result<Vec<Diagnostic>, StepError> {
        let policies = self.read_policies(run, model).await?;
        let unfit: Vec<Diagnostic> = policies.mandatory.iter().flat_map(|policy| policy.unfit_for(model)).collect();
        let own = read_at(&policies.place.revision, run, policies.own.unfit_for(model));
        let mut unfit: Vec<Diagnostic> = unfit.into_iter().chain(own).collect();
        let mut warnings = Vec::new();
        if let Some(rows) = self.test_rows(run, model).await? {
            let name = model.metadata.name.as_str();
            let short = |policy: &Policy| policy.short_of_rows(rows, name, Timestamp::now());
            let mandatory_policies = policies.mandatory.iter().flat_map(short);
            for Shortage { diagnostic, hopeless } in mandatory_policies.chain(short(&policies.own)) {
                let list = if hopeless { &mut unfit } else { &mut warnings };
                list.push(diagnostic);
            }
        }
        if unfit.is_empty() { Ok(warnings) } else { Err(refused(unfit)) }
    }

    /// How many test rows the model has at the run's revision, if that can be told from its files.
    async fn test_rows(&self, run: &Run, model: &Model) -> Result<Option<u64>, StepError> {
        let mirror = self.context.source(run)?.mirror.clone();
        let (head, file, model) = (run.head.clone(), run.file.clone(), model.clone());
        blocking(move || model_check::test_rows(&Revision { mirror: &mirror, commit: &head }, &file, &model)).await
    }

    /// Refuses the policy that a push brings along, if it could judge nothing from then on.
    pub(super) async fn check_brought_policy(
        &self,
        run: &mut Run,
        model: &Model,
    ) -> Result<(RunEvent, String), StepError> {
        model.metadata.name.as_str().clone_into(&mut run.model);
        let mirror = self.context.source(run)?.mirror.clone();
        let (head, file, model) = (run.head.clone(), run.file.clone(), model.clone());
        let mistakes = blocking(move || mistakes_of(&mirror, &head, &file, &model)).await??;
        if mistakes.is_empty() {
            return Ok((
                RunEvent::NothingToPromote,
                "the policy is sound; nothing of the model has changed".to_owned(),
            ));
        }
        Err(refused(mistakes))
    }

    /// The policies the run is judged by. The model's own is that of the revision before the push, so that a change is never
    /// judged by a policy it brings along. A model that is new has none there; its first policy is its own.
    pub(super) async fn read_policies(&self, run: &Run, model: &Model) -> Result<Policies, StepError> {
        let mirror = self.context.source(run)?.mirror.clone();
        let mandatory_policies = self.context.settings.mandatory_policies.clone();
        let path = folder_path(&run.file, &model.spec.policy);
        let (file, head, base, judged) = (run.file.clone(), run.head.clone(), run.base.clone(), run.clone());
        blocking(move || {
            let (revision, path) = place_of_policy(&mirror, &file, &head, base.as_ref(), &path)?;
            let (own, place) = read_policy(&mirror, &revision, &path).map_err(|error| match error {
                StepError::Refused { diagnostics, .. } => refused(read_at(&revision, &judged, diagnostics)),
                error => error,
            })?;
            Ok(Policies { own, mandatory: mandatory_policies, place })
        })
        .await?
    }
}

/// Mistakes in a policy, with the revision it was read at where that is not the run's own: its lines are those of that
/// revision.
fn read_at(revision: &CommitSha, run: &Run, mistakes: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let note = read_where(revision, run);
    let warnings = |mistake: Diagnostic| Diagnostic { message: format!("{}{note}", mistake.message), ..mistake };
    mistakes.into_iter().map(warnings).collect()
}

/// Where a policy was read, behind a message; nothing where that is the run's own revision.
fn read_where(revision: &CommitSha, run: &Run) -> String {
    if *revision == run.head {
        return String::new();
    }
    let before = match &run.pull_request {
        Some(_) => "where this change left its branch",
        None => "the revision before this push",
    };
    format!(" (read at {}, {before})", revision.short())
}

/// Of models that a push does not rebuild, those whose policy it breaks: whoever pushed it hears of that now, not with the next
/// push.
pub(crate) fn with_broken_policy(
    mirror: &Mirror,
    base: Option<&CommitSha>,
    head: &CommitSha,
    models: Vec<ModelFile>,
    changed: &[String],
) -> Result<Vec<ModelFile>, StepError> {
    let mut broken = Vec::new();
    let is_yaml = |path: &String| [".yaml", ".yml"].iter().any(|ending| path.ends_with(ending));
    if !changed.iter().any(is_yaml) {
        return Ok(broken);
    }
    for file in models {
        let model = file.text.as_ref().ok().and_then(|text| source::valid_model(&file.path, text));
        let Some(model) = model else { continue };
        if mistakes_of(mirror, head, &file.path, &model)?.is_empty() {
            continue;
        }
        let own = changed.contains(&folder_path(&file.path, &model.spec.policy));
        // What was broken before by a file that it extends was told then.
        let before = match base {
            Some(base) if !own => mistakes_of(mirror, base, &file.path, &model)?,
            _ => Vec::new(),
        };
        if before.is_empty() {
            broken.push(file);
        }
    }
    Ok(broken)
}

/// What is wrong at a revision with the policy that the model at `file` names: it cannot be read, or could not judge the model.
fn mistakes_of(mirror: &Mirror, revision: &CommitSha, file: &str, model: &Model) -> Result<Vec<Diagnostic>, StepError> {
    match read_policy(mirror, revision, &folder_path(file, &model.spec.policy)) {
        Ok((policy, _)) => Ok(policy.unfit_for(model)),
        Err(StepError::Refused { diagnostics, .. }) => Ok(diagnostics),
        Err(error) => Err(error),
    }
}

/// The revision and the path at which the policy stands that judges the model at `file`; `path` is where the model says at
/// `head` that it is.
fn place_of_policy(
    mirror: &Mirror,
    file: &str,
    head: &CommitSha,
    base: Option<&CommitSha>,
    path: &str,
) -> Result<(CommitSha, String), GitError> {
    let own = || (head.clone(), path.to_owned());
    let Some(base) = base else { return Ok(own()) };
    let Some(before) = source::read_text(&Revision { mirror, commit: base }, file)? else { return Ok(own()) };
    let before = before.ok().and_then(|text| source::valid_model(file, &text));
    let before = before.map(|model| folder_path(file, &model.spec.policy));
    Ok((base.clone(), before.unwrap_or_else(|| path.to_owned())))
}

/// A policy at a revision, with what it extends there.
pub(crate) fn read_policy(
    mirror: &Mirror,
    revision: &CommitSha,
    path: &str,
) -> Result<(Policy, PolicyPlace), StepError> {
    let (policy, texts) = policy_file::read(&Revision { mirror, commit: revision }, path)?.map_err(refused)?;
    let (revision, path, digest) = (revision.clone(), path.to_owned(), policy.digest().clone());
    Ok((policy, PolicyPlace { revision, path, digest, texts }))
}
