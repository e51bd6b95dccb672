//! Constructs libtorch's optimizers with the options of a specification.

use slipway_contract::{Fault, FaultKind, Model, ModelFamily, Optimizer};
use tch::Tensor;
use tch::nn::{self, OptimizerConfig as _};

use crate::mlp::Schedule;
use crate::network::Forward;

/// An optimizer, with the schedule of its settings if it has one.
pub(crate) struct Stepper {
    optimizer: nn::Optimizer,
    schedule: Option<Schedule>,
}

impl Stepper {
    /// The optimizer of a specification, or that of an `mlp`. A specification without one was refused before.
    pub(crate) fn of(model: &Model, store: &nn::VarStore) -> Result<Self, Fault> {
        if let ModelFamily::Mlp(options) = &model.spec.model {
            let schedule = Schedule::of(options, model.spec.task);
            return Ok(Self { optimizer: schedule.optimizer(store)?, schedule: Some(schedule) });
        }
        let missing = || Fault::new(FaultKind::Specification, "missing key `optimizer`").key("spec.training");
        let optimizer = build(model.spec.training.optimizer.ok_or_else(missing)?, store)?;
        Ok(Self { optimizer, schedule: None })
    }

    /// Prepares a step. `progress` is the share of the steps of the training that are done.
    pub(crate) fn begin(&mut self, network: &dyn Forward, progress: f64) {
        if let Some(schedule) = self.schedule {
            network.set_dropout(schedule.apply(&mut self.optimizer, progress));
        }
    }

    /// Lowers the loss of a batch.
    pub(crate) fn step(&mut self, loss: &Tensor) {
        self.optimizer.backward_step(loss);
    }

    /// Whether an epoch leaves out the rows that do not fill a batch.
    pub(crate) fn drops_last(&self) -> bool {
        self.schedule.is_some()
    }
}

/// An optimizer of all trainable variables of a store.
fn build(optimizer: Optimizer, store: &nn::VarStore) -> Result<nn::Optimizer, Fault> {
    let built = match optimizer {
        Optimizer::Sgd { learning_rate, momentum, weight_decay } => {
            nn::Sgd { momentum, wd: weight_decay, ..nn::Sgd::default() }.build(store, learning_rate)
        }
        Optimizer::Adam { learning_rate, weight_decay } => {
            nn::Adam { wd: weight_decay, ..nn::Adam::default() }.build(store, learning_rate)
        }
        Optimizer::AdamW { learning_rate, weight_decay } => {
            nn::AdamW { wd: weight_decay, ..nn::AdamW::default() }.build(store, learning_rate)
        }
    };
    built.map_err(|error| crate::failure::of_torch(&error))
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;

    /// The weights after each of four steps on `3 a² + b² / 2` from `a = 1`, `b = -2`.
    fn steps(optimizer: Optimizer) -> Vec<[f64; 2]> {
        let store = nn::VarStore::new(Device::Cpu);
        let mut weights = store.root().zeros("weights", &[2]);
        tch::no_grad(|| weights.copy_(&Tensor::from_slice(&[1.0_f32, -2.0])));
        let mut optimizer = build(optimizer, &store).expect("an optimizer");
        let step = |_| {
            let loss = (Tensor::from_slice(&[3.0_f32, 0.5]) * &weights * &weights).sum(Kind::Float);
            optimizer.backward_step(&loss);
            [0, 1].map(|index| weights.double_value(&[index]))
        };
        (0..4).map(step).collect()
    }

    #[test]
    fn the_steps_are_those_of_pytorch() {
        // torch.optim.SGD(lr=0.05, momentum=0.9, weight_decay=0.1), Adam(lr=0.05, weight_decay=0.1) and
        // AdamW(lr=0.05, weight_decay=0.1) of PyTorch 2.11.0.
        let descent = Optimizer::Sgd { learning_rate: 0.05, momentum: 0.9, weight_decay: 0.1 };
        let adam = Optimizer::Adam { learning_rate: 0.05, weight_decay: 0.1 };
        let decoupled = Optimizer::AdamW { learning_rate: 0.05, weight_decay: 0.1 };
        for (optimizer, first, last) in [
            (decoupled, [0.945, -1.94], [0.782_489_3, -1.762_194_6]),
            (descent, [0.695, -1.89], [-0.654_852_2, -1.086_070_4]),
            (adam, [0.95, -1.95], [0.800_752_5, -1.800_326_7]),
        ] {
            let steps = steps(optimizer);
            for (found, expected) in [(steps[0], first), (steps[3], last)] {
                let close = found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-5);
                assert!(close, "{optimizer:?}: {found:?} is not {expected:?}");
            }
        }
    }
}
