//! Names of the previous release. This release writes and reads them beside their successors; the next release removes them.
//!
//! The tables are the only list of these names. CHANGELOG.md repeats them for users.

mod schemas;

use serde_json::{Map, Value};

pub use schemas::Schemas;

/// A field of JSON documents that has a new name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RenamedField {
    /// The schema of the API, or the command whose output has the field.
    pub of: &'static str,
    /// The deprecated name.
    pub old: &'static str,
    /// The name that replaces it.
    pub new: &'static str,
}

const fn renamed(of: &'static str, old: &'static str, new: &'static str) -> RenamedField {
    RenamedField { of, old, new }
}

/// Renamed fields of the API, by schema. Output of commands that call a server has the form of the API.
pub const API_FIELDS: &[RenamedField] = &[
    renamed("ActiveRun", "held_back", "blocking_rules"),
    renamed("DeliverySummary", "settled_at", "acknowledged_at"),
    renamed("DeploymentRecord", "hand", "manual_author"),
    renamed("DeploymentRecord", "named", "deployed"),
    renamed("DeploymentRecordList", "placements", "deployment_records"),
    renamed("Explanation", "run_key", "cache_key"),
    renamed("ModelAt", "named", "deployed"),
    renamed("ModelState", "now", "current"),
    renamed("ModelState", "offer", "first_promotion"),
    renamed("ModelState", "under_way", "active_runs"),
    renamed("ModelSummary", "offer", "first_run"),
    renamed("Queue", "behind", "blocked_by"),
    renamed("RunDetail", "held_back", "blocking_rules"),
    renamed("RunSummary", "change", "pull_request"),
    renamed("RunSummary", "follows", "origin_run"),
    renamed("RunSummary", "run_key", "cache_key"),
    renamed("SourceRepository", "learned", "identified_by"),
    renamed("SourceRepository", "refused", "conflicting_id"),
    renamed("Verdict", "floors", "mandatory_policies"),
];

/// Renamed fields in the JSON and YAML output of commands that call no server, by command.
pub const OUTPUT_FIELDS: &[RenamedField] = &[
    renamed("slipway check", "findings", "diagnostics"),
    renamed("slipway forge check", "findings", "checks"),
    renamed("slipway forge check", "standing", "status"),
    renamed("slipway forge check", "text", "message"),
    renamed("slipway gate", "floors", "mandatory_policies"),
    renamed("slipway init", "became", "result"),
    renamed("slipway storage", "brought_back", "restored"),
];

/// A value with a new name. Documents contain the new name; requests may contain either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RenamedValue {
    /// What the value names.
    pub of: &'static str,
    /// The deprecated name.
    pub old: &'static str,
    /// The name that replaces it.
    pub new: &'static str,
}

/// The kind of a quarantined deployment record.
pub const QUARANTINE_KIND: RenamedValue =
    RenamedValue { of: "kind of a quarantined row", old: "placement", new: "deployment_record" };

/// Adds the missing one of the two names of a field to an object that has the other one.
fn complete_field(object: &mut Map<String, Value>, RenamedField { of: _, old, new }: RenamedField) {
    let (missing, present) = if object.contains_key(new) { (old, new) } else { (new, old) };
    if !object.contains_key(missing)
        && let Some(value) = object.get(present).cloned()
    {
        object.insert(missing.to_owned(), value);
    }
}

/// Adds the other name of every renamed field to the output of a command that calls no server.
pub fn complete_output(command: &str, document: &mut Value) {
    match document {
        Value::Object(object) => {
            for field in OUTPUT_FIELDS.iter().filter(|field| field.of == command) {
                complete_field(object, *field);
            }
            object.values_mut().for_each(|value| complete_output(command, value));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| complete_output(command, item)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_output_of_a_command_has_both_names_at_every_depth() {
        let mut document = json!({"checked": [{"checks": [{"status": "ok", "message": "fine", "help": null}]}]});
        complete_output("slipway forge check", &mut document);
        let check = json!({"status": "ok", "standing": "ok", "message": "fine", "text": "fine", "help": null});
        assert_eq!(document, json!({"checked": [{"checks": [check], "findings": [check]}]}));
    }

    #[test]
    fn a_document_with_old_names_gets_the_new_ones() {
        let mut verdict = json!({"outcome": "pass", "floors": [{"policy": "all.yaml"}]});
        complete_output("slipway gate", &mut verdict);
        assert_eq!(verdict["mandatory_policies"], verdict["floors"]);
        let mut other = json!({"floors": 1});
        complete_output("slipway check", &mut other);
        assert_eq!(other, json!({"floors": 1}), "names of other commands are not added");
    }

    #[test]
    fn a_field_has_one_successor_and_no_successor_is_deprecated() {
        for fields in [API_FIELDS, OUTPUT_FIELDS] {
            for field in fields {
                let same =
                    |other: &&RenamedField| other.of == field.of && (other.old, other.new) != (field.old, field.new);
                for other in fields.iter().filter(same) {
                    assert!(other.old != field.old && other.new != field.new && other.old != field.new, "{field:?}");
                }
            }
        }
    }
}
