//! The tensors of fitted models in an artifact: their names, and readers that trust none of them.

use safetensors::{Dtype, SafeTensors};

use crate::linear::Linear;
use crate::trees::{Forest, Parts};

/// The names of the lists of trees. The first one names the form of the others.
pub const TREE_LISTS: [&str; 8] = [
    "trees.form",
    "trees.base",
    "trees.sizes",
    "trees.features",
    "trees.numbers",
    "trees.left",
    "trees.right",
    "trees.flags",
];
/// The form of the lists of trees that this version writes and reads.
pub const TREE_FORM: i32 = 1;
/// The names of the coefficients of a linear model, output by output, and of its intercepts.
pub const LINEAR_PARTS: [&str; 2] = ["linear.coefficients", "linear.intercepts"];

/// What is wrong with an artifact, as the rest of a sentence about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unusable(String);

/// Reads the trees of an artifact for rows of `columns` columns, with `outputs` outputs.
///
/// # Errors
/// A list is missing or has another type, or the lists are no trees.
pub fn read_trees(tensors: &SafeTensors<'_>, columns: usize, outputs: usize) -> Result<Forest, Unusable> {
    let [form, base, sizes, features, numbers, left, right, flags] = TREE_LISTS;
    let form = list(tensors, form, Dtype::I32, i32::from_le_bytes)?;
    if form != [TREE_FORM] {
        return Err(Unusable(format!("stores trees in the form {form:?}, expected {TREE_FORM}")));
    }
    let whole = |name: &str| -> Result<Vec<u32>, Unusable> {
        let entry = |entry| {
            u32::try_from(entry).map_err(|_| Unusable(format!("holds {entry} in `{name}`, expected zero or more")))
        };
        list(tensors, name, Dtype::I32, i32::from_le_bytes)?.into_iter().map(entry).collect()
    };
    let parts = Parts {
        base: list(tensors, base, Dtype::F64, f64::from_le_bytes)?,
        sizes: whole(sizes)?,
        features: list(tensors, features, Dtype::I32, i32::from_le_bytes)?,
        numbers: list(tensors, numbers, Dtype::F64, f64::from_le_bytes)?,
        left: whole(left)?,
        right: whole(right)?,
        flags: list(tensors, flags, Dtype::U8, u8::from_le_bytes)?,
    };
    Forest::from_parts(&parts, columns, outputs).map_err(|error| Unusable(format!("holds no trees: {error}")))
}

/// Reads the linear model of an artifact for rows of `inputs` inputs, with `outputs` outputs.
///
/// # Errors
/// A list is missing or has another type or length, or a number is not finite.
pub fn read_linear(tensors: &SafeTensors<'_>, inputs: usize, outputs: usize) -> Result<Linear, Unusable> {
    let [coefficients, intercepts] = LINEAR_PARTS;
    let coefficients = list(tensors, coefficients, Dtype::F64, f64::from_le_bytes)?;
    let intercepts: Vec<f64> = list(tensors, intercepts, Dtype::F64, f64::from_le_bytes)?;
    if intercepts.len() != outputs {
        return Err(Unusable(format!("holds {} intercepts, expected {outputs}", intercepts.len())));
    }
    Linear::from_parts(coefficients, intercepts, inputs)
        .map_err(|error| Unusable(format!("holds no linear model: {error}")))
}

/// A list of one dimension.
fn list<T, const WIDTH: usize>(
    tensors: &SafeTensors<'_>,
    name: &str,
    kind: Dtype,
    number: impl Fn([u8; WIDTH]) -> T,
) -> Result<Vec<T>, Unusable> {
    let view = tensors.tensor(name).map_err(|_| Unusable(format!("lacks the tensor `{name}`")))?;
    if view.dtype() != kind || view.shape().len() != 1 {
        let found = format!("{:?} of shape {:?}", view.dtype(), view.shape());
        return Err(Unusable(format!("holds `{name}` as {found}, expected a list of {kind:?}")));
    }
    Ok(view.data().as_chunks::<WIDTH>().0.iter().map(|bytes| number(*bytes)).collect())
}
