//! Evaluations made in memory, and policies to judge them by.

use std::collections::BTreeMap;

use jiff::Timestamp;
use slipway_contract::metrics::{Attribute, Attributes, Estimates, Predictions, RowScores, Table};
use slipway_contract::{API_VERSION, Digest, EvaluationReport, Metric};
use slipway_domain::Verdict;
use slipway_gate::evaluation::Evaluation;
use slipway_gate::policy::{Champion, Evidence, Policy};

/// An evaluation of a table; it states these metrics without their being true, since only a reader of folders looks.
pub(crate) fn evaluation(name: &str, table: Table, stated: &[&str]) -> Evaluation {
    let classes = table.view().classes().map(|table| table.classes.clone()).unwrap_or_default();
    let metrics: BTreeMap<Metric, f64> = stated.iter().map(|name| (name.parse().expect("a metric"), 0.5)).collect();
    Evaluation {
        report: EvaluationReport {
            api_version: API_VERSION.to_owned(),
            kind: "EvaluationReport".to_owned(),
            artifact: Digest::of(name.as_bytes()),
            data: Digest::of(b"data"),
            evaluator: "bench".to_owned(),
            rows: table.len() as u64,
            classes,
            metrics,
            device: "cpu".to_owned(),
            seconds: 1.0,
        },
        table,
        attributes: Attributes::new(),
        row_scores: RowScores::new(),
    }
}

/// A classifier's table of so many rows, all of the first class and predicted as it; scores are zero.
pub(crate) fn classes(rows: u32, classes: u32, with_scores: bool) -> Predictions {
    let count = rows as usize;
    Predictions {
        rows: (0..rows).map(|row| format!("r{row}")).collect(),
        classes: (0..classes).map(|class| class.to_string()).collect(),
        labels: vec![0; count],
        predictions: vec![0; count],
        scores: with_scores.then(|| vec![0.0; count * classes as usize]),
    }
}

/// A regressor's table of so many rows, all zero.
pub(crate) fn numbers(rows: u32) -> Estimates {
    let count = rows as usize;
    Estimates {
        rows: (0..rows).map(|row| format!("r{row}")).collect(),
        labels: vec![0.0; count],
        predictions: vec![0.0; count],
        quantiles: BTreeMap::new(),
    }
}

/// The classifier's table of an evaluation.
pub(crate) fn classes_of(evaluation: &mut Evaluation) -> &mut Predictions {
    match &mut evaluation.table {
        Table::Classes(table) => table,
        _ => unreachable!("the benchmark made it of classes"),
    }
}

/// The regressor's table of an evaluation.
pub(crate) fn numbers_of(evaluation: &mut Evaluation) -> &mut Estimates {
    match &mut evaluation.table {
        Table::Numbers(table) => table,
        _ => unreachable!("the benchmark made it of numbers"),
    }
}

/// An attribute with so many values, of which each row has the given one.
pub(crate) fn attribute(values: u32, rows: u32, of_row: impl Fn(u32) -> u32) -> Attribute {
    Attribute {
        values: (0..values).map(|value| format!("v{value}")).collect(),
        of_row: (0..rows).map(of_row).collect(),
    }
}

/// The policy with these checks, each as it stands between the braces.
pub(crate) fn policy(checks: &[String]) -> Policy {
    let checks = checks.iter().fold(String::new(), |text, check| format!("{text}    - {{{check}}}\n"));
    let text = format!(
        "apiVersion: slipway.dev/v1alpha1\nkind: Policy\nmetadata: {{name: bench}}\nspec:\n  checks:\n{checks}"
    );
    Policy::read("bench.yaml", &text).unwrap_or_else(|mistakes| panic!("{mistakes:?}"))
}

/// Judges a candidate against a champion.
pub(crate) fn judge(policy: &Policy, candidate: &Evaluation, champion: Option<&Evaluation>) -> Verdict {
    let champion = champion.map_or(Champion::None, Champion::Evaluated);
    policy.judge(&Evidence::new(candidate, champion, Timestamp::now()))
}
