//! What the gate says of a candidate: every check with its figures and a sentence, and the outcome of all together.

use serde::{Deserialize, Serialize};
use slipway_contract::{Digest, Metric};

/// What all checks together come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// At least one check passed, and none failed or stayed undecided.
    Pass,
    /// A check failed, or nothing could be checked.
    Fail,
    /// Nothing failed, but the rows do not suffice to say that all is well.
    Inconclusive,
}

/// What one check comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckOutcome {
    /// The whole interval is on the right side.
    Pass,
    /// The whole interval is on the wrong side, or there is nothing to judge by.
    Fail,
    /// The interval holds the threshold, and the policy does not accept that.
    Inconclusive,
    /// The interval holds the threshold, and the policy is content with a warning.
    Warned,
    /// The check compares with a champion, and there is none.
    Skipped,
}

/// How the bounds of an interval were computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Wilson's score interval of a proportion.
    Wilson,
    /// Newcombe's tenth method for the difference of paired proportions.
    Newcombe,
    /// Bias-corrected and accelerated bootstrap.
    BcaBootstrap,
    /// Jackknife over groups of rows, for very many rows.
    GroupedJackknife,
    /// A bound on what the rows would not show, because none of them differs.
    UnseenRows,
}

/// Where a metric, or a difference of two, lies: each bound alone holds with the policy's confidence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The value on the evaluated rows.
    pub estimate: f64,
    /// One-sided lower bound.
    pub lower: f64,
    /// One-sided upper bound.
    pub upper: f64,
    /// How the bounds were computed.
    pub method: Method,
    /// Seed of the resampling, if there was one: with it the bounds can be computed again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

/// What a check asks for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Requirement {
    /// The metric has to reach this.
    AtLeast(f64),
    /// The metric must not exceed this.
    AtMost(f64),
    /// The metric may be worse than the champion's by this much.
    NoWorseThanChampion {
        /// By how much, zero or more.
        margin: f64,
    },
}

/// One check and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckResult {
    /// The metric.
    pub metric: Metric,
    /// What was asked for.
    pub requirement: Requirement,
    /// What came of it.
    pub outcome: CheckOutcome,
    /// The outcome in words to be read aloud, with the figures and the place in the policy.
    pub sentence: String,
    /// Why the policy asks for it, in the words of its authors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The policy file.
    pub file: String,
    /// The line of the check in it.
    pub line: usize,
    /// The metric, or the candidate's minus the champion's; `None` if it could not be computed.
    #[serde(flatten, default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Interval>,
    /// Rows the figures rest on.
    pub rows: u64,
    /// About how many rows would decide an undecided check, if the estimate stayed where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows_to_decide: Option<u64>,
}

/// What the gate says of a candidate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// All checks together.
    pub outcome: Outcome,
    /// The policy file.
    pub policy: String,
    /// SHA-256 of the policy file's text.
    pub policy_digest: Digest,
    /// Confidence of every bound, such as 0.95.
    pub confidence: f64,
    /// SHA-256 of the candidate's weights.
    pub candidate: Digest,
    /// SHA-256 of the champion's weights, if the candidate was compared with one.
    pub champion: Option<Digest>,
    /// Rows the candidate was evaluated on.
    pub rows: u64,
    /// Every check, in the policy's order.
    pub checks: Vec<CheckResult>,
}

impl Outcome {
    /// The outcome of checks: whatever is not clearly well is not a pass.
    pub fn of(checks: &[CheckResult]) -> Self {
        let any = |outcome| checks.iter().any(|check| check.outcome == outcome);
        if any(CheckOutcome::Fail) {
            Self::Fail
        } else if any(CheckOutcome::Inconclusive) {
            Self::Inconclusive
        } else if any(CheckOutcome::Pass) {
            Self::Pass
        } else if any(CheckOutcome::Warned) {
            Self::Inconclusive
        } else {
            Self::Fail
        }
    }

    /// The word people read.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "passed",
            Self::Fail => "refused",
            Self::Inconclusive => "inconclusive",
        }
    }
}

impl CheckOutcome {
    /// The word people read.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "passed",
            Self::Fail => "refused",
            Self::Inconclusive => "inconclusive",
            Self::Warned => "warning",
            Self::Skipped => "skipped",
        }
    }
}

impl Verdict {
    /// One line for a commit status: the outcome, and the first check that stands in the way.
    pub fn summary(&self) -> String {
        let blocking = |check: &&CheckResult| match self.outcome {
            Outcome::Pass => false,
            Outcome::Fail => check.outcome == CheckOutcome::Fail,
            Outcome::Inconclusive => matches!(check.outcome, CheckOutcome::Inconclusive | CheckOutcome::Warned),
        };
        if let Some(check) = self.checks.iter().find(blocking) {
            return format!("{}: {}", self.outcome.name(), check.sentence);
        }
        let count = |outcome| self.checks.iter().filter(|check| check.outcome == outcome).count();
        let passed = count(CheckOutcome::Pass);
        if self.outcome != Outcome::Pass {
            let policy = &self.policy;
            return format!("refused: no check of {policy} could be applied; add one that needs no champion");
        }
        let apart = |outcome, word: &str| match count(outcome) {
            0 => String::new(),
            count => format!(", {count} {word}"),
        };
        let undecided = apart(CheckOutcome::Warned, "undecided");
        let skipped = apart(CheckOutcome::Skipped, "skipped");
        let (total, rows) = (self.checks.len(), self.rows);
        format!("passed: {passed} of {total} checks on {rows} rows{undecided}{skipped}")
    }
}
