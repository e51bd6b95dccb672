//! Figures that are made ready to be computed thousands of times, from how often each unit of rows counts.

use slipway_contract::Metric;
use slipway_contract::metrics::{Form, Rows, Sums, Unmeasurable};

use super::ranked::{Curves, Errors};
use super::units::Units;

/// More numbers than this are kept without the zeros between them.
const MOST_DENSE: usize = 1 << 22;

/// A figure of units that count a number of times each.
pub(in crate::policy) trait Counted {
    /// The figure; `None` where it is undefined.
    fn of(&self, counts: &[f64]) -> Option<f64>;
}

/// A metric of the candidate, or its difference from the champion's.
pub(super) struct Compared<'table> {
    candidate: Model<'table>,
    champion: Option<Model<'table>>,
    relative: bool,
}

impl<'table> Compared<'table> {
    /// Makes the metric of one or two models ready.
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

    /// How many numbers one computation visits.
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

/// How far the candidate is from the champion: as it is, or as a share of the champion's size.
pub(super) fn difference(candidate: f64, champion: f64, relative: bool) -> f64 {
    if relative { (candidate - champion) / champion.abs() } else { candidate - champion }
}

enum Model<'table> {
    Sums { sums: Sums<'table>, terms: Terms },
    Curves(Curves),
    Errors(Errors),
}

impl<'table> Model<'table> {
    fn of(metric: &'table Metric, rows: Rows<'table>, of: &[u32], units: &Units) -> Result<Self, Unmeasurable> {
        Ok(match metric.form(rows)? {
            Form::Sums(sums) => Self::Sums { terms: Terms::of(&sums, of, units), sums },
            Form::RocArea(areas) | Form::PrecisionRecallArea(areas) => Self::Curves(Curves::of(&areas, of, units)),
            Form::MedianError(table) => Self::Errors(Errors::of(table, of, units)),
        })
    }

    fn cost(&self) -> usize {
        match self {
            Self::Sums { terms, .. } => terms.values.len(),
            Self::Curves(curves) => curves.len(),
            Self::Errors(errors) => errors.len(),
        }
    }
}

impl Counted for Model<'_> {
    fn of(&self, counts: &[f64]) -> Option<f64> {
        match self {
            Self::Sums { sums, terms } => sums.finish(&terms.weighted(sums.width(), counts)),
            Self::Curves(curves) => curves.of(counts),
            Self::Errors(errors) => errors.of(counts),
        }
    }
}

/// What each unit adds to which sum.
struct Terms {
    /// Where the terms of each unit begin; empty if every unit has one for every sum.
    starts: Vec<usize>,
    /// The sum that each term belongs to; empty likewise.
    places: Vec<u32>,
    values: Vec<f64>,
}

impl Terms {
    fn of(sums: &Sums<'_>, of: &[u32], units: &Units) -> Self {
        let width = sums.width();
        if units.count.saturating_mul(width) <= MOST_DENSE.min(of.len().saturating_mul(8)) {
            let mut values = vec![0.0; units.count * width];
            for (row, unit) in of.iter().zip(&units.of_place) {
                let start = *unit as usize * width;
                sums.terms(*row as usize, &mut |place, value| values[start + place] += value);
            }
            return Self { starts: Vec::new(), places: Vec::new(), values };
        }
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
        Self { starts, places, values }
    }

    fn weighted(&self, width: usize, counts: &[f64]) -> Vec<f64> {
        let mut sums = vec![0.0; width];
        let counted = counts.iter().enumerate().filter(|(_, count)| **count > 0.0);
        if self.starts.is_empty() {
            for (unit, count) in counted {
                let values = &self.values[unit * width..(unit + 1) * width];
                for (sum, value) in sums.iter_mut().zip(values) {
                    *sum += count * value;
                }
            }
        } else {
            for (unit, count) in counted {
                for term in self.starts[unit]..self.starts[unit + 1] {
                    sums[self.places[term] as usize] += count * self.values[term];
                }
            }
        }
        sums
    }
}
