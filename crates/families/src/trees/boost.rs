//! Boosting: each round adds the trees that lower the loss of the model so far (Friedman, 2001, algorithm 1).

use super::Loss;
use super::bins::{Binned, Column};
use super::forest::{Forest, Tree};
use super::grow::{Ground, Grown};
use super::histogram::Derivatives;
use super::loss::median;
use super::split::Limits;
use crate::random::Random;

/// How trees are grown.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// What each tree's values are multiplied by, above zero.
    pub learning_rate: f64,
    /// The most leaves of a tree, at least 2.
    pub max_leaves: u32,
    /// The most splits between the root and a leaf.
    pub max_depth: Option<u32>,
    /// The fewest rows of a leaf.
    pub min_child_rows: u32,
    /// The least sum of the second derivatives of the loss over the rows of a leaf.
    pub min_child_weight: f64,
    /// The L2 penalty of the leaf values, at least zero.
    pub l2: f64,
    /// The share of the training rows that a round uses, drawn without replacement, above zero and at most 1.
    pub subsample: f64,
    /// The share of the columns that a tree uses, above zero and at most 1.
    pub column_subsample: f64,
    /// The most bins of a column of numbers, 2 to 255.
    pub max_bins: usize,
    /// The seed of the drawn rows and columns.
    pub seed: u64,
    /// The number of threads. It does not change the result.
    pub threads: usize,
}

impl Options {
    pub(super) fn limits(&self) -> Limits {
        Limits { l2: self.l2, min_rows: self.min_child_rows, min_weight: self.min_child_weight }
    }
}

/// The rows that trees are fitted to. All lists are in the order of the rows.
#[derive(Debug, Clone)]
pub struct Rows {
    /// The columns.
    pub columns: Vec<Column>,
    /// The target of each row, as its loss expects it.
    pub targets: Vec<f64>,
    /// The weight of each row, above zero.
    pub weights: Vec<f64>,
    /// The training rows. The others are only predicted.
    pub training: Vec<u32>,
}

/// A model that grows by rounds.
pub struct Booster {
    options: Options,
    loss: Loss,
    columns: Vec<Binned>,
    targets: Vec<f64>,
    weights: Vec<f64>,
    training: Vec<u32>,
    base: Vec<f64>,
    trees: Vec<Tree>,
    /// The outputs for all rows, row by row.
    outputs: Vec<f64>,
}

impl Booster {
    /// A model without trees. There is at least one training row.
    pub fn new(rows: Rows, loss: Loss, options: Options) -> Self {
        let Rows { columns, targets, weights, mut training } = rows;
        // The order of the rows decides the rounding of sums.
        training.sort_unstable();
        let base = loss.base(&training, &targets, &weights);
        let columns = columns.iter().map(|column| Binned::fit(column, &training, options.max_bins)).collect();
        let outputs = base.repeat(targets.len());
        Self { options, loss, columns, targets, weights, training, base, trees: Vec::new(), outputs }
    }

    /// The outputs for a row: a log-odds, a score for each class, or a number.
    pub fn outputs(&self, row: usize) -> &[f64] {
        let width = self.base.len();
        &self.outputs[row * width..(row + 1) * width]
    }

    /// The mean loss of the training rows.
    pub fn training_loss(&self) -> f64 {
        let (mut sum, mut weights) = (0.0, 0.0);
        for row in self.training.iter().map(|row| *row as usize) {
            sum += self.weights[row] * self.loss.of(self.outputs(row), self.targets[row]);
            weights += self.weights[row];
        }
        sum / weights
    }

    /// Adds a tree for each output. `false` if no split lowers the loss; nothing is then added.
    pub fn round(&mut self) -> bool {
        let width = self.base.len();
        let round = (self.trees.len() / width) as u64;
        let mut random = Random::of(self.options.seed, round);
        let rows = random.sample(&self.training, share(self.training.len(), self.options.subsample));
        let all: Vec<u32> = (0..u32::try_from(self.columns.len()).unwrap_or(u32::MAX)).collect();
        // Derivatives of all classes are those before the round.
        let derivatives = self.derivatives();
        let mut grown = Vec::with_capacity(width);
        for derivatives in &derivatives {
            let used = random.sample(&all, share(all.len(), self.options.column_subsample));
            let ground = Ground { columns: &self.columns, used: &used, derivatives, options: &self.options };
            grown.push(ground.grow(rows.clone()));
        }
        if grown.iter().all(|grown| grown.leaves.len() < 2) {
            return false;
        }
        for (output, mut grown) in grown.into_iter().enumerate() {
            self.set_values(&mut grown);
            self.add(&grown, output);
            self.trees.push(grown.tree);
        }
        true
    }

    /// The derivatives for each output, by row.
    fn derivatives(&self) -> Vec<Vec<Derivatives>> {
        let width = self.base.len();
        let mut derivatives = vec![vec![Derivatives::default(); self.targets.len()]; width];
        let mut of_row = vec![Derivatives::default(); width];
        for row in self.training.iter().map(|row| *row as usize) {
            self.loss.derivatives(self.outputs(row), self.targets[row], self.weights[row], &mut of_row);
            derivatives.iter_mut().zip(&of_row).for_each(|(all, of_row)| all[row] = *of_row);
        }
        derivatives
    }

    /// Gives the leaves their final values.
    fn set_values(&self, grown: &mut Grown) {
        for (node, rows) in &grown.leaves {
            let node = *node as usize;
            let value = if self.loss == Loss::Absolute {
                // The derivative tells only the sign of an error; the median of the errors minimises their sum.
                let error = |row: &u32| self.targets[*row as usize] - self.outputs[*row as usize];
                median(rows.iter().map(|row| (error(row), self.weights[*row as usize])).collect())
            } else {
                grown.tree.value(node)
            };
            grown.tree.set_value(node, value * self.options.learning_rate);
        }
    }

    /// Adds a tree's values to the outputs of all rows.
    fn add(&mut self, grown: &Grown, output: usize) {
        let width = self.base.len();
        for row in 0..self.targets.len() {
            let leaf = grown.leaf(&self.columns, u32::try_from(row).unwrap_or(u32::MAX));
            self.outputs[row * width + output] += grown.tree.value(leaf);
        }
    }

    /// The model after so many rounds.
    pub fn into_forest(mut self, rounds: usize) -> Forest {
        self.trees.truncate(rounds * self.base.len());
        Forest::of(self.columns.len(), self.base, self.trees)
    }
}

/// A share of a count, at least one.
fn share(count: usize, share: f64) -> usize {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let exact = count as f64 * share;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within 0 and the count")]
    let rounded = exact.round() as usize;
    rounded.clamp(1, count.max(1))
}
