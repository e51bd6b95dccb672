//! The bias-corrected and accelerated bootstrap (BCa): where a figure of some rows lies that has no formula for it.

use crate::domain::{Interval, Method};

use super::jackknife;
use super::normal;
use super::random::Random;

/// Resamples: at a confidence of 0.95 a hundred of them lie beyond each bound.
pub(super) const RESAMPLES: u32 = 2_000;

/// The seed of every verdict; it is recorded, so that a verdict can be computed again.
pub(super) const SEED: u64 = 0x5311_7a4e_0000_0095;

/// A figure of some rows, each counted as often as it is named; `None` if there is none.
pub(super) trait Figure {
    /// How many rows there are to draw from.
    fn rows(&self) -> u32;
    /// The figure over these rows.
    fn over(&self, rows: &[u32]) -> Option<f64>;
}

/// What resampling says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Resampled {
    /// The figure varies between resamples: this is where it lies.
    Interval(Interval),
    /// Every resample has the same figure, so the rows say nothing of those that were not drawn.
    Constant(f64),
    /// Some resample has no figure, or one that is not a number.
    NoFigure,
}

/// The one-sided bounds of a figure at `confidence` each (Efron, "Better Bootstrap Confidence Intervals", JASA 82, 1987).
///
/// With the share of resamples below the estimate (ties by half) as z₀'s likelihood and the jackknife's acceleration a, the
/// bound of likelihood α is the resample at rank `Φ(z₀ + (z₀+z_α) / (1 − a(z₀+z_α)))`.
pub(super) fn interval(figure: &impl Figure, confidence: f64, seed: u64) -> Resampled {
    let mut random = Random::new(seed);
    let rows = figure.rows();
    let mut order: Vec<u32> = (0..rows).collect();
    let Some(estimate) = figure.over(&order).filter(|value| value.is_finite()) else {
        return Resampled::NoFigure;
    };
    let Some(resamples) = resample(figure, &mut order, &mut random) else {
        return Resampled::NoFigure;
    };
    let (Some(first), Some(last)) = (resamples.first(), resamples.last()) else {
        return Resampled::NoFigure;
    };
    // Not a single resample differs by more than rounding.
    let rounding = 1e-12 * estimate.abs().max(1.0);
    if last - first <= rounding {
        return Resampled::Constant(estimate);
    }
    let Some(spread) = jackknife::spread(figure, &mut random) else {
        return Resampled::NoFigure;
    };
    let bias = normal::quantile(share_below(&resamples, estimate));
    let bound = |likelihood: f64| {
        let shifted = bias + normal::quantile(likelihood);
        let stretch = 1.0 - spread.acceleration * shifted;
        // A stretch of zero or less has turned the scale around: the outermost resample is the honest answer.
        let rank = if stretch > 0.0 {
            normal::share_below(bias + shifted / stretch)
        } else if shifted > 0.0 {
            1.0
        } else {
            0.0
        };
        at_rank(&resamples, rank)
    };
    Resampled::Interval(Interval {
        estimate,
        // A strong correction can pass the estimate; a bound on the wrong side of it would promise too much.
        lower: bound(1.0 - confidence).min(estimate),
        upper: bound(confidence).max(estimate),
        method: Method::BcaBootstrap,
        seed: Some(seed),
    })
}

/// The figure of every resample, in rising order.
fn resample(figure: &impl Figure, drawn: &mut [u32], random: &mut Random) -> Option<Vec<f64>> {
    let rows = figure.rows();
    let mut figures = Vec::with_capacity(RESAMPLES as usize);
    for _ in 0..RESAMPLES {
        drawn.fill_with(|| random.below(rows));
        figures.push(figure.over(drawn).filter(|value| value.is_finite())?);
    }
    figures.sort_by(f64::total_cmp);
    Some(figures)
}

/// The share of resamples below the estimate, ties by half; never so near to zero or one that its quantile is infinite: with
/// no resample on one side, half a one is taken to be there.
fn share_below(resamples: &[f64], estimate: f64) -> f64 {
    let below = resamples.partition_point(|value| *value < estimate);
    let up_to = resamples.partition_point(|value| *value <= estimate);
    let all = as_float(resamples.len());
    f64::midpoint(as_float(below), as_float(up_to)).clamp(0.5, all - 0.5) / all
}

/// The value at a share of the sorted resamples, between two of them in proportion (as `numpy.percentile` does).
fn at_rank(resamples: &[f64], share: f64) -> f64 {
    let place = share.clamp(0.0, 1.0) * as_float(resamples.len() - 1);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place lies within the list")]
    let (before, after) = (place.floor() as usize, place.ceil() as usize);
    resamples[before] + (resamples[after] - resamples[before]) * place.fract()
}

#[expect(clippy::cast_precision_loss, reason = "resamples are few")]
fn as_float(count: usize) -> f64 {
    count as f64
}
