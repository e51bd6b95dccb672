//! `/api/v1/openapi.json`: the API's description (OpenAPI 3.1), generated from the handlers.

use std::sync::LazyLock;

use axum::http::header;
use axum::response::{IntoResponse, Response};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;

use super::extract::{NoParameters, Query};
use crate::web::problem::{ListProblems, Problem, ProblemDocument};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Slipway",
        version = "1",
        description = "Reads and steers a Slipway server: runs, deliveries, reports, models, environments.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
        contact()
    ),
    components(schemas(ProblemDocument)),
    security(("token" = [])),
    modifiers(&Token)
)]
struct Description;

/// Describes how callers authenticate.
struct Token;

impl Modify for Token {
    fn modify(&self, description: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("A token as `slipway tokens create` makes it."))
            .build();
        let components = description.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(scheme));
    }
}

static TEXT: LazyLock<String> = LazyLock::new(|| {
    let router = OpenApiRouter::with_openapi(Description::openapi()).nest("/api/v1", super::routes());
    let text = router.into_openapi().to_pretty_json();
    text.expect("a description holds only texts, numbers and lists") + "\n"
});

/// The API's description, as JSON.
pub fn description() -> &'static str {
    &TEXT
}

/// Returns the API's description (OpenAPI 3.1).
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "describe",
    tag = "description",
    responses((status = 200, description = "The description.", body = serde_json::Value), ListProblems)
)]
pub(super) async fn show(Query(NoParameters {}): Query<NoParameters>) -> Result<Response, Problem> {
    Ok(([(header::CONTENT_TYPE, "application/json")], description()).into_response())
}
