//! Figures that rank rows, prepared for resampling: the rows are sorted once, and every resample reads them with other weights.

use slipway_contract::metrics::{Areas, Quantile, quantile_of_sorted};

use super::units::Units;

/// One row under a curve.
struct UnderCurve {
    unit: u32,
    /// Whether it is of the class.
    positive: bool,
    /// Whether the next row has another score.
    last_of_tie: bool,
}

/// Precision-recall curves, one for each class.
pub(super) struct Curves {
    curves: Vec<Vec<UnderCurve>>,
    by_labels: bool,
}

impl Curves {
    /// Ranks the rows under each curve.
    pub(super) fn of(areas: &Areas<'_>, of: &[u32], units: &Units) -> Self {
        let curve = |class: &usize| {
            let mut order: Vec<(f64, u32, u32)> = of
                .iter()
                .zip(&units.of_place)
                .map(|(row, unit)| (areas.table.score(*row as usize, *class), *row, *unit))
                .collect();
            order.sort_by(|one, other| other.0.total_cmp(&one.0));
            let next = order.iter().skip(1).map(|(score, ..)| *score).chain([f64::NAN]);
            order
                .iter()
                .zip(next)
                .map(|((score, row, unit), next)| UnderCurve {
                    unit: *unit,
                    positive: areas.table.labels[*row as usize] as usize == *class,
                    last_of_tie: score.total_cmp(&next).is_ne(),
                })
                .collect()
        };
        Self { curves: areas.classes.iter().map(curve).collect(), by_labels: areas.by_labels }
    }

    /// The number of rows under all curves together.
    pub(super) fn len(&self) -> usize {
        self.curves.iter().map(Vec::len).sum()
    }

    /// The mean average precision with the count of each unit.
    fn mean(&self, counts: &[f64]) -> Option<f64> {
        let (mut sum, mut total) = (0.0, 0.0);
        for curve in &self.curves {
            let (precision, positives) = average_precision(curve, counts);
            let share = if self.by_labels { positives } else { 1.0 };
            sum += share * precision;
            total += share;
        }
        (total > 0.0).then(|| sum / total)
    }
}

impl super::figure::Counted for Curves {
    fn of(&self, counts: &[f64]) -> Option<f64> {
        self.mean(counts)
    }
}

/// The average precision, and the weight of the positive rows.
fn average_precision(curve: &[UnderCurve], counts: &[f64]) -> (f64, f64) {
    let (mut positives, mut found, mut sum, mut tied) = (0.0, 0.0, 0.0, 0.0);
    for row in curve {
        let count = counts[row.unit as usize];
        found += count;
        if row.positive {
            positives += count;
            tied += count;
        }
        if row.last_of_tie && tied > 0.0 {
            sum += tied * positives / found;
            tied = 0.0;
        }
    }
    (if positives > 0.0 { sum / positives } else { 0.0 }, positives)
}

/// Values in rising order, each with its unit, for a quantile.
pub(super) struct Ranked {
    share: f64,
    values: Vec<(f64, u32)>,
}

impl Ranked {
    /// Sorts the values of some rows.
    pub(super) fn of(quantile: &Quantile<'_>, of: &[u32], units: &Units) -> Self {
        let value = |row: u32| quantile.value(row as usize);
        let mut values: Vec<(f64, u32)> =
            of.iter().zip(&units.of_place).map(|(row, unit)| (value(*row), *unit)).collect();
        values.sort_by(|one, other| one.0.total_cmp(&other.0));
        Self { share: quantile.share(), values }
    }

    /// The number of rows.
    pub(super) fn len(&self) -> usize {
        self.values.len()
    }
}

impl super::figure::Counted for Ranked {
    fn of(&self, counts: &[f64]) -> Option<f64> {
        quantile_of_sorted(self.share, self.values.iter().map(|(value, unit)| (*value, counts[*unit as usize])))
    }
}
