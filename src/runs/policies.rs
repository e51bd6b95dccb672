//! The policies of a run: its model's policy, read at the revision before the push, and the mandatory policies.

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

/// The policies that judge a run.
pub(crate) struct Policies {
    own: Policy,
    mandatory: Arc<[Policy]>,
    /// Where the model's own policy was read.
    place: PolicyPlace,
}

/// Where a model's policy was read, with the files of the repository that it consists of.
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

    /// The columns of predictions that the policies need.
    pub(crate) fn columns(&self) -> Columns {
        self.all().map(Policy::columns).fold(Columns::default(), Columns::and)
    }

    /// The columns that name the queries and series that the policies judge.
    pub(crate) fn units(&self, evaluation: &Evaluation) -> BTreeSet<String> {
        self.all().flat_map(|policy| policy.units(evaluation)).collect()
    }

    /// The evidence that the policies need besides predictions.
    pub(crate) fn required_evidence(&self) -> RequiredEvidence {
        self.all().map(Policy::required_evidence).fold(RequiredEvidence::default(), RequiredEvidence::and)
    }

    /// The expectations of the policies about the rows of a model. Rows that violate them are reported before training.
    pub(crate) fn expected(&self, run: &Run, model: &str) -> Vec<Expected> {
        let (now, note) = (Timestamp::now(), read_where(&self.place.revision, run));
        let mandatory_policies = self.mandatory.iter().flat_map(|policy| policy.expects(model, now));
        mandatory_policies
            .chain(self.own.expects(model, now).into_iter().map(|expected| expected.noted(&note)))
            .collect()
    }

    /// The limit for uses of a test set, according to the strictest policy.
    pub(crate) fn test_set(&self) -> Option<TestSet> {
        self.own.test_set_over(&self.mandatory)
    }

    /// The digests of the policies. Besides the evidence, only they determine the verdict.
    pub(crate) fn digests(&self) -> impl Iterator<Item = &Digest> {
        self.all().map(Policy::digest)
    }

    /// Where the model's own policy was read.
    pub(crate) fn place(&self) -> &PolicyPlace {
        &self.place
    }

    /// The summary that another policy of the model would give in the place of its own, beside the same mandatory policies.
    /// `None` if it needs evidence that these policies did not need.
    pub(crate) fn instead(&self, policy: &Policy, evidence: &Evidence<'_>) -> Option<String> {
        let covered = self.columns().cover(&policy.columns())
            && self.required_evidence().and(policy.required_evidence()) == self.required_evidence();
        covered.then(|| policy.judge_over(&self.mandatory, evidence).summary())
    }

    /// The verdict of all policies.
    pub(crate) fn judge(&self, evidence: &Evidence<'_>) -> Verdict {
        self.own.judge_over(&self.mandatory, evidence)
    }
}

impl Runs {
    /// Refuses a model that its policies could never judge, or never pass on its test rows, before training. Returns warnings
    /// about checks that only a candidate clearly better than the champion could pass.
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
            let note = read_where(&policies.place.revision, run);
            let own = short(&policies.own)
                .into_iter()
                .map(|Shortage { diagnostic, hopeless }| Shortage { diagnostic: noted(diagnostic, &note), hopeless });
            for Shortage { diagnostic, hopeless } in mandatory_policies.chain(own) {
                let list = if hopeless { &mut unfit } else { &mut warnings };
                list.push(diagnostic);
            }
        }
        if unfit.is_empty() { Ok(warnings) } else { Err(refused(unfit)) }
    }

    /// The number of test rows of the model at the run's revision, if its files show it.
    async fn test_rows(&self, run: &Run, model: &Model) -> Result<Option<u64>, StepError> {
        let mirror = self.context.source(run)?.mirror.clone();
        let (head, file, model) = (run.cause.head.clone(), run.cause.file.clone(), model.clone());
        blocking(move || model_check::test_rows(&Revision { mirror: &mirror, commit: &head }, &file, &model)).await
    }

    /// Refuses the policy that a push brings along, if it could judge nothing from then on.
    pub(super) async fn check_brought_policy(
        &self,
        run: &mut Run,
        model: &Model,
    ) -> Result<(RunEvent, String), StepError> {
        model.metadata.name.as_str().clone_into(&mut run.cause.model);
        let mirror = self.context.source(run)?.mirror.clone();
        let (head, file, model) = (run.cause.head.clone(), run.cause.file.clone(), model.clone());
        let mistakes = blocking(move || mistakes_of(&mirror, &head, &file, &model, |_| true)).await??;
        if mistakes.is_empty() {
            return Ok((RunEvent::NothingToPromote, "the policy is valid; the model did not change".to_owned()));
        }
        Err(refused(mistakes))
    }

    /// Reads the policies that judge the run. The model's own policy is that of the revision before the push, so that a push or a
    /// pull request is never judged by a policy that it brings along. A new model has none there, and its first policy judges it.
    pub(super) async fn read_policies(&self, run: &Run, model: &Model) -> Result<Policies, StepError> {
        let mirror = self.context.source(run)?.mirror.clone();
        let mandatory_policies = self.context.settings.mandatory_policies.clone();
        let path = folder_path(&run.cause.file, &model.spec.policy);
        let (file, head, base, judged) =
            (run.cause.file.clone(), run.cause.head.clone(), run.cause.base.clone(), run.clone());
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

/// Adds to mistakes in a policy the revision at which it was read, if that is not the run's own. The line numbers are those of
/// that revision.
fn read_at(revision: &CommitSha, run: &Run, mistakes: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let note = read_where(revision, run);
    mistakes.into_iter().map(|mistake| noted(mistake, &note)).collect()
}

/// Adds a suffix to the message of a diagnostic.
fn noted(diagnostic: Diagnostic, note: &str) -> Diagnostic {
    Diagnostic { message: format!("{}{note}", diagnostic.message), ..diagnostic }
}

/// A suffix for messages with the place where a policy was read; empty for the run's own revision.
fn read_where(revision: &CommitSha, run: &Run) -> String {
    if *revision == run.cause.head {
        return String::new();
    }
    let before = match &run.cause.pull_request {
        Some(_) => "the merge base of this pull request",
        None => "the revision before this push",
    };
    format!(" (read at {}, {before})", revision.short())
}

/// The models whose policy a push breaks, whether the push rebuilds them or not. The author of the push receives the mistakes
/// now, and not with the next push. A model that is judged by the policy of the push itself is left out, because its own run
/// reports them. `changed` are the paths that the push changed; it is empty if they are unknown.
pub(crate) fn with_broken_policy(
    mirror: &Mirror,
    base: Option<&CommitSha>,
    head: &CommitSha,
    models: Vec<ModelFile>,
    changed: &[String],
) -> Result<Vec<ModelFile>, StepError> {
    let mut broken = Vec::new();
    let is_yaml = |path: &String| [".yaml", ".yml"].iter().any(|ending| path.ends_with(ending));
    let Some(base) = base.filter(|_| changed.is_empty() || changed.iter().any(is_yaml)) else { return Ok(broken) };
    for file in models {
        let model = file.text.as_ref().ok().and_then(|text| source::valid_model(&file.path, text));
        let Some(model) = model else { continue };
        let path = folder_path(&file.path, &model.spec.policy);
        let (judging, judging_path) = place_of_policy(mirror, &file.path, head, Some(base), &path)?;
        let is_changed = |path: &str| changed.iter().any(|changed| changed == path);
        if judging == *head || mistakes_of(mirror, head, &file.path, &model, is_changed)?.is_empty() {
            continue;
        }
        // If a file that it extends had already broken the policy, that was reported then.
        let is_own = changed.contains(&path) || judging_path != path;
        let before = if is_own { Vec::new() } else { mistakes_of(mirror, base, &file.path, &model, is_changed)? };
        if before.is_empty() {
            broken.push(file);
        }
    }
    Ok(broken)
}

/// The mistakes at a revision in the policy of the model at `file`: it cannot be read, could not judge the model, or no model could
/// pass it on the test rows. The test rows are only read if one of the policy's files `is_changed`.
fn mistakes_of(
    mirror: &Mirror,
    revision: &CommitSha,
    file: &str,
    model: &Model,
    is_changed: impl Fn(&str) -> bool,
) -> Result<Vec<Diagnostic>, StepError> {
    match read_policy(mirror, revision, &folder_path(file, &model.spec.policy)) {
        Ok((policy, place)) => {
            let mut mistakes = policy.unfit_for(model);
            if place.texts.keys().any(|path| is_changed(path)) {
                mistakes.extend(never_passed(&policy, &Revision { mirror, commit: revision }, file, model));
            }
            Ok(mistakes)
        }
        Err(StepError::Refused { diagnostics, .. }) => Ok(diagnostics),
        Err(error) => Err(error),
    }
}

/// The checks of a policy that no model could pass on the test rows.
fn never_passed(policy: &Policy, revision: &Revision<'_>, file: &str, model: &Model) -> Vec<Diagnostic> {
    let Some(rows) = model_check::test_rows(revision, file, model) else { return Vec::new() };
    let short = policy.short_of_rows(rows, model.metadata.name.as_str(), Timestamp::now());
    short.into_iter().filter(|shortage| shortage.hopeless).map(|shortage| shortage.diagnostic).collect()
}

/// The revision and the path of the policy that judges the model at `file`. `path` is the path that the model gives at `head`.
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

/// Reads a policy at a revision, with the policies that it extends there.
pub(crate) fn read_policy(
    mirror: &Mirror,
    revision: &CommitSha,
    path: &str,
) -> Result<(Policy, PolicyPlace), StepError> {
    let (policy, texts) = policy_file::read(&Revision { mirror, commit: revision }, path)?.map_err(refused)?;
    let (revision, path, digest) = (revision.clone(), path.to_owned(), policy.digest().clone());
    Ok((policy, PolicyPlace { revision, path, digest, texts }))
}
