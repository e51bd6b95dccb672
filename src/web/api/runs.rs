//! Lists, shows and explains runs.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::answer::{Answer, Json};
use super::enums::RunState;
use super::extract::{NoParameters, Query, RunName, RunOf, RunPath, beginning_of_commit, plain_text};
use super::run::{Explanation, RunDetail, RunSummary};
use super::{cursor, page};
use crate::web::Shared;
use crate::web::access::Caller;
use crate::web::problem::{ListProblems, Problem, RunProblems};
use slipway_domain::{RunId, SourceName};
use slipway_store::{RunCursor, RunFilter, StoreError};

/// A page of runs.
#[derive(Serialize, ToSchema)]
pub(super) struct RunList {
    /// The runs, newest first.
    runs: Vec<RunSummary>,
    /// Value of `cursor` for the next page; null on the last page.
    next: Option<String>,
}

/// Parameters of the list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Listing {
    /// Only runs of this source.
    #[param(value_type = Option<String>, pattern = "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")]
    source: Option<SourceName>,
    /// Only runs of this model.
    #[param(min_length = 1, max_length = 1024, pattern = r"^[^\x00-\x1f\x7f-\x9f]+$")]
    model: Option<String>,
    /// Only runs in this state.
    #[param(inline)]
    state: Option<RunState>,
    /// Only runs of commits that begin with these digits (at least seven).
    #[param(pattern = "^[0-9a-fA-F]{7,40}$")]
    head: Option<String>,
    /// Only runs that wait for a person (`true`), or only those that do not (`false`).
    stalled: Option<bool>,
    /// Maximum number of runs; the default is 50.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// Value of `next` on the previous page.
    cursor: Option<String>,
}

/// Lists runs, newest first.
#[utoipa::path(
    get,
    path = "/runs",
    operation_id = "listRuns",
    tag = "runs",
    params(Listing),
    responses((status = 200, description = "A page of runs.", body = RunList), ListProblems)
)]
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Query(listing): Query<Listing>,
) -> Answer<RunList> {
    let Listing { source, model, state, head, stalled, limit, cursor } = listing;
    let limit = page(limit)?;
    let before = cursor::read::<(Timestamp, RunId)>(cursor.as_deref())?;
    let filter = RunFilter {
        scope: caller.scope(),
        source,
        model: model.map(|model| plain_text("`model`", &model)).transpose()?,
        state: state.map(slipway_domain::RunState::from),
        id: None,
        head: head.as_deref().map(beginning_of_commit).transpose()?,
        stalled,
        before: before.map(|(created_at, id)| RunCursor { created_at, id }),
    };
    let mut runs = shared.store.runs(&filter, limit + 1).await?;
    let next = cursor::cut(&mut runs, limit, |run| (run.created_at, run.id));
    Ok(Json(RunList { runs: runs.iter().map(RunSummary::from).collect(), next }))
}

/// Maximum number of runs that are listed if digits are ambiguous.
const MAX_CANDIDATES: u32 = 5;

fn ambiguous<'a>(digits: &str, runs: impl Iterator<Item = &'a slipway_domain::Run>) -> Problem {
    let most = usize::try_from(MAX_CANDIDATES).unwrap_or(usize::MAX);
    let mut names: Vec<String> = runs.map(|run| format!("{} of {}", run.id, run.cause.model)).collect();
    if names.len() > most {
        names.truncate(most);
        names.push("…".to_owned());
    }
    let detail = format!("`{digits}` begins the identifiers of several runs ({}): write more of it", names.join(", "));
    Problem::new(StatusCode::CONFLICT, detail)
}

impl Shared {
    /// Returns a run if the caller's token covers its source.
    pub(super) async fn run_for(&self, caller: &Caller, name: RunName) -> Result<slipway_domain::Run, Problem> {
        let id = match name {
            RunName::Whole(id) => id,
            RunName::Beginning(digits) => return self.run_beginning(caller, &digits).await,
        };
        let run = self.store.run(id).await?;
        self.require_source(caller, &run.cause.source, StoreError::NoSuchRun { run: id }).await?;
        Ok(run)
    }

    /// Returns the only run whose identifier begins with these digits, among the runs that the token covers.
    async fn run_beginning(&self, caller: &Caller, digits: &str) -> Result<slipway_domain::Run, Problem> {
        let filter = RunFilter { scope: caller.scope(), id: Some(digits.to_owned()), ..RunFilter::default() };
        let mut found = self.store.runs(&filter, MAX_CANDIDATES + 1).await?;
        match (found.pop(), found.as_slice()) {
            (None, _) => {
                Err(Problem::new(StatusCode::NOT_FOUND, format!("no run's identifier begins with `{digits}`")))
            }
            (Some(run), []) => Ok(run),
            (Some(last), others) => Err(ambiguous(digits, others.iter().chain([&last]))),
        }
    }
}

/// Shows a run, its transitions and its position in the queue.
#[utoipa::path(
    get,
    path = "/runs/{id}",
    operation_id = "showRun",
    tag = "runs",
    params(RunPath),
    responses((status = 200, description = "The run.", body = RunDetail), RunProblems)
)]
pub(super) async fn show(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    RunOf(id): RunOf,
    Query(NoParameters {}): Query<NoParameters>,
) -> Answer<RunDetail> {
    let run = shared.run_for(&caller, id).await?;
    Ok(Json(shared.run_detail(&caller, &run).await?))
}

/// Explains why a run trained, or why it reused an artifact.
///
/// The response compares the cache key of the run, part by part, with that of an earlier run.
#[utoipa::path(
    get,
    path = "/runs/{id}/explain",
    operation_id = "explainRun",
    tag = "runs",
    params(RunPath),
    responses((status = 200, description = "The explanation.", body = Explanation), RunProblems)
)]
pub(super) async fn explain(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    RunOf(id): RunOf,
    Query(NoParameters {}): Query<NoParameters>,
) -> Answer<Explanation> {
    let id = shared.run_for(&caller, id).await?.id;
    Ok(Json(shared.activities.runs.explain(id).await?.into()))
}
