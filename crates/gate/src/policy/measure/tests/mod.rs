//! Holds the arithmetic to `SciPy`, statsmodels and published examples.

mod areas;
mod calibration;
#[expect(
    clippy::unreadable_literal,
    clippy::type_complexity,
    clippy::doc_markdown,
    reason = "a script writes the values as `SciPy` prints them"
)]
mod reference;
mod unseen;

use reference::{BCA, NEWCOMBE, QUANTILES, SHARES_BELOW, WILSON};

use super::bootstrap::{self, Resampled, Resamples, SEED};
use super::figure::Counted;
use super::newcombe::{self, Pairs};
use super::random::Random;
use super::{mcnemar, normal, wilson};

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

fn newcombe_of([both, candidate, champion, neither]: [f64; 4], confidence: f64) -> (f64, f64) {
    let pairs = Pairs { both, candidate, champion, neither };
    newcombe::bounds(pairs, normal::quantile(confidence))
}

#[test]
fn newcombe_is_the_formula_over_statsmodels_bounds() {
    for (cells, confidence, (lower, upper)) in NEWCOMBE {
        let interval = newcombe_of(*cells, *confidence);
        assert_close(interval.0, *lower, 1e-9, &format!("lower bound of {cells:?}"));
        assert_close(interval.1, *upper, 1e-9, &format!("upper bound of {cells:?}"));
    }
}

#[test]
fn newcombe_is_as_published() {
    // Newcombe, Statistics in Medicine 17:2635, 1998, method 10: two-sided 95 %.
    let interval = newcombe_of([36.0, 12.0, 2.0, 0.0], 0.975);
    assert_close(interval.0, 0.0569, 5e-5, "lower");
    assert_close(interval.1, 0.3404, 5e-5, "upper");
}

#[test]
fn newcombe_of_two_equals_is_symmetric_and_of_opposites_stays_in_range() {
    let (lower, upper) = newcombe_of([950.0, 0.0, 0.0, 50.0], 0.95);
    assert_close(lower, -upper, 1e-15, "symmetry");
    let (lower, upper) = newcombe_of([0.0, 0.0, 5.0, 0.0], 0.95);
    assert!(lower >= -1.0 && (-1.0..=1.0).contains(&upper));
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

/// A figure of numbers, each of which counts as often as it is drawn.
struct Numbers<F>(Vec<f64>, F);

impl<F: Fn(&[f64]) -> f64> Counted for Numbers<F> {
    fn of(&self, counts: &[f64]) -> Option<f64> {
        let mut drawn = Vec::with_capacity(self.0.len());
        for (value, count) in self.0.iter().zip(counts) {
            let mut left = *count;
            while left > 0.0 {
                drawn.push(*value);
                left -= 1.0;
            }
        }
        Some(self.1(&drawn))
    }
}

fn resample<F: Fn(&[f64]) -> f64>(figure: &Numbers<F>, seed: u64) -> Resampled {
    bootstrap::resample(figure, figure.0.len(), figure.0.len(), seed)
}

fn resamples<F: Fn(&[f64]) -> f64>(figure: &Numbers<F>) -> (f64, Resamples) {
    match resample(figure, SEED) {
        Resampled::Spread(estimate, resamples) => (estimate, resamples),
        other => panic!("a figure that varies, not {other:?}"),
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
        // Up to 200 rows every row is left out by itself, as SciPy does.
        let spread = bootstrap::leave_out(&figure, figure.0.len(), &mut Random::new(1)).expect("a spread");
        assert_close(spread.acceleration, *acceleration, 1e-12, name);
        let (_, resamples) = resamples(&figure);
        let bounds = resamples.within(normal::quantile(0.95));
        // The noise of a bound at 0.05 from 2,000 resamples is 0.045 standard deviations of them; four times that.
        let noise = 0.18 * (upper - lower) / 3.29;
        assert_close(bounds.0, *lower, noise, &format!("lower bound of the {name} of {rows}"));
        assert_close(bounds.1, *upper, noise, &format!("upper bound of the {name} of {rows}"));
        // What is used is wider by as much as resamples vary too little.
        let used = resamples.bounds(0.95);
        assert!(used.0 < bounds.0 && used.1 > bounds.1);
    }
}

#[test]
fn skewness_moves_no_bound_nearer_to_the_estimate_than_students_t() {
    for (sign, rows) in [(1.0, 40), (-1.0, 40), (1.0, 200)] {
        let figure = Numbers(lopsided(rows).iter().map(|value| sign * value).collect(), mean);
        let (estimate, resamples) = resamples(&figure);
        let freedom = f64::from(rows - 1);
        // The standard error of the mean; 2,000 resamples know it to 1.6 %, three times that.
        let reach = normal::student(0.95, freedom) * (variance(&figure.0) / freedom).sqrt();
        let (lower, upper) = resamples.bounds(0.95);
        let (short, long) =
            if sign > 0.0 { (estimate - lower, upper - estimate) } else { (upper - estimate, estimate - lower) };
        assert_close(short, reach, 0.05 * reach, "the side of the short tail is Student's");
        assert!(long > reach, "the side of the long tail is wider: {long}, {reach}");
    }
}

#[test]
fn the_same_seed_gives_the_same_bounds_and_another_seed_others() {
    let figure = Numbers(lopsided(50), mean);
    assert_eq!(resample(&figure, 1), resample(&figure, 1));
    assert_ne!(resample(&figure, 1), resample(&figure, 2));
}

#[test]
fn the_jackknife_agrees_with_the_bootstrap_on_many_rows() {
    let figure = Numbers(lopsided(2_000), mean);
    let (estimate, resamples) = resamples(&figure);
    let (lower, upper) = resamples.bounds(0.95);
    let left_out = bootstrap::leave_out(&figure, 2_000, &mut Random::new(SEED)).expect("a spread");
    let reach = normal::student(0.95, left_out.freedom) * left_out.error;
    assert_close(estimate - reach, lower, 0.15 * reach, "lower");
    assert_close(estimate + reach, upper, 0.15 * reach, "upper");
}

#[test]
fn far_out_the_tail_goes_on_beyond_the_resamples() {
    let (_, resamples) = resamples(&Numbers(lopsided(500), mean));
    let bounds = [0.95, 0.99, 0.995, 0.9999, 0.999_999].map(|confidence| resamples.bounds(confidence).0);
    assert!(bounds.windows(2).all(|pair| pair[1] < pair[0]), "{bounds:?}");
}

#[test]
fn figures_that_do_not_vary_or_are_no_numbers_are_distinguished() {
    let constant = Numbers(vec![0.3; 50], mean);
    assert!(matches!(resample(&constant, SEED), Resampled::Constant(value) if (value - 0.3).abs() < 1e-12));
    let broken = Numbers(lopsided(50), |_: &[f64]| f64::NAN);
    assert_eq!(resample(&broken, SEED), Resampled::NoFigure);
    let sometimes = Numbers(lopsided(50), |values: &[f64]| if values[0] > 0.0 { f64::INFINITY } else { 1.0 });
    assert_eq!(resample(&sometimes, SEED), Resampled::NoFigure);
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
    for (estimate, resamples) in [resamples(&maximum), resamples(&distinct)] {
        let (lower, upper) = resamples.bounds(0.95);
        assert!(lower.is_finite() && upper.is_finite() && lower <= estimate, "{lower} {estimate} {upper}");
    }
}

#[test]
fn students_distribution_is_scipys() {
    // scipy.stats.t.ppf
    let expected = [
        (0.95, 29.0, 1.699_127_026_533_497_2),
        (0.95, 100.0, 1.660_234_326_085_339_2),
        (0.99, 29.0, 2.462_021_360_150_412_6),
        (0.999, 29.0, 3.396_240_288_356_802_6),
        (0.999, 100.0, 3.173_739_493_738_783),
    ];
    for (share, freedom, value) in expected {
        assert_close(normal::student(share, freedom), value, 1e-3 * value, &format!("{share} of {freedom}"));
    }
}

#[test]
fn mcnemar_is_clopper_and_pearsons_bound_on_the_differing_rows_or_its_mid_p_form() {
    // scipy.stats.beta.ppf below 25 differing rows, a root of scipy.stats.binom.sf + pmf/2 beyond, at 0.95 each.
    let expected = [
        ((12.0, 2.0, 50.0), (0.064_181_777_876_226_06, 0.265_440_373_743_514_04)),
        ((0.0, 8.0, 100.0), (-0.08, -0.030_024_963_509_381_13)),
        ((40.0, 25.0, 1_000.0), (0.001_684_866_770_362_427_6, 0.027_343_341_277_802_944)),
        ((300.0, 310.0, 5_000.0), (-0.010_111_212_094_076_047, 0.006_125_202_949_037_845_4)),
    ];
    for ((candidate, champion, rows), (lower, upper)) in expected {
        let pairs = Pairs { both: rows - candidate - champion, candidate, champion, neither: 0.0 };
        let bounds = mcnemar::bounds(pairs, 0.05);
        assert_close(bounds.0, lower, 1e-9, "lower");
        assert_close(bounds.1, upper, 1e-9, "upper");
    }
    let alike = Pairs { both: 90.0, candidate: 0.0, champion: 0.0, neither: 10.0 };
    let (lower, upper) = mcnemar::bounds(alike, 0.05);
    assert!(lower < 0.0 && upper > 0.0, "models that never differ show no difference");
}
