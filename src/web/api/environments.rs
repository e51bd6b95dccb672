//! Environments: what the server may write, and what it knows of it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::Answer;
use super::extract::{NoParameters, Query};
use crate::web::Shared;
use crate::web::access::Caller;
use crate::web::problem::{ListProblems, Problem};

/// An environment that may be written.
#[derive(Serialize, ToSchema)]
pub(super) struct Environment {
    name: String,
    /// The branch its manifests are on.
    branch: String,
    /// The branch's tip when it was last looked at; null before that.
    tip: Option<String>,
    /// Sources whose models are promoted to it, of those that the token covers.
    sources: Vec<String>,
}

/// All environments that the token's sources are promoted to.
#[derive(Serialize, ToSchema)]
pub(super) struct EnvironmentList {
    environments: Vec<Environment>,
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
    let mirrors = shared.clone();
    // Mirrors are folders: looking into them waits for a disk.
    let looked = tokio::task::spawn_blocking(move || environments(&mirrors, &caller)).await;
    let environments = looked.map_err(|error| {
        tracing::error!(%error, "the environments could not be read: {error}");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the environments could not be read")
    })?;
    Ok(Json(EnvironmentList { environments }))
}

fn environments(shared: &Shared, caller: &Caller) -> Vec<Environment> {
    let mut environments = Vec::new();
    for (name, environment) in shared.pipeline.environments() {
        let sources: Vec<String> = shared
            .pipeline
            .sources()
            .filter(|(source, served)| served.environment == *name && caller.covers(source))
            .map(|(source, _)| source.to_string())
            .collect();
        if sources.is_empty() && caller.scope().is_some() {
            continue;
        }
        environments.push(Environment {
            name: name.to_string(),
            branch: environment.mirror.remote().branch().to_owned(),
            tip: environment.mirror.known_tip().map(String::from),
            sources,
        });
    }
    environments
}
