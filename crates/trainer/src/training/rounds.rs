//! Trains gradient boosted trees: round by round, observed on the validation rows.

use slipway_contract::{Fault, FaultKind, Keep, Model, Task, TreeOptions};
use slipway_families::trees::{self, Booster, Forest, Loss};
use tch::{Kind, Tensor};

use super::course::{Epoch, Observed, is_better, observed};
use super::targets::targets_of;
use crate::data::Rows;
use crate::failure;
use crate::family::{columns_of, margins};
use crate::head::Head;
use crate::pipeline::Pipeline;
use crate::progress::Reporter;

/// A round is reported after so many others.
const REPORTED: u32 = 100;

/// Fitted trees, and the round that was kept.
pub(super) struct Fitted {
    pub(super) forest: Forest,
    /// The number of rounds that were trained.
    pub(super) rounds: u32,
    pub(super) kept: Epoch,
}

/// What a training is fitted to: its rows, and the indexes of those for training and for validation.
pub(super) struct Ground<'a> {
    pub(super) rows: &'a Rows,
    pub(super) head: &'a Head,
    pub(super) pipeline: &'a Pipeline,
    pub(super) training: &'a Tensor,
    pub(super) validation: &'a Tensor,
    pub(super) threads: u32,
}

impl Ground<'_> {
    /// Trains. `model` has every default written out.
    pub(super) fn fit(&self, model: &Model, options: &TreeOptions) -> Result<Fitted, Fault> {
        let spec = &model.spec.training;
        let metric = spec.metric_for(model.spec.task);
        let validation = Vec::<i64>::try_from(self.validation).map_err(|error| failure::of_torch(&error))?;
        let keeps_best = spec.keep != Some(Keep::Last) && !validation.is_empty();
        let most = options.rounds_for(!validation.is_empty());
        let mut booster = self.booster(model, options)?;
        let observe = |number: u32, booster: &Booster| -> Result<Epoch, Fault> {
            let (accuracy, validation) = self.observe(model, booster, &validation)?;
            Ok(Epoch { number, training_loss: booster.training_loss(), accuracy, validation })
        };
        // Round 0 has no trees.
        let mut last = observe(0, &booster)?;
        let mut best = last.clone();
        for number in 1..=most {
            if !booster.round() {
                Reporter::stage(&format!("stopped after round {}: no split lowers the loss", number - 1));
                break;
            }
            last = observe(number, &booster)?;
            if !last.training_loss.is_finite() {
                let message = format!("the loss became {} in round {number}", last.training_loss);
                return Err(Fault::new(FaultKind::Specification, message)
                    .key("spec.model.gradient_boosted_trees")
                    .help("lower `learning_rate`, or raise `l2`"));
            }
            if is_better(&last, Some(&best), &metric) {
                best = last.clone();
            }
            if number % REPORTED == 0 || number == most {
                say(&last, most);
            }
            let waited = number - best.number;
            if number < most && spec.early_stopping.is_some_and(|stopping| waited >= stopping.patience) {
                Reporter::stage(&format!(
                    "stopped after round {number}: {metric} is not better than {waited} rounds ago"
                ));
                break;
            }
        }
        let rounds = last.number;
        let kept = if keeps_best { best } else { last };
        if kept.number < rounds {
            let value = kept.validation.as_ref().map_or(f64::NAN, |result| result.value);
            Reporter::stage(&format!("kept the trees of round {}: {metric} {value:.4}", kept.number));
        }
        Ok(Fitted { forest: booster.into_forest(kept.number as usize), rounds, kept })
    }

    fn booster(&self, model: &Model, options: &TreeOptions) -> Result<Booster, Fault> {
        let rows = self.rows;
        let (targets, weights) = targets_of(model, rows, self.head, self.training)?;
        let loss = match rows.classes().len() {
            0 => loss_of(model),
            2 => Loss::Logistic,
            classes => Loss::Softmax(classes),
        };
        let training = Vec::<i64>::try_from(self.training).map_err(|error| failure::of_torch(&error))?;
        let training = training.into_iter().filter_map(|row| u32::try_from(row).ok()).collect();
        let columns = columns_of(rows, self.pipeline.encoder().map(crate::encoder::Encoder::encodings));
        let options = trees::Options {
            learning_rate: options.learning_rate,
            max_leaves: options.max_leaves,
            max_depth: options.max_depth,
            min_child_rows: options.min_child_rows,
            min_child_weight: options.min_child_weight,
            l2: options.l2,
            subsample: options.subsample,
            column_subsample: options.column_subsample,
            max_bins: options.max_bins as usize,
            seed: u64::from(model.spec.training.seed),
            threads: self.threads as usize,
        };
        Ok(Booster::new(trees::Rows { columns, targets, weights, training }, loss, options))
    }

    /// The accuracy (for classes) and the metric on the validation rows, if there are any.
    fn observe(&self, model: &Model, booster: &Booster, validation: &[i64]) -> Result<Observed, Fault> {
        if validation.is_empty() {
            return Ok((None, None));
        }
        let classes = self.rows.classes().len();
        let outputs =
            validation.iter().flat_map(|row| margins(booster.outputs(usize::try_from(*row).unwrap_or(0)), classes));
        let outputs = Tensor::from_slice(&outputs.collect::<Vec<f64>>());
        let count = i64::try_from(validation.len()).unwrap_or(i64::MAX);
        let answers = self.head.answers(&outputs.view([count, -1]).to_kind(Kind::Double));
        let table = self.head.table(&[answers], self.rows, validation, vec![String::new(); validation.len()])?;
        Ok(observed(model.spec.task, &model.spec.training.metric_for(model.spec.task), &table))
    }
}

/// The loss of a regression, whose targets are standardised.
fn loss_of(model: &Model) -> Loss {
    match model.spec.training.loss_for(Task::Regression) {
        slipway_contract::Loss::AbsoluteError => Loss::Absolute,
        slipway_contract::Loss::Huber { delta } => Loss::Huber(delta),
        slipway_contract::Loss::SquaredError | slipway_contract::Loss::CrossEntropy => Loss::Squared,
    }
}

fn say(round: &Epoch, most: u32) {
    let validation = round
        .validation
        .as_ref()
        .map_or_else(String::new, |result| format!(", validation {} {:.4}", result.metric, result.value));
    Reporter::stage(&format!("round {} of {most}: loss {:.4}{validation}", round.number, round.training_loss));
}
