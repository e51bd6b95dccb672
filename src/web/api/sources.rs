//! Lists sources and their repositories at the forges.

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

/// A served repository.
#[derive(Serialize, ToSchema)]
pub(super) struct Source {
    name: String,
    /// The forge that hosts it.
    forge: String,
    /// The served branch.
    branch: String,
    /// The environment to which its models are promoted.
    environment: String,
    /// The webhook that it shares with other sources; null if it uses only its own.
    webhook: Option<String>,
    /// Its repository at the forge; null while it is unknown, and on a plain git server.
    repository: Option<SourceRepository>,
}

/// The repository of a source. Deliveries of other repositories are ignored.
#[derive(Serialize, ToSchema)]
struct SourceRepository {
    /// The forge's identifier, which never belongs to another repository.
    id: String,
    /// Its last known name.
    full_name: String,
    /// The origin of this information: `settings`, `api`, `delivery` or `person`.
    learned: String,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Another repository that has the source's name now. Nothing from it is accepted until `slipway forge accept`.
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
