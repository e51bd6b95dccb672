//! A measure: its estimate, and its bounds at any confidence.

use slipway_domain::{Interval, Method};

use super::bootstrap::{Resamples, SEED};
use super::newcombe::Pairs;
use super::unseen::Unseen;
use super::{mcnemar, normal, paired, wilson};

/// The largest number of measured times that is suggested.
const MAX_TIMES: u64 = 1_000_000;

/// A measure with its uncertainty.
#[derive(Debug, Clone)]
pub(in crate::policy) struct Measurement {
    /// The value on the rows.
    pub(in crate::policy) estimate: f64,
    /// The number of rows that it is based on.
    pub(in crate::policy) rows: u64,
    /// Its uncertainty.
    pub(in crate::policy) spread: Spread,
    /// The smallest and the largest possible value.
    pub(in crate::policy) range: (f64, f64),
}

/// The uncertainty of a measure.
#[derive(Debug, Clone)]
pub(in crate::policy) enum Spread {
    /// The value is known exactly.
    Known,
    /// A share of trials.
    Share {
        /// The number of successful trials.
        right: f64,
        /// The number of trials.
        trials: f64,
    },
    /// The difference of two shares of the same trials.
    Pairs(Pairs),
    /// The same, compared with a difference of zero.
    Discordant(Pairs),
    /// The difference of two areas: Student's t around the estimate.
    Area {
        /// Standard error.
        error: f64,
        /// Degrees of freedom.
        freedom: f64,
    },
    /// One area: Student's t around the logarithm of its odds, because an area lies between 0 and 1.
    Odds {
        /// Standard error of the area itself.
        error: f64,
        /// Degrees of freedom.
        freedom: f64,
    },
    /// The results of resampling.
    Resampled(Resamples),
    /// The results of resampling a distance. A distance is never below zero, and it is overestimated on few rows. Its upper bound
    /// is not reduced for that.
    Distance(Resamples),
    /// Student's t around the estimate.
    Grouped {
        /// Standard error.
        error: f64,
        /// Degrees of freedom.
        freedom: f64,
    },
    /// Rows that are all alike. The effect of different rows is bounded by how many of them there can be.
    Unseen(Unseen),
    /// A quantile of measured times, in rising order.
    Times {
        /// The times.
        sorted: Vec<f64>,
        /// The quantile's share.
        share: f64,
    },
}

impl Measurement {
    /// Its one-sided bounds, each with its own confidence.
    pub(in crate::policy) fn interval(&self, lower: f64, upper: f64) -> Interval {
        let (method, seed) = self.method();
        let bound = |value: f64| Some(value).filter(|value| value.is_finite());
        let (lower, upper) = (bound(self.lower(lower)), bound(self.upper(upper)));
        Interval { estimate: self.estimate, lower, upper, method, seed }
    }

    /// The one-sided lower bound; minus infinity if there is none. A bound that is NaN counts as none.
    pub(in crate::policy) fn lower(&self, confidence: f64) -> f64 {
        let bound = self.bounds(confidence).0;
        let bound = if bound.is_nan() { f64::NEG_INFINITY } else { bound };
        bound.min(self.estimate).max(self.range.0)
    }

    /// The one-sided upper bound; infinity if there is none. A bound that is NaN counts as none.
    pub(in crate::policy) fn upper(&self, confidence: f64) -> f64 {
        let bound = self.bounds(confidence).1;
        let bound = if bound.is_nan() { f64::INFINITY } else { bound };
        bound.max(self.estimate).min(self.range.1)
    }

    /// The number of rows that would bound the measure on both sides at a confidence, if the present number is too small for
    /// that. Only quantiles can have no bound on few rows.
    pub(in crate::policy) fn fewest_for(&self, confidence: f64) -> Option<u64> {
        let Spread::Times { share, .. } = &self.spread else { return None };
        let z = normal::quantile(confidence);
        let enough = (self.rows..MAX_TIMES).find(|rows| {
            #[expect(clippy::cast_precision_loss, reason = "times are few")]
            let count = *rows as f64;
            highest_rank(count, *share, z) <= count
        });
        enough.filter(|rows| *rows > self.rows)
    }

    /// Whether no row shows how the measure varies.
    pub(in crate::policy) fn is_alike(&self) -> bool {
        match &self.spread {
            Spread::Unseen(_) => true,
            Spread::Pairs(pairs) | Spread::Discordant(pairs) => !pairs.differ(),
            _ => false,
        }
    }

    /// The number of rows that would show the measure to be beyond a threshold, wrong with probability `error`, if no row of them
    /// shows a difference either. `None` if no number is large enough, or if rows do differ.
    pub(in crate::policy) fn rows_if_alike(&self, threshold: f64, error: f64) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "row counts stay far below 2^53")]
        let rows = self.rows as f64;
        let change = threshold - self.estimate;
        match &self.spread {
            Spread::Unseen(unseen) => Some(rows * unseen.units_for(change, error)? / unseen.units()),
            Spread::Pairs(pairs) if !pairs.differ() && change != 0.0 => {
                Some(rows * paired::rows_without_difference(change.abs(), error) / pairs.trials())
            }
            _ => None,
        }
    }

    /// The number of independent units on which two models agree, and the largest share of other units on which they can differ,
    /// wrong with probability `error`. `None` if they do differ.
    pub(in crate::policy) fn unseen_share(&self, error: f64) -> Option<(f64, f64)> {
        match &self.spread {
            Spread::Unseen(unseen) if self.estimate.abs() <= 1e-12 => Some((unseen.units(), unseen.share(error))),
            Spread::Pairs(pairs) | Spread::Discordant(pairs) if !pairs.differ() => {
                Some((pairs.trials(), paired::bounds(*pairs, error).1))
            }
            _ => None,
        }
    }

    fn bounds(&self, confidence: f64) -> (f64, f64) {
        let z = || normal::quantile(confidence);
        let around = |reach: f64| (self.estimate - reach, self.estimate + reach);
        match &self.spread {
            Spread::Known => (self.estimate, self.estimate),
            Spread::Share { right, trials } => wilson::bounds(*right, *trials, z()),
            Spread::Pairs(pairs) => paired::bounds(*pairs, 1.0 - confidence),
            Spread::Discordant(pairs) => mcnemar::bounds(*pairs, 1.0 - confidence),
            Spread::Odds { error, freedom } => on_odds(self.estimate, *error, normal::student(confidence, *freedom)),
            Spread::Resampled(resamples) => resamples.bounds(confidence),
            Spread::Distance(resamples) => (resamples.bounds(confidence).0, resamples.share(confidence)),
            Spread::Area { error, freedom } | Spread::Grouped { error, freedom } => {
                around(normal::student(confidence, *freedom) * error)
            }
            Spread::Unseen(unseen) => {
                let (lower, upper) = unseen.reach(1.0 - confidence);
                (self.estimate + lower, self.estimate + upper)
            }
            Spread::Times { sorted, share } => quantile_bounds(sorted, *share, z()),
        }
    }

    /// The method of the bounds, and the seed of the resampling, if there was one.
    fn method(&self) -> (Method, Option<u64>) {
        match &self.spread {
            Spread::Known => (Method::Exact, None),
            Spread::Share { .. } => (Method::Wilson, None),
            Spread::Pairs(pairs) if !pairs.differ() => (Method::UnseenRows, None),
            Spread::Pairs(_) => (Method::Newcombe, None),
            Spread::Discordant(pairs) if mcnemar::is_exact(*pairs) => (Method::McnemarExact, None),
            Spread::Discordant(_) => (Method::McnemarMidP, None),
            Spread::Area { .. } | Spread::Odds { .. } => (Method::Delong, None),
            Spread::Resampled(_) => (Method::BcaBootstrap, Some(SEED)),
            Spread::Distance(_) => (Method::PercentileBootstrap, Some(SEED)),
            Spread::Grouped { .. } => (Method::GroupedJackknife, Some(SEED)),
            Spread::Unseen(_) => (Method::UnseenRows, None),
            Spread::Times { .. } => (Method::OrderStatistics, None),
        }
    }

    /// The smallest error probability at which a test shows that the measure is at or above a threshold (`above`), or at or below
    /// it. This is the test's p-value, found by bisection. A value above a half is returned as one: the estimate itself is then
    /// on the other side.
    pub(in crate::policy) fn error_of(&self, threshold: f64, above: bool) -> f64 {
        let holds = |error: f64| {
            let confidence = 1.0 - error;
            if above { self.lower(confidence) >= threshold } else { self.upper(confidence) <= threshold }
        };
        if !holds(0.5) {
            return 1.0;
        }
        let (mut least, mut most) = (1e-15_f64.ln(), 0.5_f64.ln());
        if holds(least.exp()) {
            return least.exp();
        }
        for _ in 0..40 {
            let middle = f64::midpoint(least, most);
            *if holds(middle.exp()) { &mut most } else { &mut least } = middle;
        }
        most.exp()
    }

    /// Whether all of its figures are finite.
    pub(in crate::policy) fn is_sound(&self) -> bool {
        let Interval { estimate, lower, upper, .. } = self.interval(0.95, 0.95);
        estimate.is_finite() && lower.is_some() && upper.is_some()
    }
}

/// Bounds of a share at `deviations` standard errors, symmetric on the scale of ln(p/(1−p)) so that they stay within 0 and 1.
fn on_odds(share: f64, error: f64, deviations: f64) -> (f64, f64) {
    let variance = share * (1.0 - share);
    if variance <= 0.0 {
        return (share - deviations * error, share + deviations * error);
    }
    let (centre, reach) = ((share / (1.0 - share)).ln(), deviations * error / variance);
    let share_of = |odds: f64| 1.0 / (1.0 + (-odds).exp());
    (share_of(centre - reach), share_of(centre + reach))
}

/// Bounds of a quantile: the order statistics at the ranks that a binomial count of values below it reaches, by its normal
/// approximation (Conover, "Practical Nonparametric Statistics", 1999, 3.2). If no rank is high enough, there is no upper bound:
/// it is infinite here and open in the interval.
fn quantile_bounds(sorted: &[f64], share: f64, z: f64) -> (f64, f64) {
    #[expect(clippy::cast_precision_loss, reason = "times are few")]
    let count = sorted.len() as f64;
    let (centre, reach) = (count * share, z * (count * share * (1.0 - share)).sqrt());
    let at = |rank: f64| {
        if rank < 1.0 {
            return 0.0;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank is at least one here")]
        sorted.get(rank as usize - 1).copied().unwrap_or(f64::INFINITY)
    };
    (at((centre - reach).floor()), at(highest_rank(count, share, z)))
}

/// The rank of the order statistic that bounds a quantile of `count` times from above.
fn highest_rank(count: f64, share: f64, z: f64) -> f64 {
    (count * share + z * (count * share * (1.0 - share)).sqrt()).ceil() + 1.0
}
