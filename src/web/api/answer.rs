//! JSON responses. A response contains each renamed field under both names.

use std::sync::LazyLock;

use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::description::description;
use crate::deprecated::Schemas;
use crate::web::problem::Problem;

/// A JSON response, or a problem.
pub(super) type Answer<T> = Result<Json<T>, Problem>;

static SCHEMAS: LazyLock<Schemas> =
    LazyLock::new(|| Schemas::of(serde_json::from_str(description()).expect("the description is JSON")));

/// The day since which the deprecated names have successors (1 December 2026), as a date of RFC 9651.
const DEPRECATED_SINCE: &str = "@1796083200";

/// The header of responses at deprecated addresses (RFC 9745).
pub(super) fn deprecation() -> [(HeaderName, &'static str); 1] {
    [(HeaderName::from_static("deprecation"), DEPRECATED_SINCE)]
}

/// The schemas of the API.
pub fn schemas() -> &'static Schemas {
    &SCHEMAS
}

/// A document of the API.
pub(super) struct Json<T>(pub(super) T);

impl<T: Serialize + ToSchema> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        let Ok(mut document) = serde_json::to_value(&self.0) else {
            return Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the response cannot be written as JSON")
                .into_response();
        };
        // Large bodies of deliveries are in memory only twice.
        drop(self);
        schemas().complete(&T::name(), &mut document);
        axum::Json(document).into_response()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;
    use crate::deprecated::{API_FIELDS, RenamedField};

    /// The properties of a schema of the description, and those that are required.
    fn properties(name: &str) -> (serde_json::Map<String, Value>, BTreeSet<String>) {
        let described: Value = serde_json::from_str(description()).expect("JSON");
        let schema = &described["components"]["schemas"][name];
        let parts = schema["allOf"].as_array().cloned().unwrap_or_else(|| vec![schema.clone()]);
        let (mut properties, mut required) = (serde_json::Map::new(), BTreeSet::new());
        for part in parts {
            properties.extend(part["properties"].as_object().cloned().unwrap_or_default());
            let names = part["required"].as_array().cloned().unwrap_or_default();
            required.extend(names.iter().filter_map(|name| name.as_str().map(str::to_owned)));
        }
        (properties, required)
    }

    #[test]
    fn every_renamed_field_is_described_under_both_names_and_the_old_one_as_deprecated() {
        for RenamedField { of, old, new } in API_FIELDS {
            let (properties, required) = properties(of);
            let (new_schema, old_schema) = (&properties[*new], &properties[*old]);
            assert_eq!(old_schema["deprecated"], true, "{of}.{old}");
            assert_eq!(old_schema["description"], format!("Deprecated: use `{new}`."), "{of}.{old}");
            assert!(new_schema.get("deprecated").is_none(), "{of}.{new}");
            assert_eq!(required.contains(*old), required.contains(*new), "{of}.{old}");
        }
    }

    #[test]
    fn every_deprecated_field_of_the_description_is_in_the_table() {
        let described: Value = serde_json::from_str(description()).expect("JSON");
        for name in described["components"]["schemas"].as_object().expect("schemas").keys() {
            for (old, schema) in properties(name).0 {
                let is_listed = API_FIELDS.iter().any(|field| field.of == name && field.old == old);
                assert_eq!(schema["deprecated"] == true, is_listed, "{name}.{old}");
            }
        }
    }

    #[derive(Serialize, ToSchema)]
    #[schema(as = RunSummary)]
    struct Sample {
        cache_key: Option<&'static str>,
        other: u8,
    }

    #[tokio::test]
    async fn a_response_contains_both_names() {
        let response = Json(Sample { cache_key: None, other: 1 }).into_response();
        let body = axum::body::to_bytes(response.into_body(), 1_000).await.expect("a body");
        let document: Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(document, serde_json::json!({"cache_key": null, "run_key": null, "other": 1}));
    }
}
