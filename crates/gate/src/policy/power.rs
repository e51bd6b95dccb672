//! The probability that the gate passes a model with a given true figure, computed with the gate's own bounds over the possible
//! results of the rows.

use super::checks::Wanted;
use super::measure::{
    MIN_UNITS, Pairs, fewest_wins, is_at_least, normal_below, normal_quantile, reach_of_resampling,
    share as bounds_of_share,
};

/// The number of counts of differing rows at which the power of a large range is computed.
const MAX_POINTS: f64 = 120.0;

/// The largest distance of counts from their mean, in standard deviations.
const FAR: f64 = 6.5;

/// Above this variance a binomial count is approximated by a normal one with a correction for skewness. Below it all
/// probabilities are added up.
const LARGE: f64 = 100.0;

/// The method that the gate will bound a figure with, and the assumptions about unknown rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Bounding {
    /// A share of rows, by Wilson.
    Share,
    /// The difference of two shares of the same rows, by Newcombe and Tango.
    Pairs {
        /// The share of rows on which only one of the two models is right.
        disagreement: f64,
        /// The share of rows on which the champion is right.
        champion: f64,
    },
    /// The same, compared with a difference of zero, by `McNemar`'s test.
    Discordant {
        /// The share of rows on which only one of the two models is right.
        disagreement: f64,
    },
    /// A mean over rows, or a similar figure, by resampling.
    Mean {
        /// The standard deviation of a row's contribution.
        deviation: f64,
    },
}

impl Bounding {
    /// The probability that the gate passes. `truth` is the true figure, or the true difference from the champion's. `error` is
    /// the probability that a bound is wrong.
    pub(super) fn power(self, wanted: Wanted, truth: f64, rows: f64, error: f64) -> f64 {
        match self {
            Self::Share => of_share(wanted, truth.clamp(0.0, 1.0), rows, error),
            Self::Pairs { disagreement, champion } => {
                let (needed, truth) = upwards(wanted, truth);
                let both = |discordant: f64| {
                    let right = champion - (disagreement - truth) / 2.0;
                    (right / (1.0 - disagreement).max(1e-12)).clamp(0.0, 1.0) * (rows - discordant)
                };
                let wins = |discordant: f64| {
                    lowest(0.0, discordant, |candidate| {
                        let both = both(discordant);
                        let pairs = Pairs {
                            both,
                            candidate,
                            champion: discordant - candidate,
                            neither: rows - discordant - both,
                        };
                        is_at_least(pairs, needed, error)
                    })
                };
                of_differing(disagreement, truth, rows, wins)
            }
            Self::Discordant { disagreement } => {
                let (_, truth) = upwards(wanted, truth);
                of_differing(disagreement, truth, rows, |discordant| fewest_wins(discordant, error))
            }
            Self::Mean { deviation } => of_mean(wanted, truth, deviation, rows, error),
        }
    }

    /// The figure on the rows, or the difference from the champion's, at which the gate begins to pass, if the rows turn out as
    /// expected. `None` if no figure passes.
    pub(super) fn needed(self, wanted: Wanted, rows: f64, error: f64) -> Option<f64> {
        let down = matches!(wanted, Wanted::AtMost(_));
        let signed = |value: f64| if down { -value } else { value };
        match self {
            Self::Share => match passing_counts(wanted, rows, error) {
                Some((_, most)) if down => Some(most / rows),
                Some((least, _)) => Some(least / rows),
                None => None,
            },
            Self::Pairs { disagreement, champion } => {
                let (threshold, _) = upwards(wanted, 0.0);
                let differing = (disagreement * rows).round();
                let both = ((champion - disagreement / 2.0) / (1.0 - disagreement).max(1e-12)).clamp(0.0, 1.0);
                let wins = lowest(0.0, differing, |candidate| {
                    let both = both * (rows - differing);
                    let pairs =
                        Pairs { both, candidate, champion: differing - candidate, neither: rows - differing - both };
                    is_at_least(pairs, threshold, error)
                });
                (wins <= differing).then(|| signed((2.0 * wins - differing) / rows))
            }
            Self::Discordant { disagreement } => {
                let differing = (disagreement * rows).round();
                let wins = fewest_wins(differing, error);
                (wins <= differing).then(|| signed((2.0 * wins - differing) / rows))
            }
            Self::Mean { deviation } => {
                let reach = reach(deviation, rows, error)?;
                match wanted {
                    Wanted::AtLeast(threshold) => Some(threshold + reach),
                    Wanted::AtMost(threshold) => Some(threshold - reach),
                    Wanted::Between(least, most) => (least + reach <= most - reach).then_some(least + reach),
                }
            }
        }
    }
}

/// The probability that all of `slices` slices pass, by Holm's step-down. `passes` returns the probability that one slice passes
/// at an error.
///
/// The i-th smallest of k independent p-values must be at most α/(k−i+1). Let F be the probability that one is at most a level.
/// The result is then the probability that at least i of k uniform numbers lie below F(α/(k−i+1)) for each i, by Noé's recursion
/// ("The Calculation of Distributions of Two-Sided Kolmogorov-Smirnov Type Statistics", Annals of Mathematical Statistics 43,
/// 1972). F is computed at three levels. On the scale of normal deviations it is almost straight between them.
pub(super) fn of_slices(slices: u32, level: f64, passes: impl Fn(f64) -> f64) -> f64 {
    if slices == 1 {
        return passes(level);
    }
    let all = f64::from(slices);
    let deviations = |share: f64| normal_quantile(share.clamp(1e-12, 1.0 - 1e-12));
    let known = [all, all.sqrt(), 1.0].map(|parts| {
        let level = level / parts;
        (deviations(level), deviations(passes(level)))
    });
    let passing = |parts: f64| {
        let at = deviations(level / parts);
        let [first, middle, last] = known;
        let (from, to) = if at <= middle.0 { (first, middle) } else { (middle, last) };
        let along = ((at - from.0) / (to.0 - from.0)).clamp(0.0, 1.0);
        normal_below(from.1 + along * (to.1 - from.1))
    };
    // For each number of values below the threshold so far: its probability.
    let count = slices as usize;
    let mut likely = vec![0.0; count + 1];
    likely[0] = 1.0;
    let mut before = 0.0;
    for place in 1..=count {
        #[expect(clippy::cast_precision_loss, reason = "slices are few")]
        let threshold = passing((count - place + 1) as f64).max(before);
        let width = threshold - before;
        let mut next = vec![0.0; count + 1];
        for (below, probability) in likely.iter().enumerate().filter(|(_, probability)| **probability > 0.0) {
            // C(left, more) width^more, computed by recurrence.
            let (left, mut ways) = (count - below, 1.0);
            for more in 0..=left {
                if below + more >= place {
                    next[below + more] += probability * ways;
                }
                #[expect(clippy::cast_precision_loss, reason = "slices are few")]
                let ratio = (left - more) as f64 / (more + 1) as f64;
                ways *= ratio * width;
            }
        }
        (likely, before) = (next, threshold);
    }
    likely[count].clamp(0.0, 1.0)
}

/// Converts a comparison to one with a lower threshold: with the models exchanged, `AtMost` becomes `AtLeast`.
fn upwards(wanted: Wanted, truth: f64) -> (f64, f64) {
    match wanted {
        Wanted::AtLeast(threshold) | Wanted::Between(threshold, _) => (threshold, truth),
        Wanted::AtMost(threshold) => (-threshold, -truth),
    }
}

/// The smallest whole number from `least` to `most` that passes, provided that every larger number passes too. `most` + 1 if none
/// passes.
fn lowest(least: f64, most: f64, passes: impl Fn(f64) -> bool) -> f64 {
    let (mut few, mut enough) = (least - 1.0, most + 1.0);
    while enough - few > 1.0 {
        let middle = f64::midpoint(few, enough).floor();
        *if passes(middle) { &mut enough } else { &mut few } = middle;
    }
    enough
}

/// The smallest and the largest count of right rows that pass.
fn passing_counts(wanted: Wanted, rows: f64, error: f64) -> Option<(f64, f64)> {
    let bounds = |right: f64| bounds_of_share(right / rows, rows, 1.0 - error);
    let from = |threshold: f64| lowest(0.0, rows, |right| bounds(right).0 >= threshold);
    let to = |threshold: f64| lowest(0.0, rows, |right| bounds(right).1 > threshold) - 1.0;
    let (least, most) = match wanted {
        Wanted::AtLeast(threshold) => (from(threshold), rows),
        Wanted::AtMost(threshold) => (0.0, to(threshold)),
        Wanted::Between(one, other) => (from(one), to(other)),
    };
    (least <= most).then_some((least, most))
}

fn of_share(wanted: Wanted, truth: f64, rows: f64, error: f64) -> f64 {
    let Some((least, most)) = passing_counts(wanted, rows, error) else { return 0.0 };
    let up_to = if most >= rows { 1.0 } else { up_to(most, rows, truth) };
    (up_to - up_to_before(least, rows, truth)).clamp(0.0, 1.0)
}

fn up_to_before(least: f64, rows: f64, truth: f64) -> f64 {
    if least <= 0.0 { 0.0 } else { up_to(least - 1.0, rows, truth) }
}

/// The probability that the candidate wins as many of the differing rows as it must, over the possible numbers of differing rows.
fn of_differing(disagreement: f64, truth: f64, rows: f64, wins: impl Fn(f64) -> f64) -> f64 {
    let disagreement = disagreement.max(truth.abs()).min(1.0);
    let (mean, spread) = (rows * disagreement, (rows * disagreement * (1.0 - disagreement)).sqrt());
    let (first, last) = ((mean - FAR * spread - 3.0).floor().max(0.0), (mean + FAR * spread + 10.0).ceil().min(rows));
    let step = ((last - first) / MAX_POINTS).ceil().max(1.0);
    let win = ((disagreement + truth) / (2.0 * disagreement)).clamp(0.0, 1.0);
    let (mut sum, mut from, mut below) = (0.0, first, up_to_before(first, rows, disagreement));
    while from <= last {
        let to = (from + step - 1.0).min(rows);
        let up_to_here = up_to(to, rows, disagreement);
        let differing = f64::midpoint(from, to).floor();
        let needed = wins(differing);
        if needed <= differing {
            sum += (up_to_here - below) * (1.0 - up_to_before(needed, differing, win));
        }
        (below, from) = (up_to_here, to + 1.0);
    }
    sum.clamp(0.0, 1.0)
}

/// The distance of a resampled bound from its estimate; `None` if there are too few rows to resample.
fn reach(deviation: f64, rows: f64, error: f64) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let fewest = MIN_UNITS as f64;
    (rows >= fewest).then(|| reach_of_resampling(rows, error) * deviation / rows.sqrt())
}

fn of_mean(wanted: Wanted, truth: f64, deviation: f64, rows: f64, error: f64) -> f64 {
    let Some(reach) = reach(deviation, rows, error) else { return 0.0 };
    let standard = deviation / rows.sqrt();
    let above = |threshold: f64| normal_below((truth - threshold - reach) / standard);
    let below = |threshold: f64| normal_below((threshold - reach - truth) / standard);
    match wanted {
        Wanted::AtLeast(threshold) => above(threshold),
        Wanted::AtMost(threshold) => below(threshold),
        Wanted::Between(least, most) => (above(least) + below(most) - 1.0).max(0.0),
    }
}

/// The probability that at most `count` of `trials` succeed, each with probability `share`.
fn up_to(count: f64, trials: f64, share: f64) -> f64 {
    if count >= trials {
        return 1.0;
    }
    if count < 0.0 {
        return 0.0;
    }
    let (mean, variance) = (trials * share, trials * share * (1.0 - share));
    if variance > LARGE {
        // The normal distribution with a continuity correction and the first Edgeworth term.
        let deviations = (count + 0.5 - mean) / variance.sqrt();
        let skewness = (1.0 - 2.0 * share) / variance.sqrt();
        let density = (-0.5 * deviations * deviations).exp() / (2.0 * std::f64::consts::PI).sqrt();
        let corrected = normal_below(deviations) - skewness / 6.0 * (deviations * deviations - 1.0) * density;
        return corrected.clamp(0.0, 1.0);
    }
    if share > 0.5 {
        return 1.0 - up_to(trials - count - 1.0, trials, 1.0 - share);
    }
    if share <= 0.0 {
        return 1.0;
    }
    let odds = share / (1.0 - share);
    let (mut term, mut sum, mut at) = ((trials * (-share).ln_1p()).exp(), 0.0, 0.0);
    while at <= count && at <= mean + 2_000.0 {
        sum += term;
        term *= (trials - at) / (at + 1.0) * odds;
        at += 1.0;
    }
    sum.clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::super::measure::Spread;
    use super::*;

    #[test]
    fn a_binomial_count_is_what_tables_say() {
        // scipy.stats.binom.cdf
        for (count, trials, share, expected) in [
            (7.0, 10.0, 0.5, 0.945_312_5),
            (0.0, 30.0, 0.1, 0.042_391_158),
            (95.0, 100.0, 0.97, 0.182_145_2),
            (5_050.0, 10_000.0, 0.5, 0.843_752_4),
            (900.0, 10_000.0, 0.1, 0.000_385_2),
        ] {
            let found = up_to(count, trials, share);
            assert!((found - expected).abs() < 2e-5, "{count} of {trials} at {share}: {found}, expected {expected}");
        }
        assert_eq!((up_to(3.0, 3.0, 0.2), up_to(-1.0, 3.0, 0.2)), (1.0, 0.0));
    }

    #[test]
    fn slices_pass_together_as_holms_step_down_lets_them() {
        // Two slices pass if both are at most α/2, or if one is at most α/2 and the other lies between that and α.
        let passes = |error: f64| 0.5 + error;
        let both = of_slices(2, 0.05, passes);
        let (half, whole) = (0.525, 0.55);
        assert!((both - (half * half + 2.0 * half * (whole - half))).abs() < 1e-9, "{both}");
        assert!((of_slices(1, 0.05, passes) - 0.55).abs() < 1e-12);
        assert!(of_slices(100, 0.05, |_| 0.0) < 1e-9 && of_slices(100, 0.05, |_| 1.0) > 1.0 - 1e-6);
        assert!((of_slices(10, 0.05, |_| 0.9) - 0.9_f64.powi(10)).abs() < 1e-9);
    }

    #[test]
    fn the_fewest_wins_are_those_at_which_the_gates_own_bound_is_not_below_zero() {
        for differing in [1.0, 4.0, 5.0, 24.0, 25.0, 80.0, 999.0, 1_000.0, 1_001.0, 5_000.0] {
            for error in [0.05, 0.0025, 1e-6] {
                let wins = fewest_wins(differing, error);
                let lower = |candidate: f64| {
                    let champion = differing - candidate;
                    let pairs = Pairs { both: 10_000.0 - differing, candidate, champion, neither: 0.0 };
                    super::super::measure::Measurement {
                        estimate: (candidate - champion) / 10_000.0,
                        rows: 10_000,
                        spread: Spread::Discordant(pairs),
                        range: (-1.0, 1.0),
                    }
                    .lower(1.0 - error)
                };
                assert!(wins > differing || lower(wins) >= -1e-12, "{differing} {error}: {wins}");
                assert!(lower(wins - 1.0) < 0.0, "{differing} {error}: {wins} is one too many");
            }
        }
    }
}
