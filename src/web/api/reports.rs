//! Lists reports to forges, and retries them.

use std::sync::Arc;

use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::answer::{Answer, Json};
use super::extract::{NoParameters, Query, ReportOf};
use super::{cursor, page};
use crate::web::Shared;
use crate::web::access::{Caller, Operator};
use crate::web::audit::Action;
use crate::web::problem::{ActionProblems, ListProblems, Problem};
use slipway_domain::SourceName;
use slipway_store::{ReportFilter, ReportHead, StoreError};

/// The state of a report. `behind`: the forge does not have the current report yet. `reported`: the forge has it. `refused`: the
/// forge refused it, and a person must act. `skipped`: no report is required.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ReportState {
    Behind,
    Reported,
    Refused,
    Skipped,
}

impl From<slipway_store::ReportStatus> for ReportState {
    fn from(status: slipway_store::ReportStatus) -> Self {
        match status {
            slipway_store::ReportStatus::Behind => Self::Behind,
            slipway_store::ReportStatus::Reported => Self::Reported,
            slipway_store::ReportStatus::Refused => Self::Refused,
            slipway_store::ReportStatus::Skipped => Self::Skipped,
        }
    }
}

impl From<ReportState> for slipway_store::ReportStatus {
    fn from(state: ReportState) -> Self {
        match state {
            ReportState::Behind => Self::Behind,
            ReportState::Reported => Self::Reported,
            ReportState::Refused => Self::Refused,
            ReportState::Skipped => Self::Skipped,
        }
    }
}

/// A report to a forge on one model at one revision.
#[derive(Serialize, ToSchema)]
pub(super) struct ReportSummary {
    /// Identifier of the report: that of the run, or the commit and the source if the commit has no run.
    id: String,
    /// Name of the source in the server's settings.
    source: String,
    /// The full identifier of the commit; null if the forge abbreviates it.
    revision: Option<String>,
    /// Name of the model; null if the commit has no run, or if the model file contains no name.
    model: Option<String>,
    /// Identifier of the run; null if the commit has no run.
    run: Option<uuid::Uuid>,
    /// Number of the pull request; null if there is none.
    pull_request: Option<u64>,
    /// The state of the report.
    state: ReportState,
    /// Number of failed attempts since the report fell behind.
    attempts: u64,
    /// Why the forge does not have the report; empty if it has it.
    note: String,
    /// Time at which the report last fell behind.
    #[schema(value_type = String, format = DateTime)]
    behind_since: Timestamp,
    /// Time of the next attempt; null if the report is due now or not behind.
    #[schema(value_type = Option<String>, format = DateTime)]
    due_at: Option<Timestamp>,
    /// Time at which the forge last received the report; null if it never did.
    #[schema(value_type = Option<String>, format = DateTime)]
    reported_at: Option<Timestamp>,
}

impl From<ReportHead> for ReportSummary {
    fn from(head: ReportHead) -> Self {
        let run = head.run().map(slipway_domain::RunId::as_uuid);
        let ReportHead {
            id,
            source,
            revision,
            model,
            pull_request,
            status,
            attempts,
            note,
            behind_since,
            due_at,
            reported_at,
            place: _,
        } = head;
        Self {
            id,
            source: source.into(),
            revision: Some(revision).filter(|revision| !revision.is_empty()),
            model: model.filter(|model| slipway_domain::model_name(model).is_some()),
            run,
            pull_request,
            state: status.into(),
            attempts,
            note,
            behind_since,
            due_at,
            reported_at,
        }
    }
}

/// A page of reports.
#[derive(Serialize, ToSchema)]
pub(super) struct ReportList {
    /// The reports, newest first.
    reports: Vec<ReportSummary>,
    /// Value of `cursor` for the next page; null on the last page.
    next: Option<String>,
}

/// The result of a retry of all reports of a source.
#[derive(Serialize, ToSchema)]
pub(super) struct ReportsRetried {
    /// Number of reports that are due again.
    due: u64,
}

/// Parameters of the list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Listing {
    /// Only reports of this source.
    #[param(value_type = Option<String>, pattern = "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")]
    source: Option<SourceName>,
    /// Only reports in this state.
    #[param(inline)]
    state: Option<ReportState>,
    /// Maximum number of reports; the default is 50.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// Value of `next` on the previous page.
    cursor: Option<String>,
}

/// Parameters of the retry.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Retried {
    /// Name of the source.
    #[param(value_type = String, pattern = "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")]
    source: SourceName,
}

/// Lists reports to forges, newest first.
#[utoipa::path(
    get,
    path = "/reports",
    operation_id = "listReports",
    tag = "reports",
    params(Listing),
    responses((status = 200, description = "A page of reports.", body = ReportList), ListProblems)
)]
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Query(listing): Query<Listing>,
) -> Answer<ReportList> {
    let Listing { source, state, limit, cursor } = listing;
    let limit = page(limit)?;
    let before: Option<(u64, String)> = cursor::read(cursor.as_deref())?;
    if before.as_ref().is_some_and(|(place, id)| i64::try_from(*place).is_err() || id.contains('\0')) {
        return Err(Problem::bad_request("`cursor` is none that this list answered with `next`"));
    }
    let filter =
        ReportFilter { scope: caller.scope(), source, status: state.map(slipway_store::ReportStatus::from), before };
    let mut heads = shared.store.reports(&filter, limit + 1).await?;
    let next = cursor::cut(&mut heads, limit, |head| head.place.clone());
    Ok(Json(ReportList { reports: heads.into_iter().map(ReportSummary::from).collect(), next }))
}

/// Retries a report that is behind or refused.
#[utoipa::path(
    post,
    path = "/reports/{id}/retry",
    operation_id = "retryReport",
    tag = "reports",
    params(("id" = String, Path, description = "Identifier of the report.", min_length = 1, max_length = 1024)),
    responses((status = 200, description = "The report, due again.", body = ReportSummary), ActionProblems)
)]
pub(super) async fn retry(
    State(shared): State<Arc<Shared>>,
    Operator(caller): Operator,
    ReportOf(id): ReportOf,
    Query(NoParameters {}): Query<NoParameters>,
) -> Answer<ReportSummary> {
    let report = shared.store.report(&id).await?;
    shared.require_source(&caller, &report.source, StoreError::NoSuchReport { id: id.clone() }).await?;
    let what = Action::new("report.retry", id.clone());
    Ok(Json(shared.perform(&caller, what, shared.activities.reports.retry_report(&id)).await?.into()))
}

/// Retries all reports of a source that are behind or refused.
#[utoipa::path(
    post,
    path = "/reports/retry",
    operation_id = "retryReports",
    tag = "reports",
    params(Retried),
    responses((status = 200, description = "The number of reports that are due again.", body = ReportsRetried), ActionProblems)
)]
pub(super) async fn retry_all(
    State(shared): State<Arc<Shared>>,
    Operator(caller): Operator,
    Query(Retried { source }): Query<Retried>,
) -> Answer<ReportsRetried> {
    if !shared.activities.context.sources().any(|(name, _)| *name == source) {
        return Err(shared.no_such_source(&caller, &source));
    }
    shared.require_source(&caller, &source, shared.no_such_source(&caller, &source)).await?;
    let what = Action::new("report.retry", source.as_str().to_owned());
    Ok(Json(ReportsRetried {
        due: shared.perform(&caller, what, shared.activities.reports.retry_reports(&source)).await?,
    }))
}
