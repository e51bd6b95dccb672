//! Metrics of scores: the distance of scores from labels, row by row.

use super::{Metric, Predictions, Sums};

/// The sums of a metric of scores. The table must have scores.
pub(super) fn sums<'table>(metric: &Metric, table: &'table Predictions) -> Sums<'table> {
    match metric {
        Metric::TopKAccuracy { k } => {
            let k = *k as usize;
            Sums::mean(move |row| f64::from(u8::from(rank_of_label(table, row) < k)), |share| share)
        }
        Metric::ExpectedCalibrationError { bins } => calibration_error(table, *bins),
        _ => {
            let loss =
                |row: usize| -table.score(row, table.labels[row] as usize).clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln();
            Sums::mean(loss, |loss| loss)
        }
    }
}

/// The number of classes that rank before the label. Of equal scores the later class ranks first.
fn rank_of_label(table: &Predictions, row: usize) -> usize {
    let (scores, label) = (table.scores_of(row), table.labels[row] as usize);
    let own = scores[label];
    scores.iter().enumerate().filter(|(class, score)| **score > own || (**score >= own && *class > label)).count()
}

/// The mean over the rows of Σ (score − 1{label})², halved for two classes so that it lies between 0 and 1.
pub(super) fn brier_of_all(table: &Predictions) -> Sums<'_> {
    let scale = if table.classes.len() == 2 { 0.5 } else { 1.0 };
    let distance = |row: usize| {
        let label = table.labels[row] as usize;
        let squares = table.scores_of(row).iter().enumerate().map(|(class, score)| {
            let target = if class == label { 1.0 } else { 0.0 };
            (f64::from(*score) - target).powi(2)
        });
        squares.sum()
    };
    Sums::mean(distance, move |mean| scale * mean)
}

/// The mean over the rows of (score − 1{label})² of one class.
pub(super) fn brier_of(table: &Predictions, class: usize) -> Sums<'_> {
    let distance = move |row: usize| {
        let target = if table.labels[row] as usize == class { 1.0 } else { 0.0 };
        (table.score(row, class) - target).powi(2)
    };
    Sums::mean(distance, |mean| mean)
}

/// For each bin a sum of score minus correctness, and the number of rows.
fn calibration_error(table: &Predictions, bins: u32) -> Sums<'_> {
    let count = bins as usize;
    let terms = move |row: usize, add: &mut dyn FnMut(usize, f64)| {
        let score = table.score(row, table.predictions[row] as usize);
        let right = f64::from(u8::from(table.is_right(row)));
        add(bin_of(score, bins), score - right);
        add(count, 1.0);
    };
    Sums::new(count + 1, terms, move |sums| {
        let (gaps, rows) = (&sums[..count], sums[count]);
        (rows > 0.0).then(|| gaps.iter().map(|gap| gap.abs()).sum::<f64>() / rows)
    })
}

/// Bins include their upper end.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the score is cut to [0, 1] first")]
fn bin_of(score: f64, bins: u32) -> usize {
    let place = (score.clamp(0.0, 1.0) * f64::from(bins)).ceil() as usize;
    place.max(1) - 1
}
