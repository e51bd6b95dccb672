//! What is fitted to the validation rows after training: the temperature of the scores, and the threshold of the second class.

use std::path::Path;

use slipway_contract::metrics::Table;
use slipway_contract::{Calibration, Fault, FaultKind, Metric, Model};
use tch::{Device, Kind, Tensor};

use super::made::Made;
use crate::artifact::{self, Loaded};
use crate::data::Target;
use crate::failure;
use crate::head::Head;
use crate::progress::Reporter;

/// Rows per batch of outputs.
const BATCH: i64 = 512;
/// The largest temperature, and the inverse of the smallest.
const MOST: f64 = 100.0;
/// The steps of a bisection, after which the bounds are neighbouring 64-bit floats.
const STEPS: u32 = 100;
/// The most thresholds that are compared.
const MAX_THRESHOLDS: usize = 1000;

impl Made {
    /// Fits what the model asks for to the validation rows. `path` is a file that may be overwritten.
    pub(super) fn calibrate(&mut self, model: &Model, path: &Path, device: Device) -> Result<(), Fault> {
        let training = &model.spec.training;
        if training.calibration.is_none() && training.threshold.is_none() {
            return Ok(());
        }
        let Target::Classes { labels, classes } = &self.rows.target else { return Ok(()) };
        if training.threshold.is_some() && classes.len() != 2 {
            let message = format!("the training rows have {} classes, and a threshold needs two", classes.len());
            return Err(Fault::new(FaultKind::Specification, message).key("spec.training.threshold"));
        }
        let places = Vec::<i64>::try_from(&self.validation).map_err(|error| failure::of_torch(&error))?;
        let labels: Vec<usize> = places.iter().filter_map(|row| label_of(labels, *row)).collect();
        // The artifact itself is evaluated, so that what is fitted belongs to the stored weights.
        let weights = self.trained.weights.iter().map(|(name, tensor)| (name.clone(), tensor.shallow_clone()));
        let statistics = self.statistics.iter().map(|(name, tensor)| (name.clone(), tensor.shallow_clone()));
        artifact::write(path, &self.architecture, weights, statistics.collect())?;
        let loaded = artifact::load(path, device)?;
        let outputs = self.outputs(&loaded, classes.len(), device)?;
        if training.calibration == Some(Calibration::Temperature) {
            let width = usize::try_from(outputs.size()[1]).unwrap_or(0);
            let values = Vec::<f64>::try_from(&outputs.contiguous().view([-1]));
            let values = values.map_err(|error| failure::of_torch(&error))?;
            let rows: Vec<&[f64]> = values.chunks_exact(width.max(1)).collect();
            let least = if training.label_smoothing > 0.0 { 1.0 / MOST } else { 1.0 };
            let temperature = temperature_of(&rows, &labels, least);
            Reporter::stage(&format!("temperature {temperature:.4} on {} validation rows", rows.len()));
            self.architecture.temperature = Some(temperature);
        }
        if let Some(metric) = &training.threshold {
            let head = Head::of(&self.architecture, |_| Ok(f64::NAN))?;
            let names = vec![String::new(); places.len()];
            let table = head.table(&[head.answers(&outputs)], &self.rows, &places, names)?;
            let (threshold, value) = threshold_of(metric, table).ok_or_else(|| {
                let message = format!("{metric} is undefined on the validation rows");
                Fault::new(FaultKind::Specification, message).key("spec.training.threshold")
            })?;
            Reporter::stage(&format!("threshold {threshold:.4}: {metric} {value:.4} on the validation rows"));
            self.architecture.threshold = Some(threshold);
        }
        Ok(())
    }

    /// The outputs of the classes for the validation rows, as 64-bit floats `[rows, classes]`.
    fn outputs(&self, loaded: &Loaded, classes: usize, device: Device) -> Result<Tensor, Fault> {
        let _guard = tch::no_grad_guard();
        let count = self.validation.size()[0];
        let needed = i64::try_from(classes).unwrap_or(i64::MAX);
        let mut outputs = Vec::new();
        for start in (0..count).step_by(512) {
            let rows = self.validation.narrow(0, start, BATCH.min(count - start));
            let batch = self.rows.batch(&rows).to_device(device);
            let of_batch = loaded.core.outputs(&loaded.pipeline, &batch, classes)?.narrow(1, 0, needed);
            outputs.push(of_batch.to_device(Device::Cpu).to_kind(Kind::Double));
        }
        Ok(Tensor::cat(&outputs, 0))
    }
}

fn label_of(labels: &[i64], row: i64) -> Option<usize> {
    usize::try_from(*labels.get(usize::try_from(row).ok()?)?).ok()
}

/// The temperature from `least` to [`MOST`] at which the log loss of the labels is smallest. The log loss is convex in the inverse of
/// the temperature, so a bisection on its derivative finds it.
fn temperature_of(rows: &[&[f64]], labels: &[usize], least: f64) -> f64 {
    let (mut low, mut high) = (1.0 / MOST, 1.0 / least);
    if slope(rows, labels, high) <= 0.0 {
        return least;
    }
    if slope(rows, labels, low) >= 0.0 {
        return MOST;
    }
    for _ in 0..STEPS {
        let middle = f64::midpoint(low, high);
        if slope(rows, labels, middle) < 0.0 {
            low = middle;
        } else {
            high = middle;
        }
    }
    1.0 / f64::midpoint(low, high)
}

/// The derivative of the summed log loss by the inverse of the temperature: the mean output of a row under its scores, minus the output
/// of its label.
fn slope(rows: &[&[f64]], labels: &[usize], inverse: f64) -> f64 {
    let of_row = |(outputs, label): (&&[f64], &usize)| {
        let most = outputs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let (mut sum, mut weighted) = (0.0, 0.0);
        for output in *outputs {
            let score = ((output - most) * inverse).exp();
            sum += score;
            weighted += score * output;
        }
        weighted / sum - outputs.get(*label).copied().unwrap_or(most)
    };
    rows.iter().zip(labels).map(of_row).sum()
}

/// The threshold of the second class's score that maximises a metric, and the metric there; of equal ones the nearest to 0.5. `None` if
/// the metric is undefined at every threshold.
fn threshold_of(metric: &Metric, table: Table) -> Option<(f32, f64)> {
    let Table::Classes(mut table) = table else { return None };
    let scores: Vec<f32> = table.scores.iter().flatten().skip(1).step_by(2).copied().collect();
    let mut distinct = scores.clone();
    distinct.sort_by(f32::total_cmp);
    distinct.dedup();
    let step = distinct.len().div_ceil(MAX_THRESHOLDS).max(1);
    // Between two scores, where rows that are not known yet are as far as possible from both.
    let between = distinct.windows(2).step_by(step).map(|pair| f32::midpoint(pair[0], pair[1]));
    let candidates: Vec<f32> = std::iter::once(0.5).chain(between).collect();
    let mut best: Option<(f32, f64)> = None;
    for threshold in candidates {
        table.predictions = scores.iter().map(|score| u32::from(*score >= threshold)).collect();
        let whole = Table::Classes(table);
        let value = metric.of(whole.view()).map(|value| if metric.higher_is_better() { value } else { -value });
        let Table::Classes(back) = whole else { return None };
        table = back;
        let Some(value) = value.filter(|value| value.is_finite()) else { continue };
        let is_better = best.is_none_or(|(known, most)| {
            let is_nearer = (threshold - 0.5).abs() < (known - 0.5).abs();
            value > most || (value >= most && is_nearer)
        });
        if is_better {
            best = Some((threshold, value));
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use slipway_contract::metrics::Predictions;

    #[test]
    fn the_temperature_is_that_of_least_log_loss() {
        // Outputs 2 and 0, right in three rows of four: the score of the first class is 0.75 at 2 / ln 3.
        let outputs = [2.0, 0.0];
        let rows = vec![outputs.as_slice(); 4];
        let found = temperature_of(&rows, &[0, 0, 0, 1], 1.0);
        assert!((found - 2.0 / 3.0_f64.ln()).abs() < 1e-9, "{found}");
        // Rows that are always right ask for a temperature of zero.
        assert!((temperature_of(&rows, &[0; 4], 1.0) - 1.0).abs() < 1e-12);
        assert!((temperature_of(&rows, &[0; 4], 1.0 / MOST) - 1.0 / MOST).abs() < 1e-12);
        assert!((temperature_of(&rows, &[1; 4], 1.0) - MOST).abs() < 1e-9);
    }

    fn of_scores(scores: &[f32], labels: &[u32]) -> Table {
        Table::Classes(Predictions {
            rows: vec![String::new(); labels.len()],
            classes: vec!["no".to_owned(), "yes".to_owned()],
            labels: labels.to_vec(),
            predictions: vec![0; labels.len()],
            scores: Some(scores.iter().flat_map(|score| [1.0 - score, *score]).collect()),
        })
    }

    #[test]
    fn the_threshold_lies_between_the_scores_that_it_separates() {
        let table = of_scores(&[0.1, 0.2, 0.3, 0.4], &[0, 0, 1, 1]);
        let (threshold, value) = threshold_of(&Metric::BalancedAccuracy, table).expect("a threshold");
        assert!((threshold - 0.25).abs() < 1e-6 && (value - 1.0).abs() < 1e-12, "{threshold} {value}");
        // Where it makes no difference, it is the usual one.
        let table = of_scores(&[0.1, 0.9], &[0, 1]);
        assert_eq!(threshold_of(&Metric::Accuracy, table).map(|(threshold, _)| threshold), Some(0.5));
    }
}
