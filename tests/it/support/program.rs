//! A model that a program of its own trains: a threshold on one column, by Python without packages.

use std::fmt::Write as _;

/// Its `slipway.yaml`. The predictions of the training are compared.
pub(crate) const PROGRAM_MODEL: &str = "apiVersion: slipway.dev/v1alpha1
kind: Model
metadata: {name: digits}
spec:
  paths: [slipway.yaml, train.py, \"data/**\"]
  task: classification
  data: {format: csv, label: paid, train: {file: data/train.csv}, test: {file: data/test.csv}}
  training:
    command: [python3, train.py]
    parameters: {shift: 0.5, name: threshold}
    outputs: {model: out/model.json, predictions: predictions.csv}
    seed: 7
  evaluation: {metrics: [log_loss]}
  policy: policy.yaml
";

/// Its policy.
const POLICY: &str = "apiVersion: slipway.dev/v1alpha1
kind: Policy
metadata: {name: digits}
spec:
  checks:
    - {metric: accuracy, at_least: 0.7}
    - {metric: accuracy, no_worse_than_champion: {margin: 0.2}}
";

/// The program. It checks what it finds, and says what a test looks for.
const PROGRAM: &str = r#"import csv, json, os
parameters = json.load(open(os.environ["SLIPWAY_PARAMETERS"]))
test = list(csv.DictReader(open(os.environ["SLIPWAY_TEST"])))
assert list(test[0]) == ["age", "income"], test[0]
assert open("data/test.csv").read() == "", "the labels are readable"
assert os.environ["SLIPWAY_PARAMETER_SHIFT"] == str(parameters["shift"])
if os.environ["SLIPWAY_TASK"] == "train":
    rows = list(csv.DictReader(open(os.environ["SLIPWAY_TRAIN"])))
    label = os.environ["SLIPWAY_LABEL"]
    means = {}
    for value in ("yes", "no"):
        incomes = [float(row["income"]) for row in rows if row[label] == value]
        means[value] = sum(incomes) / len(incomes)
    print("seed", os.environ["SLIPWAY_SEED"], "of", len(rows), "rows")
    print(json.dumps({"event": "epoch", "epoch": 1, "epochs": 1, "training_loss": 0.25, "validation_accuracy": None, "seconds": 0.1}))
    model = {"threshold": means["no"] + parameters["shift"] * (means["yes"] - means["no"])}
    os.mkdir(os.path.dirname(os.environ["SLIPWAY_MODEL_OUTPUT"]))
    json.dump(model, open(os.environ["SLIPWAY_MODEL_OUTPUT"], "w"))
else:
    model = json.load(open(os.environ["SLIPWAY_MODEL"]))
with open(os.environ["SLIPWAY_PREDICTIONS_OUTPUT"], "w") as file:
    file.write("row,prediction,score_no,score_yes\n")
    for index, row in enumerate(test):
        is_paid = float(row["income"]) > model["threshold"]
        file.write(f"{index},yes,0.2,0.8\n" if is_paid else f"{index},no,0.8,0.2\n")
"#;

/// All its files.
pub(crate) fn program_files() -> Vec<(&'static str, String)> {
    vec![
        ("slipway.yaml", PROGRAM_MODEL.to_owned()),
        ("policy.yaml", POLICY.to_owned()),
        ("train.py", PROGRAM.to_owned()),
        ("data/train.csv", table(400, 200_001)),
        ("data/test.csv", table(300, 100_001)),
    ]
}

/// Rows with a label that mostly follows the income. Tables with different offsets have no row in common.
pub(crate) fn table(rows: u32, offset: u32) -> String {
    let mut text = "age,income,paid\n".to_owned();
    for row in 0..rows {
        let income = row * 37 % 100;
        let is_noise = row % 11 == 0;
        let paid = if (income > 50) == is_noise { "no" } else { "yes" };
        writeln!(text, "{},{income}.{},{paid}", 20 + row % 60, offset + row).expect("a text");
    }
    text
}
