//! Whose a model is in an environment, and who may steer it there. A name belongs to one source: the settings say to which, or else
//! the first that promoted it.

use std::collections::BTreeMap;

use super::Promotions;
use crate::context::{Environment, StepError};
use slipway_domain::{Actor, Run, SourceName};
use slipway_store::StoreError;

impl Promotions {
    /// The source that a model belongs to in an environment; `None` as long as nobody has promoted it there.
    pub async fn owner_of(&self, environment: &SourceName, model: &str) -> Result<Option<SourceName>, StoreError> {
        match self.context.environment_by_name(environment).and_then(|known| known.owners().get(model)) {
            Some(declared) => Ok(Some(declared.clone())),
            None => self.context.store.owner(environment, model).await,
        }
    }

    /// The owners of an environment's models, by their names.
    pub async fn owners_in(&self, environment: &SourceName) -> Result<BTreeMap<String, SourceName>, StoreError> {
        let mut owners = self.context.store.owners(environment).await?;
        let declared = self.context.environment_by_name(environment).map(Environment::owners);
        owners.extend(declared.into_iter().flatten().map(|(model, source)| (model.clone(), source.clone())));
        Ok(owners)
    }

    /// Why a source may not promote a model to an environment: it belongs to another one.
    pub(super) async fn foreign_model(
        &self,
        environment: &SourceName,
        model: &str,
        source: &SourceName,
    ) -> Result<Option<String>, StoreError> {
        let owner = self.owner_of(environment, model).await?.filter(|owner| owner != source);
        Ok(owner.map(|owner| belongs_to(environment, model, &owner)))
    }

    /// Has a run wait whose model belongs to another source in its environment.
    pub(crate) async fn check_owner(&self, run: &Run) -> Result<(), StepError> {
        match self.foreign_model(&run.environment, &run.model, &run.source).await? {
            None => Ok(()),
            Some(reason) => {
                let help = format!(
                    "help: give the model another name, or have `owners: {{{}: {}}}` set for the environment",
                    run.model, run.source
                );
                Err(StepError::Environment { reason: format!("{reason}\n  {help}") })
            }
        }
    }

    /// Makes a model the run's source's, right before it is written, if it is nobody's yet. Answers why it may not be written, if it
    /// is another's by now.
    pub(super) async fn claim_model(&self, run: &Run) -> Result<Option<String>, StoreError> {
        let declared =
            self.context.environment_by_name(&run.environment).and_then(|known| known.owners().get(&run.model));
        let owner = match declared {
            Some(declared) => declared.clone(),
            None => self.context.store.claim_model(&run.environment, &run.model, &run.source).await?,
        };
        Ok((owner != run.source).then(|| belongs_to(&run.environment, &run.model, &owner)))
    }

    /// Whether whoever reaches only these sources may steer a model of an environment: it is one of theirs, or nobody's yet and no
    /// other source is at it. One that was never on its way there is of the source whose promotion is offered.
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

    /// Why somebody who writes to a source may not keep promotions of its model away from an environment, or roll them back there.
    /// Where an environment has operators, it is for them alone; else it is for the writers of the source that the model is of.
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
            let refused = format!("refused: it is for the `operators` of `{environment}` in the server's settings");
            return Ok((!known.operators().contains(&person)).then_some(refused));
        }
        if self.is_of(std::slice::from_ref(source), environment, model).await? {
            return Ok(None);
        }
        let reason = match self.owner_of(environment, model).await? {
            Some(owner) => belongs_to(environment, model, &owner),
            // Nobody has promoted it: where the source's models go first, its writers may speak of it before.
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

    /// Whether an environment is the one that a source's models are promoted to first.
    fn goes_first_to(&self, source: &SourceName, environment: &SourceName) -> bool {
        self.context.settings.sources.get(source).is_some_and(|source| source.environment == *environment)
    }
}

fn belongs_to(environment: &SourceName, model: &str, owner: &SourceName) -> String {
    format!("`{model}` in `{environment}` belongs to the source `{owner}`")
}
