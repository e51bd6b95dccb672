//! One check of a policy: what it asks of a metric, and whether it could ever say yes and ever say no.

use slipway_contract::Metric;

use crate::domain::{CheckOutcome, Interval, Requirement};

/// A check as the policy states it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Check {
    /// What is measured.
    pub(super) metric: Metric,
    /// What is asked of it.
    pub(super) requirement: Requirement,
    /// What becomes of it if the rows do not decide.
    pub(super) undecided: CheckOutcome,
    /// Why its authors ask for it.
    pub(super) why: Option<String>,
    /// Its line in the policy file.
    pub(super) line: usize,
}

/// A threshold and the side of it that is wanted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Wanted {
    /// At or above it.
    AtLeast(f64),
    /// At or below it.
    AtMost(f64),
}

impl Wanted {
    /// What a requirement asks of a metric, or of the candidate's less the champion's.
    pub(super) fn of(metric: Metric, requirement: Requirement) -> Self {
        match requirement {
            Requirement::AtLeast(threshold) => Self::AtLeast(threshold),
            Requirement::AtMost(threshold) => Self::AtMost(threshold),
            Requirement::NoWorseThanChampion { margin } if metric.higher_is_better() => Self::AtLeast(-margin),
            Requirement::NoWorseThanChampion { margin } => Self::AtMost(margin),
        }
    }

    /// The threshold.
    pub(super) fn threshold(self) -> f64 {
        match self {
            Self::AtLeast(threshold) | Self::AtMost(threshold) => threshold,
        }
    }

    /// Whether a value is on the wanted side; the threshold itself is.
    pub(super) fn holds(self, value: f64) -> bool {
        match self {
            Self::AtLeast(threshold) => value >= threshold,
            Self::AtMost(threshold) => value <= threshold,
        }
    }

    /// Whether all of an interval is on the wanted side (`Some(true)`), none of it (`Some(false)`), or some of it (`None`).
    pub(super) fn decided_by(self, interval: &Interval) -> Option<bool> {
        match (self.holds(interval.lower), self.holds(interval.upper)) {
            (true, true) => Some(true),
            (false, false) => Some(false),
            _ => None,
        }
    }
}

impl Check {
    /// Why this check would be no check at all, if so: the message and what to do.
    pub(super) fn flaw(&self) -> Option<(String, String)> {
        let metric = self.metric;
        let (least, most) = metric.range();
        match self.requirement {
            Requirement::AtLeast(threshold) | Requirement::AtMost(threshold) => {
                // NaN fails both comparisons.
                if threshold > least && threshold < most {
                    return None;
                }
                let wants_more = matches!(self.requirement, Requirement::AtLeast(_));
                let always = if wants_more { threshold <= least } else { threshold >= most };
                let verb = if always { "fail" } else { "pass" };
                Some((
                    format!("this check could never {verb}: {threshold} came, expected {}", between(least, most)),
                    format!(
                        "{metric} lies from {least} to {most}, and a bound on finitely many rows never reaches an end"
                    ),
                ))
            }
            Requirement::NoWorseThanChampion { margin } => {
                let width = most - least;
                if margin >= 0.0 && margin < width {
                    return None;
                }
                let verb = if margin >= width { "fail" } else { "be met by an equal model" };
                let limit =
                    if width.is_finite() { format!("0 up to (not including) {width}") } else { "0 or more".to_owned() };
                Some((
                    format!("this check could never {verb}: margin {margin} came, expected {limit}"),
                    format!("0.01 lets {metric} get worse by at most 0.01"),
                ))
            }
        }
    }
}

fn between(least: f64, most: f64) -> String {
    if most.is_finite() { format!("a number between {least} and {most}") } else { format!("a number above {least}") }
}
