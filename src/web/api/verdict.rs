//! A verdict, as the API tells it.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain;

/// What the gate says of a candidate.
#[derive(Serialize, ToSchema)]
pub(super) struct Verdict {
    /// `pass`, `fail`, `inconclusive` or `needs_approval`.
    outcome: Outcome,
    /// The outcome in one line.
    summary: String,
    /// The policy file.
    policy: String,
    /// SHA-256 of the policy file's text.
    policy_digest: String,
    /// Confidence of every bound, such as 0.95.
    confidence: f64,
    /// SHA-256 of the champion's weights, if the candidate was compared with one.
    champion: Option<String>,
    /// Rows the candidate was evaluated on.
    rows: u64,
    /// Every check, in the policy's order.
    checks: Vec<Check>,
}

/// What all checks together come to.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Pass,
    Fail,
    Inconclusive,
    NeedsApproval,
}

/// What one check comes to.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum CheckOutcome {
    Pass,
    Fail,
    Inconclusive,
    NeedsApproval,
    Warned,
    Skipped,
    Excepted,
}

/// One check.
#[derive(Serialize, ToSchema)]
struct Check {
    /// The metric.
    metric: String,
    /// What came of it.
    outcome: CheckOutcome,
    /// The outcome in words, with the figures and the place in the policy.
    sentence: String,
    /// Why the policy asks for it.
    why: Option<String>,
    /// The policy file.
    file: String,
    /// The line of the check in it.
    line: usize,
    /// The metric, or the candidate's minus the champion's.
    estimate: Option<f64>,
    /// One-sided lower bound.
    lower: Option<f64>,
    /// One-sided upper bound.
    upper: Option<f64>,
    /// Rows the figures rest on.
    rows: u64,
    /// About how many rows would decide an undecided check.
    rows_to_decide: Option<u64>,
}

impl From<&domain::Verdict> for Verdict {
    fn from(verdict: &domain::Verdict) -> Self {
        Self {
            outcome: match verdict.outcome {
                domain::Outcome::Pass => Outcome::Pass,
                domain::Outcome::Fail => Outcome::Fail,
                domain::Outcome::Inconclusive => Outcome::Inconclusive,
                domain::Outcome::NeedsApproval => Outcome::NeedsApproval,
            },
            summary: verdict.summary(),
            policy: verdict.policy.clone(),
            policy_digest: verdict.policy_digest.to_string(),
            confidence: verdict.confidence,
            champion: verdict.champion.as_ref().map(ToString::to_string),
            rows: verdict.rows,
            checks: verdict.checks.iter().map(Check::from).collect(),
        }
    }
}

impl From<&domain::CheckResult> for Check {
    fn from(check: &domain::CheckResult) -> Self {
        Self {
            metric: check.metric.to_string(),
            outcome: match check.outcome {
                domain::CheckOutcome::Pass => CheckOutcome::Pass,
                domain::CheckOutcome::Fail => CheckOutcome::Fail,
                domain::CheckOutcome::Inconclusive => CheckOutcome::Inconclusive,
                domain::CheckOutcome::NeedsApproval => CheckOutcome::NeedsApproval,
                domain::CheckOutcome::Warned => CheckOutcome::Warned,
                domain::CheckOutcome::Skipped => CheckOutcome::Skipped,
                domain::CheckOutcome::Excepted => CheckOutcome::Excepted,
            },
            sentence: check.sentence.clone(),
            why: check.why.clone(),
            file: check.file.clone(),
            line: check.line,
            estimate: check.interval.map(|interval| interval.estimate),
            lower: check.interval.map(|interval| interval.lower),
            upper: check.interval.map(|interval| interval.upper),
            rows: check.rows,
            rows_to_decide: check.rows_to_decide,
        }
    }
}
