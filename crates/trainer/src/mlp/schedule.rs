//! The optimizer of an `mlp`: Adam with a step size, a decay and a dropout that change with each step.

use slipway_contract::{Fault, MlpOptions, Task};
use tch::nn::{self, OptimizerConfig as _};

use super::Group;

/// Adam's second beta.
const BETA2: f64 = 0.95;

/// The factors of a group: of the step size, and of the decay. Decay is multiplied by the step size and by its factor twice, as in
/// pytabkit, with which the defaults were tuned.
const FACTORS: [(Group, f64, f64); 5] = [
    (Group::Weight, 1.0, 1.0),
    (Group::Bias, 0.1, 0.0),
    (Group::Activation, 0.1, 0.1),
    (Group::Scale, 6.0, 6.0),
    (Group::Periodic, 0.1, 0.1),
];

/// The values that change over a training.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schedule {
    learning_rate: f64,
    weight_decay: f64,
    dropout: f64,
}

impl Schedule {
    pub(crate) fn of(options: &MlpOptions, task: Task) -> Self {
        let options = options.resolved(task, None);
        Self {
            learning_rate: options.learning_rate.unwrap_or_default(),
            weight_decay: options.weight_decay.unwrap_or_default(),
            dropout: options.dropout.unwrap_or_default(),
        }
    }

    /// The optimizer of all trainable variables of a store.
    pub(crate) fn optimizer(self, store: &nn::VarStore) -> Result<nn::Optimizer, Fault> {
        let adam = nn::AdamW { beta2: BETA2, wd: self.weight_decay, ..nn::AdamW::default() };
        adam.build(store, self.learning_rate).map_err(|error| crate::failure::of_torch(&error))
    }

    /// Sets the step size and the decay for a share of the training. Returns the share of values to leave out.
    pub(crate) fn apply(self, optimizer: &mut nn::Optimizer, progress: f64) -> f64 {
        let (rate, flat) = (self.learning_rate * cycles(progress), flat_cosine(progress));
        for (group, of_rate, of_decay) in FACTORS {
            optimizer.set_lr_group(group as usize, rate * of_rate);
            optimizer.set_weight_decay_group(group as usize, self.weight_decay * flat * of_decay);
        }
        self.dropout * flat
    }
}

/// `coslog4`: four cosines of growing length, each from 0 to 1 to 0.
fn cycles(progress: f64) -> f64 {
    0.5 * (1.0 - (2.0 * std::f64::consts::PI * (1.0 + 15.0 * progress).log2()).cos())
}

/// `flat_cos`: one for the first half, then a cosine to zero.
fn flat_cosine(progress: f64) -> f64 {
    if progress < 0.5 { 1.0 } else { 0.5 * (1.0 + (std::f64::consts::PI * (2.0 * progress - 1.0)).cos()) }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind, Tensor};

    use super::*;

    #[test]
    fn the_step_size_has_four_cycles_and_the_decay_is_flat_and_then_falls() {
        // get_schedule("coslog4") and get_schedule("flat_cos") of pytabkit 1.8.0.
        for (progress, expected) in [(0.0, 0.0), (1.0 / 15.0, 0.0), (0.1, 0.718_354_7), (0.4, 0.323_689_0), (1.0, 0.0)]
        {
            assert!((cycles(progress) - expected).abs() < 1e-6, "{progress}: {}", cycles(progress));
        }
        for (progress, expected) in [(0.0, 1.0), (0.49, 1.0), (0.75, 0.5), (1.0, 0.0)] {
            assert!((flat_cosine(progress) - expected).abs() < 1e-12, "{progress}: {}", flat_cosine(progress));
        }
    }

    #[test]
    fn groups_have_their_own_step_size_and_biases_do_not_decay() {
        let store = nn::VarStore::new(Device::Cpu);
        let of_group = |group: Group| store.root().set_group(group as usize);
        let (scale, bias) = (of_group(Group::Scale).ones("scale", &[1]), of_group(Group::Bias).ones("bias", &[1]));
        let schedule = Schedule { learning_rate: 0.04, weight_decay: 0.02, dropout: 0.15 };
        let mut optimizer = schedule.optimizer(&store).expect("an optimizer");
        let rate = 0.04 * cycles(0.1);
        assert!((schedule.apply(&mut optimizer, 0.1) - 0.15).abs() < 1e-12);
        let loss: Tensor = (&scale + &bias).sum(Kind::Float);
        optimizer.backward_step(&loss);
        // The first step of Adam is the step size, whatever the gradient.
        let expected = [1.0 - 6.0 * rate * 6.0 * 0.02 - 6.0 * rate, 1.0 - 0.1 * rate];
        for (found, expected) in [scale, bias].iter().zip(expected) {
            let found = found.double_value(&[0]);
            assert!((found - expected).abs() < 1e-5, "{found} is not {expected}");
        }
    }
}
