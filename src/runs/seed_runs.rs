//! Reuses the training of an artifact that is promoted downstream: the artifact identifies its training report and its other
//! seeds. Further trainings that the environment's policies require are done there.

use std::path::Path;

use slipway_contract::{Digest, Model};
use tokio_util::sync::CancellationToken;

use super::Runs;
use super::train::{JobContext, cache_key_of};
use crate::context::{StepError, messages};
use slipway_domain::{Document, Run, RunEvent, SeedRun};

impl Runs {
    /// The step of training for a run whose artifact is known from the beginning.
    pub(super) async fn reuse_training(
        &self,
        run: &mut Run,
        artifact: &Digest,
        cancel: &CancellationToken,
    ) -> Result<(RunEvent, String), StepError> {
        let plan = self.read_plan(run).await?;
        let policies = self.read_policies(run, &plan.model).await?;
        let wanted = policies.required_evidence().training_runs;
        if run.training.report.is_none() {
            run.training.report = self.training_of(run, artifact).await?;
        }
        run.training.seeds = if wanted > 1 {
            let folder = self.context.fresh_folder(run.id, "train").await?;
            let exported = self.export(run, &plan, &folder).await?;
            let expected = policies.expected(run, plan.model.metadata.name.as_str());
            let place = JobContext { plan: &plan, folder: &folder, exported: &exported, expected: &expected, cancel };
            let known = self.known_seeds(run, artifact).await?;
            self.train_seeds(run, wanted, &known, &place).await?
        } else {
            Vec::new()
        };
        let cause = run.training.reuse.clone().unwrap_or_else(|| messages::trained(artifact));
        Ok((RunEvent::Trained, messages::with_seeds(cause, run.training.seeds.len())))
    }

    /// The report of the training that made an artifact, otherwise the report that the run which made it has stored.
    async fn training_of(&self, run: &Run, artifact: &Digest) -> Result<Option<Document>, StepError> {
        if let Some(trained) = self.context.store.training_of(artifact).await? {
            return Ok(Some(trained.report));
        }
        Ok(self.maker_of(run).await.and_then(|maker| maker.training.report))
    }

    /// The known trainings of an artifact with other seeds.
    async fn known_seeds(&self, run: &Run, artifact: &Digest) -> Result<Vec<SeedRun>, StepError> {
        let mut known = run.training.seeds.clone();
        known.extend(self.context.store.seeds_of(artifact).await?);
        if known.is_empty() {
            known.extend(self.maker_of(run).await.map(|maker| maker.training.seeds).unwrap_or_default());
        }
        Ok(known)
    }

    /// The run that made the artifact, if the store still has it.
    pub(super) async fn maker_of(&self, run: &Run) -> Option<Run> {
        self.context.store.run(run.training.reused_from?).await.ok()
    }

    /// Repeats the training with other seeds until there are as many trainings as the policies require, including the
    /// candidate's. Those that are `known` and whose weights are available are not repeated.
    pub(super) async fn train_seeds(
        &self,
        run: &Run,
        runs: u32,
        known: &[SeedRun],
        place: &JobContext<'_>,
    ) -> Result<Vec<SeedRun>, StepError> {
        let mut seeds = Vec::new();
        for further in 1..runs {
            let mut model = place.plan.model.clone();
            let seed = model.spec.training.seed.wrapping_add(further);
            model.spec.training.seed = seed;
            let found = match known.iter().find(|known| known.seed == seed) {
                Some(known) if self.has_weights(&known.artifact, place.folder).await? => Some(known.clone()),
                _ => None,
            };
            seeds.push(match found {
                Some(found) => found,
                None => self.train_seed(run, seed, &model, place).await?,
            });
        }
        Ok(seeds)
    }

    async fn train_seed(
        &self,
        run: &Run,
        seed: u32,
        model: &Model,
        place: &JobContext<'_>,
    ) -> Result<SeedRun, StepError> {
        let cache_key = cache_key_of(&self.cache_key_parts(run, place.exported, model)?);
        let trained = match self.trained_earlier(&cache_key, place.folder).await? {
            Some(trained) => trained,
            None => self.train_one(run, model, &cache_key, place).await?,
        };
        Ok(SeedRun { seed, cache_key, artifact: trained.artifact })
    }

    /// Whether an artifact's weights are in the store and undamaged.
    async fn has_weights(&self, artifact: &Digest, folder: &Path) -> Result<bool, StepError> {
        match self.context.artifacts.get_weights(artifact, &folder.join("earlier.safetensors")).await {
            Ok(()) => Ok(true),
            Err(error) if error.is_lost() => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}
