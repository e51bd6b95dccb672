//! Calibration by simulation: with the true difference exactly at the margin, how often the gate passes all the same, and how
//! often the gate that others use would: the point estimate against the threshold.

use serde_json::{Value, json};
use slipway_contract::metrics::Table;
use slipway_domain::{CheckOutcome, Verdict};
use slipway_gate::evaluation::Evaluation;
use slipway_gate::policy::Policy;

use super::draw::Draw;
use super::units::{mase, ndcg, wape};
use super::world::{attribute, classes, classes_of, evaluation, judge, numbers, numbers_of, policy};

/// Draws candidate and champion anew.
type Redraw = Box<dyn Fn(&mut Evaluation, &mut Evaluation, &mut Draw) + Send + Sync>;

/// One simulated world: two evaluations that are drawn anew every round.
pub(crate) struct World {
    /// What is told of it.
    pub(crate) name: String,
    pub(crate) policy: Policy,
    /// The margin in the policy.
    pub(crate) margin: f64,
    /// Whether more is better.
    pub(crate) higher_is_better: bool,
    pub(crate) candidate: Evaluation,
    pub(crate) champion: Evaluation,
    /// Draws both anew.
    pub(crate) draw: Redraw,
}

/// Wrong passes in so many rounds.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Passes {
    pub(crate) ours: u32,
    pub(crate) naive: u32,
}

/// Plays a world on two threads.
pub(crate) fn play(world: &World, rounds: u32) -> Passes {
    let half = |seed: u64, rounds: u32| {
        let (mut candidate, mut champion) = (world.candidate.clone(), world.champion.clone());
        let mut draw = Draw::new(seed);
        let mut passes = Passes::default();
        for _ in 0..rounds {
            (world.draw)(&mut candidate, &mut champion, &mut draw);
            let verdict = judge(&world.policy, &candidate, Some(&champion));
            let (ours, naive) = world.passes(&verdict);
            passes.ours += u32::from(ours);
            passes.naive += u32::from(naive);
        }
        passes
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(|| half(2, rounds / 2));
        let one = half(1, rounds - rounds / 2);
        let other = other.join().expect("a half");
        Passes { ours: one.ours + other.ours, naive: one.naive + other.naive }
    })
}

impl World {
    /// Whether any slice is passed, or the check; and whether its estimate alone would.
    fn passes(&self, verdict: &Verdict) -> (bool, bool) {
        let check = &verdict.checks[0];
        let holds = |estimate: f64| {
            if self.higher_is_better { estimate >= -self.margin } else { estimate <= self.margin }
        };
        if check.slices.is_empty() {
            let naive = check.interval.is_some_and(|interval| holds(interval.estimate));
            return (check.outcome == CheckOutcome::Pass, naive);
        }
        let ours = check.slices.iter().any(|slice| slice.outcome == CheckOutcome::Pass);
        let naive = check.slices.iter().filter_map(|slice| slice.interval).any(|interval| holds(interval.estimate));
        (ours, naive)
    }
}

/// Both models right or wrong on a row with these shares and this correlation: the chance that both are right.
fn both_right(candidate: f64, champion: f64, correlation: f64) -> f64 {
    let spread = (candidate * (1.0 - candidate) * champion * (1.0 - champion)).sqrt();
    (candidate * champion + correlation * spread).min(candidate).min(champion)
}

fn two(rows: u32, count: u32, scores: bool, stated: &[&str]) -> (Evaluation, Evaluation) {
    let table = |name| evaluation(name, Table::Classes(classes(rows, count, scores)), stated);
    (table("candidate"), table("champion"))
}

/// Accuracy of paired predictions; `behind` is how far the candidate truly lies below the champion.
pub(crate) fn accuracy(rows: u32, correlation: f64, margin: f64, behind: f64) -> World {
    let (champion_right, candidate_right) = (0.9, 0.9 - behind);
    let both = both_right(candidate_right, champion_right, correlation);
    let (candidate, champion) = two(rows, 2, false, &["accuracy"]);
    let draw = move |candidate: &mut Evaluation, champion: &mut Evaluation, draw: &mut Draw| {
        let (ours, theirs) = (classes_of(candidate), classes_of(champion));
        for row in 0..ours.labels.len() {
            let at = draw.uniform();
            let (our, their) = if at < both {
                (0, 0)
            } else if at < candidate_right {
                (0, 1)
            } else if at < candidate_right + champion_right - both {
                (1, 0)
            } else {
                (1, 1)
            };
            (ours.predictions[row], theirs.predictions[row]) = (our, their);
        }
    };
    World {
        name: format!("accuracy, {rows} rows, correlation {correlation}"),
        policy: policy(&[format!("metric: accuracy, no_worse_than_champion: {{margin: {margin}}}")]),
        margin,
        higher_is_better: true,
        candidate,
        champion,
        draw: Box::new(draw),
    }
}

/// Ten slices, all exactly at the margin: whether any of them is passed.
fn slices() -> World {
    let mut world = accuracy(2_000, 0.5, 0.02, 0.02);
    "accuracy, 10 slices of 200 rows, any of them".clone_into(&mut world.name);
    let check = "metric: accuracy, slice: {by: part}, no_worse_than_champion: {margin: 0.02}";
    world.policy = policy(&[check.to_owned()]);
    world.candidate.attributes.insert("part".to_owned(), attribute(10, 2_000, |row| row % 10));
    world
}

/// Rows of one cluster are alike: the models are as good as its difficulty lets them be.
fn clustered(clusters: u32, size: u32) -> World {
    let (rows, margin) = (clusters * size, 0.02);
    let (mut candidate, champion) = two(rows, 2, false, &["accuracy"]);
    candidate.attributes.insert("cluster".to_owned(), attribute(clusters, rows, |row| row / size));
    let draw = move |candidate: &mut Evaluation, champion: &mut Evaluation, draw: &mut Draw| {
        let (ours, theirs) = (classes_of(candidate), classes_of(champion));
        for cluster in 0..clusters {
            // The champion's share lies evenly between 0.7 and 1, the candidate's differs from it by 0.02 on average.
            let champion_right = 0.7 + 0.3 * draw.uniform();
            let candidate_right = champion_right - margin + 0.2 * (draw.uniform() - 0.5);
            for row in cluster * size..(cluster + 1) * size {
                let (our, their) = (draw.uniform() >= candidate_right, draw.uniform() >= champion_right);
                ours.predictions[row as usize] = u32::from(our);
                theirs.predictions[row as usize] = u32::from(their);
            }
        }
    };
    World {
        name: format!("accuracy, {clusters} clusters of {size} rows"),
        policy: policy(&[format!("metric: accuracy, group_by: cluster, no_worse_than_champion: {{margin: {margin}}}")]),
        margin,
        higher_is_better: true,
        candidate,
        champion,
        draw: Box::new(draw),
    }
}

/// The normal distribution's share below, by the complementary error function's series: only for setting up worlds.
fn shift_for(area: f64) -> f64 {
    let below = |x: f64| {
        let steps = 20_000;
        let width = (x + 10.0) / f64::from(steps);
        let density = |at: f64| (-0.5 * at * at).exp() / (2.0 * std::f64::consts::PI).sqrt();
        (0..steps).map(|step| density(-10.0 + (f64::from(step) + 0.5) * width) * width).sum::<f64>()
    };
    let (mut least, mut most) = (0.0, 6.0);
    for _ in 0..40 {
        let middle = f64::midpoint(least, most);
        *if below(middle / std::f64::consts::SQRT_2) < area { &mut least } else { &mut most } = middle;
    }
    least
}

/// Areas under the ROC curve of scores that are normal in either class.
fn roc_auc(rows: u32) -> World {
    let margin = 0.02;
    let (our_shift, their_shift) = (shift_for(0.85 - margin), shift_for(0.85));
    let metric = "roc_auc(class=\"1\")";
    let (candidate, champion) = two(rows, 2, true, &[metric]);
    #[expect(clippy::cast_possible_truncation, reason = "scores are 32-bit floats")]
    let draw = move |candidate: &mut Evaluation, champion: &mut Evaluation, draw: &mut Draw| {
        let (ours, theirs) = (classes_of(candidate), classes_of(champion));
        for row in 0..ours.labels.len() {
            let positive = row % 10 < 3;
            (ours.labels[row], theirs.labels[row]) = (u32::from(positive), u32::from(positive));
            let (our, their) = draw.normals(0.6);
            for (table, value, shift) in [(&mut *ours, our, our_shift), (&mut *theirs, their, their_shift)] {
                let value = if positive { value + shift } else { value };
                let score = (1.0 / (1.0 + (-value).exp())) as f32;
                let scores = table.scores.as_mut().expect("scores");
                (scores[2 * row], scores[2 * row + 1]) = (1.0 - score, score);
            }
        }
    };
    World {
        name: format!("ROC-AUC, {rows} rows"),
        policy: policy(&[format!("metric: {{roc_auc: {{class: '1'}}}}, no_worse_than_champion: {{margin: {margin}}}")]),
        margin,
        higher_is_better: true,
        candidate,
        champion,
        draw: Box::new(draw),
    }
}

/// Likelihood of each label (row) and prediction (column) of champion and candidate.
const CHAMPION: [[f64; 3]; 3] = [[0.36, 0.03, 0.01], [0.04, 0.28, 0.03], [0.02, 0.03, 0.20]];
const CANDIDATE: [[f64; 3]; 3] = [[0.35, 0.04, 0.01], [0.05, 0.27, 0.03], [0.03, 0.03, 0.19]];

fn macro_f1_of(world: &[[f64; 3]; 3]) -> f64 {
    let f1 = (0..3).map(|class| {
        let labelled: f64 = world[class].iter().sum();
        let predicted: f64 = world.iter().map(|row| row[class]).sum();
        2.0 * world[class][class] / (labelled + predicted)
    });
    f1.sum::<f64>() / 3.0
}

fn predicted(world: &[[f64; 3]; 3], label: usize, at: f64) -> u32 {
    let mut left = at * world[label].iter().sum::<f64>();
    for (class, share) in (0..).zip(&world[label]) {
        left -= share;
        if left < 0.0 {
            return class;
        }
    }
    2
}

fn macro_f1(rows: u32) -> World {
    let margin = macro_f1_of(&CHAMPION) - macro_f1_of(&CANDIDATE);
    let (candidate, champion) = two(rows, 3, false, &["macro_f1"]);
    let draw = move |candidate: &mut Evaluation, champion: &mut Evaluation, draw: &mut Draw| {
        let (ours, theirs) = (classes_of(candidate), classes_of(champion));
        for row in 0..ours.labels.len() {
            let at = draw.uniform();
            let label = if at < 0.4 { 0 } else { 1 + usize::from(at >= 0.75) };
            let shared = draw.uniform();
            // Two thirds of the rows are as hard for one model as for the other.
            let own = if draw.uniform() < 0.67 { shared } else { draw.uniform() };
            let index = u32::try_from(label).unwrap_or(0);
            (ours.labels[row], theirs.labels[row]) = (index, index);
            ours.predictions[row] = predicted(&CANDIDATE, label, shared);
            theirs.predictions[row] = predicted(&CHAMPION, label, own);
        }
    };
    World {
        name: format!("macro F1, {rows} rows"),
        policy: policy(&[format!("metric: macro_f1, no_worse_than_champion: {{margin: {margin}}}")]),
        margin,
        higher_is_better: true,
        candidate,
        champion,
        draw: Box::new(draw),
    }
}

fn rmse(rows: u32) -> World {
    let margin = 0.05;
    let table = |name| evaluation(name, Table::Numbers(numbers(rows)), &["root_mean_squared_error"]);
    let draw = move |candidate: &mut Evaluation, champion: &mut Evaluation, draw: &mut Draw| {
        let (ours, theirs) = (numbers_of(candidate), numbers_of(champion));
        for (our, their) in ours.predictions.iter_mut().zip(&mut theirs.predictions) {
            let (one, other) = draw.normals(0.7);
            (*our, *their) = ((1.0 + margin) * one, other);
        }
    };
    World {
        name: format!("RMSE, {rows} rows"),
        policy: policy(&[format!("metric: root_mean_squared_error, no_worse_than_champion: {{margin: {margin}}}")]),
        margin,
        higher_is_better: false,
        candidate: table("candidate"),
        champion: table("champion"),
        draw: Box::new(draw),
    }
}

/// Own scores of paired rows, such as the profit of each case: most are small, some are large. `metric` is of the column
/// `score`; the candidate's lies below the champion's by its margin.
fn own_scores(what: &str, metric: &str, rows: u32) -> World {
    let margin = 0.05;
    let table = |name| {
        let names = (0..rows).map(|row| format!("r{row}")).collect();
        let mut evaluation = evaluation(name, Table::Unlabelled(names), &[]);
        evaluation.row_scores.insert("score".to_owned(), vec![0.0; rows as usize]);
        evaluation
    };
    let draw = move |candidate: &mut Evaluation, champion: &mut Evaluation, draw: &mut Draw| {
        let [ours, theirs] =
            [candidate, champion].map(|evaluation| evaluation.row_scores.get_mut("score").expect("scores"));
        for (our, their) in ours.iter_mut().zip(theirs) {
            let (one, other) = draw.normals(0.7);
            // Both are lognormal with the same shape, so that mean and quantiles differ by the margin alike.
            (*our, *their) = ((0.5 * one).exp() - margin, (0.5 * other).exp());
        }
    };
    World {
        name: format!("{what} of own scores, {rows} rows"),
        policy: policy(&[format!("metric: {metric}, no_worse_than_champion: {{margin: {margin}}}")]),
        margin,
        higher_is_better: true,
        candidate: table("candidate"),
        champion: table("champion"),
        draw: Box::new(draw),
    }
}

/// Every world at its margin, or those whose name holds a text.
pub(crate) fn run(rounds: u32, only: Option<&str>) -> Value {
    let mut worlds = Vec::new();
    for rows in [100, 1_000, 10_000] {
        for correlation in [0.0, 0.5, 0.8, 0.95] {
            worlds.push(accuracy(rows, correlation, 0.005, 0.005));
        }
    }
    worlds.extend([slices(), roc_auc(200), roc_auc(1_000), clustered(60, 20), rmse(100), rmse(400), macro_f1(300)]);
    worlds.extend([own_scores("mean", "{mean_of: score}", 100), own_scores("mean", "{mean_of: score}", 1_000)]);
    let quantile = "{quantile_of: {column: score, quantile: 0.9}}";
    worlds.extend([own_scores("0.9 quantile", quantile, 200), own_scores("0.9 quantile", quantile, 1_000)]);
    worlds.extend([ndcg(100), ndcg(400), mase(60, 12), mase(200, 12), wape(100, 12)]);
    worlds.retain(|world| only.is_none_or(|text| world.name.contains(text)));
    let noise = 3.0 * (0.05_f64 * 0.95 / f64::from(rounds)).sqrt();
    let results: Vec<Value> = worlds
        .iter()
        .map(|world| {
            let begun = std::time::Instant::now();
            let passes = play(world, rounds);
            let [ours, naive] = [passes.ours, passes.naive].map(|count| f64::from(count) / f64::from(rounds));
            eprintln!("{}: {ours:.4}, by its estimate {naive:.4} ({:.0} s)", world.name, begun.elapsed().as_secs_f64());
            json!({"name": world.name, "wrong_passes": ours, "naive": naive, "limit": 0.05 + noise})
        })
        .collect();
    json!({"rounds": rounds, "worlds": results})
}
