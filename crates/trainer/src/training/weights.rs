//! A copy of a network's variables, so that the weights of an earlier epoch can be kept.

use tch::{Tensor, nn};

/// The variables of one epoch, including the running statistics of `batch_norm`.
pub(super) struct KeptWeights(Vec<(String, Tensor)>);

impl KeptWeights {
    /// Copies the present variables.
    pub(super) fn of(store: &nn::VarStore) -> Self {
        let _guard = tch::no_grad_guard();
        Self(store.variables().into_iter().map(|(name, variable)| (name, variable.copy())).collect())
    }

    /// Overwrites the copy with the present variables.
    pub(super) fn update(&mut self, store: &nn::VarStore) {
        let _guard = tch::no_grad_guard();
        let variables = store.variables();
        for (name, kept) in &mut self.0 {
            if let Some(variable) = variables.get(name) {
                kept.copy_(variable);
            }
        }
    }

    /// Writes the copy back into the variables.
    pub(super) fn restore(&self, store: &nn::VarStore) {
        let _guard = tch::no_grad_guard();
        let mut variables = store.variables();
        for (name, kept) in &self.0 {
            if let Some(variable) = variables.get_mut(name) {
                variable.copy_(kept);
            }
        }
    }
}
