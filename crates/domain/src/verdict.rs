//! What the gate says of a candidate: every check with its figures and a sentence, and the outcome of all together.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use slipway_contract::Digest;

use super::TestSetUse;

/// What all checks together come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// At least one check passed, and none failed or stayed undecided.
    Pass,
    /// A check failed, or nothing could be checked.
    Fail,
    /// Nothing failed, but the rows do not suffice to say that all is well.
    Inconclusive,
    /// All is well but for what the policy leaves to a person.
    NeedsApproval,
}

/// What one check comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckOutcome {
    /// The whole interval is on the right side.
    Pass,
    /// The whole interval is on the wrong side, or there is nothing to judge by.
    Fail,
    /// The interval holds the threshold, and the policy does not accept that.
    Inconclusive,
    /// The interval holds the threshold, and the policy leaves that to a person.
    NeedsApproval,
    /// It does not hold or is undecided, and the policy is content with a warning.
    Warned,
    /// The check compares with a champion, and there is none.
    Skipped,
    /// It does not hold, and an exception says that this is accepted for now.
    Excepted,
    /// It is kept from authors until the test set is used up. Only what they are shown has it.
    Withheld,
}

/// How the bounds of an interval were computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// A figure that is known, not estimated.
    Exact,
    /// Wilson's score interval of a proportion.
    Wilson,
    /// Newcombe's tenth method for the difference of paired proportions.
    Newcombe,
    /// The interval that belongs to `McNemar`'s exact test, for few rows on which the models differ.
    McnemarExact,
    /// The interval that belongs to `McNemar`'s test with the mid-p correction.
    McnemarMidP,
    /// `DeLong`'s variance of areas under ROC curves.
    Delong,
    /// Bias-corrected and accelerated bootstrap.
    BcaBootstrap,
    /// Bootstrap whose upper bound is a plain quantile of the resamples, for distances.
    PercentileBootstrap,
    /// Jackknife over groups of rows, for very many rows.
    GroupedJackknife,
    /// A bound on what the rows would not show, because none of them differs.
    UnseenRows,
    /// Order statistics of measured times.
    OrderStatistics,
}

/// Where a metric, or a difference of two, lies: each bound alone holds with the policy's confidence. Every number in it is
/// finite, since JSON knows no other: a side on which nothing can be said has no bound.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Interval {
    /// The value on the evaluated rows.
    pub estimate: f64,
    /// One-sided lower bound; `None` if nothing bounds it from below at this confidence.
    pub lower: Option<f64>,
    /// One-sided upper bound; `None` if nothing bounds it from above at this confidence.
    pub upper: Option<f64>,
    /// How the bounds were computed.
    pub method: Method,
    /// Seed of the resampling, if there was one: with it the bounds can be computed again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

impl Interval {
    /// The lower bound as a number to compute with: minus infinity where there is none.
    pub fn lowest(&self) -> f64 {
        self.lower.unwrap_or(f64::NEG_INFINITY)
    }

    /// The upper bound as a number to compute with: infinity where there is none.
    pub fn highest(&self) -> f64 {
        self.upper.unwrap_or(f64::INFINITY)
    }
}

/// What a check asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Requirement {
    /// The measure has to reach this.
    AtLeast(f64),
    /// The measure must not exceed this.
    AtMost(f64),
    /// The measure has to lie from the first to the second.
    Between(f64, f64),
    /// The measure may be worse than the champion's by this much.
    NoWorseThanChampion {
        /// By how much, zero or more.
        margin: f64,
        /// Whether the margin is a share of the champion's value.
        #[serde(default)]
        relative: bool,
    },
    /// The measure has to be better than the champion's by more than this.
    BetterThanChampion {
        /// By how much, zero or more.
        by: f64,
    },
    /// A condition has to hold.
    Condition(String),
}

impl Requirement {
    /// Whether it compares with the champion.
    pub fn is_relative(&self) -> bool {
        matches!(self, Self::NoWorseThanChampion { .. } | Self::BetterThanChampion { .. })
    }
}

/// One slice of a check and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SliceResult {
    /// The slice in words, such as `label = shirt`.
    pub name: String,
    /// What came of it.
    pub outcome: CheckOutcome,
    /// The outcome in words to be read aloud.
    pub sentence: String,
    /// The metric in this slice; its bounds hold for all slices of the check together.
    #[serde(flatten, default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Interval>,
    /// Rows in the slice.
    pub rows: u64,
    /// About how many rows of the slice would decide it, if the estimate stayed where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows_to_decide: Option<u64>,
}

/// Why a check that does not hold is accepted for now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExceptionNote {
    /// The reason.
    pub reason: String,
    /// Who accepted it.
    pub approver: String,
    /// The last day on which it holds, as `2026-01-31`.
    pub expires: String,
    /// Where it stands: file and line.
    pub place: String,
}

/// One check and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CheckResult {
    /// The check's own name, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What is measured: a metric, a drift, a leak or an expression.
    pub metric: String,
    /// What was asked for.
    pub requirement: Requirement,
    /// What came of it.
    pub outcome: CheckOutcome,
    /// The outcome in words to be read aloud, with the figures and the place in the policy.
    pub sentence: String,
    /// Why the policy asks for it, in the words of its authors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Who answers for the check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The policy file.
    pub file: String,
    /// The line of the check in it.
    pub line: usize,
    /// The measure, or the candidate's minus the champion's; `None` if it could not be computed or has slices.
    #[serde(flatten, default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Interval>,
    /// Rows the figures rest on.
    pub rows: u64,
    /// About how many rows would decide an undecided check, if the estimate stayed where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows_to_decide: Option<u64>,
    /// Every slice, if the check has any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slices: Vec<SliceResult>,
    /// Why it is accepted though it does not hold, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exception: Option<ExceptionNote>,
    /// Whether what came of it is kept from authors until the test set is used up.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_withheld: bool,
}

/// A policy of the platform's owner that no other can loosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MandatoryPolicy {
    /// Its file.
    pub policy: String,
    /// SHA-256 of the file's text.
    pub digest: Digest,
}

/// What the gate says of a candidate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Verdict {
    /// All checks together.
    pub outcome: Outcome,
    /// The policy file.
    pub policy: String,
    /// SHA-256 of the policy file's text.
    pub policy_digest: Digest,
    /// The floors whose checks had to hold as well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[serde(rename = "floors")]
    pub mandatory_policies: Vec<MandatoryPolicy>,
    /// Confidence of every bound, such as 0.95.
    pub confidence: f64,
    /// SHA-256 of the candidate's weights.
    pub candidate: Digest,
    /// SHA-256 of the champion's weights, if the candidate was compared with one.
    pub champion: Option<Digest>,
    /// Rows the candidate was evaluated on.
    pub rows: u64,
    /// The use of the test set, where uses are counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_set: Option<TestSetUse>,
    /// What else a reader has to know, a sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
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
        } else if any(CheckOutcome::NeedsApproval) {
            Self::NeedsApproval
        } else if any(CheckOutcome::Pass) || any(CheckOutcome::Excepted) {
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
            Self::NeedsApproval => "needs approval",
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
            Self::NeedsApproval => "needs approval",
            Self::Warned => "warning",
            Self::Skipped => "skipped",
            Self::Excepted => "excepted",
            Self::Withheld => "withheld",
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
            Outcome::NeedsApproval => check.outcome == CheckOutcome::NeedsApproval,
        };
        let is_withheld = self.checks.iter().any(|check| check.outcome == CheckOutcome::Withheld);
        if let Some(check) = self.checks.iter().find(blocking) {
            return format!("{}: {}", self.outcome.name(), check.sentence);
        }
        if is_withheld {
            let uses =
                self.test_set.as_ref().map_or_else(String::new, |test_set| format!(" ({})", test_set.describe()));
            let said = match self.outcome {
                Outcome::Pass => "passed: every check holds",
                Outcome::NeedsApproval => "needs approval: the policy leaves a check to a person",
                Outcome::Fail | Outcome::Inconclusive => "refused: a check on the test set does not hold",
            };
            return format!("{said}; its figures are shown once the test set is used up{uses}");
        }
        match (self.outcome, self.notes.first()) {
            (Outcome::NeedsApproval, Some(note)) => return format!("{}: {note}", self.outcome.name()),
            (Outcome::Pass, _) => {}
            _ => {
                let policy = &self.policy;
                return format!("refused: no check of {policy} could be applied; add one that needs no champion");
            }
        }
        let count = |outcome| self.checks.iter().filter(|check| check.outcome == outcome).count();
        let passed = count(CheckOutcome::Pass);
        let apart = |outcome, word: &str| match count(outcome) {
            0 => String::new(),
            count => format!(", {count} {word}"),
        };
        let undecided = apart(CheckOutcome::Warned, "undecided");
        let skipped = apart(CheckOutcome::Skipped, "skipped");
        let excepted = apart(CheckOutcome::Excepted, "excepted");
        let (total, rows) = (self.checks.len(), self.rows);
        format!("passed: {passed} of {total} checks on {rows} rows{undecided}{skipped}{excepted}")
    }
}
