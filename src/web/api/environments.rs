//! Environments: their rules, deployed artifacts, waiting promotions and history.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::answer::{Answer, Json};
use super::deployment_record::{ActiveRun, Approval, DeployedArtifact, DeploymentRecord, Hold, ModelState};
use super::extract::{EnvironmentOf, ModelOf, NoParameters, Query};
use super::rules::Rules;
use crate::web::Shared;
use crate::web::access::Caller;
use crate::web::problem::{EnvironmentProblems, ListProblems, Problem};
use slipway_domain::SourceName;

/// Maximum number of deployment records that are listed for one model.
const MAX_DEPLOYMENT_RECORDS: u32 = 500;
/// Maximum number of rejections that are read for one environment.
const MAX_REJECTIONS: u32 = 10_000;

/// An environment: a branch or folder whose manifests name artifacts.
#[derive(Serialize, ToSchema)]
pub(super) struct Environment {
    /// Name of the environment in the server's settings.
    name: String,
    /// The branch that contains the manifests.
    branch: String,
    /// The folder that contains the manifests; null for the whole branch.
    folder: Option<String>,
    /// The newest commit of the branch at the last sync; null before the first sync.
    tip: Option<String>,
    /// The sources that promote models to the environment, directly or through other environments. The list contains only
    /// sources that the token covers.
    sources: Vec<String>,
    /// The rules for promotions to the environment.
    rules: Rules,
}

/// The environments of the sources that the token covers.
#[derive(Serialize, ToSchema)]
pub(super) struct EnvironmentList {
    /// The environments, by name.
    environments: Vec<Environment>,
}

/// An environment with its models.
#[derive(Serialize, ToSchema)]
pub(super) struct EnvironmentDetail {
    #[serde(flatten)]
    environment: Environment,
    /// Holds on the whole environment.
    holds: Vec<Hold>,
    /// The models of the environment, by name.
    models: Vec<ModelState>,
}

/// The models of an environment at a given time.
#[derive(Serialize, ToSchema)]
pub(super) struct EnvironmentAt {
    /// Name of the environment.
    environment: String,
    /// The requested time.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// The newest commit of the branch at that time.
    commit: String,
    /// The models of the environment at that time, by name.
    models: Vec<ModelAt>,
}

/// A model in an environment at a given time.
#[derive(Serialize, ToSchema)]
struct ModelAt {
    /// Name of the model.
    model: String,
    /// The artifact that the manifests named.
    deployed: DeployedArtifact,
}

/// The deployment records of a model in an environment.
#[derive(Serialize, ToSchema)]
pub(super) struct DeploymentRecordList {
    /// The deployment records, newest first.
    deployment_records: Vec<DeploymentRecord>,
}

/// Lists environments by name.
#[utoipa::path(
    get,
    path = "/environments",
    operation_id = "listEnvironments",
    tag = "environments",
    responses((status = 200, description = "The environments.", body = EnvironmentList), ListProblems)
)]
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Query(NoParameters {}): Query<NoParameters>,
) -> Answer<EnvironmentList> {
    let names: Vec<SourceName> = shared.activities.context.environments().map(|(name, _)| name.clone()).collect();
    let mut environments = Vec::new();
    for name in names {
        match shared.environment(&caller, &name).await {
            Ok(environment) => environments.push(environment),
            Err(Unseen::Missing) => {}
            Err(Unseen::Problem(problem)) => return Err(problem),
        }
    }
    Ok(Json(EnvironmentList { environments }))
}

/// Shows an environment.
///
/// The response contains the deployed artifact of each model, the active runs, and the rules that block their promotions.
#[utoipa::path(
    get,
    path = "/environments/{environment}",
    operation_id = "showEnvironment",
    tag = "environments",
    params(("environment" = String, Path, description = "Name of the environment.")),
    responses((status = 200, description = "The environment.", body = EnvironmentDetail), EnvironmentProblems)
)]
pub(super) async fn show(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    EnvironmentOf(name): EnvironmentOf,
    Query(NoParameters {}): Query<NoParameters>,
) -> Answer<EnvironmentDetail> {
    let environment = shared.environment_for(&caller, &name).await?;
    let holds = shared.store.holds(&name, None).await?;
    let models = shared.models_in(&caller, &name, &holds).await?;
    let holds = holds.iter().filter(|hold| hold.model.is_none()).map(Hold::from).collect();
    Ok(Json(EnvironmentDetail { environment, holds, models }))
}

/// Parameters of the state at a given time.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct At {
    /// The time, in the form of RFC 3339.
    #[param(value_type = String, format = DateTime)]
    time: Timestamp,
}

/// Shows the models of an environment at a given time.
///
/// The server reads only the git history of the environment.
#[utoipa::path(
    get,
    path = "/environments/{environment}/at",
    operation_id = "showEnvironmentAt",
    tag = "environments",
    params(("environment" = String, Path, description = "Name of the environment."), At),
    responses((status = 200, description = "The models at that time.", body = EnvironmentAt), EnvironmentProblems)
)]
pub(super) async fn at(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    EnvironmentOf(name): EnvironmentOf,
    Query(At { time }): Query<At>,
) -> Answer<EnvironmentAt> {
    shared.environment_for(&caller, &name).await?;
    let found = shared.activities.promotions.environment_at(&name, time).await?;
    let younger = || Problem::new(StatusCode::NOT_FOUND, format!("the branch of `{name}` is younger than {time}"));
    let (commit, models) = found.ok_or_else(younger)?;
    let seen = shared.seen_models(&caller, &name).await?;
    let models = models.iter().filter(|(model, _)| seen.as_ref().is_none_or(|seen| seen.contains(model)));
    let models = models.map(|(model, deployed)| ModelAt { model: model.clone(), deployed: deployed.into() }).collect();
    Ok(Json(EnvironmentAt { environment: name.to_string(), at: time, commit: commit.to_string(), models }))
}

/// Lists the deployment records of a model in an environment, newest first.
///
/// Each record names an artifact, its commit, the time of the commit, and the run or the person that wrote it.
#[utoipa::path(
    get,
    path = "/environments/{environment}/models/{model}/history",
    operation_id = "showHistory",
    tag = "environments",
    params(
        ("environment" = String, Path, description = "Name of the environment."),
        ("model" = String, Path, description = "Name of the model.")
    ),
    responses((status = 200, description = "The deployment records.", body = DeploymentRecordList), EnvironmentProblems)
)]
pub(super) async fn history(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    ModelOf(name, model): ModelOf,
    Query(NoParameters {}): Query<NoParameters>,
) -> Answer<DeploymentRecordList> {
    shared.environment_for(&caller, &name).await?;
    shared.require_model(&caller, &name, &model).await?;
    let deployment_records = shared.store.deployment_records_of(&name, &model, MAX_DEPLOYMENT_RECORDS).await?;
    if deployment_records.is_empty() {
        // An empty history would hide a misspelt name.
        shared.activities.promotions.check_known_model(&name, &model).await?;
    }
    Ok(Json(DeploymentRecordList {
        deployment_records: deployment_records.iter().map(DeploymentRecord::from).collect(),
    }))
}

/// Why an environment is not shown.
enum Unseen {
    Missing,
    Problem(Problem),
}

impl Shared {
    /// Returns an environment if the caller's sources are promoted to it.
    async fn environment(self: &Arc<Self>, caller: &Caller, name: &SourceName) -> Result<Environment, Unseen> {
        let environment = self.activities.context.environment_by_name(name).ok_or(Unseen::Missing)?;
        let sources = self.activities.context.sources_of(name);
        let covered: Vec<String> =
            sources.iter().filter(|source| caller.covers(source)).map(ToString::to_string).collect();
        if covered.is_empty() && caller.scope().is_some() {
            return Err(Unseen::Missing);
        }
        let mirror = environment.mirror().clone();
        // Mirrors are folders, so reading one waits for a disk.
        let tip = tokio::task::spawn_blocking(move || mirror.known_tip()).await.map_err(|error| {
            tracing::error!(%error, "an environment could not be read: {error}");
            Unseen::Problem(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the environment could not be read"))
        })?;
        Ok(Environment {
            name: name.to_string(),
            branch: environment.mirror().remote().branch().to_owned(),
            folder: environment.folder().map(str::to_owned),
            tip: tip.map(String::from),
            sources: covered,
            rules: environment.rules().into(),
        })
    }

    /// Returns an environment, or the problem for an environment that does not exist.
    pub(super) async fn environment_for(
        self: &Arc<Self>,
        caller: &Caller,
        name: &SourceName,
    ) -> Result<Environment, Problem> {
        self.environment(caller, name).await.map_err(|unseen| match unseen {
            Unseen::Missing => {
                let context = &self.activities.context;
                let seen = context.environments().map(|(name, _)| name).filter(|name| {
                    caller.scope().is_none() || context.sources_of(name).iter().any(|source| caller.covers(source))
                });
                Problem::unknown("environment", name.as_str(), &seen.map(SourceName::as_str).collect::<Vec<_>>())
            }
            Unseen::Problem(problem) => problem,
        })
    }

    /// Returns the models of an environment that a caller may see; `None` means all. A model belongs to its owner in the
    /// environment, and without an owner to the sources of its runs.
    async fn seen_models(&self, caller: &Caller, name: &SourceName) -> Result<Option<BTreeSet<String>>, Problem> {
        let Some(scope) = caller.scope() else { return Ok(None) };
        let owners = self.activities.promotions.owners_in(name).await?;
        let mut seen = self.store.models_of_sources(&scope, name).await?;
        seen.retain(|model| !owners.contains_key(model));
        seen.extend(owners.into_iter().filter(|(_, owner)| caller.covers(owner)).map(|(model, _)| model));
        Ok(Some(seen))
    }

    /// Refuses a model of a source that the caller's token does not cover.
    pub(super) async fn require_model(&self, caller: &Caller, name: &SourceName, model: &str) -> Result<(), Problem> {
        match caller.scope() {
            None => return Ok(()),
            Some(scope) if self.activities.promotions.is_of(&scope, name, model).await? => return Ok(()),
            Some(_) => {}
        }
        Err(Problem::new(StatusCode::NOT_FOUND, format!("`{name}` has no model `{model}`")))
    }

    /// Returns the states of the models in an environment.
    async fn models_in(
        &self,
        caller: &Caller,
        name: &SourceName,
        holds: &[slipway_domain::Hold],
    ) -> Result<Vec<ModelState>, Problem> {
        let mut models: BTreeMap<String, ModelState> = BTreeMap::new();
        for record in self.store.deployment_records(name).await? {
            models.entry(record.model.clone()).or_insert_with(|| ModelState::of(&record.model)).record(&record);
        }
        let owners = self.activities.promotions.owners_in(name).await?;
        for run in self.store.runs_under_way(name).await? {
            // A file that names no model is not promoted.
            if !caller.covers(&run.cause.source) || run.model_name().is_none() {
                continue;
            }
            let approvals = match &run.training.artifact {
                Some(artifact) => self.store.approvals(name, &run.cause.model, artifact).await?,
                None => Vec::new(),
            };
            let approvals = approvals.iter().map(Approval::from).collect();
            // The stored rules may be outdated: the approval that completes them counts at once.
            let run = self.activities.promotions.with_current_rules(run).await?;
            let state = models.entry(run.cause.model.clone()).or_insert_with(|| ModelState::of(&run.cause.model));
            state.add_active_run(ActiveRun::of(&run, approvals));
        }
        for hold in holds {
            if let Some(state) = hold.model.as_ref().and_then(|model| models.get_mut(model)) {
                state.held(hold.into());
            }
        }
        for rejection in self.store.rejections(MAX_REJECTIONS).await? {
            let is_its = |source: &SourceName| owners.get(&rejection.model).is_none_or(|owner| owner == source);
            if let Some(state) = models.get_mut(&rejection.model)
                && rejection.source.as_ref().is_none_or(is_its)
            {
                state.rejected(&rejection);
            }
        }
        for (model, owner) in &owners {
            if let Some(state) = models.get_mut(model) {
                state.owned(owner);
            }
        }
        let seen = self.seen_models(caller, name).await?;
        let mut shown = BTreeSet::new();
        for (model, state) in &mut models {
            let first_promotion =
                if state.is_at_rest() { self.activities.promotions.first_promotion(name, model).await? } else { None };
            let is_shown =
                first_promotion.as_ref().is_some_and(|first_promotion| caller.covers(&first_promotion.source));
            if is_shown || seen.as_ref().is_none_or(|seen| seen.contains(model)) {
                shown.insert(model.clone());
            }
            if let Some(first_promotion) = first_promotion {
                state.show_first_promotion(first_promotion);
            }
        }
        models.retain(|model, _| shown.contains(model));
        Ok(models.into_values().collect())
    }
}
