//! The references of settings and of models list every key of the schema.

use serde_json::Value;

use super::block::{is_current, table};
use super::commands::inline;
use super::{pages, read};

/// The keys of a schema below a path, each with its description and its default.
struct Keys<'s> {
    schema: &'s Value,
    rows: Vec<Vec<String>>,
}

impl Keys<'_> {
    /// What a reference leads to.
    fn resolved<'v>(&'v self, value: &'v Value) -> &'v Value {
        let Some(name) = value["$ref"].as_str().and_then(|path| path.rsplit('/').next()) else { return value };
        &self.schema["$defs"][name]
    }

    /// Goes through the properties of `value`, and of each form that it may have.
    fn collect(&mut self, value: &Value, path: &str, depth: usize) {
        assert!(depth < 12, "`{path}` nests without end");
        let value = self.resolved(value).clone();
        for form in ["oneOf", "anyOf", "allOf"].into_iter().filter_map(|form| value[form].as_array()).flatten() {
            self.collect(form, path, depth + 1);
        }
        // docs/policies.md describes metrics.
        if value["items"].is_object() && path != "spec.evaluation.metrics" {
            self.collect(&value["items"], &format!("{path}[]"), depth + 1);
        }
        for (name, property) in value["properties"].as_object().into_iter().flatten() {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            let text =
                |value: &Value| value["description"].as_str().map(|text| text.replace('\n', " ").replace('|', "\\|"));
            let description = text(property).or_else(|| text(self.resolved(property))).unwrap_or_default();
            let row = vec![format!("`{path}`"), description, shown(&property["default"])];
            if !row[1].is_empty() && !self.rows.iter().any(|known| known[0] == row[0]) {
                self.rows.push(row);
            }
            self.collect(property, &path, depth + 1);
        }
    }
}

/// A default as users write it; nothing where it is absent or made of others.
fn shown(default: &Value) -> String {
    match default {
        Value::Null | Value::Object(_) => String::new(),
        Value::Array(items) if items.is_empty() => String::new(),
        Value::String(text) => format!("`{}`", duration(text)),
        other => format!("`{other}`"),
    }
}

/// `PT6H` as `6h`: settings take that form, and people read it.
fn duration(text: &str) -> String {
    text.strip_prefix("PT").map_or_else(|| text.to_owned(), str::to_lowercase)
}

/// The keys of a schema, each with its description and its default.
fn rows(schema: &str) -> Vec<Vec<String>> {
    let schema: Value = serde_json::from_str(&read(schema)).expect("JSON");
    let mut keys = Keys { schema: &schema, rows: Vec::new() };
    keys.collect(&schema, "", 0);
    assert!(keys.rows.len() > 30, "only {} keys", keys.rows.len());
    keys.rows
}

fn reference(schema: &str) -> String {
    table(&["key", "meaning", "default"], &rows(schema))
}

#[test]
fn the_reference_of_settings_lists_every_key() {
    is_current("docs/settings.md", "keys", &reference("schemas/server.schema.json"));
}

#[test]
fn the_reference_of_models_lists_every_key() {
    is_current("docs/models.md", "keys", &reference("schemas/model.schema.json"));
}

#[test]
fn every_setting_that_a_sentence_names_exists() {
    let rows = rows("schemas/server.schema.json");
    let known: Vec<&str> = rows.iter().map(|row| row[0].trim_matches('`')).collect();
    let mut tried = 0;
    // The changelog names settings of earlier versions.
    for page in pages().iter().filter(|page| *page != "CHANGELOG.md") {
        for code in inline(page) {
            // `web.metrics: open` names a key and its value.
            let path = code.split([':', ' ']).next().unwrap_or_default();
            let first = path.split(['.', '[']).next().unwrap_or_default();
            let is_path = path.contains('.') && path.chars().all(|c| c.is_ascii_lowercase() || "._[]".contains(c));
            let ending = std::path::Path::new(path).extension().unwrap_or_default();
            let is_file = ["yaml", "md", "json"].iter().any(|known| ending == *known);
            if is_path && !is_file && known.contains(&first) {
                assert!(known.contains(&path), "{page}: there is no setting `{code}`");
                tried += 1;
            }
        }
    }
    assert!(tried > 30, "only {tried} settings are named");
}
