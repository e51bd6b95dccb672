//! Worlds of rows that belong together: queries whose rows are ranked, and series whose rows are forecast.

use slipway_contract::metrics::{Attributes, Table};
use slipway_gate::evaluation::Evaluation;

use super::calibration::World;
use super::draw::Draw;
use super::world::{attribute, evaluation, numbers, numbers_of, policy};

/// Rows that are ranked for each query.
const LISTED: u32 = 20;

/// Ranks that count.
const FIRST: u32 = 10;

/// How likely the relevant row is at each rank: a geometric law, cut at the last rank.
fn ranks(ratio: f64) -> Vec<f64> {
    let shares: Vec<f64> =
        std::iter::successors(Some(1.0), |share| Some(share * ratio)).take(LISTED as usize).collect();
    let total: f64 = shares.iter().sum();
    shares.into_iter().map(|share| share / total).collect()
}

/// The rank that a number from zero to one draws.
fn rank_at(ranks: &[f64], mut at: f64) -> u32 {
    for (rank, share) in (1..).zip(ranks) {
        at -= share;
        if at < 0.0 {
            return rank;
        }
    }
    LISTED
}

/// NDCG@10 of queries with one relevant row of twenty, which is 1/log₂(rank + 1): its true mean follows from the law of ranks.
pub(crate) fn ndcg(queries: u32) -> World {
    let (ours, theirs) = (ranks(0.75), ranks(0.7));
    let mean =
        |ranks: &[f64]| -> f64 { (1..=FIRST).zip(ranks).map(|(rank, share)| share / f64::from(rank + 1).log2()).sum() };
    let margin = mean(&theirs) - mean(&ours);
    let rows = queries * LISTED;
    let made = |name| {
        let mut made = evaluation(name, Table::Unlabelled((0..rows).map(|row| format!("r{row}")).collect()), &[]);
        let relevance = (0..rows).map(|row| f64::from(u8::from(row % LISTED == 0))).collect();
        made.row_scores.insert("relevance".to_owned(), relevance);
        made.row_scores.insert("score".to_owned(), (0..rows).map(|row| -f64::from(row % LISTED)).collect());
        made.attributes = Attributes::from([("query".to_owned(), attribute(queries, rows, |row| row / LISTED))]);
        made
    };
    let draw = move |candidate: &mut Evaluation, champion: &mut Evaluation, draw: &mut Draw| {
        let [our_scores, their_scores] =
            [candidate, champion].map(|evaluation| evaluation.row_scores.get_mut("score").expect("scores"));
        for query in 0..queries {
            let shared = draw.uniform();
            // Two thirds of the queries are as hard for one model as for the other.
            let own = if draw.uniform() < 0.67 { shared } else { draw.uniform() };
            let place = (query * LISTED) as usize;
            // Just before the irrelevant row that has this rank without it.
            our_scores[place] = 0.5 - f64::from(rank_at(&ours, shared));
            their_scores[place] = 0.5 - f64::from(rank_at(&theirs, own));
        }
    };
    World {
        name: format!("NDCG@10, {queries} queries of {LISTED} rows"),
        policy: policy(&[format!(
            "metric: {{ndcg: {{k: {FIRST}, query: query}}}}, no_worse_than_champion: {{margin: {margin}}}"
        )]),
        margin,
        higher_is_better: true,
        candidate: made("candidate"),
        champion: made("champion"),
        draw: Box::new(draw),
    }
}

/// MASE of series that are not alike: some are harder to forecast than others, for either model.
pub(crate) fn mase(series: u32, horizon: u32) -> World {
    let (margin, spread) = (0.05, 0.4);
    // The mean of |z| exp(spread u) with z and u standard normal.
    let mean = (2.0 / std::f64::consts::PI).sqrt() * (0.5_f64 * spread * spread).exp();
    let factor = 1.0 + margin / mean;
    let rows = series * horizon;
    let scale = move |row: u32| 1.0 + f64::from(row / horizon % 7);
    let made = |name| {
        let mut made = evaluation(name, Table::Numbers(numbers(rows)), &[]);
        made.row_scores.insert("scale".to_owned(), (0..rows).map(scale).collect());
        made.attributes = Attributes::from([("series".to_owned(), attribute(series, rows, |row| row / horizon))]);
        made
    };
    let draw = move |candidate: &mut Evaluation, champion: &mut Evaluation, draw: &mut Draw| {
        let (ours, theirs) = (numbers_of(candidate), numbers_of(champion));
        for one in 0..series {
            let (our_size, their_size) = draw.normals(0.8);
            for row in one * horizon..(one + 1) * horizon {
                let (our, their) = draw.normals(0.7);
                ours.predictions[row as usize] = scale(row) * factor * our * (spread * our_size).exp();
                theirs.predictions[row as usize] = scale(row) * their * (spread * their_size).exp();
            }
        }
    };
    World {
        name: format!("MASE, {series} series of {horizon} rows"),
        policy: policy(&[format!(
            "metric: {{mase: {{series: series}}}}, no_worse_than_champion: {{margin: {margin}}}"
        )]),
        margin,
        higher_is_better: false,
        candidate: made("candidate"),
        champion: made("champion"),
        draw: Box::new(draw),
    }
}

/// WAPE of series whose sizes differ, a ratio of two sums, by series.
pub(crate) fn wape(series: u32, horizon: u32) -> World {
    let (margin, spread) = (0.02, 0.4);
    // Labels are their series' size; errors are a tenth of it, times |z| exp(spread u) as above.
    let mean = 0.1 * (2.0 / std::f64::consts::PI).sqrt() * (0.5_f64 * spread * spread).exp();
    let factor = 1.0 + margin / mean;
    let rows = series * horizon;
    let made = |name| {
        let mut made = evaluation(name, Table::Numbers(numbers(rows)), &["wape"]);
        made.attributes = Attributes::from([("series".to_owned(), attribute(series, rows, |row| row / horizon))]);
        made
    };
    let draw = move |candidate: &mut Evaluation, champion: &mut Evaluation, draw: &mut Draw| {
        let (ours, theirs) = (numbers_of(candidate), numbers_of(champion));
        for one in 0..series {
            let (our_size, their_size) = draw.normals(0.8);
            let size = (0.5 * draw.normal()).exp();
            for row in (one * horizon..(one + 1) * horizon).map(|row| row as usize) {
                let (our, their) = draw.normals(0.7);
                (ours.labels[row], theirs.labels[row]) = (size, size);
                ours.predictions[row] = size + 0.1 * size * factor * our * (spread * our_size).exp();
                theirs.predictions[row] = size + 0.1 * size * their * (spread * their_size).exp();
            }
        }
    };
    World {
        name: format!("WAPE, {series} series of {horizon} rows"),
        policy: policy(&[format!("metric: wape, group_by: series, no_worse_than_champion: {{margin: {margin}}}")]),
        margin,
        higher_is_better: false,
        candidate: made("candidate"),
        champion: made("champion"),
        draw: Box::new(draw),
    }
}
