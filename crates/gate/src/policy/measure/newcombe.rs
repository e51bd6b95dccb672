//! Newcombe's method 10: the bounds of the difference of two shares that were observed on the same rows.

use super::wilson;

/// The numbers of rows by the results of candidate and champion.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(in crate::policy) struct Pairs {
    /// Both right.
    pub(in crate::policy) both: f64,
    /// Only the candidate right.
    pub(in crate::policy) candidate: f64,
    /// Only the champion right.
    pub(in crate::policy) champion: f64,
    /// Neither right.
    pub(in crate::policy) neither: f64,
}

/// The bounds of the candidate's share minus the champion's, each at `z` standard normal deviations. They combine the squared
/// Wilson bounds of both shares, reduced by the correlation of the shares (Newcombe, "Improved confidence intervals for the
/// difference between binomial proportions based on paired data", Statistics in Medicine 17, 1998, method 10):
///
/// lower = D − √((p₁−l₁)² − 2φ(p₁−l₁)(u₂−p₂) + (u₂−p₂)²), upper = D + √((u₁−p₁)² − 2φ(u₁−p₁)(p₂−l₂) + (p₂−l₂)²)
pub(super) fn bounds(pairs: Pairs, z: f64) -> (f64, f64) {
    let Pairs { both, candidate, champion, neither: _ } = pairs;
    let rows = pairs.trials();
    let (first, second) = ((both + candidate) / rows, (both + champion) / rows);
    let (first_lower, first_upper) = wilson::bounds(both + candidate, rows, z);
    let (second_lower, second_upper) = wilson::bounds(both + champion, rows, z);
    let phi = correlation(pairs);
    let reach = |one: f64, other: f64| (one * one - 2.0 * phi * one * other + other * other).max(0.0).sqrt();
    let estimate = (candidate - champion) / rows;
    (
        (estimate - reach(first - first_lower, second_upper - second)).max(-1.0),
        (estimate + reach(first_upper - first, second - second_lower)).min(1.0),
    )
}

impl Pairs {
    /// The number of all rows.
    pub(super) fn trials(self) -> f64 {
        self.both + self.candidate + self.champion + self.neither
    }

    /// Whether only one model is right on some row.
    pub(in crate::policy) fn differ(self) -> bool {
        self.candidate + self.champion > 0.0
    }

    /// The numbers of rows with the models exchanged.
    pub(super) fn exchanged(self) -> Self {
        Self { candidate: self.champion, champion: self.candidate, ..self }
    }
}

/// The correlation φ of the two shares. A positive numerator is reduced by half the number of rows, at most to zero. The result
/// is zero if a model is always right or always wrong.
fn correlation(pairs: Pairs) -> f64 {
    let Pairs { both, candidate, champion, neither } = pairs;
    let rows = pairs.trials();
    let margins = (both + candidate) * (champion + neither) * (both + champion) * (candidate + neither);
    if margins <= 0.0 {
        return 0.0;
    }
    let product = both * neither - candidate * champion;
    let corrected = if product > 0.0 { (product - rows / 2.0).max(0.0) } else { product };
    corrected / margins.sqrt()
}
