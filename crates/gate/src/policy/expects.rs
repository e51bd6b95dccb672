//! What a policy will ask of the rows that it judges: classes, labels and values of columns that it names. Whoever reads the rows
//! can say before training that none of them answers.

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

/// A question to the rows, and where the policy asks it.
#[derive(Debug, Clone, PartialEq)]
pub struct Expected {
    /// The question.
    pub expectation: Expectation,
    /// The file that it stands in.
    file: String,
    /// Its place there, if that is known.
    position: Option<Position>,
    /// What is said behind every message.
    note: String,
}

impl Expected {
    /// The same, with something said behind every message.
    #[must_use]
    pub fn noted(self, note: &str) -> Self {
        Self { note: note.to_owned(), ..self }
    }

    /// What is said of it, at its place.
    pub fn located(&self, message: impl Into<String>, help: Option<&str>) -> Diagnostic {
        let located = Diagnostic::new(&self.file, format!("{}{}", message.into(), self.note)).at(self.position);
        match help {
            Some(help) => located.help(help),
            None => located,
        }
    }
}

impl Policy {
    /// Everything that its checks ask of the rows of a model. Checks that only warn, that leave to a person what the rows do not
    /// decide, or that the model is excepted from today, refuse no rows.
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
            // A condition whose values no row has fails its check, and leaves nothing for a person to decide.
            let fails = matches!(check, ExpectedCheck::Where(_)) || self.undecided == CheckOutcome::Inconclusive;
            let refuses = !self.only_warns && !is_excepted && fails;
            let position = self.places.get(key).copied();
            let (file, note) = (self.file.clone(), String::new());
            Expected { expectation: Expectation { check, refuses }, file, position, note }
        };
        self.check().into_iter().map(expected).collect()
    }

    /// Each question with the key that asks it.
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
