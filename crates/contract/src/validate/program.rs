//! The parts of a model that is trained by a program of its own.

use super::Problems;
use super::data::leaves_folder;
use crate::table::is_glob;
use crate::{DataSpec, Model, ProgramOutputs, TableSpec};

/// The most words of a command, and the longest of them in bytes.
const MAX_WORDS: usize = 256;
const MAX_WORD_BYTES: usize = 4096;
/// The most parameters, and the longest name and value of one in bytes.
const MAX_PARAMETERS: usize = 200;
const MAX_NAME_BYTES: usize = 64;
const MAX_VALUE_BYTES: usize = 4096;

impl Model {
    /// Checks the model of a program.
    pub(super) fn check_program(&self, problems: &mut Problems) {
        let (spec, training) = (&self.spec, &self.spec.training);
        check_command("spec.training.command", training.command.as_deref().unwrap_or_default(), problems);
        if let Some(command) = &spec.evaluation.command {
            check_command("spec.evaluation.command", command, problems);
        }
        self.check_built_in_keys(problems);
        if training.image.is_some() {
            let help = "leave it out: the command runs on the server's machine, in the folders that its settings name";
            problems.add("spec.training.image", "programs do not run in images yet", help);
        }
        match &training.outputs {
            None => {
                let help = "add `outputs: {model: model.onnx, predictions: predictions.csv}`";
                problems.add("spec.training", "missing key `outputs`: the files that the command writes", help);
            }
            Some(outputs) => check_outputs(outputs, problems),
        }
        if let Some(reason) = training.lock_file.as_deref().and_then(leaves_folder) {
            let message = format!("the path {reason}, expected a path below the folder of `slipway.yaml`");
            problems.add("spec.training.lock_file", message, "");
        }
        self.check_parameters(problems);
        match &spec.data {
            DataSpec::Csv(table) => check_files(table, problems),
            DataSpec::Idx { .. } | DataSpec::Jsonl(_) | DataSpec::Parquet(_) => {
                problems.add("spec.data.format", "a program gets tables as CSV", "use `format: csv`");
            }
        }
        if spec.data.validation_split() != 0.0 {
            let help = "leave it out: the program splits the training rows itself";
            problems.add("spec.data.validation_split", "a program gets all training rows", help);
        }
    }

    /// Refuses the keys of programs in a model that Slipway trains.
    pub(super) fn check_program_keys(&self, problems: &mut Problems) {
        let training = &self.spec.training;
        let keys = [
            ("spec.training.parameters", !training.parameters.is_empty()),
            ("spec.training.outputs", training.outputs.is_some()),
            ("spec.training.lock_file", training.lock_file.is_some()),
            ("spec.training.image", training.image.is_some()),
            ("spec.evaluation.command", self.spec.evaluation.command.is_some()),
        ];
        for (key, _) in keys.into_iter().filter(|(_, is_set)| *is_set) {
            let help = "add `command: [python3, train.py]` to `spec.training`, or leave this key out";
            problems.add(key, "only a model with `training.command` has this key", help);
        }
    }

    /// Refuses what only Slipway's own training reads.
    fn check_built_in_keys(&self, problems: &mut Problems) {
        let (spec, training) = (&self.spec, &self.spec.training);
        let keys = [
            ("spec.model", !spec.model.is_empty()),
            ("spec.preprocess", !spec.preprocess.is_empty()),
            ("spec.training.optimizer", training.optimizer.is_some()),
            ("spec.training.epochs", training.epochs.is_some()),
            ("spec.training.batch_size", training.batch_size.is_some()),
            ("spec.training.loss", training.loss.is_some()),
            ("spec.training.class_weights", training.class_weights.is_some()),
            ("spec.training.label_smoothing", training.label_smoothing > 0.0),
            ("spec.training.calibration", training.calibration.is_some()),
            ("spec.training.threshold", training.threshold.is_some()),
            ("spec.training.keep", training.keep.is_some()),
            ("spec.training.metric", training.metric.is_some()),
            ("spec.training.early_stopping", training.early_stopping.is_some()),
        ];
        for (key, _) in keys.into_iter().filter(|(_, is_set)| *is_set) {
            let help = "leave it out, and give the program what it needs in `training.parameters`";
            problems.add(key, "a model with `training.command` does not have this key", help);
        }
    }

    fn check_parameters(&self, problems: &mut Problems) {
        let parameters = &self.spec.training.parameters;
        if parameters.len() > MAX_PARAMETERS {
            let message = format!("{} parameters, expected at most {MAX_PARAMETERS}", parameters.len());
            problems.add("spec.training.parameters", message, "");
        }
        for (name, value) in parameters {
            let key = format!("spec.training.parameters.{name}");
            let is_plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
            if !is_plain || name.is_empty() || name.len() > MAX_NAME_BYTES {
                let message = format!("expected a name of 1 to {MAX_NAME_BYTES} lower-case letters, digits or `_`");
                problems.add(&key, message, "it becomes part of the name of a variable");
            }
            let text = value.to_text();
            if text.len() > MAX_VALUE_BYTES || text.contains('\0') {
                let message = format!("expected a value of at most {MAX_VALUE_BYTES} bytes without zero bytes");
                problems.add(&key, message, "");
            }
        }
    }
}

/// A program reads a file for training, and gets the test rows of another one without their labels.
fn check_files(table: &TableSpec, problems: &mut Problems) {
    let help =
        "name one file for training and one for testing: `train: {file: data/train.csv}, test: {file: data/test.csv}`";
    for (key, is_set) in [("spec.data.rows", table.rows.is_some()), ("spec.data.split", table.split.is_some())] {
        if is_set {
            problems.add(key, "Slipway does not split the rows of a program", help);
        }
    }
    for (key, file) in [("spec.data.train.file", &table.train), ("spec.data.test.file", &table.test)] {
        if file.as_ref().is_some_and(|file| is_glob(&file.file)) {
            problems.add(key, "a program gets one file, not those that a glob names", help);
        }
    }
}

fn check_command(key: &str, command: &[String], problems: &mut Problems) {
    let is_wrong = |word: &String| word.contains('\0') || word.len() > MAX_WORD_BYTES;
    if command.first().is_none_or(String::is_empty) {
        problems.add(
            key,
            "the command is empty, expected a program and its arguments",
            "`[python3, train.py]`, for example",
        );
    } else if command.len() > MAX_WORDS || command.iter().any(is_wrong) {
        let message =
            format!("expected at most {MAX_WORDS} words of at most {MAX_WORD_BYTES} bytes without zero bytes");
        problems.add(key, message, "");
    }
}

fn check_outputs(outputs: &ProgramOutputs, problems: &mut Problems) {
    let named = [("model", &outputs.model), ("predictions", &outputs.predictions)];
    for (name, path) in named {
        let odd = || path.split('/').any(|part| matches!(part, "" | ".")).then_some("has empty parts");
        if let Some(reason) = leaves_folder(path).or_else(odd) {
            let message = format!("the path {reason}, expected a path below `SLIPWAY_OUTPUT`");
            problems.add(&format!("spec.training.outputs.{name}"), message, "");
        }
    }
    if outputs.model == outputs.predictions {
        problems.add("spec.training.outputs.predictions", "both outputs are the same file", "name two files");
    }
    if outputs.predictions.rsplit_once('.').is_none_or(|(_, extension)| extension != "csv") {
        let message = format!("`{}` is not CSV, expected a name that ends with `.csv`", outputs.predictions);
        problems.add("spec.training.outputs.predictions", message, "`predictions.csv` is a common value");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::{API_VERSION, Model};

    fn keys_of(change: impl FnOnce(&mut Value)) -> Vec<String> {
        let mut value = json!({
            "apiVersion": API_VERSION, "kind": "Model", "metadata": {"name": "churn"},
            "spec": {
                "paths": ["slipway.yaml", "data/**"], "task": "classification", "policy": "policy.yaml",
                "data": {"format": "csv", "train": {"file": "a.csv"}, "test": {"file": "b.csv"}, "label": "y"},
                "training": {
                    "command": ["python3", "train.py"], "parameters": {"trees": 10, "rate": 0.1, "deep": true},
                    "outputs": {"model": "model.onnx", "predictions": "predictions.csv"},
                },
            }
        });
        change(&mut value["spec"]);
        let model: Model = serde_json::from_value(value).expect("a model");
        assert_eq!(model.resolved().resolved(), model.resolved());
        let again = serde_json::to_value(&model).expect("written");
        assert_eq!(serde_json::from_value::<Model>(again).expect("read"), model);
        model.problems().into_iter().filter_map(|fault| fault.key).collect()
    }

    #[test]
    fn a_model_with_a_command_needs_no_layers_and_no_epochs() {
        assert_eq!(keys_of(|_| ()), Vec::<String>::new());
        assert_eq!(keys_of(|spec| spec["evaluation"] = json!({"command": ["./score"]})), Vec::<String>::new());
    }

    #[test]
    fn what_only_built_in_training_reads_is_refused() {
        let keys = keys_of(|spec| {
            spec["model"] = json!({"sequential": [{"linear": 2}]});
            spec["preprocess"] = json!(["standardize"]);
            spec["data"]["validation_split"] = json!(0.2);
            spec["training"]["epochs"] = json!(3);
            spec["training"]["image"] = json!("registry.example/python");
        });
        let expected = [
            "spec.model",
            "spec.preprocess",
            "spec.training.epochs",
            "spec.training.image",
            "spec.data.validation_split",
        ];
        assert_eq!(keys, expected);
    }

    #[test]
    fn commands_outputs_and_parameters_are_checked() {
        let keys = keys_of(|spec| {
            spec["training"]["command"] = json!([]);
            spec["training"]["outputs"] = json!({"model": "../model", "predictions": "predictions.parquet"});
            spec["training"]["parameters"] = json!({"Trees": 10, "a b": "x"});
            spec["training"]["lock_file"] = json!("/etc/passwd");
            spec["evaluation"] = json!({"command": [""]});
        });
        let expected = [
            "spec.training.command",
            "spec.evaluation.command",
            "spec.training.outputs.model",
            "spec.training.outputs.predictions",
            "spec.training.lock_file",
            "spec.training.parameters.Trees",
            "spec.training.parameters.a b",
        ];
        assert_eq!(keys, expected);
        assert_eq!(keys_of(|spec| spec["training"]["outputs"] = Value::Null), ["spec.training"]);
    }

    #[test]
    fn keys_of_programs_are_refused_in_other_models() {
        let keys = keys_of(|spec| {
            spec["model"] = json!({"sequential": [{"linear": 2}]});
            spec["training"] = json!({
                "optimizer": {"adam": {"learning_rate": 1e-3}}, "epochs": 1, "batch_size": 8, "parameters": {"a": 1},
            });
            spec["evaluation"] = json!({"command": ["./score"]});
        });
        assert_eq!(keys, ["spec.training.parameters", "spec.evaluation.command"]);
        let missing = keys_of(|spec| spec["training"] = json!({}));
        assert_eq!(missing, ["spec.training", "spec.training", "spec.training", "spec.model"]);
    }
}
