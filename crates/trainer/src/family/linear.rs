//! Linear models in the trainer: their coefficients in an artifact.

use slipway_families::linear::Linear;
use slipway_families::stored::LINEAR_PARTS;
use tch::Tensor;

/// The parts of a model, by their names in an artifact.
pub(crate) fn tensors(model: &Linear) -> Vec<(String, Tensor)> {
    let parts = [Tensor::from_slice(model.coefficients()), Tensor::from_slice(model.intercepts())];
    LINEAR_PARTS.iter().map(|name| (*name).to_owned()).zip(parts).collect()
}
