//! Figures that are prepared so that they can be computed thousands of times, from the counts of the units of rows.

use slipway_contract::Metric;
use slipway_contract::metrics::{Form, Rows, Sums, Unmeasurable};

use super::ranked::{Curves, Ranked};
use super::units::Units;

/// With more numbers than this, the zeros between them are not stored.
const MAX_DENSE: usize = 1 << 22;

/// A figure of units, each with a count.
pub(in crate::policy) trait Counted {
    /// The figure, or `None` if it is undefined.
    fn of(&self, counts: &[f64]) -> Option<f64>;
}

/// A metric of the candidate, or its difference from the champion's.
pub(super) struct Compared<'table> {
    candidate: Model<'table>,
    champion: Option<Model<'table>>,
    relative: bool,
}

impl<'table> Compared<'table> {
    /// Prepares the metric of one or two models.
    pub(super) fn of(
        metric: &'table Metric,
        candidate: Rows<'table>,
        champion: Option<Rows<'table>>,
        relative: bool,
        of: &[u32],
        units: &Units,
    ) -> Result<Self, Unmeasurable> {
        Ok(Self {
            candidate: Model::of(metric, candidate, of, units)?,
            champion: champion.map(|rows| Model::of(metric, rows, of, units)).transpose()?,
            relative,
        })
    }

    /// The number of values that one computation reads.
    pub(super) fn cost(&self) -> usize {
        [Some(&self.candidate), self.champion.as_ref()].into_iter().flatten().map(Model::cost).sum()
    }
}

impl Counted for Compared<'_> {
    fn of(&self, counts: &[f64]) -> Option<f64> {
        let candidate = self.candidate.of(counts)?;
        let figure = match &self.champion {
            None => candidate,
            Some(champion) => difference(candidate, champion.of(counts)?, self.relative),
        };
        Some(figure).filter(|figure| figure.is_finite())
    }
}

/// The candidate's figure minus the champion's: absolute, or as a share of the champion's size.
pub(super) fn difference(candidate: f64, champion: f64, relative: bool) -> f64 {
    if relative { (candidate - champion) / champion.abs() } else { candidate - champion }
}

enum Model<'table> {
    Sums { sums: Sums<'table>, terms: Terms },
    Curves(Curves),
    Ranked(Ranked),
}

impl<'table> Model<'table> {
    fn of(metric: &'table Metric, rows: Rows<'table>, of: &[u32], units: &Units) -> Result<Self, Unmeasurable> {
        Ok(match metric.form(rows, of)? {
            Form::Sums(sums) => Self::Sums { terms: Terms::of(&sums, of, units), sums },
            Form::RocArea(areas) | Form::PrecisionRecallArea(areas) => Self::Curves(Curves::of(&areas, of, units)),
            Form::Quantile(quantile) => Self::Ranked(Ranked::of(&quantile, of, units)),
        })
    }

    fn cost(&self) -> usize {
        match self {
            Self::Sums { terms, .. } => terms.len(),
            Self::Curves(curves) => curves.len(),
            Self::Ranked(ranked) => ranked.len(),
        }
    }
}

impl Counted for Model<'_> {
    fn of(&self, counts: &[f64]) -> Option<f64> {
        match self {
            Self::Sums { sums, terms } => sums.finish(&terms.weighted(sums.width(), counts)),
            Self::Curves(curves) => curves.of(counts),
            Self::Ranked(ranked) => ranked.of(counts),
        }
    }
}

/// The number of sums that are added in parallel: additions that do not wait for each other.
const LANES: usize = 4;

/// The terms that each unit adds to the sums.
enum Terms {
    /// A term for every unit and every sum: [`LANES`] sums at a time, and within these unit by unit.
    Dense { units: usize, values: Vec<[f64; LANES]> },
    /// Only the terms that are not zero.
    Sparse {
        /// The index of the first term of each unit.
        starts: Vec<usize>,
        /// The sum that each term belongs to.
        places: Vec<u32>,
        values: Vec<f64>,
    },
}

impl Terms {
    fn of(sums: &Sums<'_>, of: &[u32], units: &Units) -> Self {
        let width = sums.width();
        if units.count.saturating_mul(width) <= MAX_DENSE.min(of.len().saturating_mul(8)) {
            Self::dense(sums, of, units)
        } else {
            Self::sparse(sums, of, units)
        }
    }

    fn dense(sums: &Sums<'_>, of: &[u32], units: &Units) -> Self {
        let mut values = vec![[0.0; LANES]; units.count * sums.width().div_ceil(LANES)];
        for (row, unit) in of.iter().zip(&units.of_place) {
            let unit = *unit as usize;
            sums.terms(*row as usize, &mut |place, value| {
                values[place / LANES * units.count + unit][place % LANES] += value;
            });
        }
        Self::Dense { units: units.count, values }
    }

    fn sparse(sums: &Sums<'_>, of: &[u32], units: &Units) -> Self {
        let mut terms: Vec<(u32, u32, f64)> = Vec::new();
        for (row, unit) in of.iter().zip(&units.of_place) {
            let push = &mut |place, value| terms.push((*unit, u32::try_from(place).unwrap_or(u32::MAX), value));
            sums.terms(*row as usize, push);
        }
        terms.sort_by_key(|(unit, place, _)| (*unit, *place));
        let (mut places, mut values) = (Vec::new(), Vec::new());
        let mut starts = vec![0; units.count + 1];
        for same in terms.chunk_by(|one, other| (one.0, one.1) == (other.0, other.1)) {
            places.push(same[0].1);
            values.push(same.iter().map(|(.., value)| value).sum());
            starts[same[0].0 as usize + 1] = values.len();
        }
        for unit in 0..units.count {
            starts[unit + 1] = starts[unit + 1].max(starts[unit]);
        }
        Self::Sparse { starts, places, values }
    }

    /// The number of values that one addition reads.
    fn len(&self) -> usize {
        match self {
            Self::Dense { values, .. } => values.len() * LANES,
            Self::Sparse { values, .. } => values.len(),
        }
    }

    fn weighted(&self, width: usize, counts: &[f64]) -> Vec<f64> {
        let mut sums = vec![0.0; width];
        match self {
            Self::Dense { units, values } => {
                for (block, sums) in values.chunks_exact((*units).max(1)).zip(sums.chunks_mut(LANES)) {
                    let added = added_up(block, counts);
                    sums.copy_from_slice(&added[..sums.len()]);
                }
            }
            Self::Sparse { starts, places, values } => {
                for (unit, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0.0) {
                    for term in starts[unit]..starts[unit + 1] {
                        sums[places[term] as usize] += count * values[term];
                    }
                }
            }
        }
        sums
    }
}

/// The sums of one block. Units with a count of zero are added too: an unpredictable branch costs more than the addition.
fn added_up(block: &[[f64; LANES]], counts: &[f64]) -> [f64; LANES] {
    let [mut first, mut second, mut third, mut fourth] = [0.0; LANES];
    for (values, count) in block.iter().zip(counts) {
        first += count * values[0];
        second += count * values[1];
        third += count * values[2];
        fourth += count * values[3];
    }
    [first, second, third, fourth]
}
