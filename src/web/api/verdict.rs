//! A verdict, as the API reports it.

use serde::Serialize;
use utoipa::ToSchema;

/// The gate's verdict on a candidate.
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
    /// The mandatory policies whose checks also had to hold.
    #[serde(rename = "floors")]
    mandatory_policies: Vec<MandatoryPolicy>,
    /// Confidence of every bound, such as 0.95.
    confidence: f64,
    /// SHA-256 of the champion's weights; null if the candidate was not compared with one.
    champion: Option<String>,
    /// Number of rows on which the candidate was evaluated.
    rows: u64,
    /// Every check, in the order of the policy.
    checks: Vec<Check>,
    /// Further information for readers, one sentence each.
    notes: Vec<String>,
    /// The use of the test set; null for verdicts of earlier versions.
    test_set: Option<TestSet>,
}

/// A use of a test set.
#[derive(Serialize, ToSchema)]
struct TestSet {
    /// Digest of its rows, independent of their order and of the file name.
    rows: String,
    /// The number of this use, from one.
    #[serde(rename = "use")]
    number: u32,
    /// The number of uses that the policy allows; null if it does not limit them.
    uses: Option<u32>,
    /// The part of the verdict that authors are shown: `figures` or `verdict`.
    feedback: Feedback,
    /// Number of rows that were left out because they are used up.
    used_up: u64,
}

/// The part of a verdict that authors are shown.
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
    /// Its file.
    policy: String,
    /// SHA-256 of the file's text.
    digest: String,
}

/// The outcome of all checks together.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Pass,
    Fail,
    Inconclusive,
    NeedsApproval,
}

/// The outcome of a check.
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
    /// Withheld from authors until the test set is used up.
    Withheld,
}

/// A check.
#[derive(Serialize, ToSchema)]
struct Check {
    /// The check's own name, if it has one.
    name: Option<String>,
    /// Who is responsible for the check.
    owner: Option<String>,
    /// The metric.
    metric: String,
    /// The outcome.
    outcome: CheckOutcome,
    /// The outcome as a sentence, with the figures and the place in the policy.
    sentence: String,
    /// Why the policy contains the check.
    why: Option<String>,
    /// The policy file.
    file: String,
    /// The line of the check in it.
    line: usize,
    /// The metric, or the candidate's value minus the champion's.
    estimate: Option<f64>,
    /// One-sided lower bound; null if there is none.
    lower: Option<f64>,
    /// One-sided upper bound; null if there is none, for example for a 99th percentile of few measured times.
    upper: Option<f64>,
    /// Number of rows behind the figures.
    rows: u64,
    /// Estimated number of rows that would decide an undecided check.
    rows_to_decide: Option<u64>,
    /// Every slice, if the check has any.
    slices: Vec<Slice>,
    /// Why the check is accepted although it does not hold; null if there is no exception.
    exception: Option<Exception>,
}

/// A slice of a check.
#[derive(Serialize, ToSchema)]
struct Slice {
    /// The slice as text, such as `label = shirt`.
    name: String,
    /// The outcome.
    outcome: CheckOutcome,
    /// The outcome as a sentence.
    sentence: String,
    /// The measure in this slice.
    estimate: Option<f64>,
    /// One-sided lower bound, valid for all slices of the check together.
    lower: Option<f64>,
    /// One-sided upper bound, valid for all slices of the check together.
    upper: Option<f64>,
    /// Number of rows in the slice.
    rows: u64,
    /// Estimated number of rows of the slice that would decide it.
    rows_to_decide: Option<u64>,
}

/// An exception: why a check that does not hold is accepted for now.
#[derive(Serialize, ToSchema)]
struct Exception {
    reason: String,
    /// Who approved it.
    approver: String,
    /// The last day on which it is valid.
    expires: String,
    /// Its place: file and line.
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
