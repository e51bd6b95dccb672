//! The verdict on a candidate: every check with its figures and a sentence, and the combined outcome.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use slipway_contract::{Digest, counted};

use super::TestSetUse;

/// The combined outcome of all checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// At least one check passed or has an exception. No check failed, is inconclusive or needs approval.
    Pass,
    /// A check failed, or no check could be applied.
    Fail,
    /// No check failed, but the rows do not suffice to prove a pass.
    Inconclusive,
    /// The only open checks are those for which the policy requires a person's approval.
    NeedsApproval,
}

/// The outcome of one check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckOutcome {
    /// The whole interval is on the right side of the threshold.
    Pass,
    /// The whole interval is on the wrong side of the threshold, or no value could be computed.
    Fail,
    /// The interval contains the threshold, and the policy does not accept that.
    Inconclusive,
    /// The interval contains the threshold, and the policy requires a person's approval for that.
    NeedsApproval,
    /// The check does not hold or is undecided, and the policy demands only a warning.
    Warned,
    /// The check compares with a champion, and there is none.
    Skipped,
    /// The check does not hold, and an exception accepts that for now.
    Excepted,
    /// The result is withheld from authors until the test set is used up. This value appears only in the verdict that authors
    /// see.
    Withheld,
}

/// The method that computed the bounds of an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// The exact value, not an estimate.
    Exact,
    /// Wilson's score interval of a proportion.
    Wilson,
    /// Newcombe's tenth method for the difference of paired proportions, or Tango's score test if that is wider.
    Newcombe,
    /// The interval of `McNemar`'s exact test, for few rows on which the models differ.
    McnemarExact,
    /// The interval of `McNemar`'s test with the mid-p correction.
    McnemarMidP,
    /// `DeLong`'s variance of areas under ROC curves.
    Delong,
    /// Bias-corrected and accelerated bootstrap.
    BcaBootstrap,
    /// Bootstrap whose upper bound is a plain quantile of the resamples; for distances.
    PercentileBootstrap,
    /// Jackknife over groups of rows; for very many rows.
    GroupedJackknife,
    /// A bound on the unseen difference, because no row shows a difference.
    UnseenRows,
    /// Order statistics of the measured times.
    OrderStatistics,
}

/// The interval of a metric, or of a difference of two metrics. Each bound alone holds with the policy's confidence. Every number
/// is finite, because JSON has no other numbers: a side without a bound is absent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Interval {
    /// The value on the evaluated rows.
    pub estimate: f64,
    /// One-sided lower bound; `None` if there is no lower bound at this confidence.
    pub lower: Option<f64>,
    /// One-sided upper bound; `None` if there is no upper bound at this confidence.
    pub upper: Option<f64>,
    /// The method of the bounds.
    pub method: Method,
    /// Seed of the resampling, if there was one: it makes the bounds reproducible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

impl Interval {
    /// The lower bound for computations: minus infinity if there is none.
    pub fn lowest(&self) -> f64 {
        self.lower.unwrap_or(f64::NEG_INFINITY)
    }

    /// The upper bound for computations: infinity if there is none.
    pub fn highest(&self) -> f64 {
        self.upper.unwrap_or(f64::INFINITY)
    }
}

/// The requirement of a check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Requirement {
    /// The measure must reach this value.
    AtLeast(f64),
    /// The measure must not exceed this value.
    AtMost(f64),
    /// The measure must lie between the first and the second value.
    Between(f64, f64),
    /// The measure may be worse than the champion's by this margin.
    NoWorseThanChampion {
        /// The margin, zero or more.
        margin: f64,
        /// Whether the margin is a share of the champion's value.
        #[serde(default)]
        relative: bool,
    },
    /// The measure must be better than the champion's, or a baseline's, by more than this value.
    BetterThanChampion {
        /// The value, zero or more.
        by: f64,
        /// The baseline that takes the champion's place, such as `linear`. Servers of earlier releases ignore it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        baseline: Option<String>,
    },
    /// A condition must hold.
    Condition(String),
}

impl Requirement {
    /// Whether it compares with another model: the champion, or a baseline.
    pub fn is_relative(&self) -> bool {
        matches!(self, Self::NoWorseThanChampion { .. } | Self::BetterThanChampion { .. })
    }

    /// Whether it compares with the champion.
    pub fn is_about_champion(&self) -> bool {
        self.is_relative() && self.baseline().is_none()
    }

    /// The baseline that it compares with.
    pub fn baseline(&self) -> Option<&str> {
        match self {
            Self::BetterThanChampion { baseline, .. } => baseline.as_deref(),
            _ => None,
        }
    }
}

/// The result of one slice of a check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SliceResult {
    /// The slice as text, such as `label = shirt`.
    pub name: String,
    /// The outcome.
    pub outcome: CheckOutcome,
    /// The outcome as a sentence that can be read aloud.
    pub sentence: String,
    /// The metric in this slice; its bounds hold for all slices of the check together.
    #[serde(flatten, default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Interval>,
    /// Rows in the slice.
    pub rows: u64,
    /// Estimated number of rows that would decide the slice, if the estimate stayed the same.
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
    /// The last day of the exception, as `2026-01-31`.
    pub expires: String,
    /// Place of the exception: file and line.
    pub place: String,
}

/// The result of one check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CheckResult {
    /// The check's own name, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The measure: a metric, a drift, a leak or an expression.
    pub metric: String,
    /// The requirement.
    pub requirement: Requirement,
    /// The outcome.
    pub outcome: CheckOutcome,
    /// The outcome as a sentence that can be read aloud, with the figures and the place in the policy.
    pub sentence: String,
    /// Why the policy contains the check, in the words of its authors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The person or team who is responsible for the check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The policy file.
    pub file: String,
    /// The line of the check in it.
    pub line: usize,
    /// The measure, or the candidate's minus the champion's; `None` if it could not be computed or has slices.
    #[serde(flatten, default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Interval>,
    /// Number of rows behind the figures.
    pub rows: u64,
    /// Estimated number of rows that would decide an undecided check, if the estimate stayed the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows_to_decide: Option<u64>,
    /// Every slice, if the check has any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slices: Vec<SliceResult>,
    /// Why the check is accepted although it does not hold, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exception: Option<ExceptionNote>,
    /// Whether the result is withheld from authors until the test set is used up.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_withheld: bool,
}

/// A policy of the platform owner that no other policy can loosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MandatoryPolicy {
    /// Its file.
    pub policy: String,
    /// SHA-256 of the file's text.
    pub digest: Digest,
}

/// The verdict on a candidate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Verdict {
    /// The combined outcome.
    pub outcome: Outcome,
    /// The policy file.
    pub policy: String,
    /// SHA-256 of the policy file's text.
    pub policy_digest: Digest,
    /// The mandatory policies whose checks also had to hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[serde(rename = "floors")]
    pub mandatory_policies: Vec<MandatoryPolicy>,
    /// Confidence of every bound, such as 0.95.
    pub confidence: f64,
    /// SHA-256 of the candidate's weights.
    pub candidate: Digest,
    /// SHA-256 of the champion's weights, if the candidate was compared with one.
    pub champion: Option<Digest>,
    /// Number of rows on which the candidate was evaluated.
    pub rows: u64,
    /// The use of the test set, if uses are counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_set: Option<TestSetUse>,
    /// Further information for the reader, one sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Every check, in the policy's order.
    pub checks: Vec<CheckResult>,
}

impl Outcome {
    /// The combined outcome of checks. An undecided result is not a pass.
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

    /// The name for display.
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
    /// The name for display.
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
    /// One line for a commit status: the outcome and the first check that prevents a pass.
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
                Outcome::NeedsApproval => "needs approval: a check of the policy requires a person's decision",
                Outcome::Fail | Outcome::Inconclusive => "refused: a check on the test set does not hold",
            };
            return format!("{said}; its figures are shown once the test set is used up{uses}");
        }
        match (self.outcome, self.notes.first()) {
            (Outcome::NeedsApproval, Some(note)) => return format!("{}: {note}", self.outcome.name()),
            (Outcome::Pass, _) => {}
            _ => {
                let policy = &self.policy;
                return format!(
                    "refused: no check of {policy} could be applied; add a check that works without a champion"
                );
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
        let (total, rows) = (self.checks.len(), counted(self.rows, "row"));
        format!("passed: {passed} of {total} checks on {rows}{undecided}{skipped}{excepted}")
    }
}
