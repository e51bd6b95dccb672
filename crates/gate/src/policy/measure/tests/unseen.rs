//! Bounds where no row shows a difference, held to the populations that such rows can come from.

use std::collections::BTreeMap;

use slipway_contract::Metric;
use slipway_contract::metrics::{Attributes, Estimates, RowScores, Rows, View, all};

use super::super::newcombe::Pairs;
use super::super::question::Question;
use super::super::spread::Spread;
use super::super::{normal, paired};
use super::assert_close;
use super::reference::SCORES;

#[test]
fn the_score_bound_is_the_one_of_the_likelihood_itself() {
    for (cells, confidence, (lower, upper)) in SCORES {
        let [both, candidate, champion, neither] = *cells;
        let pairs = Pairs { both, candidate, champion, neither };
        let z = normal::quantile(*confidence);
        assert_close(paired::score_bound(pairs, z), *lower, 1e-6, &format!("lower bound of {cells:?}"));
        assert_close(-paired::score_bound(pairs.exchanged(), z), *upper, 1e-6, &format!("upper bound of {cells:?}"));
    }
}

#[test]
fn what_is_shown_is_what_the_bound_says() {
    for (candidate, champion) in [(0.0, 0.0), (0.0, 3.0), (3.0, 0.0), (2.0, 5.0), (40.0, 38.0)] {
        for error in [0.05, 0.002_5, 1e-6] {
            let pairs = Pairs { both: 300.0, candidate, champion, neither: 200.0 };
            let lower = paired::bounds(pairs, error).0;
            assert!(paired::is_at_least(pairs, lower - 1e-9, error), "{pairs:?} {error}");
            assert!(!paired::is_at_least(pairs, lower + 1e-9, error), "{pairs:?} {error}");
        }
    }
}

/// The probability of a pass where the candidate is worse by exactly the margin, and on rows that it loses alone. `right` is the
/// share of the other rows that both models get right.
fn wrong_passes(rows: u32, margin: f64, right: f64) -> f64 {
    let binomial = |trials: u32, share: f64| {
        let mut log_likelihood = f64::from(trials) * (-share).ln_1p();
        let odds = (share / (1.0 - share)).ln();
        (0..=trials).map(move |count| {
            let likelihood = log_likelihood.exp();
            log_likelihood += (f64::from(trials - count) / f64::from(count + 1)).ln() + odds;
            likelihood
        })
    };
    let mut wrong = 0.0;
    for (champion, lost) in (0..=rows).zip(binomial(rows, margin)).take_while(|(count, _)| *count < 40) {
        for (both, likely) in (0..).zip(binomial(rows - champion, right)) {
            let pairs = Pairs {
                both: f64::from(both),
                candidate: 0.0,
                champion: f64::from(champion),
                neither: f64::from(rows - champion - both),
            };
            if lost * likely > 1e-9 && paired::is_at_least(pairs, -margin, 0.05) {
                wrong += lost * likely;
            }
        }
    }
    wrong
}

#[test]
fn a_candidate_that_loses_a_few_rows_passes_wrongly_in_about_five_of_a_hundred_cases() {
    let mut most = 0.0_f64;
    for right in [0.5, 0.7, 0.9] {
        for rows in [60, 90, 100, 116, 150, 200, 266, 400] {
            most = most.max(wrong_passes(rows, 0.03, right));
        }
    }
    println!("models that differ on few rows, all in one direction: at most {most:.4}");
    // Counts are whole, so the probability jumps over 0.05. Newcombe's method alone reaches 0.16.
    assert!(most <= 0.06, "{most}");
    assert!(most > 0.03, "{most} is needlessly strict");
}

/// Labels from 0 to 16 and errors from 0 to 3, most of them small.
fn regressor(rows: u32) -> Estimates {
    let error = |row: u32| f64::from(row % 13) / 12.0 + if row.is_multiple_of(29) { 2.0 } else { 0.0 };
    Estimates {
        rows: (0..rows).map(|row| row.to_string()).collect(),
        labels: (0..rows).map(|row| f64::from(row % 17)).collect(),
        predictions: (0..rows).map(|row| f64::from(row % 17) + error(row)).collect(),
        quantiles: BTreeMap::new(),
    }
}

#[test]
fn a_bound_covers_a_candidate_that_errs_like_on_its_worst_row_wherever_the_rows_cannot_see_it() {
    const ROWS: u32 = 120;
    let table = regressor(ROWS);
    let (attributes, row_scores) = (Attributes::new(), RowScores::new());
    let rows = Rows { table: View::Numbers(&table), attributes: &attributes, row_scores: &row_scores };
    let every = all(ROWS as usize);
    for metric in [
        Metric::MeanAbsoluteError,
        Metric::RootMeanSquaredError,
        Metric::R2,
        Metric::Wape,
        Metric::MeanAbsolutePercentageError,
        Metric::MedianAbsoluteError,
    ] {
        for relative in [false, true] {
            let question = Question {
                metric: &metric,
                candidate: rows,
                champion: Some(rows),
                relative,
                against_none: false,
                of: &every,
                clusters: None,
            };
            let measured = question.measure().expect("a figure");
            assert!(matches!(measured.spread, Spread::Unseen(_)), "{metric}");
            for error in [0.05, 0.002_5] {
                let interval = measured.interval(1.0 - error, 1.0 - error);
                // As many rows as the test rows can miss are like one of them.
                let share = 1.0 - f64::powf(error, 1.0 / f64::from(ROWS));
                let with = |seen: usize| {
                    let weight = |row| {
                        let unseen = if row == seen { share * f64::from(ROWS) } else { 0.0 };
                        1.0 - share + unseen
                    };
                    metric.weighted(rows, &every, weight).expect("rows").expect("a value")
                };
                let figures: Vec<f64> = (0..ROWS as usize).map(with).collect();
                let least = figures.iter().copied().fold(f64::INFINITY, f64::min);
                let most = figures.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let widest = if relative { (most - least) / least } else { most - least };
                let upper = interval.upper.expect("a bound");
                assert!(upper >= widest * (1.0 - 1e-3), "{metric} {relative}: {upper} is below {widest}");
                assert!(upper <= widest * 1.05 + 0.2, "{metric} {relative}: {upper} is far above {widest}");
            }
        }
    }
}
