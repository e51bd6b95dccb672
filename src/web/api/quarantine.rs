//! Lists rows that this server cannot read and skips, and retries them.

use std::sync::Arc;

use axum::extract::State;
use axum::response::IntoResponse;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::answer::{Answer, Json, deprecation};
use super::extract::{NoParameters, Query, RowOf};
use super::page;
use crate::deprecated::QUARANTINE_KIND;
use crate::web::Shared;
use crate::web::access::{Caller, Operator};
use crate::web::audit::Action;
use crate::web::problem::{ActionProblems, ListProblems, Problem};
use slipway_store::StoreError;

/// A row of the store that the server cannot read, because a newer server wrote it or because it is damaged. The server does not
/// modify the row, and serves all other rows.
#[derive(Serialize, ToSchema)]
pub(super) struct QuarantinedRow {
    /// Kind of the row: `run`, `delivery`, `approval`, `deployment_record`, `token` or `training`.
    kind: String,
    /// Key of the row: the identifier of a run, or the source and the identifier of a delivery, separated by a space.
    key: String,
    /// Name of the source of the row; null if it belongs to no source.
    source: Option<String>,
    /// Why the server cannot read the row.
    reason: String,
    /// Time at which the server quarantined the row.
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
}

impl From<slipway_store::Quarantined> for QuarantinedRow {
    fn from(row: slipway_store::Quarantined) -> Self {
        let slipway_store::Quarantined { kind, key, source, reason, since } = row;
        Self { kind, key, source: source.map(String::from), reason, since }
    }
}

/// The quarantined rows.
#[derive(Serialize, ToSchema)]
pub(super) struct QuarantineList {
    /// The rows, oldest quarantine first.
    rows: Vec<QuarantinedRow>,
    /// Always null, because there is only one page.
    next: Option<String>,
}

/// The result of the retry of a quarantined row.
#[derive(Serialize, ToSchema)]
pub(super) struct RetriedRow {
    /// Kind of the row.
    kind: String,
    /// Key of the row.
    key: String,
    /// Why the server still cannot read the row; null if the server read it and serves it again.
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

/// Lists the quarantined rows, which the server cannot read.
///
/// The list contains only rows of the sources that the token covers.
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

/// Reads a quarantined row again.
///
/// If that succeeds, the server serves the row again.
#[utoipa::path(
    post,
    path = "/quarantine/{kind}/{key}/retry",
    operation_id = "retryQuarantined",
    tag = "administration",
    params(
        (
            "kind" = String, Path, min_length = 1, max_length = 1024,
            description = "Kind of the row. `placement` is deprecated: use `deployment_record`."
        ),
        ("key" = String, Path, description = "Key of the row.", min_length = 1, max_length = 1024)
    ),
    responses((status = 200, description = "The result of the retry.", body = RetriedRow), ActionProblems)
)]
pub(super) async fn retry(
    State(shared): State<Arc<Shared>>,
    Operator(caller): Operator,
    RowOf(kind, key): RowOf,
    Query(NoParameters {}): Query<NoParameters>,
) -> Result<impl IntoResponse, Problem> {
    let is_deprecated = kind == QUARANTINE_KIND.old;
    let kind = if is_deprecated { QUARANTINE_KIND.new.to_owned() } else { kind };
    let row = shared.store.quarantined_row(&kind, &key).await?;
    let missing = || StoreError::NotQuarantined { kind: kind.clone(), key: key.clone() };
    match &row.source {
        Some(source) => shared.require_source(&caller, source, missing()).await?,
        None if caller.scope().is_some() => return Err(Problem::from(missing())),
        None => {}
    }
    let what = Action::new("quarantine.retry", format!("{kind} {key}"));
    let reason = shared.perform(&caller, what, shared.activities.reconciler.retry_quarantined(&kind, &key)).await?;
    Ok((is_deprecated.then(deprecation), Json(RetriedRow { kind, key, reason })))
}
