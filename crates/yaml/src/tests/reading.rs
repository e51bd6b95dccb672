//! Typed reading, over types shaped like the real ones: what is read, and the words and places of every mistake.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::read;

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Model {
    metadata: Metadata,
    spec: Spec,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Metadata {
    name: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Spec {
    data: Data,
    model: Network,
    training: Training,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(tag = "format", rename_all = "snake_case", deny_unknown_fields)]
enum Data {
    Csv { path: String, columns: Columns },
    Idx { features: String, validation_split: Option<f64> },
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Columns {
    label: String,
    skip: Option<u32>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Network {
    sequential: Vec<Layer>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Layer {
    #[serde(rename = "conv2d")]
    Conv2d(Convolution),
    #[serde(rename = "max_pool2d")]
    MaxPool2d(u32),
    Relu,
    Dropout {
        probability: f64,
    },
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Convolution {
    filters: u32,
    kernel_size: Option<u32>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Training {
    optimizer: Optimizer,
    epochs: u32,
    batch_size: Option<u32>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Optimizer {
    Adam { learning_rate: f64 },
    Sgd { learning_rate: f64 },
}

const GOOD: &str = "metadata: {name: fashion}
spec:
  data:
    format: csv
    path: a.csv
    columns: {label: y}
  model:
    sequential:
      - conv2d: {filters: 32}
      - relu
      - max_pool2d: 2
      - dropout:
          probability: 0.5
  training: {optimizer: {adam: {learning_rate: 1e-3}}, epochs: 10}
";

/// What is said after one change to the good file.
fn complaint(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    read::<Model>("slipway.yaml", &GOOD.replacen(from, to, 1)).unwrap_err().to_string()
}

#[test]
fn a_document_is_read_with_choices_written_as_names_or_single_keys() {
    let model: Model = read("slipway.yaml", GOOD).unwrap();
    assert_eq!(
        model.spec.model.sequential,
        [
            Layer::Conv2d(Convolution { filters: 32, kernel_size: None }),
            Layer::Relu,
            Layer::MaxPool2d(2),
            Layer::Dropout { probability: 0.5 },
        ]
    );
    assert_eq!(model.spec.training.optimizer, Optimizer::Adam { learning_rate: 1e-3 });
    assert_eq!(read::<Model>("slipway.yaml", &format!("\u{feff}{}", GOOD.replace('\n', "\r\n"))), Ok(model));
}

#[test]
fn an_unknown_key_is_shown_where_it_stands_with_the_closest_known_one() {
    insta::assert_snapshot!(complaint("epochs: 10", "epocs: 10"), @"
    slipway.yaml:14:56: unknown key `epocs`, expected one of `optimizer`, `epochs`, `batch_size`
      help: did you mean `epochs`?
    ");
    insta::assert_snapshot!(complaint("{filters: 32}", "{filters: 32, stride: 2}"), @"slipway.yaml:9:31: unknown key `stride`, expected one of `filters`, `kernel_size`");
}

#[test]
fn an_unknown_key_within_a_tagged_choice_is_shown_where_it_stands() {
    insta::assert_snapshot!(complaint("path: a.csv", "paht: a.csv"), @"
    slipway.yaml:5:5: unknown key `paht`, expected one of `path`, `columns`
      help: did you mean `path`?
    ");
    insta::assert_snapshot!(complaint("{label: y}", "{label: y, path: x}"), @"slipway.yaml:6:25: unknown key `path`, expected one of `label`, `skip`");
}

#[test]
fn an_unknown_choice_is_shown_as_the_key_or_value_it_is() {
    insta::assert_snapshot!(complaint("conv2d:", "conv3d:"), @"
    slipway.yaml:9:9: unknown key `conv3d`, expected one of `conv2d`, `max_pool2d`, `relu`, `dropout`
      help: did you mean `conv2d`?
    ");
    insta::assert_snapshot!(complaint("- relu", "- rleu"), @"
    slipway.yaml:10:9: unknown value `rleu`, expected one of `conv2d`, `max_pool2d`, `relu`, `dropout`
      help: did you mean `relu`?
    ");
    insta::assert_snapshot!(complaint("format: csv", "format: tsv"), @"
    slipway.yaml:4:13: unknown value `tsv`, expected one of `csv`, `idx`
      help: did you mean `csv`?
    ");
}

#[test]
fn a_missing_key_names_its_mapping() {
    insta::assert_snapshot!(complaint(", epochs: 10", ""), @"
    slipway.yaml:14:13: missing key `epochs` in `spec.training`
      help: add `epochs: …`
    ");
    insta::assert_snapshot!(complaint("metadata: {name: fashion}\n", ""), @"
    slipway.yaml:1:1: missing key `metadata` in the document
      help: add `metadata: …`
    ");
    insta::assert_snapshot!(complaint("    path: a.csv\n", ""), @"
    slipway.yaml:3:3: missing key `path` in `spec.data`
      help: add `path: …`
    ");
    insta::assert_snapshot!(complaint("    format: csv\n", ""), @"
    slipway.yaml:3:3: missing key `format` in `spec.data`
      help: add `format: …`
    ");
    insta::assert_snapshot!(complaint("          probability: 0.5", "          {}"), @"
    slipway.yaml:12:9: missing key `probability` in `spec.model.sequential[3].dropout`
      help: add `probability: …`
    ");
}

#[test]
fn a_value_of_the_wrong_kind_says_what_was_expected_and_what_came() {
    insta::assert_snapshot!(complaint("epochs: 10", "epochs: ten"), @"slipway.yaml:14:64: expected a whole number from 0 to 4294967295 for `spec.training.epochs`, found the text `ten`");
    insta::assert_snapshot!(complaint("epochs: 10", "epochs: -1"), @"
    slipway.yaml:14:64: expected a whole number from 0 to 4294967295 for `spec.training.epochs`, found the number `-1`
      help: write a number in this range
    ");
    insta::assert_snapshot!(complaint("epochs: 10", "epochs: [1]"), @"
    slipway.yaml:14:64: expected a whole number from 0 to 4294967295 for `spec.training.epochs`, found a list
      help: write the value alone: `epochs: 1`
    ");
    insta::assert_snapshot!(complaint("epochs: 10", "epochs: "), @"
    slipway.yaml:14:62: expected a whole number from 0 to 4294967295 for `spec.training.epochs`, found nothing
      help: write a value after the key
    ");
    insta::assert_snapshot!(complaint("name: fashion", "name: [7]"), @"
    slipway.yaml:1:18: expected a text for `metadata.name`, found a list
      help: write the value alone: `name: 7`
    ");
    insta::assert_snapshot!(complaint("- relu", "- relu: {a: 1}"), @"
    slipway.yaml:10:9: expected a name alone for `spec.model.sequential[1]`, found a mapping
      help: write `relu` alone
    ");
    insta::assert_snapshot!(complaint("- relu", "- conv2d"), @"
    slipway.yaml:10:9: expected a name with a value for `spec.model.sequential[1]`, found a name alone
      help: write its keys below it, as in `conv2d: {KEY: VALUE}`
    ");
    insta::assert_snapshot!(complaint("- relu", "- {relu: , conv2d: {filters: 3}}"), @"
    slipway.yaml:10:9: expected a name alone for `spec.model.sequential[1]`, found a mapping
      help: write `relu` alone
    ");
    insta::assert_snapshot!(complaint("{label: y}", "{label: y, skip: many}"), @"slipway.yaml:6:31: expected a whole number from 0 to 4294967295 for `spec.data.columns.skip`, found the text `many`");
    insta::assert_snapshot!(complaint("{label: y}", "wrong"), @"
    slipway.yaml:6:14: expected a mapping for `spec.data.columns`, found the text `wrong`
      help: write keys with their values below it
    ");
    insta::assert_snapshot!(complaint("epochs: 10", "epochs:"), @"slipway.yaml:14:62: invalid YAML: found unexpected ':'");
    insta::assert_snapshot!(complaint("path: a.csv", "path: [a.csv]"), @"
    slipway.yaml:5:11: expected a text for `spec.data.path`, found a list
      help: write the value alone: `path: a.csv`
    ");
}

#[test]
fn duplicate_keys_are_refused() {
    insta::assert_snapshot!(complaint("epochs: 10", "epochs: 10, epochs: 11"), @"
    slipway.yaml:14:68: duplicate key `epochs`, already set on line 14
      help: keep one of the two
    ");
    insta::assert_snapshot!(complaint("    path: a.csv\n", "    path: a.csv\n    path: b.csv\n"), @"
    slipway.yaml:6:5: duplicate key `path`, already set on line 5
      help: keep one of the two
    ");
}

#[test]
fn a_file_holds_exactly_one_document() {
    insta::assert_snapshot!(read::<Model>("a.yaml", "").unwrap_err(), @"a.yaml: the file is empty, expected one YAML document");
    insta::assert_snapshot!(read::<Model>("a.yaml", "# nothing\n").unwrap_err(), @"a.yaml: the file is empty, expected one YAML document");
    insta::assert_snapshot!(read::<Model>("a.yaml", "---\n").unwrap_err(), @"a.yaml:1:4: the document is empty, expected keys and values");
    insta::assert_snapshot!(read::<Model>("a.yaml", &format!("{GOOD}---\n{GOOD}")).unwrap_err(), @"
    a.yaml:16:1: the file contains more than one document, expected one
      help: remove everything after `---`, or move it to another file
    ");
    insta::assert_snapshot!(read::<Model>("a.yaml", "a: [1\n").unwrap_err(), @"a.yaml:1:4: invalid YAML: unclosed bracket '['");
}

#[test]
fn what_a_type_says_for_itself_is_kept() {
    let error = read::<Vec<slipway_domain::CommitSha>>("a.yaml", "- abc\n").unwrap_err();
    insta::assert_snapshot!(error, @"a.yaml:1:3: `abc` is not a commit: expected 40 lower-case hexadecimal digits");
    let error = read::<BTreeMap<String, Vec<slipway_domain::CommitSha>>>("a.yaml", "x.y:\n - abc\n").unwrap_err();
    insta::assert_snapshot!(error, @"a.yaml:2:4: `abc` is not a commit: expected 40 lower-case hexadecimal digits");
}
