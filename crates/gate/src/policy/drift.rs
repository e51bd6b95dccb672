//! Checks of data: how far a column has moved since training, and test rows that the model was trained on.

use std::collections::HashSet;

use slipway_contract::counted;
use slipway_contract::metrics::drift;

use crate::evaluation::{SampleColumn, Samples};

use super::evidence::Data;
use super::measure::{Counted, Measurement, Spread, of_samples};

/// The most rows of each sample that are resampled. A larger sample is thinned evenly.
const MAX_ROWS: usize = 20_000;

/// The fewest rows of each sample. Fewer rows do not describe a distribution.
const MIN_ROWS: usize = 30;

/// The measure of the distance between two samples of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Statistic {
    /// Population stability index, over deciles of the training data or over texts.
    PopulationStabilityIndex,
    /// Largest distance between the distribution functions of numbers.
    KolmogorovSmirnov,
    /// Cramér's V of the χ² statistic, of texts or over deciles.
    CramersV,
    /// Wasserstein's first distance in the column's unit, of numbers.
    Wasserstein,
    /// Jensen–Shannon distance, over deciles of the training data or over texts.
    JensenShannon,
}

impl Statistic {
    /// The name in policy files.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::PopulationStabilityIndex => "population_stability_index",
            Self::KolmogorovSmirnov => "kolmogorov_smirnov",
            Self::CramersV => "cramers_v",
            Self::Wasserstein => "wasserstein",
            Self::JensenShannon => "jensen_shannon",
        }
    }

    /// The smallest and the largest value.
    pub(super) fn range(self) -> (f64, f64) {
        match self {
            Self::PopulationStabilityIndex | Self::Wasserstein => (0.0, f64::INFINITY),
            Self::KolmogorovSmirnov | Self::CramersV => (0.0, 1.0),
            Self::JensenShannon => (0.0, std::f64::consts::LN_2.sqrt()),
        }
    }

    fn of_counts(self, training: &[f64], recent: &[f64]) -> Option<f64> {
        match self {
            Self::PopulationStabilityIndex => drift::population_stability_index(training, recent),
            Self::CramersV => drift::cramers_v(training, recent),
            Self::JensenShannon => drift::jensen_shannon(training, recent),
            Self::KolmogorovSmirnov | Self::Wasserstein => None,
        }
    }
}

/// A check of one column's drift.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Drift {
    /// The column.
    pub(super) column: String,
    /// The measure of the distance.
    pub(super) statistic: Statistic,
}

/// Two samples of one column as positions in a common order: categories, or sorted values.
struct Positions {
    statistic: Statistic,
    /// The position of every row, rows of training first.
    of_row: Vec<u32>,
    /// The number of rows of training.
    training: usize,
    /// The values at the positions, if the statistic uses values.
    values: Vec<f64>,
    /// The number of positions.
    count: usize,
}

impl Counted for Positions {
    fn of(&self, counts: &[f64]) -> Option<f64> {
        let mut sums = [vec![0.0; self.count], vec![0.0; self.count]];
        for (row, (position, count)) in self.of_row.iter().zip(counts).enumerate() {
            sums[usize::from(row >= self.training)][*position as usize] += count;
        }
        let [training, recent] = &sums;
        if self.values.is_empty() {
            return self.statistic.of_counts(training, recent);
        }
        let totals = [training, recent].map(|counts| counts.iter().sum::<f64>());
        let (mut below, mut largest, mut area) = ([0.0, 0.0], 0.0_f64, 0.0);
        for place in 0..self.count {
            below = [below[0] + training[place], below[1] + recent[place]];
            let apart = (below[0] / totals[0] - below[1] / totals[1]).abs();
            largest = largest.max(apart);
            area += apart * self.values.get(place + 1).map_or(0.0, |next| next - self.values[place]);
        }
        Some(if self.statistic == Statistic::Wasserstein { area } else { largest })
    }
}

impl Drift {
    /// Measures how far the column has moved from the training data to the recent data.
    pub(super) fn measure(&self, data: &Data) -> Result<Measurement, String> {
        let (Some(training), Some(recent)) = (&data.training, &data.recent) else {
            return Err("there are no samples of training data and of recent data to compare".to_owned());
        };
        let column = |samples: &'_ Samples, of: &str| {
            samples
                .columns
                .get(&self.column)
                .cloned()
                .ok_or_else(|| format!("the {of} data have no column `{}`", self.column))
        };
        let (training, recent) = (column(training, "training")?, column(recent, "recent")?);
        let positions = self.positions(&training, &recent)?;
        let rows = positions.of_row.len();
        let later = rows - positions.training;
        if positions.training < MIN_ROWS || later < MIN_ROWS {
            return Err(format!(
                "{} of training and {}, expected {MIN_ROWS} of each",
                counted(positions.training, "row"),
                counted(later, "recent one")
            ));
        }
        let strata = [positions.training, later];
        let (estimate, resamples) = of_samples(&positions, strata, positions.training.min(later))
            .ok_or_else(|| "it comes out as no finite number".to_owned())?;
        let spread = resamples.map_or(Spread::Known, Spread::Distance);
        Ok(Measurement { estimate, rows: rows as u64, spread, range: self.statistic.range() })
    }

    fn positions(&self, training: &SampleColumn, recent: &SampleColumn) -> Result<Positions, String> {
        let statistic = self.statistic;
        match (training, recent) {
            (SampleColumn::Numbers(training), SampleColumn::Numbers(recent)) => {
                let (training, recent) = (thinned(training), thinned(recent));
                let ranks = matches!(statistic, Statistic::KolmogorovSmirnov | Statistic::Wasserstein);
                let mut edges = if ranks {
                    training.iter().chain(&recent).copied().collect()
                } else {
                    drift::decile_edges(&training)
                };
                edges.sort_by(f64::total_cmp);
                edges.dedup_by(|later, earlier| later.total_cmp(earlier).is_eq());
                let position =
                    |value: &f64| u32::try_from(edges.partition_point(|edge| edge < value)).unwrap_or(u32::MAX);
                let of_row = training.iter().chain(&recent).map(position).collect();
                let (count, training) = (edges.len() + 1, training.len());
                Ok(Positions { statistic, of_row, training, count, values: if ranks { edges } else { Vec::new() } })
            }
            (SampleColumn::Texts(training), SampleColumn::Texts(recent)) => {
                if matches!(statistic, Statistic::KolmogorovSmirnov | Statistic::Wasserstein) {
                    return Err(format!("`{}` holds texts, and {} is of numbers", self.column, statistic.name()));
                }
                let (training, recent) = (thinned(training), thinned(recent));
                let mut values: Vec<&String> = training.iter().chain(&recent).collect();
                values.sort();
                values.dedup();
                let position =
                    |text: &String| u32::try_from(values.partition_point(|value| *value < text)).unwrap_or(u32::MAX);
                let of_row = training.iter().chain(&recent).map(position).collect();
                Ok(Positions { statistic, of_row, training: training.len(), count: values.len(), values: Vec::new() })
            }
            _ => Err(format!("`{}` holds numbers in one sample and texts in the other", self.column)),
        }
    }
}

/// Picks at most [`MAX_ROWS`] values at equal distances.
fn thinned<T: Clone>(values: &[T]) -> Vec<T> {
    values.iter().step_by(values.len().div_ceil(MAX_ROWS).max(1)).cloned().collect()
}

/// The share of test rows that equal a row of training in every column that both samples have.
pub(super) fn leakage(data: &Data) -> Result<Measurement, String> {
    let (Some(training), Some(test)) = (&data.training, &data.test) else {
        return Err("there are no samples of training data and of test data to compare".to_owned());
    };
    let columns: Vec<&String> = training.columns.keys().filter(|name| test.columns.contains_key(*name)).collect();
    if columns.is_empty() || test.rows == 0 {
        return Err("training data and test data have no column in common".to_owned());
    }
    let seen: HashSet<[u8; 32]> = (0..training.rows).map(|row| training.digest_of(row, &columns)).collect();
    let leaked: f64 =
        (0..test.rows).map(|row| f64::from(u8::from(seen.contains(&test.digest_of(row, &columns))))).sum();
    #[expect(clippy::cast_precision_loss, reason = "row counts stay far below 2^53")]
    let share = leaked / test.rows as f64;
    Ok(Measurement { estimate: share, rows: test.rows as u64, spread: Spread::Known, range: (0.0, 1.0) })
}
