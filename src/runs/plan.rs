//! First step: reads and checks the specification, its policy and its files before anything expensive.

use super::Runs;
use crate::context::marks::refusal_of;
use crate::context::{Environment, StepError, blocking, messages, readable};
use crate::promotions::held_up;
use crate::repository::{ModelFiles, Revision, model_check, source};
use slipway_contract::{Digest, Model};
use slipway_domain::{CommitSha, Diagnostic, Retry, Run, RunEvent, version_of};
use slipway_git::GitError;
use slipway_manifest::Values;

/// A model at the revision of its run.
pub(crate) struct Plan {
    /// The model without the addresses of its data, as jobs receive it.
    pub(crate) model: Model,
    /// The model as its author wrote it.
    pub(crate) written: Model,
    /// Text of its file, to locate faults.
    pub(crate) text: String,
    /// The files that belong to it.
    pub(crate) files: ModelFiles,
}

impl Runs {
    pub(crate) async fn plan(&self, run: &mut Run) -> Result<(RunEvent, String), StepError> {
        let plan = self.read_plan(run).await?;
        if run.only_policy {
            return self.check_brought_policy(run, &plan.model).await;
        }
        let plan = self.check_revision(run, plan).await?;
        self.check_commands(run, &plan)?;
        run.promotion.author = Some(self.author_of(run).await?);
        plan.model.metadata.name.as_str().clone_into(&mut run.cause.model);
        self.promotions.check_owner(run).await?;
        let warnings = self.check_policies(run, &plan.model).await?;
        self.check_environment(run).await?;
        if let Some(found) = self.promotions.find_earlier_promotion(run).await? {
            return Ok(found);
        }
        Ok((RunEvent::Planned, messages::sound(run, &warnings)))
    }

    /// Reads the model at the run's revision. Every step that needs it reads it again, because the revision never changes.
    pub(super) async fn read_plan(&self, run: &Run) -> Result<Plan, StepError> {
        let mirror = self.context.source(run)?.mirror.clone();
        let (head, file) = (run.cause.head.clone(), run.cause.file.clone());
        let (known, wanted) = (mirror.clone(), head.clone());
        let there = move || Ok::<_, GitError>(known.known_tip().is_some() && known.contains(&wanted)?);
        if !blocking(there).await?? {
            // This also fetches the served branch, where the policies are read.
            match run.cause.pull_request.clone() {
                Some(pull_request) => {
                    let fetching = mirror.clone();
                    self.context
                        .remotes
                        .call(&mirror, move || fetching.fetch_reference(&pull_request.reference))
                        .await??
                }
                None => self.context.remotes.fetch(&mirror).await??,
            };
        }
        blocking(move || {
            let text = source::read_text(&Revision { mirror: &mirror, commit: &head }, &file)?;
            let text = text.unwrap_or_else(|| Err(Diagnostic::new(&file, "the file does not exist any more")));
            let text = text.map_err(|diagnostic| refused(vec![diagnostic]))?;
            let model = source::read_model(&file, &text).map_err(refused)?;
            Ok(Plan {
                files: ModelFiles::of(&file, &model),
                model: model.clone().without_addresses(),
                written: model,
                text,
            })
        })
        .await?
    }

    /// The address of the revision's author, whose own approval does not suffice.
    async fn author_of(&self, run: &Run) -> Result<String, StepError> {
        let mirror = self.context.source(run)?.mirror.clone();
        let head = run.cause.head.clone();
        Ok(blocking(move || mirror.commit_info(&head)).await??.author_email)
    }

    /// Checks the whole revision once: each model name is unique, and every data file is present.
    async fn check_revision(&self, run: &Run, plan: Plan) -> Result<Plan, StepError> {
        let mirror = self.context.source(run)?.mirror.clone();
        let (head, file) = (run.cause.head.clone(), run.cause.file.clone());
        blocking(move || {
            let others = source::model_files(&mirror, &head)?;
            let revision = Revision { mirror: &mirror, commit: &head };
            let mut problems: Vec<Diagnostic> =
                model_check::taken_name(&revision, &file, &others).into_iter().collect();
            problems.extend(model_check::data_files(&revision, &file, &plan.text, &plan.written)?);
            if problems.is_empty() { Ok(plan) } else { Err(refused(problems)) }
        })
        .await?
    }

    /// Checks that the environment marks the model, so that there is a place to promote to, and that each place accepts its
    /// value. The run does not wait for an unreachable environment, because the environment is read again before it is written.
    async fn check_environment(&self, run: &Run) -> Result<(), StepError> {
        let environment = self.context.environment(run)?;
        let tip = match self.context.remotes.fetch(environment.mirror()).await {
            Ok(Ok(tip)) => tip,
            // Its branch is missing, or the login is wrong: training would be useless.
            Ok(Err(error)) if error.retry() == Retry::Never => {
                return Err(StepError::Environment { reason: error.to_string() });
            }
            Ok(Err(_)) | Err(_) => return Ok(()),
        };
        match self.dry_run(run, tip).await {
            Err(error @ StepError::Environment { .. }) => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Checks whether a run could be promoted to its environment at a commit, without promoting it.
    pub(crate) async fn dry_run(&self, run: &Run, tip: CommitSha) -> Result<(), StepError> {
        let environment = self.context.environment(run)?;
        let (mirror, marks, model) =
            (environment.mirror().clone(), environment.marks().clone(), run.cause.model.clone());
        // Any artifact suffices: whether a place accepts a value does not depend on it.
        let artifact = Digest::of(run.id.to_string().as_bytes());
        let values = Values {
            uri: self.context.artifacts.uri(&artifact),
            digest: artifact.to_string(),
            version: version_of(run.created_at, &artifact),
            run: run.id.to_string(),
        };
        let at = tip.clone();
        let marked = blocking(move || marks.dry_run(&(&mirror, &at), &model, &values)).await?.map_err(held_up)?;
        readable(run, marked.deployed)?;
        self.check_close_names(run, environment, tip).await
    }

    /// Refuses a name in the environment that is close to the model's name and that no model has. It is a misspelling, and its
    /// places would not be updated.
    async fn check_close_names(&self, run: &Run, environment: &Environment, tip: CommitSha) -> Result<(), StepError> {
        let (mirror, marks, model) =
            (environment.mirror().clone(), environment.marks().clone(), run.cause.model.clone());
        let Ok(close) = blocking(move || marks.close_names(&(&mirror, &tip), &model)).await? else { return Ok(()) };
        for (name, diagnostic) in close {
            if !self.promotions.is_known_model(&run.cause.environment, &name).await? {
                return Err(held_up(refusal_of(&diagnostic)));
            }
        }
        Ok(())
    }
}

/// A refusal because of mistakes in files. The mistakes form its reason.
pub(crate) fn refused(diagnostics: Vec<Diagnostic>) -> StepError {
    let reason = diagnostics.iter().map(Diagnostic::to_string).collect::<Vec<_>>().join("\n");
    StepError::Refused { reason, diagnostics }
}
