//! Actions on runs: start, cancel and retry. An entry in the audit log precedes each action.

use std::sync::Arc;

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::answer::{Answer, Json};
use super::extract::{NoParameters, Query, RunOf, RunPath, Sent, plain_text};
use super::run::RunDetail;
use crate::web::Shared;
use crate::web::access::Operator;
use crate::web::audit::Action;
use crate::web::problem::{ActionProblems, EnvironmentProblems, Problem};
use slipway_domain::SourceName;

/// The run to start.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Start {
    /// Name of the source in the server's settings.
    source: String,
    /// Name of the model.
    model: String,
    /// A revision of the served branch: the first digits of a commit (at least seven) or a branch. The default is the newest
    /// commit of the served branch.
    #[schema(min_length = 1, max_length = 1024)]
    revision: Option<String>,
}

/// Starts a run of a model without a push.
#[utoipa::path(
    post,
    path = "/runs",
    operation_id = "startRun",
    tag = "runs",
    request_body = Start,
    responses((status = 200, description = "The run.", body = RunDetail), EnvironmentProblems)
)]
pub(super) async fn start(
    State(shared): State<Arc<Shared>>,
    Operator(caller): Operator,
    Query(NoParameters {}): Query<NoParameters>,
    Sent(Start { source, model, revision }): Sent<Start>,
) -> Answer<RunDetail> {
    let name = SourceName::try_from(source).map_err(|error| Problem::bad_request(format!("`source`: {error}")))?;
    let revision = revision.map(|text| plain_text("`revision`", &text)).transpose()?;
    let model = plain_text("`model`", &model)?;
    let what = Action::new("run.start", format!("{name} {model}")).with("at", revision.as_ref());
    if !caller.covers(&name) {
        // For a source that is not covered, the response is the same as for one that does not exist.
        let unknown = shared.no_such_source(&caller, &name);
        return Err(shared.refuse(&caller, what, unknown).await);
    }
    let actor = caller.actor();
    let starting = Box::pin(shared.activities.revisions.start(&name, &model, revision.as_deref(), &actor));
    let run = shared.perform(&caller, what, starting).await?;
    Ok(Json(shared.run_detail(&caller, &run).await?))
}

/// Cancels a run that has not yet begun to write to its environment.
#[utoipa::path(
    post,
    path = "/runs/{id}/cancel",
    operation_id = "cancelRun",
    tag = "runs",
    params(RunPath),
    responses((status = 200, description = "The run, cancelled.", body = RunDetail), ActionProblems)
)]
pub(super) async fn cancel(
    State(shared): State<Arc<Shared>>,
    Operator(caller): Operator,
    RunOf(id): RunOf,
    Query(NoParameters {}): Query<NoParameters>,
) -> Answer<RunDetail> {
    let id = shared.run_for(&caller, id).await?.id;
    let (what, actor) = (Action::new("run.cancel", id.to_string()), caller.actor());
    let run = shared.perform(&caller, what, shared.activities.runs.cancel(id, &actor)).await?;
    Ok(Json(shared.run_detail(&caller, &run).await?))
}

/// Retries a stalled run.
#[utoipa::path(
    post,
    path = "/runs/{id}/retry",
    operation_id = "retryRun",
    tag = "runs",
    params(RunPath),
    responses((status = 200, description = "The run, due again.", body = RunDetail), ActionProblems)
)]
pub(super) async fn retry(
    State(shared): State<Arc<Shared>>,
    Operator(caller): Operator,
    RunOf(id): RunOf,
    Query(NoParameters {}): Query<NoParameters>,
) -> Answer<RunDetail> {
    let id = shared.run_for(&caller, id).await?.id;
    let (what, actor) = (Action::new("run.retry", id.to_string()), caller.actor());
    let run = shared.perform(&caller, what, shared.activities.runs.retry(id, &actor)).await?;
    Ok(Json(shared.run_detail(&caller, &run).await?))
}
