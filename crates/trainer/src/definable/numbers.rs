//! Metrics of numbers, checked on the test rows.

use std::collections::BTreeMap;

use slipway_contract::Metric;
use slipway_contract::metrics::{Attributes, Estimates, RowScores, Rows as Judged, Unmeasurable, View, all};

use super::Complaint;

/// Test rows with the predictions of a model that is always right. A metric that is undefined for it is undefined for every model.
pub(crate) struct NumberRows {
    perfect: Estimates,
}

impl NumberRows {
    pub(super) fn of(labels: &[f64]) -> Self {
        let (rows, labels) = (vec![String::new(); labels.len()], labels.to_vec());
        Self { perfect: Estimates { rows, predictions: labels.clone(), labels, quantiles: BTreeMap::new() } }
    }

    /// The number of rows.
    pub(super) fn len(&self) -> usize {
        self.perfect.labels.len()
    }

    /// The complaint about a metric. `columns` are the columns that it may group rows by.
    pub(super) fn complaint(&self, metric: &Metric, columns: &Attributes) -> Option<Complaint> {
        if metric.unit().is_some() {
            return None;
        }
        let scores = RowScores::new();
        let rows = Judged { table: View::Numbers(&self.perfect), attributes: columns, row_scores: &scores };
        let undefined = |why: String, help: &str| Some(Complaint::new(format!("{metric} is undefined: {why}"), help));
        match metric.over(rows, &all(self.len())) {
            Ok(Some(value)) if value.is_finite() => None,
            Ok(_) if self.len() < 2 => undefined("there is one test row".to_owned(), "add test rows"),
            Ok(_) => undefined("it has no value on the test rows".to_owned(), "ask for another metric"),
            Err(Unmeasurable::NoColumn(_)) if metric.column().is_some() => None,
            Err(Unmeasurable::NoColumn(column)) => undefined(
                format!("the model predicts no `{column}`"),
                "ask for a metric of the predicted number itself",
            ),
            Err(reason) => undefined(reason.to_string(), "ask for another metric"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_that_no_prediction_of_these_rows_defines_are_named() {
        let complaint = |labels: &[f64], metric: &str| {
            let metric: Metric = metric.parse().expect("a metric");
            NumberRows::of(labels).complaint(&metric, &Attributes::new()).map(|complaint| complaint.message)
        };
        for metric in ["mean_absolute_error", "root_mean_squared_error", "r2", "median_absolute_error"] {
            assert_eq!(complaint(&[1.0, 2.0, 4.0], metric), None, "{metric}");
        }
        assert!(complaint(&[1.0], "r2").expect("undefined").contains("there is one test row"));
        assert!(complaint(&[0.0, 0.0], "wape").expect("undefined").contains("all labels are 0"));
        let quantile = complaint(&[1.0, 2.0], "pinball_loss(quantile=0.9)").expect("undefined");
        assert!(quantile.contains("predicts no `quantile_0.9`"), "{quantile}");
    }
}
