//! Chooses and computes the interval of a metric, or of the difference of two models' metrics.

use std::collections::HashMap;

use slipway_contract::Metric;
use slipway_contract::metrics::Predictions;

use crate::domain::{Interval, Method};

use super::bootstrap::{self, Figure, Resampled};
use super::newcombe::{self, Pairs};
use super::{jackknife, normal, wilson};

/// Fewer rows than this are too few for resampling: they hold too little of what the model will meet.
pub(super) const FEWEST_ROWS: u32 = 30;

/// More rows than this are not resampled but left out by groups: 2,000 resamples would take minutes.
const MOST_RESAMPLED_ROWS: u32 = 1_000_000;

/// How far apart two log losses of one row can be at most: both are cut to this at scores of zero.
const WIDEST_LOG_LOSS: f64 = 36.05;

/// Why there is no interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoInterval {
    /// There are no rows.
    NoRows,
    /// Too few rows to resample.
    TooFewRows,
    /// The metric needs scores, and a table has none.
    NoScores,
    /// The figure is not a number.
    NotANumber,
}

/// What is measured: one model, or one less another on the same rows in the same order.
pub(super) struct Measured<'table> {
    pub(super) metric: Metric,
    pub(super) candidate: &'table Predictions,
    pub(super) champion: Option<&'table Predictions>,
}

impl Measured<'_> {
    /// Where it lies, each bound at `confidence`.
    pub(super) fn interval(&self, confidence: f64) -> Result<Interval, NoInterval> {
        let rows = u32::try_from(self.candidate.len()).map_err(|_| NoInterval::NotANumber)?;
        if rows == 0 {
            return Err(NoInterval::NoRows);
        }
        let tables = || [Some(self.candidate), self.champion].into_iter().flatten();
        if self.metric.needs_scores() && tables().any(|table| table.scores.is_none()) {
            return Err(NoInterval::NoScores);
        }
        let scores = || tables().filter_map(|table| table.scores.as_ref()).flatten();
        if scores().any(|score| !score.is_finite()) {
            return Err(NoInterval::NotANumber);
        }
        let interval = if self.metric.is_proportion() {
            self.proportion(normal::quantile(confidence))
        } else {
            self.resampled(rows, confidence)?
        };
        let sound = [interval.estimate, interval.lower, interval.upper].into_iter().all(f64::is_finite);
        if sound { Ok(interval) } else { Err(NoInterval::NotANumber) }
    }

    /// The metric, or the difference, over rows with the number of times each counts.
    fn value<Counted: Iterator<Item = (u32, u32)>>(&self, counted: impl Fn() -> Counted) -> Option<f64> {
        let of = |table: &Predictions| {
            self.metric.of_counted(table, counted().map(|(row, count)| (row as usize, u64::from(count))))
        };
        match self.champion {
            None => of(self.candidate),
            Some(champion) => Some(of(self.candidate)? - of(champion)?),
        }
    }

    fn proportion(&self, z: f64) -> Interval {
        let mut pairs = Pairs::default();
        for row in 0..self.candidate.len() {
            let candidate = self.candidate.is_right(row);
            let champion = self.champion.map_or(candidate, |champion| champion.is_right(row));
            *match (candidate, champion) {
                (true, true) => &mut pairs.both,
                (true, false) => &mut pairs.candidate,
                (false, true) => &mut pairs.champion,
                (false, false) => &mut pairs.neither,
            } += 1.0;
        }
        match self.champion {
            None => wilson::interval(pairs.both, pairs.both + pairs.neither, z),
            Some(_) => newcombe::interval(pairs, z),
        }
    }

    fn resampled(&self, rows: u32, confidence: f64) -> Result<Interval, NoInterval> {
        if rows < FEWEST_ROWS {
            return Err(NoInterval::TooFewRows);
        }
        let table = Table::of(self, rows);
        if rows > MOST_RESAMPLED_ROWS {
            return match jackknife::interval(&table, confidence, bootstrap::SEED) {
                Some(interval) if interval.upper > interval.lower => Ok(interval),
                Some(interval) => Ok(self.unseen(interval.estimate, confidence)),
                None => Err(NoInterval::NotANumber),
            };
        }
        match bootstrap::interval(&table, confidence, bootstrap::SEED) {
            Resampled::Interval(interval) => Ok(interval),
            Resampled::Constant(estimate) => Ok(self.unseen(estimate, confidence)),
            Resampled::NoFigure => Err(NoInterval::NotANumber),
        }
    }

    /// What may still be out there if all rows are alike. A kind of row that none of n rows shows has a share of at most
    /// 1 − α^(1/n) (Clopper and Pearson's bound at zero events). Metrics by class weigh a class as a whole, so n is the number of
    /// rows of the rarest class; and such rows can move the metric by all of its range.
    fn unseen(&self, estimate: f64, confidence: f64) -> Interval {
        let mut by_class = vec![0_u32; self.candidate.classes.len()];
        for label in &self.candidate.labels {
            by_class[*label as usize] += 1;
        }
        let rarest = by_class.into_iter().filter(|rows| *rows > 0).min().unwrap_or(1);
        let share = 1.0 - (1.0 - confidence).powf(1.0 / f64::from(rarest));
        let (least, most) = self.metric.range();
        let width = (most - least).min(WIDEST_LOG_LOSS);
        let (least, most) = match self.champion {
            None => (least, most),
            Some(_) => (-width, width),
        };
        Interval {
            estimate,
            lower: (estimate - share * width).max(least),
            upper: (estimate + share * width).min(most),
            method: Method::UnseenRows,
            seed: None,
        }
    }
}

/// A measurement made ready to be computed thousands of times.
struct Table<'table> {
    measured: &'table Measured<'table>,
    rows: u32,
    form: Form,
}

/// How a metric is computed of many rows.
enum Form {
    /// As the mean of each row's own value.
    Mean(Vec<f64>),
    /// From the number of rows of each kind. Rows are of one kind if labels and predictions are the same; where scores matter,
    /// every row is a kind of its own.
    Kinds {
        /// The kind of each row.
        of_row: Vec<u32>,
        /// One row of each kind.
        examples: Vec<u32>,
    },
}

impl<'table> Table<'table> {
    fn of(measured: &'table Measured<'table>, rows: u32) -> Self {
        let every: Vec<u32> = (0..rows).collect();
        let form = if is_mean_of_rows(measured.metric) {
            // A row without a value becomes NaN, which no figure survives.
            let term = |row: &u32| measured.value(|| std::iter::once((*row, 1))).unwrap_or(f64::NAN);
            Form::Mean(every.iter().map(term).collect())
        } else if measured.metric.needs_scores() {
            Form::Kinds { of_row: every.clone(), examples: every }
        } else {
            kinds_of(measured, &every)
        };
        Self { measured, rows, form }
    }
}

impl Figure for Table<'_> {
    fn rows(&self) -> u32 {
        self.rows
    }

    fn over(&self, rows: &[u32]) -> Option<f64> {
        match &self.form {
            Form::Mean(terms) => {
                let count = u32::try_from(rows.len()).ok()?;
                Some(rows.iter().map(|row| terms[*row as usize]).sum::<f64>() / f64::from(count))
            }
            Form::Kinds { of_row, examples } => {
                let mut counts = vec![0_u32; examples.len()];
                for row in rows {
                    counts[of_row[*row as usize] as usize] += 1;
                }
                let counted = || examples.iter().copied().zip(counts.iter().copied()).filter(|(_, count)| *count > 0);
                self.measured.value(counted)
            }
        }
    }
}

fn kinds_of(measured: &Measured<'_>, every: &[u32]) -> Form {
    let mut numbers = HashMap::new();
    let mut examples = Vec::new();
    let of_row = every
        .iter()
        .map(|&row| {
            let at = row as usize;
            let kind = (
                measured.candidate.labels[at],
                measured.candidate.predictions[at],
                measured.champion.map(|champion| champion.predictions[at]),
            );
            *numbers.entry(kind).or_insert_with(|| {
                examples.push(row);
                // There are no more kinds than rows, whose numbers fit.
                u32::try_from(examples.len() - 1).unwrap_or(u32::MAX)
            })
        })
        .collect();
    Form::Kinds { of_row, examples }
}

/// Whether a metric over some rows is the mean of its values over each of them.
fn is_mean_of_rows(metric: Metric) -> bool {
    matches!(metric, Metric::Accuracy | Metric::LogLoss)
}
