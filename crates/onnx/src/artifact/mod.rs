//! Makes a graph from an artifact: the encoding of columns, the steps of preprocessing, the layers, and the answer.

mod columns;
mod forest;
mod layers;
mod linear;
mod mlp;
mod steps;
mod weights;

use safetensors::SafeTensors;
use slipway_contract::{
    API_VERSION, Architecture, METADATA_KEY, ModelFamily, Preprocess, Signature, SignatureField, SignatureSize,
    SignatureType, Task,
};

use crate::{Attribute, Dimension, ElementType, Graph, Node, OnnxError, Tensor, Value, Values};
use weights::Weights;

/// The version that a graph gives as that of its producer. It changes when the same artifact gives other bytes.
pub const EXPORTER_VERSION: &str = "1";

/// Why an artifact has no graph.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The file is no artifact, or a part of it is missing.
    #[error("the artifact {0}")]
    Artifact(String),
    /// The graph cannot be written.
    #[error(transparent)]
    Graph(#[from] OnnxError),
}

impl ExportError {
    fn artifact(problem: impl Into<String>) -> Self {
        Self::Artifact(problem.into())
    }
}

/// The precision of the numbers before the first layer: images are 32-bit floats, and tables 64-bit floats.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Precision {
    Single,
    Double,
}

impl Precision {
    /// A single number, of no dimension.
    fn scalar(self, value: f64) -> Tensor {
        match self {
            Self::Single => Tensor::float(rounded(value)),
            Self::Double => Tensor::double(value),
        }
    }

    /// Numbers as the values of a tensor.
    fn values(self, values: Vec<f64>) -> Values {
        match self {
            Self::Single => Values::Float(values.into_iter().map(rounded).collect()),
            Self::Double => Values::Double(values),
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "libtorch rounds a number for 32-bit tensors in the same way")]
fn rounded(value: f64) -> f32 {
    value as f32
}

/// Makes the graph of an artifact and returns its file. Inputs and outputs are those of the artifact's [`Signature`].
///
/// The graph computes what Slipway's evaluation computes: encodings and steps of tables in 64-bit floats, and layers in 32-bit
/// floats.
///
/// # Errors
/// The bytes are not an artifact, a tensor of the architecture is missing or has another shape, or the file would be too large.
pub fn of_artifact(bytes: &[u8]) -> Result<Vec<u8>, ExportError> {
    let architecture = architecture_of(bytes)?;
    let tensors = SafeTensors::deserialize(bytes)
        .map_err(|error| ExportError::artifact(format!("is not safetensors: {error}")))?;
    Builder { architecture: &architecture, weights: Weights::of(&tensors), graph: Graph::new("model") }.build()
}

/// The architecture of an artifact, from its header.
///
/// # Errors
/// The bytes are not an artifact of a version that is known.
pub fn architecture_of(bytes: &[u8]) -> Result<Architecture, ExportError> {
    let (_, header) = SafeTensors::read_metadata(bytes)
        .map_err(|error| ExportError::artifact(format!("is not safetensors: {error}")))?;
    let text = header.metadata().as_ref().and_then(|metadata| metadata.get(METADATA_KEY));
    let text = text.ok_or_else(|| {
        ExportError::artifact(format!("has no `{METADATA_KEY}` in its header: it was not made by Slipway"))
    })?;
    let architecture: Architecture = serde_json::from_str(text)
        .map_err(|error| ExportError::artifact(format!("has an unreadable architecture: {error}")))?;
    if architecture.api_version != API_VERSION {
        let version = architecture.api_version;
        return Err(ExportError::artifact(format!("is of version `{version}`, expected `{API_VERSION}`")));
    }
    Ok(architecture)
}

struct Builder<'a> {
    architecture: &'a Architecture,
    weights: Weights<'a>,
    graph: Graph,
}

impl Builder<'_> {
    fn build(mut self) -> Result<Vec<u8>, ExportError> {
        let signature = self.architecture.signature();
        let text = serde_json::to_string(&signature).expect("a signature holds only texts and numbers");
        self.graph.producer("slipway", EXPORTER_VERSION);
        self.graph.metadata("slipway.signature", &text);
        if matches!(self.architecture.model, ModelFamily::GradientBoostedTrees(_)) {
            let (outputs, width) = self.forest(&signature)?;
            self.answer(outputs, width, &signature)?;
            return Ok(self.graph.into_bytes()?);
        }
        let (inputs, shape) = if self.architecture.encodings.is_some() {
            self.typed_columns(&signature)?
        } else {
            self.one_tensor(&signature)?
        };
        let (outputs, width) = match (&self.architecture.model, shape.0.as_slice()) {
            (ModelFamily::Layers(stack), _) => self.layers(stack, inputs, &shape)?,
            (ModelFamily::Linear(_), [width]) => self.linear(inputs, *width)?,
            (ModelFamily::Mlp(options), [_]) => self.mlp(options, inputs)?,
            (family, _) => {
                let family = family.name();
                return Err(ExportError::artifact(format!(
                    "has rows of shape {shape}, which `{family}` does not take"
                )));
            }
        };
        self.answer(outputs, width, &signature)?;
        Ok(self.graph.into_bytes()?)
    }

    /// The input of images, or of a table whose columns have no types.
    fn one_tensor(&mut self, signature: &Signature) -> Result<(Value, slipway_contract::Shape), ExportError> {
        let input = self.add_input(&signature.inputs[0].field);
        let columns = self.architecture.columns.clone();
        let (rows, precision) = match &columns {
            Some(_) => (input, Precision::Double),
            None => (self.cast(input, ElementType::Float), Precision::Single),
        };
        let shape = self.architecture.input.clone();
        let (rows, shape) = self.steps(rows, shape, &columns.unwrap_or_default(), precision)?;
        Ok((if precision == Precision::Double { self.cast(rows, ElementType::Float) } else { rows }, shape))
    }

    /// From the outputs of the last layer, of which each row has `width`, to the answer.
    fn answer(&mut self, outputs: Value, width: u32, signature: &Signature) -> Result<(), ExportError> {
        let task = self.architecture.task;
        let needed = match task {
            Task::Classification => self.architecture.classes.len(),
            Task::Regression => 1,
        };
        if needed == 0 || needed > width as usize {
            return Err(ExportError::artifact(format!("ends with {width} outputs, expected {needed}")));
        }
        let ints = |values: &[i64]| Tensor::vector(Values::Int64(values.to_vec()));
        let needed = i64::try_from(needed).unwrap_or(i64::MAX);
        // Outputs beyond the known classes cannot be the label.
        let outputs = if needed < i64::from(width) {
            let (start, end, axis) = (
                self.graph.constant("answer.start", ints(&[0])),
                self.graph.constant("answer.end", ints(&[needed])),
                self.graph.constant("answer.axis", ints(&[1])),
            );
            self.graph.node(Node::new("Slice", &[outputs, start, end, axis]))
        } else {
            outputs
        };
        match task {
            Task::Classification => {
                let outputs = self.with_temperature(outputs);
                let probabilities = self.graph.node(Node::new("Softmax", &[outputs]).int("axis", 1));
                let class = self.class_of(probabilities)?;
                let codes: Vec<i64> = (0..needed).collect();
                let label = Node::ml("LabelEncoder", &[class])
                    .ints("keys_int64s", &codes)
                    .with("values_strings", Attribute::Texts(self.architecture.classes.clone()));
                let label = self.graph.node(label);
                self.add_output(&signature.outputs[0], label);
                self.add_output(&signature.outputs[1], probabilities);
            }
            Task::Regression => {
                let number = self.cast(outputs, ElementType::Double);
                let deviation = self.statistic("label.deviation", &[1], Precision::Double)?;
                let mean = self.statistic("label.mean", &[1], Precision::Double)?;
                let number = self.graph.node(Node::new("Mul", &[number, deviation]));
                let number = self.graph.node(Node::new("Add", &[number, mean]));
                self.add_output(&signature.outputs[0], number);
            }
        }
        Ok(())
    }

    /// The outputs divided by the temperature, if there is one.
    fn with_temperature(&mut self, outputs: Value) -> Value {
        let Some(temperature) = self.architecture.temperature else { return outputs };
        let temperature = self.graph.constant("answer.temperature", Precision::Single.scalar(temperature));
        self.graph.node(Node::new("Div", &[outputs, temperature]))
    }

    /// The index of the predicted class of each row: that of the highest score, or by the threshold of the second of two classes.
    fn class_of(&mut self, probabilities: Value) -> Result<Value, ExportError> {
        let Some(threshold) = self.architecture.threshold else {
            return Ok(self.graph.node(Node::new("ArgMax", &[probabilities]).int("axis", 1).int("keepdims", 0)));
        };
        if self.architecture.classes.len() != 2 {
            return Err(ExportError::artifact("has a threshold, which needs two classes"));
        }
        let second = self.graph.constant("answer.second", Tensor::new(&[], Values::Int64(vec![1]))?);
        let threshold = self.graph.constant("answer.threshold", Tensor::float(threshold));
        let score = self.graph.node(Node::new("Gather", &[probabilities, second]).int("axis", 1));
        // `Not(Less)`, because `GreaterOrEqual` would be one more operator for readers of the graph.
        let below = self.graph.node(Node::new("Less", &[score, threshold]));
        let is_second = self.graph.node(Node::new("Not", &[below]));
        Ok(self.cast(is_second, ElementType::Int64))
    }

    fn add_input(&mut self, field: &SignatureField) -> Value {
        self.graph.input(&field.name, element_type(field.kind), &dimensions(&field.shape))
    }

    fn add_output(&mut self, field: &SignatureField, value: Value) {
        self.graph.output(&field.name, value, element_type(field.kind), &dimensions(&field.shape));
    }

    fn cast(&mut self, value: Value, kind: ElementType) -> Value {
        self.graph.node(Node::new("Cast", &[value]).int("to", kind.number()))
    }

    /// A fitted statistic as a constant.
    fn statistic(&mut self, name: &str, shape: &[u32], precision: Precision) -> Result<Value, ExportError> {
        let tensor = self.weights.numbers(name, shape, precision)?;
        Ok(self.graph.constant(name, tensor))
    }

    /// The steps of preprocessing, in order.
    fn steps(
        &mut self,
        rows: Value,
        shape: slipway_contract::Shape,
        columns: &[String],
        precision: Precision,
    ) -> Result<(Value, slipway_contract::Shape), ExportError> {
        let (mut rows, mut shape) = (rows, shape);
        let architecture = self.architecture;
        for (index, step) in architecture.preprocess.iter().enumerate() {
            rows = self.step(rows, index, step, &shape, columns, precision)?;
            if let Preprocess::Reshape(_) = step {
                shape = step.shape_after(&shape).map_err(|(problem, _)| ExportError::artifact(problem))?;
            }
        }
        Ok((rows, shape))
    }
}

fn element_type(kind: SignatureType) -> ElementType {
    match kind {
        SignatureType::Double => ElementType::Double,
        SignatureType::Float => ElementType::Float,
        SignatureType::String => ElementType::String,
        SignatureType::Uint8 => ElementType::Uint8,
    }
}

fn dimensions(shape: &[SignatureSize]) -> Vec<Dimension> {
    let dimension = |size: &SignatureSize| match size {
        SignatureSize::Fixed(size) => Dimension::Fixed(*size as usize),
        SignatureSize::Named(_) => Dimension::Batch,
    };
    shape.iter().map(dimension).collect()
}

#[cfg(test)]
mod tests;
