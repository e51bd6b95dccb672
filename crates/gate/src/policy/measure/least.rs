//! The fewest rows that can show something at all, in the best case.

use slipway_contract::Metric;
use slipway_contract::metrics::Average;

use super::mcnemar;
use super::newcombe::Pairs;
use super::{normal, paired, wilson};

/// The largest number of rows that is considered.
const MAX: f64 = 1e9;

/// Whether a metric is a share of trials, each of which is a row. Its bounds in the best case then follow from the number of
/// rows.
pub(in crate::policy) fn is_share(metric: &Metric) -> bool {
    metric.is_proportion()
        || matches!(
            metric,
            Metric::Recall(Average::Class(_)) | Metric::Precision(Average::Class(_)) | Metric::Confusion(_)
        )
}

/// Wilson's bounds of a share of `rows` rows.
pub(in crate::policy) fn share(share: f64, rows: f64, confidence: f64) -> (f64, f64) {
    wilson::bounds(share * rows, rows, normal::quantile(confidence))
}

/// The bounds of the difference of two models that never differ on `rows` rows: 1 − α^(1/n) to each side.
pub(in crate::policy) fn no_difference(rows: f64, confidence: f64) -> (f64, f64) {
    paired::bounds(Pairs { both: rows, ..Pairs::default() }, 1.0 - confidence)
}

/// Whether the difference of two models on these rows is shown to be at least `difference`, wrong with probability `error`.
pub(in crate::policy) fn is_at_least(pairs: Pairs, difference: f64, error: f64) -> bool {
    paired::is_at_least(pairs, difference, error)
}

/// The fewest of `differing` rows, on which only one model is right, that the candidate must win so that `McNemar`'s test shows
/// that it is better. More than `differing` if no number suffices.
pub(in crate::policy) fn fewest_wins(differing: f64, error: f64) -> f64 {
    mcnemar::fewest_wins(differing, error)
}

/// The distance of a resampled figure's bound from its estimate, in standard errors: √(n/(n−1)) t with n−1 degrees of freedom.
pub(in crate::policy) fn reach_of_resampling(units: f64, error: f64) -> f64 {
    let freedom = (units - 1.0).max(1.0);
    (units / freedom).sqrt() * normal::student(1.0 - error, freedom)
}

/// The share of the standard normal distribution below `deviations`.
pub(in crate::policy) fn normal_below(deviations: f64) -> f64 {
    normal::share_below(deviations)
}

/// The standard normal deviation with a share of `share` below it.
pub(in crate::policy) fn normal_quantile(share: f64) -> f64 {
    normal::quantile(share)
}

/// The fewest rows that `suffice`, provided that every larger number suffices too. `None` if it exceeds [`MAX`].
pub(in crate::policy) fn fewest(suffice: impl Fn(f64) -> bool) -> Option<u64> {
    if !suffice(MAX) {
        return None;
    }
    let (mut few, mut enough) = (0.0, MAX);
    while enough - few > 1.0 {
        let middle = f64::midpoint(few, enough).floor();
        *if suffice(middle) { &mut enough } else { &mut few } = middle;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between one and a thousand million")]
    Some(enough as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fewest_rows_are_those_of_the_formulas() {
        // z² p/(1 − p) for Wilson's lower bound at a share of one, ln α / ln(1 − m) for models that never differ.
        let square = normal::quantile(0.95).powi(2);
        let is_near = |found: Option<u64>, expected: f64| {
            let found = f64::from(u32::try_from(found.unwrap()).unwrap());
            assert!((found - expected.ceil()).abs() <= 1.0, "{found} rows, expected {expected}");
        };
        for threshold in [0.5, 0.99, 0.9999] {
            is_near(fewest(|rows| share(1.0, rows, 0.95).0 >= threshold), square * threshold / (1.0 - threshold));
        }
        for margin in [0.05, 0.01, 0.0001] {
            is_near(fewest(|rows| no_difference(rows, 0.95).0 >= -margin), 0.05_f64.ln() / (-margin).ln_1p());
        }
        assert_eq!(fewest(|_| false), None);
        assert_eq!(fewest(|_| true), Some(1));
    }
}
