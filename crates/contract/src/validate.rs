//! Finds the mistakes of a model file that can be found without data: numbers out of range, and paths that leave the folder.

use crate::metrics::Subject;
use crate::{API_VERSION, DataSpec, EvaluationSpec, Fault, FaultKind, Model, Optimizer, ScaleOptions, Shape};
use crate::{Layer, Preprocess, Task};

/// The most layers of a network.
const MAX_LAYERS: usize = 200;

/// The most columns of a table that are copied into its predictions.
const MAX_SLICES: usize = 20;

impl Model {
    /// Every mistake that can be found without data, each with its key. Empty if there are none.
    pub fn problems(&self) -> Vec<Fault> {
        let mut problems = Problems(Vec::new());
        if self.api_version != API_VERSION {
            problems.add("apiVersion", format!("unknown version `{}`, expected `{API_VERSION}`", self.api_version), "");
        }
        self.check_paths(&mut problems);
        self.check_training(&mut problems);
        self.check_metrics(&mut problems);
        self.check_slices(&mut problems);
        self.check_layers(&mut problems);
        problems.0
    }

    fn check_paths(&self, problems: &mut Problems) {
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
    }

    fn check_training(&self, problems: &mut Problems) {
        let training = &self.spec.training;
        if !(1..=10_000).contains(&training.epochs) {
            problems.add(
                "spec.training.epochs",
                format!("{} is out of range, expected 1 to 10000", training.epochs),
                "",
            );
        }
        if !(1..=65_536).contains(&training.batch_size) {
            problems.add(
                "spec.training.batch_size",
                format!("{} is out of range, expected 1 to 65536", training.batch_size),
                "",
            );
        }
        let (key, learning_rate, weight_decay) = match training.optimizer {
            Optimizer::Sgd { learning_rate, momentum, weight_decay } => {
                if !(0.0..1.0).contains(&momentum) {
                    let message = format!("{momentum} is out of range, expected 0 up to (not including) 1");
                    problems.add("spec.training.optimizer.sgd.momentum", message, "0.9 is a common value");
                }
                ("sgd", learning_rate, weight_decay)
            }
            Optimizer::Adam { learning_rate, weight_decay } => ("adam", learning_rate, weight_decay),
        };
        if !(learning_rate > 0.0 && learning_rate.is_finite()) {
            let message = format!("{learning_rate} is out of range, expected a number above zero");
            problems.add(&format!("spec.training.optimizer.{key}.learning_rate"), message, "1e-3 is a common value");
        }
        if !(weight_decay >= 0.0 && weight_decay.is_finite()) {
            let message = format!("{weight_decay} is out of range, expected zero or more");
            problems.add(&format!("spec.training.optimizer.{key}.weight_decay"), message, "");
        }
    }

    fn check_metrics(&self, problems: &mut Problems) {
        let Task::Classification = self.spec.task;
        for (index, metric) in self.spec.evaluation.metrics.iter().enumerate() {
            let (message, help) = if metric.subject() == Subject::Numbers {
                (format!("{metric} is for regression, but the task is classification"), "")
            } else if !metric.is_stated() {
                let help = "remove it: a policy can use it without an entry here";
                (format!("{metric} cannot be computed from predictions alone"), help)
            } else {
                continue;
            };
            problems.add(&format!("spec.evaluation.metrics[{index}]"), message, help);
        }
    }

    fn check_slices(&self, problems: &mut Problems) {
        let slices = &self.spec.evaluation.slices;
        if slices.len() > MAX_SLICES {
            let message = format!("{} columns, expected at most {MAX_SLICES}", slices.len());
            problems.add("spec.evaluation.slices", message, "");
        }
        for (index, column) in slices.iter().enumerate() {
            let key = format!("spec.evaluation.slices[{index}]");
            let is_own = EvaluationSpec::OWN_COLUMNS.contains(&column.as_str()) || column.starts_with("score_");
            if slices[..index].contains(column) {
                problems.add(&key, format!("the column `{column}` is named twice"), "");
            } else if is_own && column != "label" {
                let message = format!("`{column}` is a reserved column of the predictions");
                problems.add(&key, message, "rename the column in the tables");
            } else if column.is_empty() || column.chars().any(char::is_control) {
                problems.add(&key, "expected the name of a column of the test table", "");
            } else if column != "label" && matches!(self.spec.data, DataSpec::Idx { .. }) {
                let message = format!("IDX files have no column `{column}`: their rows have only a label");
                problems.add(&key, message, "use tables (`format: csv`) for slices by other columns");
            }
        }
    }

    fn check_layers(&self, problems: &mut Problems) {
        let layers = &self.spec.model.sequential;
        if layers.is_empty() || layers.len() > MAX_LAYERS {
            let message = format!("{} layers, expected 1 to {MAX_LAYERS}", layers.len());
            problems.add("spec.model.sequential", message, "");
        }
        if let Some(last) = layers.last()
            && !matches!(last, Layer::Linear(_))
        {
            let key = format!("spec.model.sequential[{}]", layers.len() - 1);
            let message = format!("the last layer is {}, expected linear with an output for each class", last.name());
            problems.add(&key, message, "end with `- linear: 10` for ten classes");
        }
        for (index, step) in self.spec.preprocess.iter().enumerate() {
            if let Preprocess::Scale(ScaleOptions { .. }) = step
                && let Err((message, help)) = step.shape_after(&Shape(vec![1]))
            {
                problems.add(&format!("spec.preprocess[{index}]"), message, &help);
            }
        }
    }
}

struct Problems(Vec<Fault>);

impl Problems {
    fn add(&mut self, key: &str, message: impl Into<String>, help: &str) {
        let fault = Fault::new(FaultKind::Specification, message).key(key);
        self.0.push(if help.is_empty() { fault } else { fault.help(help) });
    }
}

/// Why a path is not allowed, if it is not. It must stay below its folder on every operating system.
fn leaves_folder(path: &str) -> Option<&'static str> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn model(change: impl FnOnce(&mut serde_json::Value)) -> Model {
        let mut value = serde_json::json!({
            "apiVersion": API_VERSION, "kind": "Model", "metadata": {"name": "digits"},
            "spec": {
                "paths": ["slipway.yaml", "data/**"], "task": "classification", "policy": "policy.yaml",
                "data": {"format": "csv", "train": {"file": "a.csv"}, "test": {"file": "b.csv"}, "label": "y"},
                "model": {"sequential": [{"linear": 3}]},
                "training": {"optimizer": {"adam": {"learning_rate": 1e-3}}, "epochs": 1, "batch_size": 8},
            }
        });
        change(&mut value);
        serde_json::from_value(value).expect("a model")
    }

    fn keys_of(change: impl FnOnce(&mut serde_json::Value)) -> Vec<String> {
        model(change).problems().into_iter().filter_map(|fault| fault.key).collect()
    }

    #[test]
    fn a_sound_model_has_no_problems() {
        assert_eq!(keys_of(|_| ()), Vec::<String>::new());
    }

    #[test]
    fn metrics_that_no_evaluation_of_a_classifier_states_are_refused() {
        let keys = keys_of(|value| {
            let by_sex = serde_json::json!({"selection_rate_ratio": {"class": "a", "by": "sex"}});
            value["spec"]["evaluation"]["metrics"] = serde_json::json!(["macro_f1", "r2", "latency_p99", by_sex]);
        });
        assert_eq!(keys, [1, 2, 3].map(|index| format!("spec.evaluation.metrics[{index}]")));
    }

    #[test]
    fn columns_to_slice_by_have_to_be_there_and_to_have_a_name_of_their_own() {
        let slices = |slices: serde_json::Value| keys_of(|value| value["spec"]["evaluation"]["slices"] = slices);
        assert_eq!(slices(serde_json::json!(["label", "region"])), Vec::<String>::new());
        assert_eq!(
            slices(serde_json::json!(["region", "prediction", "score_a", "region", ""])),
            [1, 2, 3, 4].map(|index| format!("spec.evaluation.slices[{index}]"))
        );
        let of_pictures = keys_of(|value| {
            let files = |half: &str| serde_json::json!({"features": half, "labels": half});
            value["spec"]["data"] = serde_json::json!({"format": "idx", "train": files("a"), "test": files("b")});
            value["spec"]["evaluation"]["slices"] = serde_json::json!(["label", "region"]);
        });
        assert_eq!(of_pictures, ["spec.evaluation.slices[1]"]);
    }

    #[test]
    fn all_mistakes_are_found_at_once_each_under_its_key() {
        let keys = keys_of(|value| {
            value["apiVersion"] = "slipway.dev/v2".into();
            value["spec"]["paths"] = serde_json::json!(["../other", "/etc/**"]);
            value["spec"]["data"]["train"]["file"] = "a/../../b.csv".into();
            value["spec"]["data"]["validation_split"] = 1.into();
            value["spec"]["training"]["epochs"] = 0.into();
            value["spec"]["training"]["optimizer"] = serde_json::json!({"sgd": {"learning_rate": 0, "momentum": 1}});
            value["spec"]["model"]["sequential"] = serde_json::json!(["flatten", "relu"]);
            value["spec"]["preprocess"] = serde_json::json!([{"scale": {"divide_by": 0}}]);
        });
        let expected = [
            "apiVersion",
            "spec.paths[0]",
            "spec.paths[1]",
            "spec.data.train.file",
            "spec.data.validation_split",
            "spec.training.epochs",
            "spec.training.optimizer.sgd.momentum",
            "spec.training.optimizer.sgd.learning_rate",
            "spec.model.sequential[1]",
            "spec.preprocess[0]",
        ];
        assert_eq!(keys, expected);
    }
}
