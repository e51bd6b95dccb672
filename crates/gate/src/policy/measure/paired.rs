//! The bounds of the difference of two shares of the same rows, as the gate uses them.

use super::newcombe::{self, Pairs};
use super::normal;

/// The steps of the bisection of a bound. They halve a range of two down to the precision of a float.
const STEPS: u32 = 60;

/// The bounds of the candidate's share minus the champion's, each wrong with probability `error`: those of Newcombe's method 10
/// or of Tango's score test, whichever is wider.
///
/// Newcombe's method relies on the variation of both shares. Of two models that differ on few rows, and these all in one
/// direction, it would pass up to 16 % of candidates at the margin. Tango's test uses only the rows that differ, so that at most
/// 6 % pass. If no row differs, the bounds are exact: a share of rows that none of n rows shows is at most 1 − α^(1/n) (Clopper
/// and Pearson's bound at zero events).
pub(super) fn bounds(pairs: Pairs, error: f64) -> (f64, f64) {
    if !pairs.differ() {
        let unseen = -(error.ln() / pairs.trials()).exp_m1();
        return (-unseen, unseen);
    }
    let z = normal::quantile(1.0 - error);
    let (lower, upper) = newcombe::bounds(pairs, z);
    (lower.min(score_bound(pairs, z)), upper.max(-score_bound(pairs.exchanged(), z)))
}

/// Whether the lower bound of [`bounds`] is at least `difference`. This takes far less time than the bound itself.
pub(super) fn is_at_least(pairs: Pairs, difference: f64, error: f64) -> bool {
    if !pairs.differ() {
        return bounds(pairs, error).0 >= difference;
    }
    let z = normal::quantile(1.0 - error);
    let estimate = (pairs.candidate - pairs.champion) / pairs.trials();
    estimate >= difference && newcombe::bounds(pairs, z).0 >= difference && score(pairs, difference) >= z
}

/// The fewest rows on which two models that never differ are shown to differ by less than `margin`, wrong with probability
/// `error`: ln α / ln(1 − margin).
pub(super) fn rows_without_difference(margin: f64, error: f64) -> f64 {
    error.ln() / (-margin).ln_1p()
}

/// The smallest difference that the score test does not reject.
pub(super) fn score_bound(pairs: Pairs, z: f64) -> f64 {
    let (mut rejected, mut accepted) = (-1.0, (pairs.candidate - pairs.champion) / pairs.trials());
    for _ in 0..STEPS {
        let middle = f64::midpoint(rejected, accepted);
        *if score(pairs, middle) > z { &mut rejected } else { &mut accepted } = middle;
    }
    rejected
}

/// The score statistic of a difference: the observed difference minus this one, in standard errors. The share of rows on which
/// only the champion is right has its most likely value for this difference (Tango, "Equivalence test and confidence interval for
/// the difference in proportions for the paired-sample design", Statistics in Medicine 17, 1998).
fn score(pairs: Pairs, difference: f64) -> f64 {
    let Pairs { candidate, champion, .. } = pairs;
    let rows = pairs.trials();
    let linear = (2.0 * rows - candidate + champion) * difference - candidate - champion;
    let constant = -champion * difference * (1.0 - difference);
    let only_champion = ((linear * linear - 8.0 * rows * constant).max(0.0).sqrt() - linear) / (4.0 * rows);
    let variance = rows * (2.0 * only_champion + difference * (1.0 - difference));
    (candidate - champion - rows * difference) / variance.max(f64::MIN_POSITIVE).sqrt()
}
