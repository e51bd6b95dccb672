//! A linear model as nodes: one product of the encoded inputs with the coefficients, in 64-bit floats.

use slipway_contract::Task;
use slipway_families::stored::read_linear;

use super::{Builder, ExportError};
use crate::{ElementType, Node, Tensor, Value, Values};

impl Builder<'_> {
    /// The outputs of the model and their number, for rows of `width` inputs.
    pub(super) fn linear(&mut self, inputs: Value, width: u32) -> Result<(Value, u32), ExportError> {
        let of_output = width as usize;
        let model = read_linear(self.weights.tensors, of_output, self.architecture.family_outputs())
            .map_err(|error| ExportError::artifact(error.to_string()))?;
        let (mut coefficients, mut intercepts) = (model.coefficients().to_vec(), model.intercepts().to_vec());
        if self.architecture.shares_one_output() {
            coefficients.splice(..0, std::iter::repeat_n(0.0, of_output));
            intercepts.insert(0, 0.0);
        }
        let outputs = intercepts.len();
        let coefficients = Tensor::new(&[outputs, of_output], Values::Double(coefficients))?;
        let coefficients = self.graph.constant("linear.coefficients", coefficients);
        let intercepts = self.graph.constant("linear.intercepts", Tensor::vector(Values::Double(intercepts)));
        let inputs = self.cast(inputs, ElementType::Double);
        let rows = self.graph.node(Node::new("Gemm", &[inputs, coefficients, intercepts]).int("transB", 1));
        let rows =
            if self.architecture.task == Task::Classification { self.cast(rows, ElementType::Float) } else { rows };
        Ok((rows, u32::try_from(outputs).unwrap_or(u32::MAX)))
    }
}
