//! Metrics of classes, checked on the test rows.

use slipway_contract::Metric;
use slipway_contract::metrics::{Attributes, Predictions, RowScores, Rows as Judged, View, all};
use slipway_contract::table::{did_you_mean, shown};

use super::{Complaint, listed};

/// Test rows with the predictions of a model that is always right and certain. A metric that is undefined for it is undefined for
/// every model.
pub(crate) struct ClassRows {
    perfect: Predictions,
    /// The number of rows of each class.
    counts: Vec<u64>,
}

impl ClassRows {
    pub(super) fn of(labels: &[i64], classes: &[String]) -> Self {
        let perfect = perfect_predictions(labels, classes);
        let mut counts = vec![0_u64; classes.len()];
        for label in &perfect.labels {
            counts[*label as usize] += 1;
        }
        Self { perfect, counts }
    }

    /// The number of rows.
    pub(super) fn len(&self) -> usize {
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
    pub(crate) fn missing(&self) -> Vec<&str> {
        let without = self.counts.iter().zip(&self.perfect.classes).filter(|(count, _)| **count == 0);
        without.map(|(_, class)| class.as_str()).collect()
    }

    /// The complaint about a metric of the specification.
    pub(super) fn complaint(&self, metric: &Metric) -> Option<Complaint> {
        // A metric of groups has no value without their column, which is available only for policies.
        if metric.column().is_none()
            && let Some(complaint) = self.unanswered_class(metric, "row")
        {
            return Some(complaint);
        }
        if metric.of(View::Classes(&self.perfect)).is_some() {
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
    pub(super) fn judge_by_policy(&self, metric: &Metric, columns: &Attributes) -> Option<Complaint> {
        if let Some(complaint) = self.unanswered_class(metric, "test row") {
            return Some(complaint);
        }
        match metric.column() {
            None if metric.unit().is_some() => None,
            None if metric.of(View::Classes(&self.perfect)).is_some() => self.passes_over_classes(metric),
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

fn perfect_predictions(labels: &[i64], classes: &[String]) -> Predictions {
    let labels: Vec<u32> = labels.iter().map(|label| u32::try_from(*label).unwrap_or(0)).collect();
    let width = classes.len();
    let mut scores = vec![0.0; labels.len() * width];
    for (row, label) in labels.iter().enumerate() {
        scores[row * width + *label as usize] = 1.0;
    }
    Predictions {
        rows: vec![String::new(); labels.len()],
        classes: classes.to_vec(),
        predictions: labels.clone(),
        labels,
        scores: Some(scores),
    }
}
