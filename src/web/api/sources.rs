//! Lists sources and their repositories at the forges.

use std::sync::Arc;

use axum::extract::State;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::{Answer, Json};
use super::extract::{NoParameters, Query};
use crate::web::Shared;
use crate::web::access::Caller;
use crate::web::problem::ListProblems;
use slipway_store::PinnedRepository;

/// A source: one branch of a repository that contains models.
#[derive(Serialize, ToSchema)]
pub(super) struct Source {
    /// Name of the source in the server's settings.
    name: String,
    /// The forge that hosts the repository, such as `github`.
    forge: String,
    /// The served branch.
    branch: String,
    /// Name of the environment that the source promotes its models to.
    environment: String,
    /// Name of the webhook that the source shares with other sources; null if the source has its own webhook only.
    webhook: Option<String>,
    /// The repository at the forge; null while it is unknown, and for a plain git server.
    repository: Option<SourceRepository>,
}

/// The repository of a source. The server ignores deliveries of other repositories.
#[derive(Serialize, ToSchema)]
struct SourceRepository {
    /// Identifier of the repository at the forge. A forge never gives it to another repository.
    id: String,
    /// Last known name of the repository.
    full_name: String,
    /// What set the identifier: `settings`, `api`, `delivery` or `person`.
    identified_by: String,
    /// Time at which the identifier was set.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Identifier of another repository that has the name of the source now; null if there is none. The server accepts nothing
    /// from that repository until a person runs `slipway forge accept`.
    conflicting_id: Option<String>,
}

impl From<PinnedRepository> for SourceRepository {
    fn from(pinned: PinnedRepository) -> Self {
        let PinnedRepository { source: _, repository, learned, at, refused, former: _ } = pinned;
        Self {
            id: repository.id.to_string(),
            full_name: repository.full_name,
            identified_by: learned.as_str().to_owned(),
            at,
            conflicting_id: refused.map(|other| other.to_string()),
        }
    }
}

/// The sources that the token covers.
#[derive(Serialize, ToSchema)]
pub(super) struct SourceList {
    /// The sources, by name.
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
