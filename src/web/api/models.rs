//! Lists models with their newest runs and last promotions.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::answer::{Answer, Json};
use super::extract::Query;
use super::model_list::{self, Listed, Places};
use super::run::RunSummary;
use super::{cursor, page};
use crate::web::Shared;
use crate::web::access::Caller;
use crate::web::problem::{ListProblems, Problem};
use slipway_domain::{SourceName, hint_at};
use slipway_store::{BranchModel, ModelRuns};

/// A model of a source.
#[derive(Serialize, ToSchema)]
pub(super) struct ModelSummary {
    /// Name of the source in the server's settings.
    source: String,
    /// Name of the model.
    model: String,
    /// State of the newest run, or `new` if the model has had no run.
    state: &'static str,
    /// The newest run on the served branch; null if there is none.
    newest_run: Option<RunSummary>,
    /// The last promotion; null if there is none.
    promoted: Option<Promoted>,
    /// The first run, which `startRun` can start; null if the model has had a run.
    first_run: Option<FirstRun>,
}

/// A possible first run of a model.
#[derive(Serialize, ToSchema)]
struct FirstRun {
    /// Path of the model's `slipway.yaml` on the served branch.
    file: String,
    /// Time at which the server first found the model on the branch.
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
}

/// The last promotion of a model.
#[derive(Serialize, ToSchema)]
struct Promoted {
    /// Identifier of the run that promoted the model.
    #[schema(format = Uuid)]
    run: String,
    /// The commit that the artifact was trained from.
    head: String,
    /// Name of the environment.
    environment: String,
    /// Digest of the artifact.
    artifact: Option<String>,
    /// The promotion commit in the environment repository; null if the environment named the artifact already.
    commit: Option<String>,
    /// Time of the promotion.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
}

impl From<&slipway_domain::Run> for Promoted {
    fn from(run: &slipway_domain::Run) -> Self {
        Self {
            run: run.id.to_string(),
            head: run.cause.head.to_string(),
            environment: run.cause.environment.to_string(),
            artifact: run.training.artifact.as_ref().map(ToString::to_string),
            commit: run.promotion.commit.as_ref().map(ToString::to_string),
            at: run.status.updated_at,
        }
    }
}

impl From<&ModelRuns> for ModelSummary {
    fn from(model: &ModelRuns) -> Self {
        Self {
            source: model.newest.cause.source.to_string(),
            model: model.newest.cause.model.clone(),
            state: model.newest.status.state.as_str(),
            newest_run: Some((&model.newest).into()),
            promoted: model.promoted.as_ref().map(Promoted::from),
            first_run: None,
        }
    }
}

impl From<&BranchModel> for ModelSummary {
    fn from(model: &BranchModel) -> Self {
        let BranchModel { source, model, file, at } = model.clone();
        let (source, first_run) = (source.to_string(), Some(FirstRun { file, since: at }));
        Self { source, model, state: "new", newest_run: None, promoted: None, first_run }
    }
}

impl From<&Listed> for ModelSummary {
    fn from(model: &Listed) -> Self {
        match model {
            Listed::Known(model) => (&**model).into(),
            Listed::New(model) => model.into(),
        }
    }
}

/// Maximum number of models of a source that are searched for a similar name.
const MAX_NAMES: u32 = 500;

impl Shared {
    /// The problem of a model that a source does not have, or of a source that the caller's token does not cover.
    pub(super) async fn no_such_model(
        &self,
        caller: &Caller,
        source: &SourceName,
        model: &str,
    ) -> Result<Problem, Problem> {
        let scope = std::slice::from_ref(source);
        let known =
            if caller.covers(source) { self.store.models(Some(scope), None, MAX_NAMES).await? } else { Vec::new() };
        let known: Vec<&str> = known.iter().map(|known| known.newest.cause.model.as_str()).collect();
        let hint = if known.is_empty() { String::new() } else { hint_at(model, &known) };
        Ok(Problem::new(StatusCode::NOT_FOUND, format!("the source `{source}` has no model `{model}`{hint}")))
    }
}

/// A page of models.
#[derive(Serialize, ToSchema)]
pub(super) struct ModelList {
    /// The models, by source and name.
    models: Vec<ModelSummary>,
    /// Value of `cursor` for the next page; null on the last page.
    next: Option<String>,
}

/// Parameters of the list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Listing {
    /// Maximum number of models; the default is 50.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// Value of `next` on the previous page.
    cursor: Option<String>,
}

/// Lists models with their newest runs and last promotions.
///
/// A model that was on the served branch before the server started has no run. `startRun` starts its first run.
#[utoipa::path(
    get,
    path = "/models",
    operation_id = "listModels",
    tag = "models",
    params(Listing),
    responses((status = 200, description = "A page of models.", body = ModelList), ListProblems)
)]
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Query(Listing { limit, cursor }): Query<Listing>,
) -> Answer<ModelList> {
    let limit = page(limit)?;
    let behind = cursor::read::<Places>(cursor.as_deref())?.unwrap_or_default();
    let (known, new) = (behind.with_runs(), behind.without());
    let known = shared.store.models(caller.scope().as_deref(), known.as_ref(), limit + 1).await?;
    let served = shared.activities.context.sources().map(|(name, _)| name);
    let served: Vec<SourceName> = served.filter(|name| caller.covers(name)).cloned().collect();
    let new = shared.store.models_without_runs(&served, new.as_ref(), limit + 1).await?;
    let (models, next) = model_list::page_of(known, new, behind, limit);
    let next = next.map(|next| cursor::write(&next));
    Ok(Json(ModelList { models: models.iter().map(ModelSummary::from).collect(), next }))
}
