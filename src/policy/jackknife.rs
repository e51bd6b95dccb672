//! Leaves out one group of rows after the other: how lopsided and how wide the spread of a figure is.

use crate::domain::{Interval, Method};

use super::bootstrap::Figure;
use super::normal;
use super::random::Random;

/// Groups at most. Up to this many rows every row is a group; beyond, leaving out single rows would cost the square of the
/// rows and say no more.
const MOST_GROUPS: usize = 400;

/// What leaving out says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spread {
    /// Efron's acceleration: a sixth of the skewness, Σ(θ̄−θᵢ)³ / 6(Σ(θ̄−θᵢ)²)^(3/2).
    pub(super) acceleration: f64,
    /// Standard error, √((k−1)/k Σ(θ̄−θᵢ)²) over k groups.
    pub(super) error: f64,
    /// Number of groups.
    groups: f64,
}

/// Leaves out each of at most [`MOST_GROUPS`] groups. Rows are dealt to groups at random: a file may be sorted by label, and
/// neighbours would then be alike.
pub(super) fn spread(figure: &impl Figure, random: &mut Random) -> Option<Spread> {
    let mut order: Vec<u32> = (0..figure.rows()).collect();
    random.shuffle(&mut order);
    let rows = order.len();
    let groups = rows.min(MOST_GROUPS);
    if groups < 2 {
        return None;
    }
    let mut left = Vec::with_capacity(rows);
    let mut figures = Vec::with_capacity(groups);
    for group in 0..groups {
        left.clear();
        left.extend_from_slice(&order[..group * rows / groups]);
        left.extend_from_slice(&order[(group + 1) * rows / groups..]);
        figures.push(figure.over(&left).filter(|value| value.is_finite())?);
    }
    let count: f64 = figures.iter().map(|_| 1.0).sum();
    let mean = figures.iter().sum::<f64>() / count;
    let power = |exponent: i32| figures.iter().map(|value| (mean - value).powi(exponent)).sum::<f64>();
    let (squares, cubes) = (power(2), power(3));
    let acceleration = if squares > 0.0 { cubes / (6.0 * squares.powf(1.5)) } else { 0.0 };
    Some(Spread {
        acceleration: if acceleration.is_finite() { acceleration } else { 0.0 },
        error: ((count - 1.0) / count * squares).sqrt(),
        groups: count,
    })
}

/// The one-sided bounds of a figure at `confidence` each, its estimate plus and minus Student's t times the standard error:
/// for so many rows that the figure is as good as normal and a bootstrap would take minutes. Student's quantile is the normal
/// one with its first correction, z + (z³+z)/4ν (Abramowitz and Stegun 26.7.5).
pub(super) fn interval(figure: &impl Figure, confidence: f64, seed: u64) -> Option<Interval> {
    let order: Vec<u32> = (0..figure.rows()).collect();
    let estimate = figure.over(&order).filter(|value| value.is_finite())?;
    let Spread { error, groups, .. } = spread(figure, &mut Random::new(seed))?;
    let z = normal::quantile(confidence);
    let reach = (z + (z.powi(3) + z) / (4.0 * (groups - 1.0))) * error;
    Some(Interval {
        estimate,
        lower: estimate - reach,
        upper: estimate + reach,
        method: Method::GroupedJackknife,
        seed: Some(seed),
    })
}
