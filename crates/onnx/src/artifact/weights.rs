//! The tensors of an artifact as constants of a graph. An artifact is untrusted: every shape is checked.

use safetensors::{Dtype, SafeTensors};

use super::{ExportError, Precision};
use crate::{Tensor, Values};

/// The tensors of an artifact.
pub(super) struct Weights<'a> {
    pub(super) tensors: &'a SafeTensors<'a>,
}

impl<'a> Weights<'a> {
    pub(super) fn of(tensors: &'a SafeTensors<'a>) -> Self {
        Self { tensors }
    }

    /// A tensor of 32 or 64-bit floats, in the precision that the graph computes with.
    pub(super) fn numbers(&self, name: &str, shape: &[u32], precision: Precision) -> Result<Tensor, ExportError> {
        let view =
            self.tensors.tensor(name).map_err(|_| ExportError::artifact(format!("lacks the tensor `{name}`")))?;
        let sizes: Vec<usize> = shape.iter().map(|size| *size as usize).collect();
        if view.shape() != sizes {
            let found = view.shape();
            return Err(ExportError::artifact(format!("holds `{name}` of shape {found:?}, expected {sizes:?}")));
        }
        let values = match (view.dtype(), precision) {
            // Weights are copied as they are.
            (Dtype::F32, Precision::Single) => Values::Float(little_endian(view.data(), f32::from_le_bytes)),
            (Dtype::F32, Precision::Double) => {
                Values::Double(little_endian(view.data(), |bytes| f64::from(f32::from_le_bytes(bytes))))
            }
            (Dtype::F64, precision) => precision.values(little_endian(view.data(), f64::from_le_bytes)),
            (kind, _) => {
                return Err(ExportError::artifact(format!("holds `{name}` as {kind:?}, expected F32 or F64")));
            }
        };
        Ok(Tensor::new(&sizes, values)?)
    }
}

/// Decodes numbers of `WIDTH` bytes each.
fn little_endian<T, const WIDTH: usize>(bytes: &[u8], number: impl Fn([u8; WIDTH]) -> T) -> Vec<T> {
    bytes.as_chunks::<WIDTH>().0.iter().map(|bytes| number(*bytes)).collect()
}
