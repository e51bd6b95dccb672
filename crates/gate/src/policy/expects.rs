//! The classes, labels and column values that a policy requires of the rows, so that rows without them can be reported before
//! training.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use slipway_contract::metrics::Subject;
use slipway_contract::{Expectation, ExpectedCheck};

use slipway_domain::{CheckOutcome, Diagnostic, Position};

use super::Policy;
use super::checks::{Check, CheckSubject, MetricSubject};
use super::exception::Covers;
use super::slices::Slicing;

/// A requirement on the rows, and its position in the policy.
#[derive(Debug, Clone, PartialEq)]
pub struct Expected {
    /// The requirement.
    pub expectation: Expectation,
    /// The policy file.
    file: String,
    /// Its position in the file, if known.
    position: Option<Position>,
    /// A text that is appended to every message.
    note: String,
}

impl Expected {
    /// The same requirement with a text that is appended to every message.
    #[must_use]
    pub fn noted(self, note: &str) -> Self {
        Self { note: note.to_owned(), ..self }
    }

    /// A diagnostic at its position.
    pub fn located(&self, message: impl Into<String>, help: Option<&str>) -> Diagnostic {
        let located = Diagnostic::new(&self.file, format!("{}{}", message.into(), self.note)).at(self.position);
        match help {
            Some(help) => located.help(help),
            None => located,
        }
    }
}

impl Policy {
    /// All requirements of its checks on the rows of a model. The rows are not rejected for a check that only warns, that leaves
    /// an undecided result to a person, or that an exception of today covers.
    pub fn expects(&self, model: &str, now: Timestamp) -> Vec<Expected> {
        let today = TimeZone::UTC.to_datetime(now).date();
        let is_excepted = |check: &Check| {
            let mut covering = self.exceptions.iter().map(|exception| exception.covers(check, Some(model), today));
            covering.any(|covers| matches!(covers, Some(Covers::Yes(_))))
        };
        self.checks.iter().flat_map(|check| check.expects(is_excepted(check))).collect()
    }
}

impl Check {
    fn expects(&self, is_excepted: bool) -> Vec<Expected> {
        let expected = |(key, check): (&str, ExpectedCheck)| {
            // A `where` condition without a matching row fails its check, so `when_inconclusive` does not apply.
            let fails = matches!(check, ExpectedCheck::Where(_)) || self.undecided == CheckOutcome::Inconclusive;
            let refuses = !self.only_warns && !is_excepted && fails;
            let position = self.places.get(key).copied();
            let (file, note) = (self.file.clone(), String::new());
            Expected { expectation: Expectation { check, refuses }, file, position, note }
        };
        self.check().into_iter().map(expected).collect()
    }

    /// Each requirement with the key that states it.
    fn check(&self) -> Vec<(&'static str, ExpectedCheck)> {
        match &self.subject {
            CheckSubject::Metric(MetricSubject { metric, slicing, .. }) => {
                let of_metric =
                    (metric.subject() == Subject::Classes).then(|| ("metric", ExpectedCheck::Metric(metric.clone())));
                let of_slices = slicing.as_ref().and_then(of_slicing).map(|check| ("slice", check));
                of_metric.into_iter().chain(of_slices).collect()
            }
            CheckSubject::Drift(drift) => vec![("drift", ExpectedCheck::Drift(drift.column.clone()))],
            CheckSubject::Expression(_) | CheckSubject::Leakage => Vec::new(),
        }
    }
}

fn of_slicing(slicing: &Slicing) -> Option<ExpectedCheck> {
    match slicing {
        Slicing::By { columns, .. } => {
            columns.iter().any(|column| column == "label").then_some(ExpectedCheck::EachLabel)
        }
        Slicing::Where { values, .. } => Some(ExpectedCheck::Where(BTreeMap::clone(values))),
    }
}
