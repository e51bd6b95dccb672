//! Adds the other name of renamed fields to documents of the API. The API's description (OpenAPI 3.1) tells which schema each
//! part of a document has, so that keys of other objects, such as the headers of a delivery, stay as they are.

use serde_json::Value;

use super::{API_FIELDS, complete_field};

/// Where an OpenAPI description keeps its schemas, as the beginning of a reference.
const SCHEMAS: &str = "#/components/schemas/";

/// The schemas of a description.
#[derive(Debug)]
pub struct Schemas {
    description: Value,
}

impl Schemas {
    /// The schemas of an OpenAPI description.
    pub fn of(description: Value) -> Self {
        Self { description }
    }

    /// Adds the other name of every renamed field to a document of the schema `name`. A document of a newer server keeps its
    /// unknown fields; an unknown schema changes nothing.
    pub fn complete(&self, name: &str, document: &mut Value) {
        let schema = &self.description["components"]["schemas"][name];
        self.visit(schema, Some(name), document);
    }

    /// The same for the response to a request: `path` is below the server's root, without a query.
    pub fn complete_response(&self, method: &str, path: &str, document: &mut Value) {
        let Some(paths) = self.description["paths"].as_object() else { return };
        let operation = paths.iter().find(|(template, _)| matches(template, path));
        let Some((_, operations)) = operation else { return };
        let response = &operations[method.to_ascii_lowercase()]["responses"]["200"];
        self.visit(&response["content"]["application/json"]["schema"], None, document);
    }

    /// Visits a part of a document with its schema. `name` is the name of the schema; the parts of an `allOf` share it.
    fn visit(&self, schema: &Value, name: Option<&str>, part: &mut Value) {
        if let Some(referred) = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix(SCHEMAS)) {
            return self.complete(referred, part);
        }
        for choices in ["allOf", "oneOf", "anyOf"] {
            for choice in schema[choices].as_array().into_iter().flatten() {
                self.visit(choice, name, part);
            }
        }
        match part {
            Value::Array(items) => items.iter_mut().for_each(|item| self.visit(&schema["items"], None, item)),
            Value::Object(object) => {
                let Some(properties) = schema["properties"].as_object() else { return };
                let renamed = |new: &str| properties.contains_key(new);
                for field in API_FIELDS.iter().filter(|field| name == Some(field.of) && renamed(field.new)) {
                    complete_field(object, *field);
                }
                for (key, schema) in properties {
                    if let Some(value) = object.get_mut(key) {
                        self.visit(schema, None, value);
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
}

/// Whether a path fits a template such as `/api/v1/runs/{id}`.
fn matches(template: &str, path: &str) -> bool {
    let (mut names, mut values) = (template.split('/'), path.split('/'));
    loop {
        match (names.next(), values.next()) {
            (None, None) => return true,
            (Some(name), Some(value)) if name == value || name.starts_with('{') => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schemas() -> Schemas {
        let reference = |name: &str| json!({ "$ref": format!("{SCHEMAS}{name}") });
        let list =
            json!({"type": "object", "properties": {"runs": {"type": "array", "items": reference("RunDetail")}}});
        let own = json!({"properties": {"queue": {"oneOf": [reference("Queue"), {"type": "null"}]},
                                        "blocking_rules": {}, "labels": {"type": "object"}}});
        let response = json!({"content": {"application/json": {"schema": reference("RunDetail")}}});
        Schemas::of(json!({
            "paths": {"/api/v1/runs/{id}/cancel": {"post": {"responses": {"200": response}}}},
            "components": {"schemas": {
                "RunSummary": {"type": "object", "properties": {"pull_request": {}, "cache_key": {}, "origin_run": {}}},
                "RunDetail": {"allOf": [reference("RunSummary"), own]},
                "Queue": {"properties": {"blocked_by": {}}},
                "List": list,
            }},
        }))
    }

    #[test]
    fn new_names_get_the_old_ones_beside_them_and_foreign_keys_stay() {
        let labels = json!({"pull_request": "a", "blocked_by": "b"});
        let run = json!({"pull_request": 7, "blocking_rules": [], "queue": {"blocked_by": "x"}, "labels": labels});
        let mut document = json!({"runs": [run, {"queue": null}]});
        schemas().complete("List", &mut document);
        assert_eq!(
            document,
            json!({"runs": [{
                "pull_request": 7, "change": 7, "blocking_rules": [], "held_back": [],
                "queue": {"blocked_by": "x", "behind": "x"}, "labels": labels,
            }, {"queue": null}]})
        );
    }

    #[test]
    fn a_response_of_the_previous_release_gets_the_new_names() {
        let mut document = json!({"change": null, "run_key": "sha256:1", "held_back": [], "queue": {"behind": "x"}});
        schemas().complete_response("POST", "/api/v1/runs/0199/cancel", &mut document);
        assert_eq!((&document["pull_request"], &document["cache_key"]), (&Value::Null, &json!("sha256:1")));
        assert!(document.get("pull_request").is_some(), "null is a value");
        assert_eq!((&document["blocking_rules"], &document["queue"]["blocked_by"]), (&json!([]), &json!("x")));
    }

    #[test]
    fn an_unknown_address_or_schema_changes_nothing() {
        let mut document = json!({"change": 7});
        schemas().complete_response("GET", "/api/v1/runs/0199/cancel", &mut document);
        schemas().complete_response("POST", "/api/v1/runs/0199", &mut document);
        schemas().complete("Nothing", &mut document);
        assert_eq!(document, json!({"change": 7}));
    }
}
