//! Evaluations and policies built for tests.

use std::collections::BTreeMap;

use slipway_contract::metrics::{ALL, Predictions};
use slipway_contract::{API_VERSION, Digest, EvaluationReport};

use crate::domain::Verdict;
use crate::evaluation::Evaluation;
use crate::policy::{Champion, Policy};

/// An evaluation of these predictions that states every metric they have.
pub(super) fn evaluation_of(name: &str, predictions: Predictions) -> Evaluation {
    let metrics: BTreeMap<_, _> =
        ALL.into_iter().filter_map(|metric| Some((metric, metric.of(&predictions)?))).collect();
    Evaluation {
        report: EvaluationReport {
            api_version: API_VERSION.to_owned(),
            kind: "EvaluationReport".to_owned(),
            artifact: Digest::of(name.as_bytes()),
            data: Digest::of(b"test data"),
            evaluator: "0.1.0".to_owned(),
            rows: predictions.len() as u64,
            classes: predictions.classes.clone(),
            metrics,
            device: "cpu".to_owned(),
            seconds: 1.0,
        },
        predictions,
    }
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
    policy(checks).judge(candidate, champion)
}

/// Outcome and sentence of every check, a line each, under the summary.
pub(super) fn said(verdict: &Verdict) -> String {
    let checks = verdict.checks.iter().map(|check| format!("{:?}: {}", check.outcome, check.sentence));
    std::iter::once(format!("{:?}", verdict.outcome)).chain(checks).collect::<Vec<_>>().join("\n")
}
