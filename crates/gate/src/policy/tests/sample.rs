//! Evaluations and policies built for tests.

use std::collections::BTreeMap;

use jiff::Timestamp;
use slipway_contract::metrics::{Attribute, Attributes, Estimates, Predictions, RowScores, Table};
use slipway_contract::{API_VERSION, Digest, EvaluationReport, Metric};

use crate::evaluation::Evaluation;
use crate::policy::{Champion, Evidence, Policy};
use slipway_domain::Verdict;

/// Metrics that evaluations built here state, if they have them.
const STATED: [&str; 13] = [
    "accuracy",
    "balanced_accuracy",
    "macro_f1",
    "log_loss",
    "expected_calibration_error",
    "macro_roc_auc",
    "macro_pr_auc",
    "recall(class=\"cat\")",
    "precision(class=\"cat\")",
    "mean_absolute_error",
    "root_mean_squared_error",
    "r2",
    "median_absolute_error",
];

/// An evaluation of a table that states every metric it has.
pub(super) fn evaluation(name: &str, table: Table) -> Evaluation {
    let classes = table.view().classes().map(|table| table.classes.clone()).unwrap_or_default();
    let mut evaluation = Evaluation {
        report: EvaluationReport {
            api_version: API_VERSION.to_owned(),
            kind: "EvaluationReport".to_owned(),
            artifact: Digest::of(name.as_bytes()),
            data: Digest::of(b"test data"),
            evaluator: "0.1.0".to_owned(),
            rows: table.len() as u64,
            classes,
            metrics: BTreeMap::new(),
            device: "cpu".to_owned(),
            seconds: 1.0,
        },
        table,
        attributes: Attributes::new(),
        row_scores: RowScores::new(),
    };
    let every = slipway_contract::metrics::all(evaluation.table.len());
    for metric in STATED {
        let metric: Metric = metric.parse().expect("a metric");
        if let Ok(Some(value)) = metric.over(evaluation.rows(), &every) {
            evaluation.report.metrics.insert(metric, value);
        }
    }
    evaluation
}

/// An evaluation of a classifier.
pub(super) fn evaluation_of(name: &str, predictions: Predictions) -> Evaluation {
    evaluation(name, Table::Classes(predictions))
}

/// The classifier's table in an evaluation, to be changed.
pub(super) fn classes_of(evaluation: &mut Evaluation) -> &mut Predictions {
    match &mut evaluation.table {
        Table::Classes(table) => table,
        _ => panic!("no classifier's table"),
    }
}

/// A regressor that errs by `error` of the row.
pub(super) fn numbers(rows: u32, error: impl Fn(u32) -> f64) -> Table {
    let labels: Vec<f64> = (0..rows).map(|row| f64::from(row % 17)).collect();
    let predictions = (0..rows).map(|row| f64::from(row % 17) + error(row)).collect();
    let rows = (0..rows).map(|row| format!("row-{row}")).collect();
    Table::Numbers(Estimates { rows, labels, predictions, quantiles: BTreeMap::new() })
}

/// The evaluation with an attribute whose value in each row is the given one of these.
pub(super) fn with_attribute(
    mut evaluation: Evaluation,
    column: &str,
    values: &[&str],
    of_row: impl Fn(u32) -> u32,
) -> Evaluation {
    let rows = u32::try_from(evaluation.table.len()).expect("few rows");
    let values = values.iter().map(|value| (*value).to_owned()).collect();
    let attribute = Attribute { values, of_row: (0..rows).map(of_row).collect() };
    evaluation.attributes.insert(column.to_owned(), attribute);
    evaluation
}

/// What a candidate is judged by on a day in 2026.
pub(super) fn evidence<'evidence>(
    candidate: &'evidence Evaluation,
    champion: Champion<'evidence>,
) -> Evidence<'evidence> {
    let now: Timestamp = "2026-06-15T12:00:00Z".parse().expect("a time");
    Evidence::new(candidate, champion, now)
}

/// A table of `rows` rows over three classes; `right` says which rows are predicted right, and those with a score of 0.9.
pub(super) fn table(rows: u32, right: impl Fn(u32) -> bool) -> Predictions {
    let labels: Vec<u32> = (0..rows).map(|row| row % 3).collect();
    let predictions: Vec<u32> = (0..rows).map(|row| if right(row) { row % 3 } else { (row + 1) % 3 }).collect();
    let scores = predictions
        .iter()
        .flat_map(|predicted| (0..3).map(|class| if class == *predicted { 0.9 } else { 0.05 }).collect::<Vec<f32>>())
        .collect();
    Predictions {
        rows: (0..rows).map(|row| format!("row-{row}")).collect(),
        classes: ["cat", "dog", "fox"].map(str::to_owned).to_vec(),
        labels,
        predictions,
        scores: Some(scores),
    }
}

/// An evaluation in which of every thousand rows in a row the first `wrong` are wrong.
pub(super) fn wrong_in_a_thousand(name: &str, rows: u32, wrong: u32) -> Evaluation {
    evaluation_of(name, table(rows, |row| (row * 7) % 1_000 >= wrong))
}

/// A policy file with these checks, each a line from line six on.
pub(super) fn policy_text(checks: &[&str]) -> String {
    let mut text =
        "apiVersion: slipway.dev/v1alpha1\nkind: Policy\nmetadata: {name: digits}\nspec:\n  checks:\n".to_owned();
    for check in checks {
        text = format!("{text}    - {{{check}}}\n");
    }
    text
}

/// The policy with these checks.
pub(super) fn policy(checks: &[&str]) -> Policy {
    Policy::read("policies/digits.yaml", &policy_text(checks)).expect("a sound policy")
}

/// The verdict of a policy with these checks.
pub(super) fn verdict(checks: &[&str], candidate: &Evaluation, champion: Champion<'_>) -> Verdict {
    policy(checks).judge(&evidence(candidate, champion))
}

/// Outcome and sentence of every check, a line each, under the summary.
pub(super) fn said(verdict: &Verdict) -> String {
    let checks = verdict.checks.iter().map(|check| format!("{:?}: {}", check.outcome, check.sentence));
    std::iter::once(format!("{:?}", verdict.outcome)).chain(checks).collect::<Vec<_>>().join("\n")
}
