//! One check of a policy: its subject and its requirement, and whether it can pass and fail at all.

use std::collections::BTreeMap;

use jiff::civil::Date;
use slipway_contract::Metric;
use slipway_contract::metrics::Subject;

use slipway_domain::{CheckOutcome, Position, Requirement};

use super::drift::Drift;
use super::expression::Expression;
use super::slices::Slicing;

/// A check as the policy states it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Check {
    /// The subject.
    pub(super) subject: CheckSubject,
    /// The requirement.
    pub(super) requirement: Requirement,
    /// Its name, which exceptions and stricter versions refer to.
    pub(super) name: Option<String>,
    /// The outcome if the rows do not decide.
    pub(super) undecided: CheckOutcome,
    /// Whether a failure only warns.
    pub(super) only_warns: bool,
    /// The last day on which it may pass.
    pub(super) expires: Option<Date>,
    /// The owner of the check.
    pub(super) owner: Option<String>,
    /// The reason that its authors give.
    pub(super) why: Option<String>,
    /// The file that contains it.
    pub(super) file: String,
    /// Its line there.
    pub(super) line: usize,
    /// The positions of its keys in the file.
    pub(super) places: BTreeMap<&'static str, Position>,
}

/// The subject of a check.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum CheckSubject {
    /// A metric, over all rows or in slices of them.
    Metric(MetricSubject),
    /// A CEL condition on the known facts.
    Expression(Expression),
    /// The drift of a column's data.
    Drift(Drift),
    /// The share of test rows that are also training rows.
    Leakage,
}

/// A metric and the rows that it is measured on.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct MetricSubject {
    /// The metric.
    pub(super) metric: Metric,
    /// The slices that are judged one by one.
    pub(super) slicing: Option<Slicing>,
    /// The column whose values group rows into clusters.
    pub(super) group_by: Option<String>,
    /// The training runs that must pass the check, including the candidate.
    pub(super) seeds: Option<Seeds>,
}

/// The number of training runs that must pass a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seeds {
    /// The number of runs of the same training with different seeds, including the candidate.
    pub(super) at_least: u32,
    /// Whether runs other than the candidate may stay undecided.
    pub(super) may_be_undecided: bool,
}

/// A threshold and its passing side.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Wanted {
    /// At or above it.
    AtLeast(f64),
    /// At or below it.
    AtMost(f64),
    /// From the first to the second.
    Between(f64, f64),
}

impl Wanted {
    /// The threshold of a requirement, for a measure or for the candidate's value minus the champion's.
    pub(super) fn of(higher_is_better: bool, requirement: &Requirement) -> Self {
        match *requirement {
            Requirement::AtLeast(threshold) => Self::AtLeast(threshold),
            Requirement::AtMost(threshold) => Self::AtMost(threshold),
            Requirement::Between(least, most) => Self::Between(least, most),
            Requirement::NoWorseThanChampion { margin, .. } if higher_is_better => Self::AtLeast(-margin),
            Requirement::NoWorseThanChampion { margin, .. } => Self::AtMost(margin),
            Requirement::BetterThanChampion { by, .. } if higher_is_better => Self::AtLeast(by),
            Requirement::BetterThanChampion { by, .. } => Self::AtMost(-by),
            // A condition that holds counts as one.
            Requirement::Condition(_) => Self::AtLeast(1.0),
        }
    }

    /// Whether a value is on the passing side. The threshold itself passes.
    pub(super) fn holds(self, value: f64) -> bool {
        match self {
            Self::AtLeast(threshold) => value >= threshold,
            Self::AtMost(threshold) => value <= threshold,
            Self::Between(least, most) => (least..=most).contains(&value),
        }
    }

    /// The threshold nearest to a value.
    pub(super) fn nearest(self, value: f64) -> f64 {
        match self {
            Self::AtLeast(threshold) | Self::AtMost(threshold) => threshold,
            Self::Between(least, most) => {
                if (value - least).abs() <= (value - most).abs() {
                    least
                } else {
                    most
                }
            }
        }
    }
}

impl Check {
    /// The metric, if the subject is one.
    pub(super) fn metric(&self) -> Option<&Metric> {
        match &self.subject {
            CheckSubject::Metric(subject) => Some(&subject.metric),
            _ => None,
        }
    }

    /// Whether a higher value is better.
    pub(super) fn higher_is_better(&self) -> bool {
        self.metric().is_some_and(Metric::higher_is_better)
    }

    /// The threshold of its measure.
    pub(super) fn wanted(&self) -> Wanted {
        Wanted::of(self.higher_is_better(), &self.requirement)
    }

    /// The measure's name in results.
    pub(super) fn measure(&self) -> String {
        match &self.subject {
            CheckSubject::Metric(subject) => subject.metric.to_string(),
            CheckSubject::Expression(_) => "expression".to_owned(),
            CheckSubject::Drift(drift) => format!("{}(column=\"{}\")", drift.statistic.name(), drift.column),
            CheckSubject::Leakage => "leakage".to_owned(),
        }
    }

    /// Whether the result depends on the test rows.
    pub(super) fn is_on_test_rows(&self) -> bool {
        match &self.subject {
            CheckSubject::Metric(subject) => subject.metric.subject() != Subject::Artifact,
            CheckSubject::Expression(expression) => expression.names().iter().any(|name| name.starts_with("metrics.")),
            CheckSubject::Drift(_) => false,
            CheckSubject::Leakage => true,
        }
    }

    /// The columns of the predictions that it groups rows by.
    pub(super) fn columns(&self) -> Vec<&str> {
        let CheckSubject::Metric(MetricSubject { metric, slicing, group_by, .. }) = &self.subject else {
            return Vec::new();
        };
        let sliced = slicing.iter().flat_map(Slicing::columns);
        sliced.chain(group_by.as_deref()).chain(metric.column()).collect()
    }

    /// Whether it is judged one slice or one training run at a time.
    pub(super) fn has_parts(&self) -> bool {
        matches!(&self.subject,
            CheckSubject::Metric(subject) if subject.slicing.is_some() || subject.seeds.is_some())
    }

    /// The message and the help text if the check could never pass or never fail.
    pub(super) fn flaw(&self) -> Option<(String, String)> {
        let (name, (least, most)) = match &self.subject {
            CheckSubject::Metric(subject) => (subject.metric.describe(), subject.metric.range()),
            CheckSubject::Drift(drift) => (drift.statistic.name().to_owned(), drift.statistic.range()),
            CheckSubject::Expression(_) | CheckSubject::Leakage => return None,
        };
        let exact = self.metric().is_some_and(|metric| metric.subject() == Subject::Artifact);
        let never = |verb: &str, came: String, expected: String| {
            let help = if exact {
                format!("{name} is a number above {least}")
            } else {
                format!("{name} lies from {least} to {most}, and a bound on finitely many rows never reaches an end")
            };
            Some((format!("this check could never {verb}: {came} came, expected {expected}"), help))
        };
        match self.requirement {
            Requirement::AtLeast(threshold) | Requirement::AtMost(threshold) => {
                // NaN fails both comparisons.
                if threshold > least && threshold < most {
                    return None;
                }
                let wants_more = matches!(self.requirement, Requirement::AtLeast(_));
                let always = if wants_more { threshold <= least } else { threshold >= most };
                never(if always { "fail" } else { "pass" }, threshold.to_string(), between(least, most))
            }
            Requirement::Between(from, to) => {
                if from > least && to < most && from < to {
                    return None;
                }
                let always = from <= least && to >= most;
                let expected =
                    format!("two rising numbers, both {}", between(least, most).trim_start_matches("a number "));
                never(if always { "fail" } else { "pass" }, format!("{from} to {to}"), expected)
            }
            Requirement::NoWorseThanChampion { margin, relative } => {
                let width = if relative && least >= 0.0 { 1.0 } else { most - least };
                if margin >= 0.0 && margin < width {
                    return None;
                }
                let verb = if margin >= width { "fail" } else { "be met by an equal model" };
                let limit =
                    if width.is_finite() { format!("0 up to (not including) {width}") } else { "0 or more".to_owned() };
                Some((
                    format!("this check could never {verb}: margin {margin} came, expected {limit}"),
                    format!("0.01 lets {name} get worse by at most 0.01"),
                ))
            }
            Requirement::BetterThanChampion { by, .. } => {
                let width = most - least;
                if by >= 0.0 && by < width {
                    return None;
                }
                let limit =
                    if width.is_finite() { format!("0 up to (not including) {width}") } else { "0 or more".to_owned() };
                Some((
                    format!(
                        "this check could never {}: by {by} came, expected {limit}",
                        if by >= width { "pass" } else { "fail on an equal model" }
                    ),
                    "0 asks for any improvement that the rows can show".to_owned(),
                ))
            }
            Requirement::Condition(_) => None,
        }
    }

    /// Whether this check is at least as strict as `other`: about the same measure on the same rows, and milder in no respect.
    pub(super) fn is_as_strict_as(&self, other: &Self) -> bool {
        let as_strict = match (&self.requirement, &other.requirement) {
            (Requirement::AtLeast(ours), Requirement::AtLeast(theirs)) => ours >= theirs,
            (
                Requirement::BetterThanChampion { by: ours, baseline: one },
                Requirement::BetterThanChampion { by: theirs, baseline: other },
            ) => one == other && ours >= theirs,
            (Requirement::AtMost(ours), Requirement::AtMost(theirs)) => ours <= theirs,
            (Requirement::Between(least, most), Requirement::Between(from, to)) => least >= from && most <= to,
            (
                Requirement::NoWorseThanChampion { margin: ours, relative: same },
                Requirement::NoWorseThanChampion { margin: theirs, relative },
            ) => same == relative && ours <= theirs,
            (ours, theirs) => ours == theirs,
        };
        as_strict
            && self.subject == other.subject
            && (self.undecided == CheckOutcome::Inconclusive || self.undecided == other.undecided)
            && (!self.only_warns || other.only_warns)
    }
}

fn between(least: f64, most: f64) -> String {
    match (least.is_finite(), most.is_finite()) {
        (true, true) => format!("a number between {least} and {most}"),
        (true, false) => format!("a number above {least}"),
        _ => format!("a number below {most}"),
    }
}
