//! The settings that are tried before a training.

use super::Problems;
use crate::{Candidates, Model, Search, Selection, Settings};

/// The most settings of a selection, and the most values of one.
const MAX_SETTINGS: usize = 20;
const MAX_VALUES: usize = 100;
/// The parts of a model that may be tried. The others decide which rows there are, and what is judged.
const PARTS: [&str; 3] = ["model", "preprocess", "training"];
/// What may not be tried: programs, and what trials are compared by.
const FIXED: [&str; 2] = ["training.command", "training.metric"];

impl Model {
    pub(super) fn check_selection(&self, problems: &mut Problems) {
        let Some(selection) = &self.spec.selection else { return };
        if self.program().is_some() {
            let help = "leave it out, and let the program select its parameters itself";
            problems.add("spec.selection", "a model with `training.command` does not have this key", help);
            return;
        }
        if !self.spec.data.is_validated() {
            let message = "settings are compared on validation rows, and there are none";
            problems.add("spec.selection", message, "set `validation_split`; 0.2 is a common value");
        }
        if selection.over.is_empty() || selection.over.len() > MAX_SETTINGS {
            let message = format!("{} settings, expected 1 to {MAX_SETTINGS}", selection.over.len());
            problems.add("spec.selection.over", message, "`{model.linear.l2: [0.1, 1, 10]}`, for example");
        }
        check_budget(selection, problems);
        for (path, candidates) in &selection.over {
            self.check_candidates(path, candidates, problems);
        }
    }

    /// Checks the path and the values of a setting. Each value is put into the model by itself.
    fn check_candidates(&self, path: &str, candidates: &Candidates, problems: &mut Problems) {
        let key = format!("spec.selection.over.{path}");
        let first = path.split('.').next().unwrap_or_default();
        if !PARTS.contains(&first) || FIXED.iter().any(|fixed| path.starts_with(fixed)) {
            let message =
                format!("`{path}` may not be tried, expected a path below `model`, `preprocess` or `training`");
            problems.add(&key, message, "`model.linear.l2`, for example");
            return;
        }
        let values = match candidates {
            Candidates::Values(values) => values.clone(),
            Candidates::Uniform(ends) | Candidates::LogUniform(ends) => {
                let least = if matches!(candidates, Candidates::LogUniform(_)) { f64::MIN_POSITIVE } else { f64::MIN };
                if !(ends[0] >= least && ends[0] < ends[1] && ends[1] <= f64::MAX) {
                    let message = format!("{} to {} is no range", ends[0], ends[1]);
                    let help = "expected two rising numbers; those of `log_uniform` are above zero";
                    problems.add(&key, message, help);
                    return;
                }
                ends.iter().map(|end| serde_json::json!(end)).collect()
            }
        };
        if values.is_empty() || values.len() > MAX_VALUES {
            problems.add(&key, format!("{} values, expected 1 to {MAX_VALUES}", values.len()), "");
            return;
        }
        // Options of another family than the model's own fit only together with that family.
        let is_of_choice = self.spec.selection.iter().any(|selection| selection.over.contains_key("model"));
        if is_of_choice && path.starts_with("model.") {
            return;
        }
        for value in values {
            if let Err((_, problem)) = self.with_settings(&Settings::from([(path.to_owned(), value.clone())])) {
                problems.add(&key, format!("`{value}` does not fit: {problem}"), "");
            }
        }
    }
}

fn check_budget(selection: &Selection, problems: &mut Problems) {
    if let Some(trials) = selection.trials.filter(|trials| !(2..=Selection::MAX_TRIALS).contains(trials)) {
        let message = format!("{trials} is out of range, expected 2 to {}", Selection::MAX_TRIALS);
        problems.add("spec.selection.trials", message, "20 is a common value");
    }
    if selection.seconds == Some(0) {
        problems.add("spec.selection.seconds", "0 is out of range, expected at least 1", "");
    }
    if selection.search != Search::Grid {
        return;
    }
    let most = u64::from(selection.trials.unwrap_or(Selection::MAX_TRIALS));
    match selection.combinations() {
        None => {
            let help = "list the values, or use `search: random`";
            problems.add("spec.selection.over", "a range has no combinations to try", help);
        }
        Some(count) if count > most => {
            let message = format!("{count} combinations, expected at most {most}");
            problems.add("spec.selection.over", message, "list fewer values, or use `search: random`");
        }
        Some(_) => {}
    }
}
