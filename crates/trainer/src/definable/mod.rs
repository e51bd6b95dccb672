//! Checks before training whether the requested metrics are defined on the test rows for any predictions.

mod classes;
mod numbers;

use slipway_contract::metrics::Attributes;
use slipway_contract::table::shown;
use slipway_contract::{Fault, FaultKind, Metric, Model};

use crate::data::{Rows, Target};
pub(crate) use classes::ClassRows;
use numbers::NumberRows;

/// The most labels that a message names.
const MAX_NAMED: usize = 10;

/// Why no row meets a requirement, and what the user should do.
pub(crate) struct Complaint {
    pub(crate) message: String,
    /// Empty if there is no advice.
    pub(crate) help: String,
}

impl Complaint {
    pub(crate) fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: help.into() }
    }
}

/// A fault for every metric that is undefined on the test rows, or that names a class without rows.
pub(crate) fn check(model: &Model, rows: &TestRows) -> Vec<Fault> {
    let listed = model.spec.evaluation.metrics.iter().enumerate();
    let listed = listed.map(|(index, metric)| (format!("spec.evaluation.metrics[{index}]"), metric.clone()));
    // The metric that every evaluation states follows from the label.
    let always = Some(model.spec.task.stated_metric()).filter(|metric| !model.spec.evaluation.metrics.contains(metric));
    let metrics = listed.chain(always.map(|metric| ("spec.data.label".to_owned(), metric)));
    let fault = |(key, metric): (String, Metric)| {
        let Complaint { message, help } = rows.complaint(&metric)?;
        let fault = Fault::new(FaultKind::Specification, message).key(key);
        Some(if help.is_empty() { fault } else { fault.help(help) })
    };
    metrics.filter_map(fault).collect()
}

/// The fault of a metric that cannot compare epochs, because it is undefined on the validation rows, whose indexes are
/// `validation`.
pub(crate) fn check_comparison(metric: &Metric, rows: &Rows, validation: &[i64]) -> Option<Fault> {
    let places = || validation.iter().filter_map(|place| usize::try_from(*place).ok());
    let observed = match &rows.target {
        Target::Classes { labels, classes } => {
            let labels: Vec<i64> = places().filter_map(|place| labels.get(place).copied()).collect();
            TestRows::Classes(ClassRows::of(&labels, classes))
        }
        Target::Numbers(labels) => {
            let labels: Vec<f64> = places().filter_map(|place| labels.get(place).copied()).collect();
            TestRows::Numbers(NumberRows::of(&labels))
        }
    };
    let Complaint { message, help } = observed.complaint(metric)?;
    let message = format!("on the validation rows, {}", message.replace("test row", "validation row"));
    let fault = Fault::new(FaultKind::Specification, message).key("spec.training.metric");
    Some(if help.is_empty() { fault } else { fault.help(help.replace("test row", "validation row")) })
}

/// Test rows with the predictions of a model that is always right and certain.
pub(crate) enum TestRows {
    /// Rows with classes.
    Classes(ClassRows),
    /// Rows with numbers.
    Numbers(NumberRows),
}

impl TestRows {
    pub(crate) fn of(test: &Rows) -> Self {
        match &test.target {
            Target::Classes { labels, classes } => Self::Classes(ClassRows::of(labels, classes)),
            Target::Numbers(labels) => Self::Numbers(NumberRows::of(labels)),
        }
    }

    /// The number of rows.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Classes(rows) => rows.len(),
            Self::Numbers(rows) => rows.len(),
        }
    }

    /// The rows with classes, if these are predicted.
    pub(crate) fn classes(&self) -> Option<&ClassRows> {
        match self {
            Self::Classes(rows) => Some(rows),
            Self::Numbers(_) => None,
        }
    }

    /// The complaint about a metric of the specification.
    fn complaint(&self, metric: &Metric) -> Option<Complaint> {
        match self {
            Self::Classes(rows) => rows.complaint(metric),
            Self::Numbers(rows) => rows.complaint(metric, &Attributes::new()),
        }
    }

    /// The complaint about a metric of a policy. `columns` are the columns that it may group rows by.
    pub(crate) fn judge_by_policy(&self, metric: &Metric, columns: &Attributes) -> Option<Complaint> {
        match self {
            Self::Classes(rows) => rows.judge_by_policy(metric, columns),
            Self::Numbers(rows) => rows.complaint(metric, columns),
        }
    }
}

/// The first of some names, as a phrase.
pub(crate) fn listed<T: AsRef<str>>(names: &[T]) -> String {
    let first: Vec<String> = names.iter().take(MAX_NAMED).map(|name| shown(name.as_ref())).collect();
    format!("`{}`{}", first.join("`, `"), if names.len() > MAX_NAMED { ", …" } else { "" })
}
