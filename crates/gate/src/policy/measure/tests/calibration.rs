//! Whether a gate at 95 % confidence passes a candidate exactly at the threshold in about 5 % of cases, as it promises.

use slipway_contract::Metric;
use slipway_contract::metrics::{Attributes, Average, Predictions, RowScores, Rows, View, all};

use super::super::newcombe::{self, Pairs};
use super::super::normal::quantile;
use super::super::question::Question;
use super::super::random::Random;
use super::super::wilson;

/// The wrong passes that a confidence of 0.95 allows.
const ALLOWED: f64 = 0.05;

fn z() -> f64 {
    quantile(1.0 - ALLOWED)
}

/// Probability that the lower bound on `rows` rows reaches the true share: every count right, weighed by its likelihood.
fn wrong_passes_of_wilson(rows: u32, share: f64) -> f64 {
    let mut log_likelihood = f64::from(rows) * (1.0 - share).ln();
    let mut wrong = 0.0;
    for right in 0..=rows {
        if wilson::bounds(f64::from(right), f64::from(rows), z()).0 >= share {
            wrong += log_likelihood.exp();
        }
        log_likelihood += (f64::from(rows - right) / f64::from(right + 1)).ln() + (share / (1.0 - share)).ln();
    }
    wrong
}

#[test]
fn wilson_passes_a_candidate_at_the_threshold_in_about_five_of_a_hundred_cases() {
    for share in [0.5, 0.7, 0.8, 0.88, 0.9, 0.94, 0.95, 0.97, 0.99] {
        let wrong = wrong_passes_of_wilson(1_000, share);
        println!("Wilson, true share {share}: {wrong:.4}");
        // A count is whole, so the likelihood jumps over 0.05 instead of meeting it: by half a jump at most.
        let jump = 0.5 * wilson_jump(1_000, share);
        assert!(wrong <= ALLOWED + jump, "{share}: {wrong} exceeds {ALLOWED} by more than {jump}");
        assert!(wrong > 0.02, "{share}: {wrong} is needlessly strict");
    }
}

/// The likelihood of a single count about as far out as the bound: what one more or one fewer right row makes.
fn wilson_jump(rows: u32, share: f64) -> f64 {
    let deviation = (f64::from(rows) * share * (1.0 - share)).sqrt();
    (-0.5 * z() * z()).exp() / (deviation * (2.0 * std::f64::consts::PI).sqrt())
}

#[test]
fn newcombe_passes_a_candidate_at_the_margin_in_about_five_of_a_hundred_cases() {
    const ROUNDS: u32 = 4_000;
    let margin = 0.02;
    let mut random = Random::new(42);
    // Rows, the champion's share, and the share of rows where only the candidate is right: the smaller, the more alike.
    for (rows, champion, only_candidate) in [
        (1_000, 0.9, 0.005),
        (1_000, 0.9, 0.02),
        (1_000, 0.9, 0.06),
        (1_000, 0.97, 0.01),
        (300, 0.8, 0.05),
        (2_000, 0.6, 0.1),
    ] {
        let only_champion = only_candidate + margin;
        let limits = [champion - only_champion, only_candidate, only_champion];
        let mut wrong = 0;
        for _ in 0..ROUNDS {
            let pairs = draw_pairs(&mut random, rows, limits);
            wrong += u32::from(newcombe::bounds(pairs, z()).0 >= -margin);
        }
        let share = f64::from(wrong) / f64::from(ROUNDS);
        println!("Newcombe, {rows} rows, champion {champion}, only candidate {only_candidate}: {share:.4}");
        let noise = 3.0 * (ALLOWED * (1.0 - ALLOWED) / f64::from(ROUNDS)).sqrt();
        assert!(share <= ALLOWED + noise, "{share} exceeds {ALLOWED} by more than {noise}");
        assert!(share > 0.01, "{share} is needlessly strict");
    }
}

/// Draws rows that are right for both, for the candidate only, for the champion only (with these shares), or for neither.
fn draw_pairs(random: &mut Random, rows: u32, [both, candidate, champion]: [f64; 3]) -> Pairs {
    let mut pairs = Pairs::default();
    for _ in 0..rows {
        let at = uniform(random);
        *if at < both {
            &mut pairs.both
        } else if at < both + candidate {
            &mut pairs.candidate
        } else if at < both + candidate + champion {
            &mut pairs.champion
        } else {
            &mut pairs.neither
        } += 1.0;
    }
    pairs
}

fn uniform(random: &mut Random) -> f64 {
    f64::from(random.below(u32::MAX)) / f64::from(u32::MAX)
}

/// Likelihood of each label (row) and prediction (column) of the world that tables are drawn from.
const WORLD: [[f64; 3]; 3] = [[0.36, 0.03, 0.01], [0.04, 0.28, 0.03], [0.02, 0.03, 0.20]];

/// The macro F1 of a table that is exactly like the world.
fn true_macro_f1() -> f64 {
    let f1 = (0..3).map(|class| {
        let labelled: f64 = WORLD[class].iter().sum();
        let predicted: f64 = WORLD.iter().map(|row| row[class]).sum();
        2.0 * WORLD[class][class] / (labelled + predicted)
    });
    f1.sum::<f64>() / 3.0
}

fn draw_table(random: &mut Random, rows: u32) -> Predictions {
    let mut table = Predictions {
        rows: (0..rows).map(|row| row.to_string()).collect(),
        classes: ["a", "b", "c"].map(str::to_owned).to_vec(),
        labels: Vec::new(),
        predictions: Vec::new(),
        scores: None,
    };
    for _ in 0..rows {
        let mut at = uniform(random);
        let cells = (0..3_u32).flat_map(|label| (0..3_u32).map(move |predicted| (label, predicted)));
        let cell = cells.clone().find(|(label, predicted)| {
            at -= WORLD[*label as usize][*predicted as usize];
            at < 0.0
        });
        let (label, predicted) = cell.unwrap_or((2, 2));
        table.labels.push(label);
        table.predictions.push(predicted);
    }
    table
}

#[test]
fn the_bootstrap_of_macro_f1_passes_a_candidate_at_the_threshold_in_about_five_of_a_hundred_cases() {
    const ROUNDS: u32 = 400;
    let (threshold, mut random) = (true_macro_f1(), Random::new(7));
    let (mut wrong_pass, mut wrong_fail) = (0, 0);
    for _ in 0..ROUNDS {
        let table = draw_table(&mut random, 200);
        let (attributes, row_scores) = (Attributes::new(), RowScores::new());
        let question = Question {
            metric: &Metric::F1(Average::Macro),
            candidate: Rows { table: View::Classes(&table), attributes: &attributes, row_scores: &row_scores },
            champion: None,
            relative: false,
            against_none: false,
            of: &all(200),
            clusters: None,
        };
        let interval = question.measure().expect("a figure").interval(1.0 - ALLOWED, 1.0 - ALLOWED);
        wrong_pass += u32::from(interval.lowest() >= threshold);
        wrong_fail += u32::from(interval.highest() < threshold);
    }
    let [pass, fail] = [wrong_pass, wrong_fail].map(|count| f64::from(count) / f64::from(ROUNDS));
    println!("BCa, macro F1 of 200 rows at {threshold:.4}: wrong passes {pass:.4}, wrong refusals {fail:.4}");
    let noise = 3.0 * (ALLOWED * (1.0 - ALLOWED) / f64::from(ROUNDS)).sqrt();
    assert!(pass <= ALLOWED + noise && fail <= ALLOWED + noise, "wrong passes {pass}, wrong refusals {fail}");
    assert!(pass > 0.01 && fail > 0.01, "needlessly strict: {pass}, {fail}");
}
