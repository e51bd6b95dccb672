//! Owners of models in an environment, and who may operate models there. A name belongs to one source: the one in the settings,
//! otherwise the first that promoted it.

use std::collections::BTreeMap;

use super::Promotions;
use crate::context::{Environment, StepError};
use slipway_domain::{Actor, Run, SourceName};
use slipway_store::StoreError;

impl Promotions {
    /// The source that owns a model in an environment; `None` until a source has promoted it there.
    pub async fn owner_of(&self, environment: &SourceName, model: &str) -> Result<Option<SourceName>, StoreError> {
        match self.context.environment_by_name(environment).and_then(|known| known.owners().get(model)) {
            Some(declared) => Ok(Some(declared.clone())),
            None => self.context.store.owner(environment, model).await,
        }
    }

    /// Whether a source has a model of this name: it owns it in the environment, had a run of it, or has it on its branch.
    pub(crate) async fn is_known_model(&self, environment: &SourceName, model: &str) -> Result<bool, StoreError> {
        Ok(self.owner_of(environment, model).await?.is_some()
            || !self.context.store.sources_of_model(None, model).await?.is_empty()
            || self.context.store.is_on_a_branch(model).await?)
    }

    /// The owners of an environment's models, by the names of the models.
    pub async fn owners_in(&self, environment: &SourceName) -> Result<BTreeMap<String, SourceName>, StoreError> {
        let mut owners = self.context.store.owners(environment).await?;
        let declared = self.context.environment_by_name(environment).map(Environment::owners);
        owners.extend(declared.into_iter().flatten().map(|(model, source)| (model.clone(), source.clone())));
        Ok(owners)
    }

    /// Why a source may not promote a model to an environment, if the model belongs to another source.
    pub(super) async fn foreign_model(
        &self,
        environment: &SourceName,
        model: &str,
        source: &SourceName,
    ) -> Result<Option<String>, StoreError> {
        let owner = self.owner_of(environment, model).await?.filter(|owner| owner != source);
        Ok(owner.map(|owner| belongs_to(environment, model, &owner)))
    }

    /// Makes a run wait if its model belongs to another source in its environment.
    pub(crate) async fn check_owner(&self, run: &Run) -> Result<(), StepError> {
        match self.foreign_model(&run.cause.environment, &run.cause.model, &run.cause.source).await? {
            None => Ok(()),
            Some(reason) => {
                let help = format!(
                    "help: rename the model, or set `owners: {{{}: {}}}` for the environment",
                    run.cause.model, run.cause.source
                );
                Err(StepError::Environment { reason: format!("{reason}\n  {help}") })
            }
        }
    }

    /// Whether a caller with access to only these sources may operate a model of an environment: the model belongs to one of
    /// them, or it has no owner and no other source has runs for it. A model that was never on its way there belongs to the
    /// source of its proposed first promotion.
    pub async fn is_of(&self, scope: &[SourceName], environment: &SourceName, model: &str) -> Result<bool, StoreError> {
        if let Some(owner) = self.owner_of(environment, model).await? {
            return Ok(scope.contains(&owner));
        }
        let sources = self.context.store.sources_of_model(Some(environment), model).await?;
        if sources.is_empty() {
            let first_promotion = self.first_promotion(environment, model).await?;
            return Ok(first_promotion.is_some_and(|first_promotion| scope.contains(&first_promotion.source)));
        }
        Ok(sources.iter().all(|source| scope.contains(source)))
    }

    /// Why a writer of a source may not hold promotions of its model to an environment, or roll them back. If the environment has
    /// operators, only they may; otherwise only the writers of the model's source may.
    pub(crate) async fn may_not_operate(
        &self,
        actor: &Actor,
        source: &SourceName,
        environment: &SourceName,
        model: &str,
    ) -> Result<Option<String>, StoreError> {
        let Some(known) = self.context.environment_by_name(environment) else { return Ok(None) };
        if !known.operators().is_empty() {
            let person = self.context.settings.people.behind(actor);
            let refused =
                format!("refused: only the `operators` of `{environment}` in the server's settings may do this");
            return Ok((!known.operators().contains(&person)).then_some(refused));
        }
        if self.is_of(std::slice::from_ref(source), environment, model).await? {
            return Ok(None);
        }
        let reason = match self.owner_of(environment, model).await? {
            Some(owner) => belongs_to(environment, model, &owner),
            // No source has promoted it. Before the first promotion, the writers of a source may operate it where their models go
            // first.
            None if self.goes_first_to(source, environment)
                && self
                    .context
                    .store
                    .sources_of_model(Some(environment), model)
                    .await?
                    .iter()
                    .all(|other| other == source) =>
            {
                return Ok(None);
            }
            None => format!("`{model}` of this source is not promoted to `{environment}`"),
        };
        Ok(Some(format!("refused: {reason}")))
    }

    /// Whether an environment is the first to which a source's models are promoted.
    fn goes_first_to(&self, source: &SourceName, environment: &SourceName) -> bool {
        self.context.settings.sources.get(source).is_some_and(|source| source.environment == *environment)
    }
}

pub(super) fn belongs_to(environment: &SourceName, model: &str, owner: &SourceName) -> String {
    format!("`{model}` in `{environment}` belongs to the source `{owner}`")
}
