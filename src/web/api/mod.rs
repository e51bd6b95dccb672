//! `/api/v1`: runs, deliveries, reports, models, environments, the audit log and tokens. Each resource has one file with its own
//! response types, so that stored types can change without a change of the API.

mod answer;
mod audit;
mod cursor;
mod deliveries;
mod deployment_record;
mod description;
mod enums;
mod environments;
mod events;
mod extract;
mod follow;
mod holds;
mod model_list;
mod models;
mod promotions;
mod quarantine;
mod query_mistake;
mod reports;
mod rules;
mod run;
mod run_actions;
mod run_log;
mod runs;
mod sources;
mod tokens;
mod verdict;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::problem::{self, Problem};
use super::{Shared, access};

pub use answer::schemas;
pub use description::description;

/// Number of items on a page: default and maximum.
const DEFAULT_PAGE: u32 = 50;
const MAX_PAGE_BYTES: u32 = 500;

/// Checks the requested length of a page.
fn page(limit: Option<u32>) -> Result<u32, Problem> {
    match limit.unwrap_or(DEFAULT_PAGE) {
        limit @ 1..=MAX_PAGE_BYTES => Ok(limit),
        limit => Err(Problem::bad_request(format!("`limit` is {limit}, expected 1 to {MAX_PAGE_BYTES}"))),
    }
}

/// All routes of the API with their descriptions.
fn routes() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new()
        .routes(routes!(runs::list, run_actions::start))
        .routes(routes!(runs::show))
        .routes(routes!(runs::explain))
        .routes(routes!(run_log::show))
        .routes(routes!(run_actions::cancel))
        .routes(routes!(run_actions::retry))
        .routes(routes!(deliveries::list))
        .routes(routes!(deliveries::show))
        .routes(routes!(deliveries::replay))
        .routes(routes!(reports::list))
        .routes(routes!(reports::retry))
        .routes(routes!(reports::retry_all))
        .routes(routes!(events::follow))
        .routes(routes!(models::list))
        .routes(routes!(sources::list))
        .routes(routes!(environments::list))
        .routes(routes!(environments::show))
        .routes(routes!(environments::at))
        .routes(routes!(environments::history))
        .routes(routes!(promotions::approve))
        .routes(routes!(holds::hold))
        .routes(routes!(holds::hold_all))
        .routes(routes!(holds::release))
        .routes(routes!(holds::release_all))
        .routes(routes!(promotions::roll_back))
        .routes(routes!(promotions::promote))
        .routes(routes!(promotions::reject))
        .routes(routes!(audit::list))
        .routes(routes!(tokens::list))
        .routes(routes!(quarantine::list))
        .routes(routes!(quarantine::retry))
        .routes(routes!(description::show))
}

/// The API with authentication.
pub(super) fn router(shared: Arc<Shared>) -> Router<Arc<Shared>> {
    let router = Router::from(routes());
    router
        .fallback(problem::no_such_page)
        .method_not_allowed_fallback(problem::no_such_method)
        .layer(from_fn_with_state(shared, access::authenticate))
}
