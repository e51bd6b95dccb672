//! Starts a run without a push: a person requests that a model of a served branch is trained and judged at a revision.

use jiff::Timestamp;

use super::Revisions;
use super::touched::{Cause, new_run};
use crate::context::{Source, StepError, blocking};
use crate::promotions::ActionError;
use crate::repository::{ModelFile, source};
use slipway_domain::{Actor, CommitSha, Run, SourceName, hint_at};
use slipway_store::RunFilter;

/// A model at the requested revision.
struct Found {
    head: CommitSha,
    file: ModelFile,
}

impl Revisions {
    /// Starts a run of a model at a revision of its source's branch, as a person gives it, or at the branch's tip. The policy
    /// that would judge the next push there judges the run. A revision that was judged before is judged by the same policy again.
    pub async fn start(
        &self,
        name: &SourceName,
        model: &str,
        revision: Option<&str>,
        actor: &Actor,
    ) -> Result<Run, ActionError> {
        let source = self.context.settings.sources.get(name).ok_or_else(|| {
            let known: Vec<&str> = self.context.settings.sources.keys().map(SourceName::as_str).collect();
            ActionError::Missing(format!("there is no source `{name}`{}", hint_at(name.as_str(), &known)))
        })?;
        let Found { head, file } = self.find_model(source, model, revision).await??;
        let base = self.base_of_start(name, &head, &file).await?;
        let cause = Cause { pull_request: None, base, head, arrived: Timestamp::now() };
        let run = new_run(name, source, &cause, &file);
        self.context.store.start_run(&run, actor).await?;
        self.context.due.notify_one();
        self.context.notify_changed(name);
        Ok(run)
    }

    async fn find_model(
        &self,
        source: &Source,
        model: &str,
        revision: Option<&str>,
    ) -> Result<Result<Found, ActionError>, StepError> {
        let mirror = source.mirror.clone();
        let tip = self.context.remotes.fetch(&mirror).await??;
        let head = match revision {
            None => tip,
            Some(text) => match self.revision_meant(&mirror, &tip, text).await? {
                Ok(revision) => revision,
                Err(error) => return Ok(Err(error)),
            },
        };
        let model = model.to_owned();
        blocking(move || {
            let models = source::model_files(&mirror, &head)?;
            let known: Vec<String> = models.iter().filter_map(source::name_in).collect();
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            let hint = hint_at(&model, &known);
            let mut named = models.into_iter().filter(|file| source::name_in(file).as_ref() == Some(&model));
            Ok(match (named.next(), named.next()) {
                (Some(file), None) => Ok(Found { head, file }),
                (Some(one), Some(other)) => Err(ActionError::Conflict(format!(
                    "`{}` and `{}` both have the name `{model}` at {}",
                    one.path,
                    other.path,
                    head.short()
                ))),
                (None, _) => {
                    Err(ActionError::Missing(format!("there is no model `{model}` at {}{hint}", head.short())))
                }
            })
        })
        .await?
    }

    /// The revision whose policy judges the run.
    async fn base_of_start(
        &self,
        source: &SourceName,
        head: &CommitSha,
        file: &ModelFile,
    ) -> Result<Option<CommitSha>, ActionError> {
        let earlier = self.context.store.newest_at(source, head).await?;
        if let Some(run) =
            earlier.into_iter().find(|run| run.cause.file == file.path && run.cause.pull_request.is_none())
        {
            return Ok(run.cause.base);
        }
        let of_model =
            RunFilter { source: Some(source.clone()), model: Some(source::stored_name(file)), ..RunFilter::default() };
        // The policy that came with a model judges its first run, and all authors of the model are contributors.
        Ok(self.context.store.runs(&of_model, 1).await?.first().map(|_| head.clone()))
    }
}
