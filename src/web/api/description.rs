//! `/api/v1/openapi.json`: the API's description (OpenAPI 3.1), generated from the handlers.

use std::sync::LazyLock;

use axum::http::header;
use axum::response::{IntoResponse, Response};
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::schema::{AllOfBuilder, Object};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Deprecated, RefOr, Schema};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;

use super::extract::{NoParameters, Query};
use crate::deprecated::{API_FIELDS, RenamedField};
use crate::web::problem::{ListProblems, Problem, ProblemDocument};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Slipway",
        version = "1",
        description = "The API of a Slipway server. It reads and controls runs, deliveries, reports, models and environments. Deprecated fields stay for one release.",
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
            .description(Some("A token, which `slipway tokens create` creates."))
            .build();
        let components = description.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(scheme));
    }
}

static TEXT: LazyLock<String> = LazyLock::new(|| {
    let router = OpenApiRouter::with_openapi(Description::openapi()).nest("/api/v1", super::routes());
    let mut description = router.into_openapi();
    describe_deprecated_fields(&mut description);
    description.to_pretty_json().expect("a description holds only texts, numbers and lists") + "\n"
});

/// Adds the deprecated name of every renamed field to its schema.
fn describe_deprecated_fields(description: &mut utoipa::openapi::OpenApi) {
    let schemas = &mut description.components.get_or_insert_default().schemas;
    for field in API_FIELDS {
        match schemas.get_mut(field.of) {
            Some(RefOr::T(Schema::Object(object))) => describe_deprecated(object, *field),
            Some(RefOr::T(Schema::AllOf(parts))) => {
                for part in &mut parts.items {
                    if let RefOr::T(Schema::Object(object)) = part {
                        describe_deprecated(object, *field);
                    }
                }
            }
            _ => {}
        }
    }
}

/// Adds the deprecated name of a field, if the object has the field.
fn describe_deprecated(object: &mut Object, RenamedField { of: _, old, new }: RenamedField) {
    let Some(successor) = object.properties.get(new).cloned() else { return };
    if object.required.iter().any(|name| name == new) {
        object.required.push(old.to_owned());
    }
    object.properties.insert(old.to_owned(), deprecated(successor, format!("Deprecated: use `{new}`.")));
}

/// Marks a schema as deprecated.
fn deprecated(schema: RefOr<Schema>, description: String) -> RefOr<Schema> {
    // Only objects and arrays have a field for this keyword of JSON Schema. Extensions are written without a check of their names.
    let keyword = || Some(Extensions::from_iter([("deprecated", true)]));
    RefOr::T(match schema {
        RefOr::T(Schema::Object(mut object)) => {
            (object.description, object.deprecated) = (Some(description), Some(Deprecated::True));
            Schema::Object(object)
        }
        RefOr::T(Schema::Array(mut array)) => {
            (array.description, array.deprecated) = (Some(description), Some(Deprecated::True));
            Schema::Array(array)
        }
        RefOr::T(Schema::OneOf(mut choices)) => {
            (choices.description, choices.extensions) = (Some(description), keyword());
            Schema::OneOf(choices)
        }
        other => {
            let all = AllOfBuilder::new().item(other).description(Some(description));
            Schema::AllOf(all.extensions(keyword()).build())
        }
    })
}

/// The API's description, as JSON.
pub fn description() -> &'static str {
    &TEXT
}

/// Returns the description of the API (OpenAPI 3.1).
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
