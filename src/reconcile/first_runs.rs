//! First runs: finds models on a served branch that never had a run there, because they are older than this server. They are not
//! trained automatically, because that could be hundreds of trainings at once. A person starts each.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::Reconciler;
use crate::context::{Source, StepError, blocking};
use crate::repository::source;
use slipway_domain::{CommitSha, SourceName};
use slipway_git::GitError;

/// Maximum number of models that are read; a repository may contain no more.
const MAX_MODELS: u32 = 500;
/// Maximum number of models that one line names.
const MAX_NAMED: usize = 10;

/// Models of a source that this process has reported.
#[derive(Debug, Default)]
pub(super) struct AnnouncedModels {
    /// The tip whose models are recorded.
    tip: Option<CommitSha>,
    /// The models that were reported.
    announced: BTreeSet<String>,
}

impl Reconciler {
    /// Records the models on a source's branch at its tip, and reports those without a run.
    pub(super) async fn announce_first_runs(
        &self,
        name: &SourceName,
        source: &Source,
        tip: &CommitSha,
        announced_models: &mut AnnouncedModels,
    ) -> Result<(), StepError> {
        if announced_models.tip.as_ref() != Some(tip) {
            let (mirror, at) = (source.mirror.clone(), tip.clone());
            let models = blocking(move || {
                let mut models = BTreeMap::new();
                for file in source::model_files(&mirror, &at)? {
                    if let Some(model) = source::name_in(&file) {
                        // If two files have the same model name, neither can be trained. The run of the first one reports it.
                        models.entry(model).or_insert(file.path);
                    }
                }
                Ok::<_, GitError>(models)
            });
            self.context.store.record_branch_models(name, &models.await??, Timestamp::now()).await?;
            announced_models.tip = Some(tip.clone());
        }
        self.context.store.record_first_runs(name).await?;
        let found = self.context.store.models_without_runs(std::slice::from_ref(name), None, MAX_MODELS).await?;
        let models: BTreeSet<String> = found.into_iter().map(|found| found.model).collect();
        let count = f64::from(u32::try_from(models.len()).unwrap_or(u32::MAX));
        metrics::gauge!("slipway_models_without_runs", "source" => name.as_str().to_owned()).set(count);
        if models.difference(&announced_models.announced).next().is_some() {
            let announced = announced(name, &models);
            tracing::warn!(source = %name, models = models.len(), "{announced}");
        }
        announced_models.announced = models;
        Ok(())
    }
}

/// The text that reports models without a run.
fn announced(source: &SourceName, models: &BTreeSet<String>) -> String {
    let shown: Vec<&str> = models.iter().take(MAX_NAMED).map(String::as_str).collect();
    let more = models.len() - shown.len();
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    let first = shown.first().copied().unwrap_or("MODEL");
    let names = shown.join(", ");
    format!(
        "models of `{source}` have no run yet: {names}{more}\n  help: start a first run with `slipway runs start \
         {source} {first}`"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_without_a_run_are_reported_with_the_command_that_begins_one() {
        let source = SourceName::try_from("risk".to_owned()).expect("a name");
        let said = announced(&source, &BTreeSet::from(["churn".to_owned(), "fraud".to_owned()]));
        assert!(said.starts_with("models of `risk` have no run yet: churn, fraud\n"), "{said}");
        assert!(said.contains("`slipway runs start risk churn`"), "{said}");
        let many = (0..500).map(|number| format!("m{number:03}")).collect();
        assert!(announced(&source, &many).contains("m009 and 490 more"), "{}", announced(&source, &many));
    }
}
