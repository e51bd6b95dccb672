//! Runs, steered: cancelled and retried. Each call is in the audit log before it is done.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::Answer;
use super::extract::{NoParameters, Query, RunOf};
use super::run::RunDetail;
use crate::web::Shared;
use crate::web::access::Operator;
use crate::web::audit::Action;
use crate::web::problem::SteerProblems;

/// Ends a run that has not begun to change its environment.
#[utoipa::path(
    post,
    path = "/runs/{id}/cancel",
    operation_id = "cancelRun",
    tag = "runs",
    params(("id" = uuid::Uuid, Path, description = "The run.")),
    responses((status = 200, description = "The run, cancelled.", body = RunDetail), SteerProblems)
)]
pub(super) async fn cancel(
    State(shared): State<Arc<Shared>>,
    Operator(caller): Operator,
    RunOf(id): RunOf,
    Query(NoParameters {}): Query<NoParameters>,
) -> Answer<RunDetail> {
    shared.run_for(&caller, id).await?;
    let (what, actor) = (Action::new("run.cancel", id.to_string()), caller.actor());
    let run = shared.steer(&caller, what, shared.pipeline.cancel(id, &actor)).await?;
    Ok(Json(shared.run_detail(&run).await?))
}

/// Makes a stalled run due again.
#[utoipa::path(
    post,
    path = "/runs/{id}/retry",
    operation_id = "retryRun",
    tag = "runs",
    params(("id" = uuid::Uuid, Path, description = "The run.")),
    responses((status = 200, description = "The run, due again.", body = RunDetail), SteerProblems)
)]
pub(super) async fn retry(
    State(shared): State<Arc<Shared>>,
    Operator(caller): Operator,
    RunOf(id): RunOf,
    Query(NoParameters {}): Query<NoParameters>,
) -> Answer<RunDetail> {
    shared.run_for(&caller, id).await?;
    let (what, actor) = (Action::new("run.retry", id.to_string()), caller.actor());
    let run = shared.steer(&caller, what, shared.pipeline.retry(id, &actor)).await?;
    Ok(Json(shared.run_detail(&run).await?))
}
