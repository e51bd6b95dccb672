//! Checks before training whether the requested metrics are defined on the test rows for any predictions.

use slipway_contract::metrics::{Attributes, Predictions, RowScores, Rows as Judged, View, all};
use slipway_contract::table::{did_you_mean, shown};
use slipway_contract::{Fault, FaultKind, Metric, Model};

use crate::data::Rows;

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
pub(crate) fn check(model: &Model, rows: &TestRows<'_>) -> Vec<Fault> {
    let metrics = model.spec.evaluation.metrics.iter().enumerate();
    let complaints = metrics.filter_map(|(index, metric)| Some((index, rows.complaint(metric)?)));
    let fault = |(index, Complaint { message, help }): (usize, Complaint)| {
        let fault = Fault::new(FaultKind::Specification, message).key(format!("spec.evaluation.metrics[{index}]"));
        if help.is_empty() { fault } else { fault.help(help) }
    };
    complaints.map(fault).collect()
}

/// Test rows with the predictions of a model that is always right and certain. A metric that is undefined for it is undefined for
/// every model.
pub(crate) struct TestRows<'rows> {
    test: &'rows Rows,
    perfect: Predictions,
    /// The number of rows of each class.
    counts: Vec<u64>,
}

impl<'rows> TestRows<'rows> {
    pub(crate) fn of(test: &'rows Rows) -> Self {
        let perfect = perfect_predictions(test);
        let mut counts = vec![0_u64; test.classes.len()];
        for label in &perfect.labels {
            counts[*label as usize] += 1;
        }
        Self { test, perfect, counts }
    }

    /// The number of rows.
    pub(crate) fn len(&self) -> usize {
        self.perfect.labels.len()
    }

    /// The class of each row.
    pub(crate) fn labels(&self) -> &[u32] {
        &self.perfect.labels
    }

    /// The classes of the training rows.
    pub(crate) fn classes(&self) -> &[String] {
        &self.perfect.classes
    }

    /// The classes without test rows.
    pub(crate) fn missing(&self) -> Vec<&'rows str> {
        let without = self.counts.iter().zip(&self.test.classes).filter(|(count, _)| **count == 0);
        without.map(|(_, class)| class.as_str()).collect()
    }

    /// The complaint about a metric of the specification.
    fn complaint(&self, metric: &Metric) -> Option<Complaint> {
        // A metric of groups has no value without their column, which is available only for policies.
        if metric.column().is_none()
            && let Some(complaint) = self.unanswered_class(metric, "row")
        {
            return Some(complaint);
        }
        if metric.of(&self.perfect).is_some_and(f64::is_finite) {
            self.passes_over_classes(metric)
        } else {
            Some(self.undefined(metric))
        }
    }

    /// The complaint about classes without rows, if the metric averages over classes or measures an agreement of several classes.
    fn passes_over_classes(&self, metric: &Metric) -> Option<Complaint> {
        let missing = self.lacking(metric);
        if missing.is_empty() {
            return None;
        }
        let says =
            if metric.averages_classes() { "averages over all classes, but" } else { "says nothing of one class, and" };
        let message = format!("{metric} {says} no test row has the label {}", listed(&missing));
        Some(Complaint::new(message, no_rows(&missing)))
    }

    /// The classes that a metric needs rows of and that have none.
    fn lacking<'names>(&'names self, metric: &'names Metric) -> Vec<&'names str> {
        metric.lacks_rows_of(&self.perfect.classes, &self.counts)
    }

    /// The complaint about a metric of a policy. `columns` are the columns that it may group rows by.
    pub(crate) fn judge_by_policy(&self, metric: &Metric, columns: &Attributes) -> Option<Complaint> {
        if let Some(complaint) = self.unanswered_class(metric, "test row") {
            return Some(complaint);
        }
        match metric.column() {
            None if metric.unit().is_some() => None,
            None if metric.of(&self.perfect).is_some_and(f64::is_finite) => self.passes_over_classes(metric),
            None => Some(self.undefined(metric)),
            Some(column) => self.undefined_of_groups(metric, column, columns),
        }
    }

    /// The complaint about a class of the metric that does not exist, or that it needs rows of and that has none. `row` names the
    /// kind of rows in the message about a class that does not exist.
    fn unanswered_class(&self, metric: &Metric, row: &str) -> Option<Complaint> {
        if let Some(class) = metric.classes().find(|class| self.perfect.class(class).is_none()) {
            let all = listed(&self.perfect.classes);
            let message = format!("{metric}: no {row} has the label `{}`; the labels are {all}", shown(class));
            return Some(Complaint::new(message, self.meant(class)));
        }
        let lacking = self.lacking(metric);
        let class = metric.classes().find(|class| lacking.contains(class))?;
        let message = format!("{metric}: no test row has the label `{}`", shown(class));
        Some(Complaint::new(message, no_rows(&[class])))
    }

    /// The complaint about a metric of groups. It is undefined if a group has no rows for the denominator of its rate.
    fn undefined_of_groups(&self, metric: &Metric, column: &str, columns: &Attributes) -> Option<Complaint> {
        if metric.needs_rows_of(&self.perfect.classes).is_empty() {
            // A rate of predictions does not depend on labels.
            return None;
        }
        // A policy that names a column that predictions do not have was rejected before.
        let groups = columns.get(column)?;
        let scores = RowScores::new();
        let rows = Judged { table: View::Classes(&self.perfect), attributes: columns, row_scores: &scores };
        if metric.over(rows, &all(self.len())).is_ok_and(|value| value.is_some_and(f64::is_finite)) {
            return None;
        }
        let class = metric.classes().next().and_then(|class| Some((class, self.perfect.class(class)?)));
        let group_without = class.and_then(|(class, place)| {
            let mut has_rows = vec![[false; 2]; groups.values.len()];
            for (group, label) in groups.of_row.iter().zip(&self.perfect.labels) {
                has_rows[*group as usize][usize::from(*label as usize == place)] = true;
            }
            let found = has_rows.iter().zip(&groups.values).find(|(has, _)| **has != [true; 2])?;
            Some((class, found.0[1], shown(found.1)))
        });
        let Some((class, has_class, group)) = group_without else { return Some(self.undefined(metric)) };
        let which = if has_class { "another label than" } else { "the label" };
        let message =
            format!("{metric} is undefined: no test row of {column} `{group}` has {which} `{}`", shown(class));
        Some(Complaint::new(message, format!("add such rows, or leave out those of {column} `{group}`")))
    }

    fn meant(&self, class: &str) -> String {
        let known: Vec<&str> = self.perfect.classes.iter().map(String::as_str).collect();
        did_you_mean(class, &known).unwrap_or_default()
    }

    fn undefined(&self, metric: &Metric) -> Complaint {
        let missing = self.missing();
        let present: Vec<&String> = self
            .counts
            .iter()
            .zip(&self.perfect.classes)
            .filter(|(count, _)| **count > 0)
            .map(|(_, class)| class)
            .collect();
        match (present.as_slice(), missing.is_empty()) {
            ([only], _) => Complaint::new(
                format!("{metric} is undefined: all test rows have the label `{only}`"),
                "add test rows with other labels, or ask for another metric",
            ),
            (_, false) => Complaint::new(
                format!("{metric} is undefined: no test row has the label {}", listed(&missing)),
                no_rows(&missing),
            ),
            (_, true) => Complaint::new(format!("{metric} is undefined on the test rows"), ""),
        }
    }
}

fn no_rows(missing: &[&str]) -> String {
    format!("add test rows with the label {}, or ask for another metric", listed(missing))
}

fn perfect_predictions(test: &Rows) -> Predictions {
    let labels: Vec<u32> = test.labels.iter().map(|label| u32::try_from(*label).unwrap_or(0)).collect();
    let width = test.classes.len();
    let mut scores = vec![0.0; labels.len() * width];
    for (row, label) in labels.iter().enumerate() {
        scores[row * width + *label as usize] = 1.0;
    }
    Predictions {
        rows: vec![String::new(); labels.len()],
        classes: test.classes.clone(),
        predictions: labels.clone(),
        labels,
        scores: Some(scores),
    }
}

/// The first of some names, as a phrase.
pub(crate) fn listed<T: AsRef<str>>(names: &[T]) -> String {
    let first: Vec<String> = names.iter().take(MAX_NAMED).map(|name| shown(name.as_ref())).collect();
    format!("`{}`{}", first.join("`, `"), if names.len() > MAX_NAMED { ", …" } else { "" })
}
