//! The layers of a network as nodes. Dropout does nothing outside training.

use slipway_contract::{ConvolutionOptions, Layer, LayerStack, Shape};

use super::{Builder, ExportError, Precision};
use crate::{Attribute, Node, Value};

/// PyTorch's epsilon of batch normalisation.
const EPSILON: f32 = 1e-5;

impl Builder<'_> {
    /// The outputs of the last layer and their number, for rows of shape `input`.
    pub(super) fn layers(
        &mut self,
        stack: &LayerStack,
        inputs: Value,
        input: &Shape,
    ) -> Result<(Value, u32), ExportError> {
        let shapes = stack.shapes(input).map_err(|error| ExportError::artifact(error.message))?;
        let (mut rows, mut shape) = (inputs, input);
        for (index, (layer, after)) in stack.sequential.iter().zip(&shapes).enumerate() {
            rows = self.layer(rows, index, layer, shape)?;
            shape = after;
        }
        match shape.0.as_slice() {
            [width] => Ok((rows, *width)),
            _ => Err(ExportError::artifact(format!("ends with rows of shape {shape}, expected one dimension"))),
        }
    }

    fn layer(&mut self, rows: Value, index: usize, layer: &Layer, shape: &Shape) -> Result<Value, ExportError> {
        let channels = shape.0.first().copied().unwrap_or(1);
        let node = match layer {
            Layer::Dropout(_) => return Ok(rows),
            Layer::Relu => Node::new("Relu", &[rows]),
            Layer::Flatten => Node::new("Flatten", &[rows]).int("axis", 1),
            Layer::Linear(outputs) => {
                let weight = self.weight(index, "weight", &[*outputs, channels])?;
                let bias = self.weight(index, "bias", &[*outputs])?;
                Node::new("Gemm", &[rows, weight, bias]).int("transB", 1)
            }
            Layer::Conv2d(ConvolutionOptions { filters, kernel_size, stride, padding }) => {
                let weight = self.weight(index, "weight", &[*filters, channels, *kernel_size, *kernel_size])?;
                let bias = self.weight(index, "bias", &[*filters])?;
                Node::new("Conv", &[rows, weight, bias])
                    .ints("kernel_shape", &[i64::from(*kernel_size); 2])
                    .ints("strides", &[i64::from(*stride); 2])
                    .ints("pads", &[i64::from(*padding); 4])
            }
            Layer::MaxPool2d(pooling) => {
                let (size, stride) = pooling.window();
                // The default of ONNX is a step of one; that of PyTorch is the size of the window.
                Node::new("MaxPool", &[rows])
                    .ints("kernel_shape", &[i64::from(size); 2])
                    .ints("strides", &[i64::from(stride); 2])
            }
            Layer::BatchNorm => {
                let mut inputs = vec![rows];
                for what in ["weight", "bias", "running_mean", "running_var"] {
                    inputs.push(self.weight(index, what, &[channels])?);
                }
                Node::new("BatchNormalization", &inputs).with("epsilon", Attribute::Float(EPSILON))
            }
        };
        Ok(self.graph.node(node))
    }

    /// A weight of the layer at `index` as a constant.
    fn weight(&mut self, index: usize, what: &str, shape: &[u32]) -> Result<Value, ExportError> {
        self.statistic(&format!("layers.{index}.{what}"), shape, Precision::Single)
    }
}
