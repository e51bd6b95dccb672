//! The layers, and the steps before the first of them.

use super::Problems;
use crate::{ColumnType, Layer, Model, Preprocess, Shape, Task};

/// The most layers of a network.
const MAX_LAYERS: usize = 200;
/// The most steps before the first layer.
const MAX_STEPS: usize = 50;

impl Model {
    pub(super) fn check_layers(&self, problems: &mut Problems) {
        let Some(stack) = self.spec.model.layers() else { return };
        let layers = &stack.sequential;
        if layers.is_empty() {
            let message = "there are no layers, expected 1 to 200";
            problems.add("spec.model", message, "add `sequential: [{linear: 3}]`, for example for three classes");
        } else if layers.len() > MAX_LAYERS {
            let message = format!("{} layers, expected 1 to {MAX_LAYERS}", layers.len());
            problems.add("spec.model.sequential", message, "");
        }
        let Some(last) = layers.last() else { return };
        let key = format!("spec.model.sequential[{}]", layers.len() - 1);
        match (self.spec.task, last) {
            (Task::Classification, Layer::Linear(_)) | (Task::Regression, Layer::Linear(1)) => {}
            (Task::Classification, last) => {
                let message =
                    format!("the last layer is {}, expected linear with an output for each class", last.name());
                problems.add(&key, message, "end with `- linear: 10` for ten classes");
            }
            (Task::Regression, Layer::Linear(outputs)) => {
                let message = format!("the last layer has {outputs} outputs, expected one for the number to predict");
                problems.add(&key, message, "end with `- linear: 1`");
            }
            (Task::Regression, last) => {
                let message = format!("the last layer is {}, expected linear with one output", last.name());
                problems.add(&key, message, "end with `- linear: 1`");
            }
        }
    }

    pub(super) fn check_preprocessing(&self, problems: &mut Problems) {
        let steps = &self.spec.preprocess;
        if steps.len() > MAX_STEPS {
            problems.add("spec.preprocess", format!("{} steps, expected at most {MAX_STEPS}", steps.len()), "");
        }
        let columns = self.spec.data.table().and_then(|table| table.columns.as_ref());
        for (index, step) in steps.iter().enumerate() {
            let key = format!("spec.preprocess[{index}]");
            if let Preprocess::Scale(_) = step
                && let Err((message, help)) = step.shape_after(&Shape(vec![1]))
            {
                problems.add(&key, message, &help);
            }
            let name = step.name();
            if step.is_of_encoding() && columns.is_none() {
                let message = format!("`{name}` encodes typed columns, and the model has none");
                problems.add(&key, message, "list the columns with their types in `spec.data.columns`");
            }
            if step.is_of_encoding() && steps[..index].iter().any(|before| before.name() == name) {
                problems.add(&key, format!("`{name}` is there twice, expected once"), "");
            }
            match step {
                Preprocess::OneHot(options) if options.min_frequency == 0 => {
                    let message = "0 is out of range, expected at least 1";
                    problems.add(&format!("{key}.one_hot.min_frequency"), message, "");
                }
                Preprocess::Reshape(_) if columns.is_some() => {
                    let message = "rows of typed columns have no other shape";
                    problems.add(&key, message, "`reshape` is for images and for tables without `columns`");
                }
                Preprocess::Log(_) if steps[..index].iter().any(|before| before.name() == "reshape") => {
                    problems.add(
                        &key,
                        "`log` is for columns, and `reshape` before it leaves none",
                        "put it before `reshape`",
                    );
                }
                Preprocess::Log(log) if log.columns.is_empty() => {
                    problems.add(&format!("{key}.log.columns"), "no column is named, expected at least one", "");
                }
                Preprocess::Log(log) if self.spec.data.table().is_none() => {
                    let message = format!("the rows are images, which have no column `{}`", log.columns[0]);
                    problems.add(&format!("{key}.log.columns"), message, "");
                }
                Preprocess::Log(log) => {
                    let unknown = |name: &&String| {
                        columns.is_some_and(|columns| {
                            columns.get(*name).is_none_or(|column| column.kind != ColumnType::Number)
                        })
                    };
                    if let Some(name) = log.columns.iter().find(unknown) {
                        let message = format!("`{name}` is not a column of numbers in `spec.data.columns`");
                        problems.add(&format!("{key}.log.columns"), message, "");
                    }
                }
                _ => {}
            }
        }
    }
}
