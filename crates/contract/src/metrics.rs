//! Definitions of the metrics over a table of predictions. They follow scikit-learn's, the edge cases included.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What can be measured of a classifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Share of rows whose prediction is the label.
    Accuracy,
    /// Mean over the labels that occur of the share of their rows predicted right (`balanced_accuracy_score`).
    BalancedAccuracy,
    /// Unweighted mean of the classes' F1 over the classes that occur as label or prediction
    /// (`f1_score(average="macro", zero_division=0)`).
    MacroF1,
    /// Mean of minus the logarithm of the label's score, scores cut to `[2.2e-16, 1 - 2.2e-16]` (`log_loss`).
    LogLoss,
    /// Expected calibration error over 15 equal bins of the top score (Guo et al., 2017).
    ExpectedCalibrationError,
}

/// All metrics, in the order in which they are listed to people.
pub const ALL: [Metric; 5] =
    [Metric::Accuracy, Metric::BalancedAccuracy, Metric::MacroF1, Metric::LogLoss, Metric::ExpectedCalibrationError];

/// Bins of the calibration error.
const BINS: usize = 15;

impl Metric {
    /// The name users write.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::BalancedAccuracy => "balanced_accuracy",
            Self::MacroF1 => "macro_f1",
            Self::LogLoss => "log_loss",
            Self::ExpectedCalibrationError => "expected_calibration_error",
        }
    }

    /// Whether more is better.
    pub fn higher_is_better(self) -> bool {
        !matches!(self, Self::LogLoss | Self::ExpectedCalibrationError)
    }

    /// Smallest and largest value the metric can take.
    pub fn range(self) -> (f64, f64) {
        match self {
            Self::LogLoss => (0.0, f64::INFINITY),
            _ => (0.0, 1.0),
        }
    }

    /// Whether the metric is a plain share of rows: each row is right or wrong.
    pub fn is_proportion(self) -> bool {
        self == Self::Accuracy
    }

    /// Whether it is computed from scores rather than from predicted classes.
    pub fn needs_scores(self) -> bool {
        matches!(self, Self::LogLoss | Self::ExpectedCalibrationError)
    }

    /// The metric over all rows; `None` for an empty table, or if it needs scores and there are none.
    pub fn of(self, table: &Predictions) -> Option<f64> {
        self.of_rows(table, 0..table.len())
    }

    /// The metric over some rows, each counted as often as it is named (as a bootstrap draws them).
    pub fn of_rows(self, table: &Predictions, rows: impl Iterator<Item = usize>) -> Option<f64> {
        self.of_counted(table, rows.map(|row| (row, 1)))
    }

    /// The metric over some rows, each with the number of times it counts.
    pub fn of_counted(self, table: &Predictions, rows: impl Iterator<Item = (usize, u64)>) -> Option<f64> {
        match self {
            Self::Accuracy => mean(rows.map(|(row, count)| (f64::from(u8::from(table.is_right(row))), count))),
            Self::BalancedAccuracy => balanced_accuracy(&tallies(table, rows)),
            Self::MacroF1 => macro_f1(&tallies(table, rows)),
            Self::LogLoss => {
                table.scores.as_ref()?;
                let loss = |row| -table.label_score(row).clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln();
                mean(rows.map(|(row, count)| (loss(row), count)))
            }
            Self::ExpectedCalibrationError => calibration_error(table, rows),
        }
    }
}

impl std::fmt::Display for Metric {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// One classifier's predictions, a row each. Indices into `classes` stand for the classes.
#[derive(Debug, Clone, PartialEq)]
pub struct Predictions {
    /// Name of each row: the same row of another model's table has the same name.
    pub rows: Vec<String>,
    /// The classes.
    pub classes: Vec<String>,
    /// True class of each row.
    pub labels: Vec<u32>,
    /// Predicted class of each row.
    pub predictions: Vec<u32>,
    /// Scores, row by row, a score a class in the order of `classes`; each row sums to one.
    pub scores: Option<Vec<f32>>,
}

impl Predictions {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Whether a row's prediction is its label.
    pub fn is_right(&self, row: usize) -> bool {
        self.labels[row] == self.predictions[row]
    }

    fn scores_of(&self, row: usize) -> &[f32] {
        let width = self.classes.len();
        self.scores.as_ref().map_or(&[], |scores| &scores[row * width..(row + 1) * width])
    }

    fn label_score(&self, row: usize) -> f64 {
        f64::from(self.scores_of(row)[self.labels[row] as usize])
    }
}

fn mean(values: impl Iterator<Item = (f64, u64)>) -> Option<f64> {
    let (sum, total) =
        values.fold((0.0, 0_u64), |(sum, total), (value, count)| (sum + value * as_float(count), total + count));
    (total > 0).then(|| sum / as_float(total))
}

#[expect(clippy::cast_precision_loss, reason = "row counts stay far below 2^53")]
fn as_float(count: u64) -> f64 {
    count as f64
}

/// How often each class was the label, the prediction, and both: all that the class-wise metrics need. It grows with the
/// number of classes, where a matrix of labels by predictions would grow with its square.
struct Tallies {
    right: Vec<u64>,
    labelled: Vec<u64>,
    predicted: Vec<u64>,
}

impl Tallies {
    fn classes(&self) -> impl Iterator<Item = (u64, u64, u64)> {
        let Self { right, labelled, predicted } = self;
        right.iter().zip(labelled).zip(predicted).map(|((right, labelled), predicted)| (*right, *labelled, *predicted))
    }
}

fn tallies(table: &Predictions, rows: impl Iterator<Item = (usize, u64)>) -> Tallies {
    let none = || vec![0_u64; table.classes.len()];
    let mut tallies = Tallies { right: none(), labelled: none(), predicted: none() };
    for (row, count) in rows {
        let label = table.labels[row] as usize;
        tallies.right[label] += count * u64::from(table.is_right(row));
        tallies.labelled[label] += count;
        tallies.predicted[table.predictions[row] as usize] += count;
    }
    tallies
}

fn balanced_accuracy(tallies: &Tallies) -> Option<f64> {
    mean(
        tallies
            .classes()
            .filter(|(_, labelled, _)| *labelled > 0)
            .map(|(right, labelled, _)| (as_float(right) / as_float(labelled), 1)),
    )
}

fn macro_f1(tallies: &Tallies) -> Option<f64> {
    mean(tallies.classes().filter_map(|(right, labelled, predicted)| {
        let both = labelled + predicted;
        (both > 0).then(|| (2.0 * as_float(right) / as_float(both), 1))
    }))
}

fn calibration_error(table: &Predictions, rows: impl Iterator<Item = (usize, u64)>) -> Option<f64> {
    table.scores.as_ref()?;
    let mut bins = [(0.0_f64, 0.0_f64); BINS];
    let mut total = 0_u64;
    for (row, count) in rows {
        let score = f64::from(table.scores_of(row)[table.predictions[row] as usize]);
        let (confidence, right) = &mut bins[bin_of(score)];
        *confidence += score * as_float(count);
        *right += as_float(count * u64::from(table.is_right(row)));
        total += count;
    }
    (total > 0)
        .then(|| bins.iter().map(|(confidence, right)| (confidence - right).abs()).sum::<f64>() / as_float(total))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the score is cut to [0, 1] first")]
fn bin_of(score: f64) -> usize {
    let place = score.clamp(0.0, 1.0) * 15.0;
    // Rounds up by hand: without SSE 4.1 `ceil` is a call, and a bootstrap would make it millions of times.
    let bin = place as u32;
    let bin = bin + u32::from(f64::from(bin) < place);
    (bin as usize).clamp(1, BINS) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(classes: usize, labels: &[u32], predictions: &[u32], scores: Option<&[f32]>) -> Predictions {
        Predictions {
            rows: (0..labels.len()).map(|row| row.to_string()).collect(),
            classes: (0..classes).map(|class| class.to_string()).collect(),
            labels: labels.to_vec(),
            predictions: predictions.to_vec(),
            scores: scores.map(<[f32]>::to_vec),
        }
    }

    fn assert_close(metric: Metric, table: &Predictions, expected: f64) {
        let value = metric.of(table).expect("a value");
        assert!((value - expected).abs() < 1e-9, "{metric}: {value} is not {expected}");
    }

    #[test]
    fn values_are_scikit_learns() {
        // sklearn.metrics on y = [0,1,2,2,1,0,0], p = [0,2,2,1,1,0,1]
        let table = table(4, &[0, 1, 2, 2, 1, 0, 0], &[0, 2, 2, 1, 1, 0, 1], None);
        assert_close(Metric::Accuracy, &table, 4.0 / 7.0);
        assert_close(Metric::BalancedAccuracy, &table, (2.0 / 3.0 + 0.5 + 0.5) / 3.0);
        assert_close(Metric::MacroF1, &table, (0.8 + 0.4 + 0.5) / 3.0);
    }

    #[test]
    fn a_class_that_is_predicted_but_never_true_counts_as_zero_in_macro_f1_only() {
        let table = table(3, &[0, 0, 1], &[0, 2, 1], None);
        assert_close(Metric::MacroF1, &table, (2.0 / 3.0 + 1.0 + 0.0) / 3.0);
        assert_close(Metric::BalancedAccuracy, &table, 0.75);
    }

    #[test]
    fn a_row_that_counts_twice_is_a_row_named_twice() {
        let scores = [0.9, 0.05, 0.05, 0.3, 0.4, 0.3, 0.2, 0.2, 0.6, 0.1, 0.7, 0.2];
        let table = table(3, &[0, 1, 2, 0], &[0, 1, 1, 1], Some(&scores));
        for metric in ALL {
            let named = metric.of_rows(&table, [0, 2, 2, 3, 2].into_iter()).expect("a value");
            let counted = metric.of_counted(&table, [(0, 1), (1, 0), (2, 3), (3, 1)].into_iter()).expect("a value");
            assert!((named - counted).abs() < 1e-12, "{metric}: {named} is not {counted}");
            assert_eq!(metric.of_counted(&table, [(1, 0)].into_iter()), None);
        }
    }

    #[test]
    fn scores_of_zero_and_one_stay_finite() {
        let table = table(2, &[0, 1], &[0, 0], Some(&[1.0, 0.0, 1.0, 0.0]));
        assert_close(Metric::LogLoss, &table, -f64::EPSILON.ln() / 2.0);
        assert_close(Metric::ExpectedCalibrationError, &table, 0.5);
    }

    #[test]
    fn an_empty_table_or_missing_scores_have_no_value() {
        let empty = table(2, &[], &[], Some(&[]));
        assert!(ALL.iter().all(|metric| metric.of(&empty).is_none()));
        let bare = table(2, &[0], &[0], None);
        let without: Vec<Metric> = ALL.into_iter().filter(|metric| metric.of(&bare).is_none()).collect();
        assert_eq!(without, [Metric::LogLoss, Metric::ExpectedCalibrationError]);
    }
}
