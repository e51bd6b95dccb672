//! Runs a graph: reads the file as written, and computes its nodes with libtorch by the definitions of the ONNX operators.

use std::collections::HashMap;

use slipway_onnx::{ElementType, File, Values};
use tch::{Kind, Tensor};

use super::operators;

/// A value in a running graph.
pub(super) enum Value {
    /// Numbers or truth values.
    Numbers(Tensor),
    /// Texts in row-major order.
    Texts { shape: Vec<i64>, texts: Vec<String> },
}

impl Value {
    /// The same value. The numbers are shared.
    fn again(&self) -> Self {
        match self {
            Self::Numbers(tensor) => Self::Numbers(tensor.shallow_clone()),
            Self::Texts { shape, texts } => Self::Texts { shape: shape.clone(), texts: texts.clone() },
        }
    }
}

/// The type of libtorch for a type of ONNX. Texts have none; they are never numbers.
pub(super) fn kind_of(kind: ElementType) -> Kind {
    match kind {
        ElementType::Float => Kind::Float,
        ElementType::Uint8 | ElementType::String => Kind::Uint8,
        ElementType::Int64 => Kind::Int64,
        ElementType::Bool => Kind::Bool,
        ElementType::Double => Kind::Double,
    }
}

/// The outputs of a graph for inputs in its order, or what it cannot compute.
pub(super) fn run(file: &File, inputs: Vec<Value>) -> Result<Vec<Value>, String> {
    if inputs.len() != file.inputs.len() {
        return Err(format!("it has {} inputs, expected {}", file.inputs.len(), inputs.len()));
    }
    let mut values: HashMap<&str, Value> = file.inputs.iter().map(|field| field.name.as_str()).zip(inputs).collect();
    for (name, tensor) in &file.constants {
        values.insert(name, constant(tensor));
    }
    for node in &file.nodes {
        let inputs: Option<Vec<&Value>> = node.inputs.iter().map(|name| values.get(name.as_str())).collect();
        let inputs = inputs.ok_or_else(|| format!("{} lacks an input", node.operator))?;
        let computed = operators::compute(node, &inputs).map_err(|problem| format!("{}: {problem}", node.operator))?;
        let [output] = node.outputs.as_slice() else { return Err(format!("{} has several outputs", node.operator)) };
        values.insert(output, computed);
    }
    let output = |name: &str| values.get(name).map(Value::again).ok_or_else(|| format!("nothing computes `{name}`"));
    file.outputs.iter().map(|field| output(&field.name)).collect()
}

fn constant(tensor: &slipway_onnx::Tensor) -> Value {
    let shape: Vec<i64> = tensor.shape().iter().map(|size| i64::try_from(*size).unwrap_or(i64::MAX)).collect();
    let numbers = match tensor.values() {
        Values::Float(values) => Tensor::from_slice(values),
        Values::Uint8(values) => Tensor::from_slice(values),
        Values::Int64(values) => Tensor::from_slice(values),
        Values::Bool(values) => Tensor::from_slice(values),
        Values::Double(values) => Tensor::from_slice(values),
        Values::String(texts) => return Value::Texts { shape, texts: texts.clone() },
    };
    Value::Numbers(numbers.reshape(shape.as_slice()))
}
