//! Lists rows that this server cannot read and skips, and retries them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::extract::{NoParameters, Query, RowOf};
use super::{Answer, page};
use crate::web::Shared;
use crate::web::access::{Caller, Operator};
use crate::web::audit::Action;
use crate::web::problem::{ActionProblems, ListProblems, Problem};
use slipway_store::StoreError;

/// A row that cannot be read, because a newer server wrote it or because it is damaged. It stays unchanged, and everything else
/// is served.
#[derive(Serialize, ToSchema)]
pub(super) struct QuarantinedRow {
    /// Its kind, such as `run` or `delivery`.
    kind: String,
    /// Its key: a run's identifier, or the source and the identifier of a delivery, separated by a space.
    key: String,
    /// The source it belongs to; null if it belongs to none.
    source: Option<String>,
    /// Why it cannot be read.
    reason: String,
    /// When it was quarantined.
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
}

impl From<slipway_store::Quarantined> for QuarantinedRow {
    fn from(row: slipway_store::Quarantined) -> Self {
        let slipway_store::Quarantined { kind, key, source, reason, since } = row;
        Self { kind, key, source: source.map(String::from), reason, since }
    }
}

/// Rows that cannot be read, oldest quarantine first.
#[derive(Serialize, ToSchema)]
pub(super) struct QuarantineList {
    rows: Vec<QuarantinedRow>,
    /// Always null: there is only one page.
    next: Option<String>,
}

/// Result of the retry of a row.
#[derive(Serialize, ToSchema)]
pub(super) struct RetriedRow {
    kind: String,
    key: String,
    /// Why it still cannot be read; null if it can be read and is served again.
    reason: Option<String>,
}

/// Parameters of the list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Listing {
    /// Maximum number of rows; the default is 50.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

/// Lists rows that cannot be read. A token for some sources covers only the rows of these sources.
#[utoipa::path(
    get,
    path = "/quarantine",
    operation_id = "listQuarantine",
    tag = "administration",
    params(Listing),
    responses((status = 200, description = "The rows.", body = QuarantineList), ListProblems)
)]
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Query(Listing { limit }): Query<Listing>,
) -> Answer<QuarantineList> {
    let rows = shared.store.quarantined(caller.scope().as_deref(), page(limit)?).await?;
    Ok(Json(QuarantineList { rows: rows.into_iter().map(QuarantinedRow::from).collect(), next: None }))
}

/// Reads a quarantined row again. If that succeeds, the row is served again.
#[utoipa::path(
    post,
    path = "/quarantine/{kind}/{key}/retry",
    operation_id = "retryQuarantined",
    tag = "administration",
    params(
        ("kind" = String, Path, description = "What it is.", min_length = 1, max_length = 1024),
        ("key" = String, Path, description = "Which.", min_length = 1, max_length = 1024)
    ),
    responses((status = 200, description = "What became of it.", body = RetriedRow), ActionProblems)
)]
pub(super) async fn retry(
    State(shared): State<Arc<Shared>>,
    Operator(caller): Operator,
    RowOf(kind, key): RowOf,
    Query(NoParameters {}): Query<NoParameters>,
) -> Answer<RetriedRow> {
    let row = shared.store.quarantined_row(&kind, &key).await?;
    let missing = || StoreError::NotQuarantined { kind: kind.clone(), key: key.clone() };
    match &row.source {
        Some(source) => shared.require_source(&caller, source, missing()).await?,
        None if caller.scope().is_some() => return Err(Problem::from(missing())),
        None => {}
    }
    let what = Action::new("quarantine.retry", format!("{kind} {key}"));
    let reason = shared.perform(&caller, what, shared.activities.reconciler.retry_quarantined(&kind, &key)).await?;
    Ok(Json(RetriedRow { kind, key, reason }))
}
