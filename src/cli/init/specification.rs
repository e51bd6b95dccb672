//! The texts of `slipway.yaml` and of manifests: explicit, with a comment on each choice.

use std::fmt::Write as _;

use slipway_yaml::scalar_of;

use super::columns::LeftOut;
use super::table::shown;

/// The line by which editors find the schema of a file.
pub(super) use crate::cli::generate::schema_line;

/// The inputs of the texts.
pub(super) struct Chosen<'a> {
    pub(super) model: &'a str,
    pub(super) label: &'a str,
    pub(super) features: &'a [String],
    pub(super) left_out: &'a [LeftOut],
    /// The classes in order, each with its number of rows.
    pub(super) classes: &'a [(String, usize)],
    pub(super) train: Part<'a>,
    pub(super) test: Part<'a>,
    /// Number of test rows of each class.
    pub(super) test_classes: &'a [usize],
    pub(super) validation: bool,
}

/// A file with rows, by its path below the model's folder.
#[derive(Clone, Copy)]
pub(super) struct Part<'a> {
    pub(super) file: &'a str,
    pub(super) rows: usize,
}

/// Maximum number of left-out columns that comments list.
const MAX_LISTED: usize = 40;
/// Intended number of training steps, the two batch sizes, and the number of rows below which the batch is small.
const STEPS: usize = 2_000;
const BATCH: usize = 64;
const SMALL_BATCH: usize = 16;
const SMALL: usize = 1_000;

/// Writes the model's file.
pub(super) fn model(chosen: &Chosen<'_>) -> String {
    let Chosen { model, label, features, left_out, classes, train, test, validation, .. } = chosen;
    let batch = if train.rows < SMALL { SMALL_BATCH } else { BATCH };
    let epochs = (STEPS * batch / train.rows.max(1)).clamp(5, 60);
    let list = |names: &[String]| names.iter().map(|name| scalar_of(name)).collect::<Vec<_>>().join(", ");
    let paths = list(&["slipway.yaml".to_owned(), train.file.to_owned(), test.file.to_owned()]);
    let mut text = format!("{}\n", schema_line("model"));
    // Writing into a string cannot fail.
    let _ = write!(
        text,
        "# Created by `slipway init`. You may change everything; `slipway check` reports what a server would refuse.
apiVersion: slipway.dev/v1alpha1
kind: Model
metadata: {{name: {name}}}
spec:
  paths: [{paths}]   # a change of these files starts a run; the trainer gets only these files
  task: classification
  data:
    format: csv
    label: {label}   # {classes}
    features: [{features}]
",
        name = scalar_of(model),
        label = scalar_of(label),
        classes = listed(classes),
        features = list(features),
    );
    if !left_out.is_empty() {
        text.push_str("    # excluded columns:\n");
        for LeftOut { name, reason } in left_out.iter().take(MAX_LISTED) {
            let _ = writeln!(text, "    #   {}: {}", scalar_of(&shown(name)), shown_reason(reason));
        }
        if left_out.len() > MAX_LISTED {
            let _ = writeln!(text, "    #   and {} more", left_out.len() - MAX_LISTED);
        }
    }
    let split = if *validation {
        "0.2   # share of the training rows for validation during training"
    } else {
        "0   # too few training rows for validation"
    };
    let _ = write!(
        text,
        "    train: {{file: {train}}}   # {train_rows} rows
    test: {{file: {test}}}   # {test_rows} rows, only for the evaluation
    validation_split: {split}
  preprocess: [standardize]
  model:
    sequential: [{{linear: 32}}, relu, {{dropout: 0.1}}, {{linear: {outputs}}}]   # one output for each class
  training: {{optimizer: {{adam: {{learning_rate: 3e-3}}}}, epochs: {epochs}, batch_size: {batch}, seed: 1}}
  evaluation: {{metrics: [accuracy, balanced_accuracy, macro_f1, log_loss]}}
  policy: policy.yaml
",
        train = scalar_of(train.file),
        train_rows = train.rows,
        test = scalar_of(test.file),
        test_rows = test.rows,
        outputs = classes.len(),
    );
    text
}

fn shown_reason(reason: &str) -> String {
    reason.chars().filter(|c| !c.is_control()).collect()
}

fn listed(classes: &[(String, usize)]) -> String {
    let first: Vec<String> =
        classes.iter().take(8).map(|(class, rows)| format!("{} {rows}", scalar_of(&shown(class)))).collect();
    let more =
        if classes.len() > first.len() { format!(" and {} more", classes.len() - first.len()) } else { String::new() };
    format!("rows: {}{more}", first.join(", "))
}

/// Writes a manifest that names the model for KServe, with marks.
pub(super) fn manifest(model: &str) -> String {
    let name = scalar_of(model);
    format!(
        "# Served by KServe. Promotions change only the values before the marks.
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: {name}
  annotations:
    slipway.dev/digest: none   # {{\"slipway\": \"{model}:digest\"}}
    slipway.dev/run: none      # {{\"slipway\": \"{model}:run\"}}
spec:
  predictor:
    model:
      modelFormat: {{name: safetensors}}
      protocolVersion: v2
      storageUri: none         # {{\"slipway\": \"{model}:uri\"}}
"
    )
}
