//! Bounds of a figure that does not vary between resamples: no row shows how it varies.
//!
//! A kind of unit that none of n independent units shows has a share of at most 1 − α^(1/n) (Clopper and Pearson's bound at zero
//! events). How far that share moves the figure follows from its range, or from an assumption: units of that kind are for the
//! candidate like the worst unit that the rows show, and for the champion like the best one.

use std::collections::HashMap;

use slipway_contract::Metric;
use slipway_contract::metrics::{Attribute, Form, Rows, Sums, quantile_of_sorted};

use super::figure::difference;

/// A curve is stored at this many errors. Their logarithms are [`STEP`] apart, so that the last one is 1e-15.
const POINTS: u32 = 64;
const STEP: f64 = 0.54;

/// The share at which the best and the worst unit are selected is that of this error.
const TYPICAL_ERROR: f64 = 0.05;

/// Figures that differ by less than this share of their size are equal. The difference comes from rounding.
const ROUNDING: f64 = 1e-12;

/// The uncertainty of a figure that does not vary.
#[derive(Debug, Clone)]
pub(in crate::policy) struct Unseen {
    /// The number of independent units.
    units: f64,
    moves: Moves,
}

/// How far units of an unseen kind move the figure.
#[derive(Debug, Clone)]
enum Moves {
    /// To each side, by this distance times their share.
    Straight(f64),
    /// To each side, by this distance times the root of their share.
    Root(f64),
    /// Downwards and upwards at each of the stored errors.
    Curve(Vec<(f64, f64)>),
}

impl Unseen {
    /// A figure that units of an unseen kind can move by `width` times their share.
    pub(super) fn straight(units: f64, width: f64) -> Self {
        Self { units, moves: Moves::Straight(width) }
    }

    /// A figure that units of an unseen kind can move by `width` times the root of their share.
    pub(super) fn root(units: f64, width: f64) -> Self {
        Self { units, moves: Moves::Root(width) }
    }

    /// The number of independent units.
    pub(super) fn units(&self) -> f64 {
        self.units
    }

    /// The largest share of units that can be of an unseen kind, wrong with probability `error`.
    pub(in crate::policy) fn share(&self, error: f64) -> f64 {
        share_of(self.units, -error.ln())
    }

    /// The distances of the lower and of the upper bound from the figure, each wrong with probability `error`.
    pub(super) fn reach(&self, error: f64) -> (f64, f64) {
        let both = |reach: f64| (-reach, reach);
        match &self.moves {
            Moves::Straight(width) => both(self.share(error) * width),
            Moves::Root(width) => both(self.share(error).sqrt() * width),
            Moves::Curve(points) => {
                let (before, after, along) = place(-error.ln() / STEP, points.len());
                let between = |of: fn(&(f64, f64)) -> f64| {
                    let (one, other) = (of(&points[before]), of(&points[after]));
                    if along > 0.0 { one + (other - one) * along } else { one }
                };
                (between(|point| point.0), between(|point| point.1))
            }
        }
    }

    /// The number of units at which the bound on the side of `change` is no further from the figure than `change`. `None` if no
    /// number is large enough.
    pub(super) fn units_for(&self, change: f64, error: f64) -> Option<f64> {
        let is_within = |logarithm: f64| {
            let (lower, upper) = self.reach((-logarithm).exp());
            if change < 0.0 { lower >= change } else { upper <= change }
        };
        // The bound depends on error and units only by ln(1/error) / units.
        let (mut within, mut beyond) = (0.0, f64::from(POINTS) * STEP);
        for _ in 0..60 {
            let middle = f64::midpoint(within, beyond);
            *if is_within(middle) { &mut within } else { &mut beyond } = middle;
        }
        (within > 1e-9).then(|| self.units * -error.ln() / within)
    }
}

/// 1 − α^(1/n) for n `units` and the given ln(1/α).
fn share_of(units: f64, logarithm: f64) -> f64 {
    -(-logarithm / units).exp_m1()
}

/// The two stored points around a place, and how far it lies between them.
fn place(at: f64, points: usize) -> (usize, usize, f64) {
    let last = points.saturating_sub(1);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a place that is not negative, then cut"
    )]
    let before = (at.max(0.0).floor() as usize).min(last);
    (before, (before + 1).min(last), at.max(0.0).fract())
}

/// How far units of an unseen kind move a metric that has no range, or its difference from the champion's. `None` if all units
/// are alike, so that they do not show it.
pub(super) fn by_seen_units(
    metric: &Metric,
    (candidate, champion): (Rows<'_>, Option<Rows<'_>>),
    relative: bool,
    of: &[u32],
    together: Option<&Attribute>,
) -> Option<Unseen> {
    let of_unit = assigned(of, together);
    let ours = Extremes::of(metric, candidate, of, &of_unit)?;
    let theirs = champion.map(|rows| Extremes::of(metric, rows, of, &of_unit));
    let theirs = match theirs {
        Some(theirs) => Some(theirs?),
        None => None,
    };
    if ours.are_equal && theirs.as_ref().is_none_or(|theirs| theirs.are_equal) {
        return None;
    }
    let figures = |share: f64| {
        let (lowest, highest) = ours.at(share)?;
        Some(match &theirs {
            None => (lowest, highest),
            Some(theirs) => {
                let (low, high) = theirs.at(share)?;
                (difference(lowest, high, relative), difference(highest, low, relative))
            }
        })
    };
    let (estimate, _) = figures(0.0)?;
    let units = ours.units;
    let points = (0..=POINTS).map(|point| {
        let (lowest, highest) = figures(share_of(units, f64::from(point) * STEP))?;
        Some(((lowest - estimate).min(0.0), (highest - estimate).max(0.0)))
    });
    Some(Unseen { units, moves: Moves::Curve(points.collect::<Option<_>>()?) })
}

/// The independent unit of the row at each place.
fn assigned(of: &[u32], together: Option<&Attribute>) -> Vec<u32> {
    let Some(together) = together else { return (0..u32::try_from(of.len()).unwrap_or(u32::MAX)).collect() };
    let mut known = HashMap::new();
    let mut unit_of = |row: &u32| {
        let next = u32::try_from(known.len()).unwrap_or(u32::MAX);
        *known.entry(together.of_row[*row as usize]).or_insert(next)
    };
    of.iter().map(&mut unit_of).collect()
}

/// A metric of one model, with the units that lower and raise it most.
struct Extremes<'table> {
    units: f64,
    /// Whether all units move it alike.
    are_equal: bool,
    kind: Kind<'table>,
}

enum Kind<'table> {
    Sums { sums: Sums<'table>, total: Vec<f64>, lowest: Vec<f64>, highest: Vec<f64> },
    Quantile { share: f64, sorted: Vec<f64> },
}

impl<'table> Extremes<'table> {
    fn of(metric: &Metric, rows: Rows<'table>, of: &[u32], of_unit: &[u32]) -> Option<Self> {
        let count = of_unit.iter().max().map_or(0, |last| *last as usize + 1);
        #[expect(clippy::cast_precision_loss, reason = "row counts stay far below 2^53")]
        let units = count as f64;
        let (are_equal, kind) = match metric.form(rows, of).ok()? {
            Form::Sums(sums) => Kind::of_sums(sums, (of, of_unit), (count, units))?,
            Form::Quantile(quantile) => {
                let mut sorted: Vec<f64> = of.iter().map(|row| quantile.value(*row as usize)).collect();
                sorted.sort_by(f64::total_cmp);
                let are_equal = is_equal(*sorted.first()?, *sorted.last()?);
                (are_equal, Kind::Quantile { share: quantile.share(), sorted })
            }
            Form::RocArea(_) | Form::PrecisionRecallArea(_) => return None,
        };
        Some(Self { units, are_equal, kind })
    }

    /// The smallest and the largest figure, if a share of the units is like the one that moves it most.
    fn at(&self, share: f64) -> Option<(f64, f64)> {
        match &self.kind {
            Kind::Sums { sums, total, lowest, highest } => {
                Some((mixed(sums, total, lowest, self.units, share)?, mixed(sums, total, highest, self.units, share)?))
            }
            Kind::Quantile { share: wanted, sorted } => {
                // Replaced rows lie above all others, or below them.
                let at =
                    |share: f64| quantile_of_sorted(share.clamp(0.0, 1.0), sorted.iter().map(|value| (*value, 1.0)));
                let left = (1.0 - share).max(f64::MIN_POSITIVE);
                Some((at((wanted - share) / left)?, at(wanted / left)?))
            }
        }
    }
}

impl<'table> Kind<'table> {
    /// The units that move the sums most, and whether all units move them alike.
    fn of_sums(
        sums: Sums<'table>,
        (of, of_unit): (&[u32], &[u32]),
        (count, units): (usize, f64),
    ) -> Option<(bool, Self)> {
        let width = sums.width();
        let mut terms = vec![0.0; count * width];
        let mut total = vec![0.0; width];
        for (row, unit) in of.iter().zip(of_unit) {
            let own = &mut terms[*unit as usize * width..][..width];
            sums.terms(*row as usize, &mut |place, value| {
                own[place] += value;
                total[place] += value;
            });
        }
        let share = share_of(units, -TYPICAL_ERROR.ln());
        let (mut lowest, mut highest) = (None::<(f64, &[f64])>, None::<(f64, &[f64])>);
        for unit in terms.chunks_exact(width) {
            let Some(figure) = mixed(&sums, &total, unit, units, share) else { continue };
            if lowest.is_none_or(|(least, _)| figure < least) {
                lowest = Some((figure, unit));
            }
            if highest.is_none_or(|(most, _)| figure > most) {
                highest = Some((figure, unit));
            }
        }
        let ((least, lowest), (most, highest)) = (lowest?, highest?);
        let (lowest, highest) = (lowest.to_vec(), highest.to_vec());
        Some((is_equal(least, most), Self::Sums { sums, total, lowest, highest }))
    }
}

fn is_equal(least: f64, most: f64) -> bool {
    most - least <= ROUNDING * most.abs().max(1.0)
}

/// The figure if a share of the units is replaced by copies of one of them.
fn mixed(sums: &Sums<'_>, total: &[f64], unit: &[f64], units: f64, share: f64) -> Option<f64> {
    let mixed: Vec<f64> =
        total.iter().zip(unit).map(|(total, unit)| (1.0 - share) * total + share * units * unit).collect();
    sums.finish(&mixed).filter(|figure| figure.is_finite())
}
