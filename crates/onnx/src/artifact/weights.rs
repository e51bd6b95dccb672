//! The tensors of an artifact as constants of a graph. An artifact is untrusted: every shape is checked.

use safetensors::{Dtype, SafeTensors};

use super::{ExportError, Precision};
use crate::{Tensor, Values};

/// The tensors of an artifact.
pub(super) struct Weights<'a> {
    tensors: &'a SafeTensors<'a>,
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

impl Weights<'_> {
    /// A list of whole numbers.
    pub(super) fn whole(&self, name: &str) -> Result<Vec<i32>, ExportError> {
        Ok(little_endian(self.list(name, Dtype::I32)?, i32::from_le_bytes))
    }

    /// A list of whole numbers that are not negative.
    pub(super) fn counts(&self, name: &str) -> Result<Vec<u32>, ExportError> {
        let count = |number: i32| {
            u32::try_from(number)
                .map_err(|_| ExportError::artifact(format!("holds {number} in `{name}`, expected zero or more")))
        };
        self.whole(name)?.into_iter().map(count).collect()
    }

    /// A list of 64-bit floats.
    pub(super) fn doubles(&self, name: &str) -> Result<Vec<f64>, ExportError> {
        Ok(little_endian(self.list(name, Dtype::F64)?, f64::from_le_bytes))
    }

    /// A list of bytes.
    pub(super) fn bytes(&self, name: &str) -> Result<Vec<u8>, ExportError> {
        self.list(name, Dtype::U8).map(<[u8]>::to_vec)
    }

    fn list(&self, name: &str, kind: Dtype) -> Result<&[u8], ExportError> {
        let view =
            self.tensors.tensor(name).map_err(|_| ExportError::artifact(format!("lacks the tensor `{name}`")))?;
        if view.dtype() != kind || view.shape().len() != 1 {
            let found = format!("{:?} of shape {:?}", view.dtype(), view.shape());
            return Err(ExportError::artifact(format!("holds `{name}` as {found}, expected a list of {kind:?}")));
        }
        Ok(view.data())
    }
}

/// Decodes numbers of `WIDTH` bytes each.
fn little_endian<T, const WIDTH: usize>(bytes: &[u8], number: impl Fn([u8; WIDTH]) -> T) -> Vec<T> {
    bytes.as_chunks::<WIDTH>().0.iter().map(|bytes| number(*bytes)).collect()
}
