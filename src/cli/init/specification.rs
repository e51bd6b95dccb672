//! The texts of `slipway.yaml` and of manifests: explicit, with a comment on each choice.

use std::fmt::Write as _;

use slipway_contract::{Dialect, TableFormat, Task, counted};
use slipway_yaml::scalar_of;

use super::columns::{Feature, LeftOut};
use super::rows::name_of;
use super::split::Numbers;
use super::table::shown;

/// The line by which editors find the schema of a file.
pub(super) use crate::cli::generate::schema_line;

/// The inputs of the texts.
pub(super) struct Chosen<'a> {
    pub(super) model: &'a str,
    pub(super) label: &'a str,
    pub(super) features: &'a [Feature],
    pub(super) left_out: &'a [LeftOut],
    /// The classes in order, each with its number of rows. Empty if numbers are predicted.
    pub(super) classes: &'a [(String, usize)],
    /// The distribution of the labels, if numbers are predicted.
    pub(super) numbers: Option<Numbers>,
    pub(super) train: Part<'a>,
    pub(super) test: Part<'a>,
    /// The format of both files.
    pub(super) format: TableFormat,
    /// Number of test rows of each class.
    pub(super) test_classes: &'a [usize],
    pub(super) validation: bool,
}

impl Chosen<'_> {
    /// The task that follows from the labels.
    pub(super) fn task(&self) -> Task {
        if self.numbers.is_some() { Task::Regression } else { Task::Classification }
    }

    /// The labels in a few words.
    pub(super) fn labels(&self) -> String {
        match self.numbers {
            Some(Numbers { median, .. }) => format!("numbers, half of them above {median}"),
            None => listed(self.classes),
        }
    }
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
  task: {task}
  data:
    format: {format}
{dialect}    label: {label}   # {labels}
{columns}",
        task = chosen.task().name(),
        format = name_of(chosen.format),
        dialect = dialect(chosen.format),
        name = scalar_of(model),
        label = scalar_of(label),
        labels = chosen.labels(),
        columns = columns(features, left_out),
    );
    if !left_out.is_empty() {
        text.push_str("    # excluded columns:\n");
        for LeftOut { name, reason, .. } in left_out.iter().take(MAX_LISTED) {
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
        "    train: {{file: {train}}}   # {train_rows}
    test: {{file: {test}}}   # {test_rows}, only for the evaluation
    validation_split: {split}
  preprocess: {preprocess}
  model:
    sequential: [{{linear: 32}}, relu, {{dropout: 0.1}}, {{linear: {outputs}}}]   # {what}
  training: {{optimizer: {{adam: {{learning_rate: 3e-3}}}}, epochs: {epochs}, batch_size: {batch}, seed: 1}}
  evaluation: {{metrics: [{metrics}]}}
  policy: policy.yaml
",
        train = scalar_of(train.file),
        train_rows = counted(train.rows, "row"),
        test = scalar_of(test.file),
        test_rows = counted(test.rows, "row"),
        outputs = if chosen.numbers.is_some() { 1 } else { classes.len() },
        what = if chosen.numbers.is_some() { "the number" } else { "an output for each class" },
        metrics = match chosen.task() {
            Task::Classification => "accuracy, balanced_accuracy, macro_f1, log_loss",
            Task::Regression => "mean_absolute_error, root_mean_squared_error, r2",
        },
        preprocess = if features.iter().all(Feature::is_plain) { "[standardize]" } else { "auto" },
    );
    text
}

/// The columns to learn from: their names if all are numbers, otherwise each with its type, and the columns that are not used.
fn columns(features: &[Feature], left_out: &[LeftOut]) -> String {
    if features.iter().all(Feature::is_plain) {
        let names = features.iter().map(|feature| scalar_of(&feature.name)).collect::<Vec<_>>().join(", ");
        return format!("    features: [{names}]\n");
    }
    let line = |Feature { name, column, .. }: &Feature| {
        let kind = column.kind.name();
        let list = |texts: &[String]| texts.iter().map(|text| scalar_of(text)).collect::<Vec<_>>().join(", ");
        let written = match (&column.values, column.missing.as_slice()) {
            (Some(values), _) => format!("{{type: {kind}, values: [{}]}}", list(values)),
            (None, []) => kind.to_owned(),
            (None, missing) => format!("{{type: {kind}, missing: [{}]}}", list(missing)),
        };
        format!("      {}: {written}\n", scalar_of(name))
    };
    let ignored = left_out.iter().filter(|left| left.is_named);
    let ignored = ignored.map(|left| scalar_of(&left.name)).collect::<Vec<_>>().join(", ");
    let ignore = if ignored.is_empty() { String::new() } else { format!("    ignore: [{ignored}]\n") };
    let columns: String = features.iter().map(line).collect();
    format!("    columns:   # the types were inferred from the table\n{columns}{ignore}")
}

/// The line of the dialect, if it is not that of RFC 4180.
fn dialect(format: TableFormat) -> String {
    let TableFormat::Csv(dialect) = format else { return String::new() };
    if dialect == Dialect::default() {
        return String::new();
    }
    let Dialect { delimiter, quote, decimal, encoding } = dialect;
    let [quote, decimal] =
        [serde_json::to_string(&quote), serde_json::to_string(&decimal)].map(Result::unwrap_or_default);
    let (delimiter, encoding) = (delimiter.written(), encoding.name());
    format!(
        "    dialect: {{delimiter: {delimiter}, quote: {quote}, decimal: {decimal}, encoding: {encoding}}}   # found in the table\n"
    )
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
