//! Sources: the repositories that are served, and which ones they are at their forges.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::Answer;
use super::extract::{NoParameters, Query};
use crate::web::Shared;
use crate::web::access::Caller;
use crate::web::problem::ListProblems;
use slipway_store::PinnedRepository;

/// A repository that is served.
#[derive(Serialize, ToSchema)]
pub(super) struct Source {
    name: String,
    /// The forge it lives on.
    forge: String,
    /// The branch that is served.
    branch: String,
    /// The environment its models are promoted to.
    environment: String,
    /// The webhook that it shares with other sources; null if it has only its own.
    webhook: Option<String>,
    /// The repository that it is; null as long as that is not known, and on a plain git server.
    repository: Option<SourceRepository>,
}

/// The repository that a source is: deliveries of others are ignored.
#[derive(Serialize, ToSchema)]
struct SourceRepository {
    /// What the forge never gives to another repository.
    id: String,
    /// What it was called last.
    full_name: String,
    /// How it became known: by `settings`, `api`, `delivery` or `person`.
    learned: String,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Another repository that stands under the source's name now; nothing is taken until `slipway forge accept`.
    refused: Option<String>,
}

impl From<PinnedRepository> for SourceRepository {
    fn from(pinned: PinnedRepository) -> Self {
        let PinnedRepository { source: _, repository, learned, at, refused, former: _ } = pinned;
        Self {
            id: repository.id.to_string(),
            full_name: repository.full_name,
            learned: learned.as_str().to_owned(),
            at,
            refused: refused.map(|other| other.to_string()),
        }
    }
}

/// The sources that the token covers.
#[derive(Serialize, ToSchema)]
pub(super) struct SourceList {
    sources: Vec<Source>,
}

/// Lists sources by name.
#[utoipa::path(
    get,
    path = "/sources",
    operation_id = "listSources",
    tag = "sources",
    responses((status = 200, description = "The sources.", body = SourceList), ListProblems)
)]
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Query(NoParameters {}): Query<NoParameters>,
) -> Answer<SourceList> {
    let mut sources = Vec::new();
    for (name, source) in shared.activities.context.sources().filter(|(name, _)| caller.covers(name)) {
        sources.push(Source {
            name: name.to_string(),
            forge: source.kind.as_str().to_owned(),
            branch: source.mirror.remote().branch().to_owned(),
            environment: source.environment.to_string(),
            webhook: source.webhook.as_ref().map(ToString::to_string),
            repository: shared.store.repository_of(name).await?.map(SourceRepository::from),
        });
    }
    Ok(Json(SourceList { sources }))
}
