//! Linear models in the trainer: their coefficients in an artifact.

use safetensors::{Dtype, SafeTensors};
use slipway_contract::{Architecture, Fault};
use slipway_families::linear::Linear;
use tch::Tensor;

use super::{list, outputs_of, unusable};

/// The names of the coefficients, output by output, and of the intercepts in an artifact.
pub(crate) const PARTS: [&str; 2] = ["linear.coefficients", "linear.intercepts"];

/// The parts of a model, by their names in an artifact.
pub(crate) fn tensors(model: &Linear) -> Vec<(String, Tensor)> {
    let parts = [Tensor::from_slice(model.coefficients()), Tensor::from_slice(model.intercepts())];
    PARTS.iter().map(|name| (*name).to_owned()).zip(parts).collect()
}

/// Reads the model of an artifact for rows of so many inputs. Its parts are untrusted.
pub(crate) fn read(architecture: &Architecture, tensors: &SafeTensors<'_>, inputs: usize) -> Result<Linear, Fault> {
    let coefficients = list(tensors, PARTS[0], Dtype::F64, f64::from_le_bytes)?;
    let intercepts: Vec<f64> = list(tensors, PARTS[1], Dtype::F64, f64::from_le_bytes)?;
    let (found, outputs) = (intercepts.len(), outputs_of(architecture));
    if found != outputs {
        return Err(unusable(format!("holds {found} intercepts, expected {outputs}")));
    }
    Linear::from_parts(coefficients, intercepts, inputs)
        .map_err(|error| unusable(format!("holds no linear model: {error}")))
}
