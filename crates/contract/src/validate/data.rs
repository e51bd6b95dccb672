//! Paths and columns.

use super::Problems;
use crate::{Column, ColumnType, DataSpec, Model, TableSpec, Task};

impl Model {
    pub(super) fn check_paths(&self, problems: &mut Problems) {
        let spec = &self.spec;
        if spec.paths.is_empty() {
            problems.add(
                "spec.paths",
                "the list is empty, expected at least one path",
                r#"["slipway.yaml", "data/**"] is a common value"#,
            );
        }
        let globs = spec.paths.iter().enumerate().map(|(index, path)| (format!("spec.paths[{index}]"), path.as_str()));
        let files = spec.data.files().into_iter().map(|(key, path)| (key.to_owned(), path));
        let policy = std::iter::once(("spec.policy".to_owned(), spec.policy.as_str()));
        for (key, path) in globs.chain(files).chain(policy) {
            if let Some(reason) = leaves_folder(path) {
                problems.add(
                    &key,
                    format!("`{path}` {reason}, expected a path below the folder of `slipway.yaml`"),
                    "",
                );
            }
        }
        let split = spec.data.validation_split();
        if !(0.0..1.0).contains(&split) {
            problems.add(
                "spec.data.validation_split",
                format!("{split} is out of range, expected 0 up to (not including) 1"),
                "0.2 is a common value",
            );
        }
        if spec.task == Task::Regression && matches!(spec.data, DataSpec::Idx { .. }) {
            let message = "labels of IDX files are classes, and the task is regression";
            problems.add("spec.task", message, "regression needs tables (`format: csv`)");
        }
    }

    pub(super) fn check_columns(&self, problems: &mut Problems) {
        let Some(TableSpec { label, features, columns, ignore, weight, .. }) = self.spec.data.table() else { return };
        if let Some(weight) = weight {
            let is_feature = features.iter().flatten().any(|name| name == weight)
                || columns.as_ref().is_some_and(|columns| columns.contains_key(weight));
            if weight == label || weight.is_empty() {
                problems.add("spec.data.weight", "expected the name of a column other than the label", "");
            } else if is_feature || ignore.contains(weight) {
                let message = format!("`{weight}` is the column of weights, and has another use too");
                problems.add("spec.data.weight", message, "take it out of `columns`, `features` and `ignore`");
            }
            if self.program().is_some() {
                let help = "leave it out: the program reads the column of the training table itself";
                problems.add("spec.data.weight", "a model with `training.command` does not have this key", help);
            }
        }
        if ignore.contains(label) {
            problems.add("spec.data.ignore", format!("the label `{label}` is among the ignored columns"), "");
        }
        for name in features.iter().flatten().filter(|name| ignore.contains(name)) {
            let message = format!("`{name}` is listed in `features` and in `ignore`, expected one of them");
            problems.add("spec.data.features", message, "");
        }
        let Some(columns) = columns else { return };
        if features.is_some() {
            let message = "`features` and `columns` both say what to train on, expected one of them";
            problems.add("spec.data.features", message, "`columns` lists the columns with their types");
        }
        if columns.is_empty() {
            problems.add("spec.data.columns", "no column is listed, expected at least one", "");
        }
        for (name, column) in columns {
            let key = format!("spec.data.columns.{name}");
            if name == label {
                let help = "take it out of `columns`: it is what is predicted";
                problems.add(&key, format!("the label `{label}` is among the columns to train on"), help);
            }
            if ignore.contains(name) {
                problems.add(
                    &key,
                    format!("`{name}` is listed in `columns` and in `ignore`, expected one of them"),
                    "",
                );
            }
            check_values(&key, column, problems);
        }
    }
}

fn check_values(key: &str, Column { kind, missing, values, format }: &Column, problems: &mut Problems) {
    if format.is_some() && *kind != ColumnType::Date {
        let message = format!("a column of type `{}` has no format", kind.name());
        problems.add(&format!("{key}.format"), message, "only a column of type `date` has one");
    }
    let Some(values) = values else { return };
    if *kind != ColumnType::Binary {
        let message = format!("a column of type `{}` has no list of values", kind.name());
        problems.add(&format!("{key}.values"), message, "only a binary column has one");
        return;
    }
    let (values, missing) = (trimmed(values), trimmed(missing));
    let [one, other] = values.as_slice() else {
        problems.add(
            &format!("{key}.values"),
            format!("{} values, expected 2", values.len()),
            "`[no, yes]`, for example",
        );
        return;
    };
    if one == other {
        problems.add(&format!("{key}.values"), format!("both values are `{one}`, expected two different ones"), "");
    }
    if let Some(value) = values.iter().find(|value| value.is_empty() || missing.contains(value)) {
        problems.add(&format!("{key}.values"), format!("`{value}` also stands for a missing value"), "");
    }
}

/// Texts without white space around them, as cells are read.
fn trimmed(texts: &[String]) -> Vec<&str> {
    texts.iter().map(|text| text.trim()).collect()
}

/// Why a path is not allowed, if it is not. It must stay below its folder on every operating system.
pub(super) fn leaves_folder(path: &str) -> Option<&'static str> {
    if path.is_empty() {
        Some("is empty")
    } else if path.starts_with('/') || path.contains('\\') || path.contains(':') {
        Some("is not a plain relative path")
    } else if path.split('/').any(|part| part == "..") {
        Some("leaves the folder with `..`")
    } else if path.chars().any(char::is_control) {
        Some("contains control characters")
    } else {
        None
    }
}
