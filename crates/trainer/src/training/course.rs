//! The training loop: seeded, deterministic, and observed on validation rows.

use std::time::Instant;

use slipway_contract::metrics::Table;
use slipway_contract::{Fault, FaultKind, Keep, Metric, Model, Progress, Task, TrainingSpec, ValidationResult};
use tch::{Kind, Tensor, nn};

use super::weights::KeptWeights;
use super::{absurd, warn};
use crate::data::Rows;
use crate::head::{Head, Objective};
use crate::network::Forward;
use crate::optimizer::Stepper;
use crate::pipeline::Pipeline;
use crate::progress::Reporter;
use crate::{failure, precision};

/// Rows per batch of predictions for the observation.
const WATCH_BATCH: i64 = 512;

/// The constant inputs of the training loop.
pub(super) struct Course<'a> {
    pub(super) rows: &'a Rows,
    /// The inputs of the network for all rows, if they are kept in memory.
    pub(super) inputs: Option<Tensor>,
    /// What the loss compares the outputs with, for all rows.
    pub(super) targets: Tensor,
    /// The weights of all rows; `None` if they count alike.
    pub(super) weights: Option<Tensor>,
    pub(super) network: &'a dyn Forward,
    pub(super) pipeline: Pipeline,
    pub(super) head: &'a Head,
    pub(super) objective: Objective,
    pub(super) device: tch::Device,
}

/// The epochs and the rows of a step. A specification without them was refused before.
fn lengths(spec: &TrainingSpec) -> Result<(u32, u32), Fault> {
    spec.epochs
        .zip(spec.batch_size)
        .ok_or_else(|| Fault::new(FaultKind::Specification, "a key is missing that networks need").key("spec.training"))
}

/// The result of a training.
pub(super) struct Outcome {
    /// The number of epochs that were trained.
    pub(super) epochs: u32,
    /// The kept epoch.
    pub(super) kept: Epoch,
}

/// An epoch, with its results.
#[derive(Debug, Clone)]
pub(super) struct Epoch {
    pub(super) number: u32,
    pub(super) training_loss: f64,
    pub(super) accuracy: Option<f64>,
    pub(super) validation: Option<ValidationResult>,
}

impl Course<'_> {
    /// Trains. The variables of `store` are then those of the kept epoch.
    pub(super) fn run(
        &self,
        model: &Model,
        store: &nn::VarStore,
        training: &Tensor,
        validation: &Tensor,
        reporter: &mut Reporter,
    ) -> Result<Outcome, Fault> {
        let spec = &model.spec.training;
        let metric = spec.metric_for(model.spec.task);
        let keeps_best = spec.keep != Some(Keep::Last) && validation.size()[0] > 0;
        let (epochs, batch_size) = lengths(spec)?;
        let mut stepper = Stepper::of(model, store)?;
        // The best epoch so far, and its weights if they may be kept.
        let mut best: Option<Epoch> = None;
        let mut weights: Option<KeptWeights> = None;
        let (mut last, mut warned) = (None, false);
        for number in 1..=epochs {
            let begun = Instant::now();
            // Every epoch has its own seed, so that its order depends only on the seed and the number of the epoch.
            tch::manual_seed(i64::from(spec.seed) * 1_000_003 + i64::from(number));
            let training_loss = self.epoch((number, epochs), batch_size, training, &mut stepper, reporter)?;
            if let Some(warning) = absurd(training_loss, &format!("in epoch {number}"), model).filter(|_| !warned) {
                warn(&warning);
                warned = true;
            }
            let (accuracy, validation) = self.observe(model.spec.task, &metric, validation)?;
            let seconds = begun.elapsed().as_secs_f64();
            Reporter::say(&Progress::Epoch {
                epoch: number,
                epochs,
                training_loss,
                validation_accuracy: accuracy,
                validation: validation.clone(),
                seconds,
            });
            let epoch = Epoch { number, training_loss, accuracy, validation };
            if is_better(&epoch, best.as_ref(), &metric) {
                best = Some(epoch.clone());
                if keeps_best {
                    match &mut weights {
                        Some(weights) => weights.update(store),
                        None => weights = Some(KeptWeights::of(store)),
                    }
                }
            }
            let waited = best.as_ref().map_or(0, |best| number - best.number);
            last = Some(epoch);
            if number < epochs && spec.early_stopping.is_some_and(|stopping| waited >= stopping.patience) {
                Reporter::stage(&format!("stopped: {metric} is not better than {waited} epochs ago"));
                break;
            }
        }
        let last = last.ok_or_else(|| Fault::new(FaultKind::Specification, "no epoch was trained"))?;
        let epochs = last.number;
        let kept = match (best, weights) {
            (Some(best), Some(weights)) if best.number < epochs => {
                weights.restore(store);
                let value = best.validation.as_ref().map_or(f64::NAN, |result| result.value);
                Reporter::stage(&format!("kept the weights of epoch {}: {metric} {value:.4}", best.number));
                best
            }
            _ => last,
        };
        Ok(Outcome { epochs, kept })
    }

    /// One pass over the training rows. Returns the mean loss.
    fn epoch(
        &self,
        (epoch, epochs): (u32, u32),
        batch_size: u32,
        training: &Tensor,
        stepper: &mut Stepper,
        reporter: &mut Reporter,
    ) -> Result<f64, Fault> {
        let count = training.size()[0];
        let size = i64::from(batch_size);
        let order = training.index_select(0, &Tensor::randperm(count, (Kind::Int64, tch::Device::Cpu)));
        let whole = if stepper.drops_last() { (count / size).max(1) } else { (count + size - 1) / size };
        let steps = u64::try_from(whole).unwrap_or(1);
        let mut total = Tensor::zeros([], (Kind::Double, self.device));
        let mut seen = 0_i64;
        for step in 0..steps {
            let start = i64::try_from(step).unwrap_or(i64::MAX) * size;
            let length = size.min(count - start);
            if length == 1 && seen > 0 && self.network.needs_two_rows() {
                continue;
            }
            let indices = order.narrow(0, start, length);
            stepper.begin(self.network, progress((epoch, epochs), (step, steps)));
            let outputs = self.outputs(&indices, true);
            let targets = self.targets.index_select(0, &indices).to_device(self.device);
            let loss = match &self.weights {
                Some(weights) => {
                    let weights = weights.index_select(0, &indices).to_device(self.device);
                    self.objective.of_weighted(&outputs, &targets, &weights)
                }
                None => self.objective.of(&outputs, &targets),
            };
            stepper.step(&loss);
            #[expect(clippy::cast_precision_loss, reason = "the size of a batch")]
            let weight = length as f64;
            total += loss.detach().to_kind(Kind::Double) * weight;
            seen += length;
            reporter.step(epoch, epochs, step + 1, steps);
        }
        #[expect(clippy::cast_precision_loss, reason = "a row count")]
        let mean = total.double_value(&[]) / seen as f64;
        if mean.is_finite() { Ok(mean) } else { Err(self.diverged(mean, epoch)) }
    }

    /// The fault of a loss that is no number.
    fn diverged(&self, loss: f64, epoch: u32) -> Fault {
        let message = format!("the loss became {loss} in epoch {epoch}");
        let too_large = precision::too_large(self.rows, &self.pipeline.to_device(tch::Device::Cpu));
        match too_large {
            Some((column, value)) => {
                let message =
                    format!("{message}: column `{column}` holds values up to {value:.1e}, too large to compute with");
                let fault = Fault::new(FaultKind::Specification, message).key("spec.preprocess");
                fault.help("add `standardize` to `preprocess`, or scale the column")
            }
            None => Fault::new(FaultKind::Specification, message)
                .key("spec.training.optimizer")
                .help("lower the learning rate, or scale the values with `preprocess`"),
        }
    }

    /// The outputs of the network for the rows at some indexes.
    fn outputs(&self, indices: &Tensor, training: bool) -> Tensor {
        let inputs = match &self.inputs {
            Some(inputs) => inputs.index_select(0, &indices.to_device(inputs.device())),
            None => self.pipeline.apply(&self.rows.batch(indices).to_device(self.device)),
        };
        self.network.forward(&inputs, training)
    }

    /// The accuracy (for classes) and the metric on the validation rows, if there are any.
    fn observe(&self, task: Task, metric: &Metric, validation: &Tensor) -> Result<Observed, Fault> {
        let count = validation.size()[0];
        if count == 0 {
            return Ok((None, None));
        }
        let _guard = tch::no_grad_guard();
        let batches = (0..count).step_by(usize::try_from(WATCH_BATCH).unwrap_or(1));
        let answers = batches.map(|start| {
            let indices = validation.narrow(0, start, WATCH_BATCH.min(count - start));
            self.head.answers(&self.outputs(&indices, false))
        });
        let answers: Vec<Tensor> = answers.collect();
        let places = Vec::<i64>::try_from(validation).map_err(|error| failure::of_torch(&error))?;
        let names = vec![String::new(); places.len()];
        let table = self.head.table(&answers, self.rows, &places, names)?;
        Ok(observed(task, metric, &table))
    }
}

/// The share of the steps of a training that are done before a step.
fn progress((epoch, epochs): (u32, u32), (step, steps): (u64, u64)) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts of steps")]
    let within = step as f64 / steps as f64;
    (f64::from(epoch - 1) + within) / f64::from(epochs)
}

/// The accuracy on the validation rows, for classes, and the metric.
pub(super) type Observed = (Option<f64>, Option<ValidationResult>);

/// The accuracy and the metric of predictions.
pub(super) fn observed(task: Task, metric: &Metric, table: &Table) -> Observed {
    let accuracy = (task == Task::Classification).then(|| Metric::Accuracy.of(table.view())).flatten();
    let value = metric.of(table.view()).map(|value| ValidationResult { metric: metric.clone(), value });
    (accuracy, value)
}

/// Whether an epoch is better than the best before it. An epoch whose metric is undefined is never better.
pub(super) fn is_better(epoch: &Epoch, best: Option<&Epoch>, metric: &Metric) -> bool {
    match (&epoch.validation, best.and_then(|best| best.validation.as_ref())) {
        (Some(now), Some(best)) if metric.higher_is_better() => now.value > best.value,
        (Some(now), Some(best)) => now.value < best.value,
        (now, _) => now.is_some(),
    }
}
