//! The metrics and the slices of the evaluation.

use super::Problems;
use super::training::subject_of;
use crate::{DataSpec, EvaluationSpec, Model, Task};

/// The most columns of a table that are copied into its predictions.
const MAX_SLICES: usize = 20;

impl Model {
    pub(super) fn check_metrics(&self, problems: &mut Problems) {
        let task = self.spec.task;
        for (index, metric) in self.spec.evaluation.metrics.iter().enumerate() {
            let (message, help) = match subject_of(metric) {
                Some(subject) if subject != task => {
                    (format!("{metric} is for {}, but the task is {}", subject.name(), task.name()), "")
                }
                _ if !metric.is_stated() => {
                    let help = "remove it: a policy can use it without an entry here";
                    (format!("{metric} cannot be computed from predictions alone"), help)
                }
                _ => continue,
            };
            problems.add(&format!("spec.evaluation.metrics[{index}]"), message, help);
        }
    }

    pub(super) fn check_baselines(&self, problems: &mut Problems) {
        let baselines = &self.spec.evaluation.baselines;
        if !baselines.is_empty() && self.spec.data.table().is_none() {
            let message = "baselines are trained on columns of a table, and the rows are images";
            problems.add("spec.evaluation.baselines", message, "leave it out");
        }
        for (index, baseline) in baselines.iter().enumerate().filter(|(index, one)| baselines[..*index].contains(one)) {
            let message = format!("the baseline `{}` is listed twice", baseline.name());
            problems.add(&format!("spec.evaluation.baselines[{index}]"), message, "");
        }
    }

    pub(super) fn check_slices(&self, problems: &mut Problems) {
        let slices = &self.spec.evaluation.slices;
        if slices.len() > MAX_SLICES {
            let message = format!("{} columns, expected at most {MAX_SLICES}", slices.len());
            problems.add("spec.evaluation.slices", message, "");
        }
        for (index, column) in slices.iter().enumerate() {
            let key = format!("spec.evaluation.slices[{index}]");
            let is_own = EvaluationSpec::OWN_COLUMNS.contains(&column.as_str())
                || ["score_", "quantile_"].iter().any(|prefix| column.starts_with(prefix));
            if slices[..index].contains(column) {
                problems.add(&key, format!("the column `{column}` is named twice"), "");
            } else if is_own && column != "label" {
                let message = format!("`{column}` is a reserved column of the predictions");
                problems.add(&key, message, "rename the column in the tables");
            } else if column == "label" && self.spec.task == Task::Regression {
                let message = "rows cannot be grouped by `label`: it is the number to predict";
                problems.add(&key, message, "make a column of ranges in the table, and name that");
            } else if column.is_empty() || column.chars().any(char::is_control) {
                problems.add(&key, "expected the name of a column of the test table", "");
            } else if column != "label" && matches!(self.spec.data, DataSpec::Idx { .. }) {
                let message = format!("IDX files have no column `{column}`: their rows have only a label");
                problems.add(&key, message, "use tables (`format: csv`) for slices by other columns");
            }
        }
    }
}
