//! A verdict, as the API reports it.

use serde::Serialize;
use utoipa::ToSchema;

/// The verdict of the gate on a candidate.
#[derive(Serialize, ToSchema)]
pub(super) struct Verdict {
    /// The combined outcome of all checks.
    outcome: Outcome,
    /// The outcome in one line.
    summary: String,
    /// Path of the policy file.
    policy: String,
    /// SHA-256 of the policy file.
    policy_digest: String,
    /// The mandatory policies whose checks also judged the candidate.
    mandatory_policies: Vec<MandatoryPolicy>,
    /// Confidence level of every bound, such as 0.95.
    confidence: f64,
    /// SHA-256 of the champion's weights; null if no champion was compared.
    champion: Option<String>,
    /// Number of test rows on which the candidate was evaluated.
    rows: u64,
    /// The checks, in the order of the policy.
    checks: Vec<Check>,
    /// Further information, one sentence each.
    notes: Vec<String>,
    /// The use of the test set; null in verdicts of earlier versions.
    test_set: Option<TestSet>,
}

/// A use of a test set.
#[derive(Serialize, ToSchema)]
struct TestSet {
    /// Digest of the rows. It depends neither on their order nor on the name of the file.
    rows: String,
    /// Number of this use, counted from one.
    #[serde(rename = "use")]
    number: u32,
    /// Number of uses that the policy allows; null if the policy does not limit them.
    uses: Option<u32>,
    /// The part of the verdict that authors see.
    feedback: Feedback,
    /// Number of rows that did not judge the candidate because their allowed uses are exhausted.
    used_up: u64,
}

/// The part of a verdict that authors see: all figures, or only the outcome.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Feedback {
    Figures,
    Verdict,
}

impl From<&slipway_domain::TestSetUse> for TestSet {
    fn from(usage: &slipway_domain::TestSetUse) -> Self {
        let slipway_domain::TestSetUse { rows, number, allowed, feedback, used_up } = usage;
        Self {
            rows: rows.to_string(),
            number: *number,
            uses: *allowed,
            feedback: match feedback {
                slipway_domain::Feedback::Figures => Feedback::Figures,
                slipway_domain::Feedback::Verdict => Feedback::Verdict,
            },
            used_up: *used_up,
        }
    }
}

/// A mandatory policy.
#[derive(Serialize, ToSchema)]
struct MandatoryPolicy {
    /// Path of the policy file.
    policy: String,
    /// SHA-256 of the policy file.
    digest: String,
}

/// The combined outcome of all checks.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Pass,
    Fail,
    Inconclusive,
    NeedsApproval,
}

/// The outcome of a check. A `warned` check failed, but the policy demands only a warning. A `skipped` check compares with a
/// champion, and there is none. An `excepted` check failed, but an exception accepts that. A `withheld` outcome is hidden from
/// authors until the test set is used up.
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
    Withheld,
}

/// The result of one check.
#[derive(Serialize, ToSchema)]
struct Check {
    /// Name of the check; null if the policy gives it none.
    name: Option<String>,
    /// The person or team who is responsible for the check; null if the policy names none.
    owner: Option<String>,
    /// The metric or expression that the check measures.
    metric: String,
    /// The outcome of the check.
    outcome: CheckOutcome,
    /// The outcome as a sentence, with the figures and the position in the policy.
    sentence: String,
    /// Why the policy contains the check; null if the policy gives no reason.
    why: Option<String>,
    /// Path of the policy file.
    file: String,
    /// Line of the check in the policy file.
    line: usize,
    /// The measured value, or the difference of candidate and champion; null if there is no value.
    estimate: Option<f64>,
    /// One-sided lower bound of the value; null if there is none.
    lower: Option<f64>,
    /// One-sided upper bound of the value; null if there is none. For example, few measured times give no upper bound of a 99th
    /// percentile.
    upper: Option<f64>,
    /// Number of rows that the value was computed from.
    rows: u64,
    /// Estimated number of rows that an undecided check needs for a decision; null if the check is decided.
    rows_to_decide: Option<u64>,
    /// The results of all slices; empty if the check has no slices.
    slices: Vec<Slice>,
    /// The exception that accepts a failed check; null if there is none.
    exception: Option<Exception>,
}

/// The result of one slice of a check.
#[derive(Serialize, ToSchema)]
struct Slice {
    /// Condition of the slice, such as `label = shirt`.
    name: String,
    /// The outcome of the slice.
    outcome: CheckOutcome,
    /// The outcome as a sentence.
    sentence: String,
    /// The measured value, or the difference of candidate and champion; null if there is no value.
    estimate: Option<f64>,
    /// One-sided lower bound, which holds for all slices together; null if there is none.
    lower: Option<f64>,
    /// One-sided upper bound, which holds for all slices together; null if there is none.
    upper: Option<f64>,
    /// Number of rows in the slice.
    rows: u64,
    /// Estimated number of rows that an undecided slice needs for a decision; null if the slice is decided.
    rows_to_decide: Option<u64>,
}

/// An exception, which accepts a failed check for a limited time.
#[derive(Serialize, ToSchema)]
struct Exception {
    /// The reason.
    reason: String,
    /// The person who approved the exception.
    approver: String,
    /// The last day of the exception, as `2026-01-31`.
    expires: String,
    /// Position of the exception in the policy: file and line.
    place: String,
}

impl From<&slipway_domain::Verdict> for Verdict {
    fn from(verdict: &slipway_domain::Verdict) -> Self {
        Self {
            outcome: match verdict.outcome {
                slipway_domain::Outcome::Pass => Outcome::Pass,
                slipway_domain::Outcome::Fail => Outcome::Fail,
                slipway_domain::Outcome::Inconclusive => Outcome::Inconclusive,
                slipway_domain::Outcome::NeedsApproval => Outcome::NeedsApproval,
            },
            summary: verdict.summary(),
            policy: verdict.policy.clone(),
            policy_digest: verdict.policy_digest.to_string(),
            mandatory_policies: verdict.mandatory_policies.iter().map(MandatoryPolicy::from).collect(),
            confidence: verdict.confidence,
            champion: verdict.champion.as_ref().map(ToString::to_string),
            rows: verdict.rows,
            checks: verdict.checks.iter().map(Check::from).collect(),
            notes: verdict.notes.clone(),
            test_set: verdict.test_set.as_ref().map(TestSet::from),
        }
    }
}

impl From<&slipway_domain::MandatoryPolicy> for MandatoryPolicy {
    fn from(mandatory_policy: &slipway_domain::MandatoryPolicy) -> Self {
        let slipway_domain::MandatoryPolicy { policy, digest } = mandatory_policy;
        Self { policy: policy.clone(), digest: digest.to_string() }
    }
}

impl From<&slipway_domain::CheckResult> for Check {
    fn from(check: &slipway_domain::CheckResult) -> Self {
        Self {
            name: check.name.clone(),
            owner: check.owner.clone(),
            metric: check.metric.clone(),
            outcome: check.outcome.into(),
            sentence: check.sentence.clone(),
            why: check.why.clone(),
            file: check.file.clone(),
            line: check.line,
            estimate: check.interval.map(|interval| interval.estimate),
            lower: check.interval.and_then(|interval| interval.lower),
            upper: check.interval.and_then(|interval| interval.upper),
            rows: check.rows,
            rows_to_decide: check.rows_to_decide,
            slices: check.slices.iter().map(Slice::from).collect(),
            exception: check.exception.as_ref().map(Exception::from),
        }
    }
}

impl From<slipway_domain::CheckOutcome> for CheckOutcome {
    fn from(outcome: slipway_domain::CheckOutcome) -> Self {
        match outcome {
            slipway_domain::CheckOutcome::Pass => Self::Pass,
            slipway_domain::CheckOutcome::Fail => Self::Fail,
            slipway_domain::CheckOutcome::Inconclusive => Self::Inconclusive,
            slipway_domain::CheckOutcome::NeedsApproval => Self::NeedsApproval,
            slipway_domain::CheckOutcome::Warned => Self::Warned,
            slipway_domain::CheckOutcome::Skipped => Self::Skipped,
            slipway_domain::CheckOutcome::Excepted => Self::Excepted,
            slipway_domain::CheckOutcome::Withheld => Self::Withheld,
        }
    }
}

impl From<&slipway_domain::SliceResult> for Slice {
    fn from(slice: &slipway_domain::SliceResult) -> Self {
        Self {
            name: slice.name.clone(),
            outcome: slice.outcome.into(),
            sentence: slice.sentence.clone(),
            estimate: slice.interval.map(|interval| interval.estimate),
            lower: slice.interval.and_then(|interval| interval.lower),
            upper: slice.interval.and_then(|interval| interval.upper),
            rows: slice.rows,
            rows_to_decide: slice.rows_to_decide,
        }
    }
}

impl From<&slipway_domain::ExceptionNote> for Exception {
    fn from(exception: &slipway_domain::ExceptionNote) -> Self {
        let slipway_domain::ExceptionNote { reason, approver, expires, place } = exception.clone();
        Self { reason, approver, expires, place }
    }
}
