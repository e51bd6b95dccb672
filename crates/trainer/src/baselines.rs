//! Predictions without a model: constants of the training rows, which `slipway train` states beside the metrics of a candidate.

use std::collections::BTreeMap;
use std::path::Path;

use slipway_contract::metrics::{Estimates, Predictions, Table};
use slipway_contract::{API_VERSION, Architecture, BaselineReport, EvaluationReport, Fault, Metric, Model};

use crate::data::{self, Target};
use crate::output;

/// The values of metrics, by the name of the baseline.
pub(crate) type Baselines = BTreeMap<String, BTreeMap<Metric, f64>>;

/// Writes the baselines beside the report of an evaluation.
pub(crate) fn write(folder: &Path, report: &EvaluationReport, baselines: Baselines) -> Result<(), Fault> {
    let document = BaselineReport {
        api_version: API_VERSION.to_owned(),
        kind: "BaselineReport".to_owned(),
        artifact: report.artifact.clone(),
        baselines,
    };
    output::write_json(&folder.join(BaselineReport::FILE), &document)
}

/// Measures the baselines of the training file's labels on the rows of a table.
pub(crate) fn measure(
    model: &Model,
    source: &Path,
    architecture: &Architecture,
    table: &Table,
) -> Result<Baselines, Fault> {
    Ok(of_labels(model, &data::training_labels(model, source, architecture)?, table))
}

/// Measures the baselines of training labels on the rows of a table: the class frequencies, or mean and median of the labels. A metric
/// that is undefined for a baseline is left out.
pub(crate) fn of_labels(model: &Model, training: &Target, table: &Table) -> Baselines {
    let tables = match (table, training) {
        (Table::Classes(table), Target::Classes { labels, .. }) => {
            vec![("class_frequencies", Table::Classes(frequencies(table, labels)))]
        }
        (Table::Numbers(table), Target::Numbers(labels)) if !labels.is_empty() => {
            let constant = |value: f64| {
                Table::Numbers(Estimates { predictions: vec![value; table.labels.len()], ..table.clone() })
            };
            vec![("mean", constant(mean(labels))), ("median", constant(median(labels.clone())))]
        }
        _ => Vec::new(),
    };
    let stated = model.spec.evaluation.metrics.iter().cloned().chain([model.spec.task.stated_metric()]);
    let stated: Vec<Metric> = stated.collect();
    let measured = tables.into_iter().map(|(name, table)| {
        let values = stated.iter().filter_map(|metric| Some((metric.clone(), metric.of(table.view())?)));
        (name.to_owned(), values.filter(|(_, value)| value.is_finite()).collect())
    });
    measured.collect()
}

/// The same rows, each with the share of every class as its score and the most frequent class as its prediction.
fn frequencies(table: &Predictions, labels: &[i64]) -> Predictions {
    let mut counts = vec![0_u32; table.classes.len()];
    for label in labels {
        if let Some(count) = usize::try_from(*label).ok().and_then(|label| counts.get_mut(label)) {
            *count += 1;
        }
    }
    let rows = table.labels.len();
    let most = counts.iter().max().copied().unwrap_or_default();
    let first = counts.iter().position(|count| *count == most).unwrap_or_default();
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "scores are 32-bit floats")]
    let shares: Vec<f32> = counts.iter().map(|count| (f64::from(*count) / labels.len().max(1) as f64) as f32).collect();
    Predictions {
        predictions: vec![u32::try_from(first).unwrap_or(u32::MAX); rows],
        scores: Some(shares.repeat(rows)),
        ..table.clone()
    }
}

fn mean(labels: &[f64]) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a row count")]
    let count = labels.len() as f64;
    labels.iter().map(|label| label / count).sum()
}

fn median(mut labels: Vec<f64>) -> f64 {
    labels.sort_by(f64::total_cmp);
    f64::midpoint(labels[(labels.len() - 1) / 2], labels[labels.len() / 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_frequent_class_is_predicted_with_the_shares_as_scores() {
        let table = Predictions {
            rows: vec!["a".to_owned(), "b".to_owned()],
            classes: vec!["no".to_owned(), "yes".to_owned()],
            labels: vec![0, 1],
            predictions: vec![0, 0],
            scores: None,
        };
        let found = frequencies(&table, &[1, 1, 0, 1]);
        assert_eq!((found.predictions, found.scores), (vec![1, 1], Some(vec![0.25, 0.75, 0.25, 0.75])));
        assert_eq!(found.labels, [0, 1]);
    }

    #[test]
    fn numbers_have_a_mean_and_a_median() {
        assert_eq!((mean(&[1.0, 2.0, 6.0]), median(vec![6.0, 1.0, 2.0]), median(vec![4.0, 1.0])), (3.0, 2.0, 2.5));
    }
}
