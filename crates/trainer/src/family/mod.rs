//! What maps a row to outputs: a network or a linear model on encoded inputs, or trees on the values of the columns.

mod linear;
mod trees;

use slipway_contract::Fault;
use tch::{Kind, Tensor, nn};

use crate::network::Forward;
use crate::pipeline::Pipeline;
pub(crate) use linear::tensors as tensors_of_linear;
pub(crate) use trees::{columns_of, order_categories, tensors as tensors_of_trees};

/// A trained model, ready to predict.
pub(crate) enum Core {
    /// A network.
    Network {
        network: Box<dyn Forward>,
        /// Owns the variables that the network's layers refer to.
        _store: nn::VarStore,
    },
    /// Gradient boosted trees.
    Trees(slipway_families::trees::Forest),
    /// A linear model.
    Linear(slipway_families::linear::Linear),
}

impl Core {
    /// The outputs for rows, `[rows, outputs]`. `batch` are their values, and `classes` the number of classes.
    pub(crate) fn outputs(&self, pipeline: &Pipeline, batch: &Tensor, classes: usize) -> Result<Tensor, Fault> {
        match self {
            Self::Network { network, .. } => Ok(network.forward(&pipeline.apply(batch), false)),
            Self::Trees(forest) => {
                let outputs = vec![0.0; forest.base().len()];
                let mut values = values_of(batch)?;
                if let Some(encoder) = pipeline.encoder() {
                    trees::unseen_to_missing(encoder.encodings(), &mut values);
                }
                by_row(&values, forest.features(), outputs, classes, |row, outputs| forest.predict(row, outputs))
            }
            Self::Linear(model) => {
                let outputs = vec![0.0; model.intercepts().len()];
                let inputs = values_of(&pipeline.apply(batch))?;
                by_row(&inputs, model.width(), outputs, classes, |row, outputs| model.predict(row, outputs))
            }
        }
    }
}

/// The outputs of each row, `[rows, outputs]`. `values` are `width` for each row, and `outputs` has the outputs of one.
fn by_row(
    values: &[f64],
    width: usize,
    mut outputs: Vec<f64>,
    classes: usize,
    predict: impl Fn(&[f64], &mut [f64]),
) -> Result<Tensor, Fault> {
    let (mut all, mut rows) = (Vec::new(), 0_i64);
    for row in values.chunks_exact(width.max(1)) {
        predict(row, &mut outputs);
        all.extend(margins(&outputs, classes));
        rows += 1;
    }
    Tensor::from_slice(&all).f_view([rows, -1]).map_err(|error| crate::failure::of_torch(&error))
}

/// All values of a tensor, as 64-bit floats, row by row.
pub(crate) fn values_of(tensor: &Tensor) -> Result<Vec<f64>, Fault> {
    Vec::<f64>::try_from(&tensor.to_kind(Kind::Double).contiguous().view([-1]))
        .map_err(|error| crate::failure::of_torch(&error))
}

/// The outputs of a family as a head reads them: a score for each class, or a number. Two classes share one output: the log-odds of the
/// second.
pub(crate) fn margins(outputs: &[f64], classes: usize) -> Vec<f64> {
    if classes == 2 { vec![0.0, outputs[0]] } else { outputs.to_vec() }
}
