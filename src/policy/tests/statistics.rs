//! Holds the arithmetic to `SciPy`, statsmodels and published examples.

use super::reference::{BCA, NEWCOMBE, QUANTILES, SHARES_BELOW, WILSON};
use crate::domain::{Interval, Method};
use crate::policy::bootstrap::{self, Figure, Resampled, SEED};
use crate::policy::newcombe::{self, Pairs};
use crate::policy::random::Random;
use crate::policy::{jackknife, normal, wilson};

fn assert_close(value: f64, expected: f64, tolerance: f64, what: &str) {
    assert!((value - expected).abs() <= tolerance, "{what}: {value} is not {expected}");
}

#[test]
fn the_normal_distribution_is_scipys() {
    for (x, share) in SHARES_BELOW {
        assert_close(normal::share_below(*x), *share, 2e-15, &format!("share below {x}"));
    }
    for (share, x) in QUANTILES {
        assert_close(normal::quantile(*share), *x, 1e-13 * x.abs().max(1.0), &format!("quantile of {share}"));
    }
}

#[test]
fn the_normal_distribution_has_ends() {
    let ends = [0.0, 1.0].map(normal::quantile);
    assert!(ends.iter().all(|end| end.is_infinite()) && ends[0] < ends[1]);
    assert!(
        normal::quantile(-0.1).is_nan()
            && normal::quantile(f64::NAN).is_nan()
            && normal::share_below(f64::NAN).is_nan()
    );
    let [low, high] = [f64::NEG_INFINITY, f64::INFINITY].map(normal::share_below);
    assert!(low <= 0.0 && high >= 1.0);
}

#[test]
fn wilson_is_statsmodels() {
    for ((right, rows, confidence), (lower, upper)) in WILSON {
        let bounds = wilson::bounds(*right, *rows, normal::quantile(*confidence));
        assert_close(bounds.0, *lower, 1e-12, &format!("lower bound of {right} in {rows}"));
        assert_close(bounds.1, *upper, 1e-12, &format!("upper bound of {right} in {rows}"));
    }
}

#[test]
fn wilson_is_as_published() {
    // Newcombe, Statistics in Medicine 17:857, 1998, table I, method 3: two-sided 95 %.
    let published = [
        (81.0, 263.0, 0.2553, 0.3662),
        (15.0, 148.0, 0.0624, 0.1605),
        (0.0, 20.0, 0.0, 0.1611),
        (1.0, 29.0, 0.0061, 0.1718),
    ];
    for (right, rows, lower, upper) in published {
        let bounds = wilson::bounds(right, rows, normal::quantile(0.975));
        assert_close(bounds.0, lower, 5e-5, "lower");
        assert_close(bounds.1, upper, 5e-5, "upper");
    }
}

fn newcombe_of([both, candidate, champion, neither]: [f64; 4], confidence: f64) -> Interval {
    let pairs = Pairs { both, candidate, champion, neither };
    newcombe::interval(pairs, normal::quantile(confidence))
}

#[test]
fn newcombe_is_the_formula_over_statsmodels_bounds() {
    for (cells, confidence, (lower, upper)) in NEWCOMBE {
        let interval = newcombe_of(*cells, *confidence);
        assert_close(interval.lower, *lower, 1e-9, &format!("lower bound of {cells:?}"));
        assert_close(interval.upper, *upper, 1e-9, &format!("upper bound of {cells:?}"));
    }
}

#[test]
fn newcombe_is_as_published() {
    // Newcombe, Statistics in Medicine 17:2635, 1998, method 10: two-sided 95 %.
    let interval = newcombe_of([36.0, 12.0, 2.0, 0.0], 0.975);
    assert_close(interval.lower, 0.0569, 5e-5, "lower");
    assert_close(interval.upper, 0.3404, 5e-5, "upper");
}

#[test]
fn newcombe_of_two_equals_is_symmetric_and_of_opposites_stays_in_range() {
    let Interval { lower, upper, .. } = newcombe_of([950.0, 0.0, 0.0, 50.0], 0.95);
    assert_close(lower, -upper, 1e-15, "symmetry");
    let Interval { lower, upper, estimate, .. } = newcombe_of([0.0, 0.0, 5.0, 0.0], 0.95);
    assert!(lower >= -1.0 && estimate <= upper && upper <= 1.0);
}

#[test]
fn random_numbers_are_splitmixs() {
    // The published sequence of the seed 1234567.
    let mut random = Random::new(1_234_567);
    let expected = [
        6_457_827_717_110_365_317_u64,
        3_203_168_211_198_807_973,
        9_817_491_932_198_370_423,
        4_593_380_528_125_082_431,
        16_408_922_859_458_223_821,
    ];
    assert_eq!(expected.map(|_| random.bits()), expected);
    let mut counts = [0_u32; 7];
    (0..70_000).for_each(|_| counts[random.below(7) as usize] += 1);
    assert!(counts.iter().all(|count| count.abs_diff(10_000) < 400), "{counts:?}");
    let mut items: Vec<u32> = (0..100).collect();
    random.shuffle(&mut items);
    assert_ne!(items, (0..100).collect::<Vec<_>>());
    items.sort_unstable();
    assert_eq!(items, (0..100).collect::<Vec<_>>());
}

/// A figure of numbers.
struct Numbers<F>(Vec<f64>, F);

impl<F: Fn(&[f64]) -> f64> Figure for Numbers<F> {
    fn rows(&self) -> u32 {
        u32::try_from(self.0.len()).expect("few rows")
    }

    fn over(&self, rows: &[u32]) -> Option<f64> {
        let drawn: Vec<f64> = rows.iter().map(|row| self.0[*row as usize]).collect();
        Some(self.1(&drawn))
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / f64::from(u32::try_from(values.len()).expect("few values"))
}

fn variance(values: &[f64]) -> f64 {
    let centre = mean(values);
    mean(&values.iter().map(|value| (value - centre).powi(2)).collect::<Vec<_>>())
}

/// The sample of `tests/reference/statistics.py`.
fn lopsided(rows: u32) -> Vec<f64> {
    (0..rows).map(|row| (f64::from(row * 37 % 101) / 10.0).powi(2)).collect()
}

#[test]
fn the_bootstrap_is_scipys_within_its_own_noise() {
    for (name, rows, acceleration, (lower, upper)) in BCA {
        let figure = Numbers(lopsided(*rows), if *name == "mean" { mean } else { variance });
        let spread = jackknife::spread(&figure, &mut Random::new(1)).expect("a spread");
        assert_close(spread.acceleration, *acceleration, 1e-12, name);
        let Resampled::Interval(interval) = bootstrap::interval(&figure, 0.95, SEED) else {
            panic!("{name} has an interval");
        };
        assert_eq!((interval.method, interval.seed), (Method::BcaBootstrap, Some(SEED)));
        // The noise of a bound at 0.05 from 2,000 resamples is 0.045 standard deviations of them; four times that.
        let noise = 0.18 * (upper - lower) / 3.29;
        assert_close(interval.lower, *lower, noise, &format!("lower bound of the {name} of {rows}"));
        assert_close(interval.upper, *upper, noise, &format!("upper bound of the {name} of {rows}"));
    }
}

#[test]
fn the_same_seed_gives_the_same_bounds_and_another_seed_others() {
    let figure = Numbers(lopsided(50), mean);
    assert_eq!(bootstrap::interval(&figure, 0.95, 1), bootstrap::interval(&figure, 0.95, 1));
    assert_ne!(bootstrap::interval(&figure, 0.95, 1), bootstrap::interval(&figure, 0.95, 2));
}

#[test]
fn the_jackknife_agrees_with_the_bootstrap_on_many_rows() {
    let figure = Numbers(lopsided(5_000), mean);
    let Resampled::Interval(resampled) = bootstrap::interval(&figure, 0.95, SEED) else {
        panic!("an interval");
    };
    let left_out = jackknife::interval(&figure, 0.95, SEED).expect("an interval");
    let reach = resampled.estimate - resampled.lower;
    assert_close(left_out.lower, resampled.lower, 0.15 * reach, "lower");
    assert_close(left_out.upper, resampled.upper, 0.15 * reach, "upper");
}

#[test]
fn figures_that_do_not_vary_or_are_no_numbers_are_told_apart() {
    let constant = Numbers(vec![0.3; 50], mean);
    assert!(
        matches!(bootstrap::interval(&constant, 0.95, SEED), Resampled::Constant(value) if (value - 0.3).abs() < 1e-12)
    );
    let broken = Numbers(lopsided(50), |_: &[f64]| f64::NAN);
    assert_eq!(bootstrap::interval(&broken, 0.95, SEED), Resampled::NoFigure);
    let sometimes = Numbers(lopsided(50), |values: &[f64]| if values[0] > 1.0 { f64::INFINITY } else { 1.0 });
    assert_eq!(bootstrap::interval(&sometimes, 0.95, SEED), Resampled::NoFigure);
}

#[test]
fn bounds_stay_finite_when_every_resample_lies_on_one_side_of_the_estimate() {
    // The maximum: no resample exceeds it. The number of rows drawn once: every resample has fewer.
    let maximum = Numbers(lopsided(50), |values: &[f64]| values.iter().copied().fold(0.0, f64::max));
    let distinct = Numbers((0..50).map(f64::from).collect(), |values: &[f64]| {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        sorted.dedup();
        mean(&[f64::from(u32::try_from(sorted.len()).expect("few values"))])
    });
    let intervals = [bootstrap::interval(&maximum, 0.95, SEED), bootstrap::interval(&distinct, 0.95, SEED)];
    for interval in intervals {
        let Resampled::Interval(Interval { estimate, lower, upper, .. }) = interval else {
            panic!("an interval");
        };
        assert!(lower.is_finite() && upper.is_finite() && lower <= estimate && estimate <= upper);
    }
}
