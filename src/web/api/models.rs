//! Models, as their runs tell of them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::extract::Query;
use super::run::RunSummary;
use super::{Answer, cursor, page};
use crate::web::Shared;
use crate::web::access::Caller;
use crate::web::problem::ListProblems;
use slipway_domain::SourceName;
use slipway_store::{ModelCursor, ModelRuns};

/// A model of a source.
#[derive(Serialize, ToSchema)]
pub(super) struct ModelSummary {
    source: String,
    model: String,
    /// Its newest run on the served branch.
    newest_run: RunSummary,
    /// What was promoted last; null if nothing was.
    promoted: Option<Promoted>,
}

/// What was promoted last.
#[derive(Serialize, ToSchema)]
struct Promoted {
    #[schema(format = Uuid)]
    run: String,
    /// The revision it was trained from.
    head: String,
    environment: String,
    /// The weights.
    artifact: Option<String>,
    /// The commit in the environment repository.
    commit: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
}

impl From<&slipway_domain::Run> for Promoted {
    fn from(run: &slipway_domain::Run) -> Self {
        Self {
            run: run.id.to_string(),
            head: run.head.to_string(),
            environment: run.environment.to_string(),
            artifact: run.artifact.as_ref().map(ToString::to_string),
            commit: run.promotion_commit.as_ref().map(ToString::to_string),
            at: run.updated_at,
        }
    }
}

impl From<&ModelRuns> for ModelSummary {
    fn from(model: &ModelRuns) -> Self {
        Self {
            source: model.newest.source.to_string(),
            model: model.newest.model.clone(),
            newest_run: (&model.newest).into(),
            promoted: model.promoted.as_ref().map(Promoted::from),
        }
    }
}

/// A page of models, by source and name.
#[derive(Serialize, ToSchema)]
pub(super) struct ModelList {
    models: Vec<ModelSummary>,
    /// The `cursor` of the next page; null at the end.
    next: Option<String>,
}

/// Which models are listed.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Listing {
    /// How many models; 50 if absent.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// The `next` of the page before.
    cursor: Option<String>,
}

/// Lists models, each with its newest run and what was promoted last.
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
    let after = cursor::read::<(SourceName, String)>(cursor.as_deref())?;
    let after = after.map(|(source, model)| ModelCursor { source, model });
    let mut models = shared.store.models(caller.scope().as_deref(), after.as_ref(), limit + 1).await?;
    let next = cursor::cut(&mut models, limit, |model| (model.newest.source.clone(), model.newest.model.clone()));
    Ok(Json(ModelList { models: models.iter().map(ModelSummary::from).collect(), next }))
}
