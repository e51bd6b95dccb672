//! `McNemar`'s test as an interval: the bounds of the difference of two paired shares, given the rows on which the models differ.

use super::newcombe::Pairs;
use super::{normal, wilson};

/// With fewer differing rows than this, the exact test is used. Otherwise the mid-p test is used, which is closer to its level
/// (Fagerland, Lydersen and Laake, "The `McNemar` test for binary matched-pairs data", BMC Medical Research Methodology 13,
/// 2013).
const FEW: f64 = 25.0;

/// With more rows than this, the normal approximation of the binomial is exact to all relevant digits.
const MANY: f64 = 1_000.0;

/// Whether the exact test is used.
pub(super) fn is_exact(pairs: Pairs) -> bool {
    pairs.candidate + pairs.champion < FEW
}

/// The bounds, each wrong with probability `error`. Of m rows on which only one model is right, the candidate is right on a
/// binomial number. The bounds of that share p give the difference (2p − 1) m/n. Compared with zero they are the test itself.
pub(super) fn bounds(pairs: Pairs, error: f64) -> (f64, f64) {
    let differing = pairs.candidate + pairs.champion;
    let trials = pairs.trials();
    if trials <= 0.0 {
        return (f64::NAN, f64::NAN);
    }
    if differing <= 0.0 {
        // No row differs: the bound is the largest share of rows that n rows can fail to show.
        let unseen = 1.0 - error.powf(1.0 / trials);
        return (-unseen, unseen);
    }
    let (lower, upper) = if differing > MANY {
        wilson::bounds(pairs.candidate, differing, normal::quantile(1.0 - error))
    } else {
        let weight = if is_exact(pairs) { 1.0 } else { 0.5 };
        let lower = lower_share(pairs.candidate, differing, error, weight);
        (lower, 1.0 - lower_share(pairs.champion, differing, error, weight))
    };
    let difference = |share: f64| (2.0 * share - 1.0) * differing / trials;
    (difference(lower), difference(upper))
}

/// The fewest of `differing` rows, on which only the candidate is right, that show that it is better, wrong with probability
/// `error`. This is the smallest count at which the lower bound of [`bounds`] is not below zero.
pub(super) fn fewest_wins(differing: f64, error: f64) -> f64 {
    if differing > MANY {
        let z = normal::quantile(1.0 - error);
        let (mut few, mut enough) = (differing / 2.0, differing + 1.0);
        while enough - few > 1.0 {
            let middle = f64::midpoint(few, enough).floor();
            *if wilson::bounds(middle, differing, z).0 >= 0.5 { &mut enough } else { &mut few } = middle;
        }
        return enough;
    }
    let weight = if differing < FEW { 1.0 } else { 0.5 };
    // From the highest count downwards: the probability of more than `wins`, and of exactly `wins`.
    let (mut wins, mut beyond, mut exactly) = (differing, 0.0, 0.5_f64.powf(differing));
    while wins > 0.0 && beyond + weight * exactly <= error {
        beyond += exactly;
        exactly *= wins / (differing - wins + 1.0);
        wins -= 1.0;
    }
    wins + 1.0
}

/// The share of successes at which `seen` or more of `trials` have the probability `error`. The observed count itself has the
/// weight `weight`: one for Clopper and Pearson's bound, a half for the mid-p bound.
fn lower_share(seen: f64, trials: f64, error: f64, weight: f64) -> f64 {
    let (mut least, mut most) = (0.0, 1.0);
    for _ in 0..60 {
        let share = f64::midpoint(least, most);
        *if tail(seen, trials, share, weight) > error { &mut most } else { &mut least } = share;
    }
    f64::midpoint(least, most)
}

/// The probability of more than `seen` successes, plus `weight` times the probability of exactly `seen`.
fn tail(seen: f64, trials: f64, share: f64, weight: f64) -> f64 {
    let odds = (share / (1.0 - share)).ln();
    // The logarithm of the probability of zero successes, then upwards by the ratio of neighbours.
    let mut log_likelihood = trials * (1.0 - share).ln();
    let (mut count, mut sum) = (0.0, 0.0);
    loop {
        if count > seen {
            sum += log_likelihood.exp();
        } else if count >= seen {
            sum += weight * log_likelihood.exp();
        }
        if count >= trials {
            return sum;
        }
        log_likelihood += ((trials - count) / (count + 1.0)).ln() + odds;
        count += 1.0;
    }
}
