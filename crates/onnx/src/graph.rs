//! A graph that is built node by node, and written as a file.

use std::collections::BTreeSet;

use prost::Message as _;

use crate::node::ML_DOMAIN;
use crate::proto::{
    DimensionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, ShapeProto, StringStringEntryProto,
    TensorTypeProto, TypeProto, ValueInfoProto,
};
use crate::{ElementType, Node, OnnxError, Tensor};

/// The version of the file format. onnxruntime reads it since version 1.12 (2022).
pub const IR_VERSION: i64 = 8;
/// The version of the standard operators.
pub const OPSET: i64 = 17;
/// The version of the operators of `ai.onnx.ml`.
pub const ML_OPSET: i64 = 3;
/// The largest file in bytes: a protobuf message ends below 2 GiB, and larger weights would need files beside it.
pub const MAX_BYTES: usize = i32::MAX as usize;

/// A value in a graph: an input, a constant, or an output of a node. It belongs to the graph that made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Value(usize);

/// A dimension of an input or output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dimension {
    /// The number of rows, which is known only when the graph runs. Its name in the file is `N`.
    Batch,
    /// A fixed size.
    Fixed(usize),
}

/// The name of [`Dimension::Batch`] in a file.
pub const BATCH: &str = "N";

#[derive(Debug, Clone)]
struct Port {
    name: String,
    value: Value,
    kind: ElementType,
    shape: Vec<Dimension>,
}

/// A graph under construction. Nodes can only use values that exist, so that they are always in an order in which they can run.
///
/// ```
/// use slipway_onnx::{Dimension, ElementType, Graph, Node, Tensor, Values};
///
/// let mut graph = Graph::new("double");
/// let x = graph.input("x", ElementType::Float, &[Dimension::Batch, Dimension::Fixed(1)]);
/// let two = graph.constant("two", Tensor::vector(Values::Float(vec![2.0])));
/// let doubled = graph.node(Node::new("Mul", &[x, two]));
/// graph.output("y", doubled, ElementType::Float, &[Dimension::Batch, Dimension::Fixed(1)]);
/// let file = graph.into_bytes().expect("a graph with an output");
/// assert_eq!(file[..2], [0x08, 8], "the first field is the version of the format");
/// ```
#[derive(Debug, Clone, Default)]
pub struct Graph {
    name: String,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    constants: Vec<(Value, String, Tensor)>,
    nodes: Vec<(Node, Value)>,
    metadata: Vec<(String, String)>,
    producer: (String, String),
    values: usize,
}

impl Graph {
    /// An empty graph.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), producer: ("slipway".to_owned(), String::new()), ..Self::default() }
    }

    fn value(&mut self) -> Value {
        self.values += 1;
        Value(self.values - 1)
    }

    /// Adds an input.
    pub fn input(&mut self, name: &str, kind: ElementType, shape: &[Dimension]) -> Value {
        let value = self.value();
        self.inputs.push(Port { name: name.to_owned(), value, kind, shape: shape.to_vec() });
        value
    }

    /// Adds a constant. If its name is taken, it gets a number.
    pub fn constant(&mut self, name: &str, tensor: Tensor) -> Value {
        let value = self.value();
        self.constants.push((value, name.to_owned(), tensor));
        value
    }

    /// Adds a node with one output, and returns the output.
    pub fn node(&mut self, node: Node) -> Value {
        let value = self.value();
        self.nodes.push((node, value));
        value
    }

    /// Makes a value an output. A value can be an output once.
    pub fn output(&mut self, name: &str, value: Value, kind: ElementType, shape: &[Dimension]) {
        self.outputs.push(Port { name: name.to_owned(), value, kind, shape: shape.to_vec() });
    }

    /// Adds a text about the graph.
    pub fn metadata(&mut self, key: &str, text: &str) {
        self.metadata.push((key.to_owned(), text.to_owned()));
    }

    /// Names the program that makes the graph, and its version. By default it is `slipway` without a version.
    pub fn producer(&mut self, name: &str, version: &str) {
        self.producer = (name.to_owned(), version.to_owned());
    }

    /// The file. The same calls give the same bytes: nothing depends on the time or on the machine.
    ///
    /// # Errors
    /// There is no output, a name of an input or output is empty or used twice, or the file has more than [`MAX_BYTES`].
    pub fn into_bytes(self) -> Result<Vec<u8>, OnnxError> {
        let names = self.names()?;
        let name_of = |value: &Value| names[value.0].clone();
        let node = |(index, (node, output)): (usize, &(Node, Value))| NodeProto {
            input: node.inputs.iter().map(name_of).collect(),
            output: vec![name_of(output)],
            name: Some(format!("{}_{index}", node.operator)),
            op_type: Some(node.operator.to_owned()),
            attribute: node.attributes.iter().map(|(name, attribute)| attribute.to_proto(name)).collect(),
            domain: Some(node.domain.to_owned()),
        };
        let graph = GraphProto {
            node: self.nodes.iter().enumerate().map(node).collect(),
            name: Some(self.name.clone()),
            initializer: self.constants.iter().map(|(value, _, tensor)| tensor.to_proto(&names[value.0])).collect(),
            input: self.inputs.iter().map(Port::to_proto).collect(),
            output: self.outputs.iter().map(Port::to_proto).collect(),
        };
        let operators =
            |domain: &str, version| OperatorSetIdProto { domain: Some(domain.to_owned()), version: Some(version) };
        let text = |(key, value): &(String, String)| StringStringEntryProto {
            key: Some(key.clone()),
            value: Some(value.clone()),
        };
        let model = ModelProto {
            ir_version: Some(IR_VERSION),
            producer_name: Some(self.producer.0.clone()),
            producer_version: Some(self.producer.1.clone()),
            graph: Some(graph),
            opset_import: vec![operators("", OPSET), operators(ML_DOMAIN, ML_OPSET)],
            metadata_props: self.metadata.iter().map(text).collect(),
        };
        let bytes = model.encoded_len();
        if bytes > MAX_BYTES {
            return Err(OnnxError::TooLarge { bytes, limit: MAX_BYTES });
        }
        Ok(model.encode_to_vec())
    }

    /// The name of every value. Those of inputs and outputs are given; the others are made so that they differ from these.
    fn names(&self) -> Result<Vec<String>, OnnxError> {
        let mut names = vec![String::new(); self.values];
        let mut taken = BTreeSet::new();
        for port in self.inputs.iter().chain(&self.outputs) {
            if port.name.is_empty() || !names[port.value.0].is_empty() || !taken.insert(port.name.clone()) {
                return Err(OnnxError::Name { name: port.name.clone() });
            }
            names[port.value.0].clone_from(&port.name);
        }
        if self.outputs.is_empty() {
            return Err(OnnxError::NoOutput);
        }
        let constants = self.constants.iter().map(|(value, name, _)| (*value, name.clone()));
        let nodes = self.nodes.iter().enumerate();
        let nodes = nodes.map(|(index, (node, value))| (*value, format!("{}_{index}_output", node.operator)));
        for (value, name) in constants.chain(nodes) {
            if !names[value.0].is_empty() {
                continue;
            }
            let numbered = (2_u64..).map(|number| format!("{name}_{number}"));
            let free = std::iter::once(name.clone()).chain(numbered).find(|name| !taken.contains(name));
            names[value.0] = free.unwrap_or_default();
            taken.insert(names[value.0].clone());
        }
        Ok(names)
    }
}

impl Port {
    fn to_proto(&self) -> ValueInfoProto {
        let dimension = |dimension: &Dimension| match dimension {
            Dimension::Batch => DimensionProto { dim_param: Some(BATCH.to_owned()), dim_value: None },
            Dimension::Fixed(size) => {
                DimensionProto { dim_value: Some(i64::try_from(*size).unwrap_or(i64::MAX)), dim_param: None }
            }
        };
        let shape = ShapeProto { dim: self.shape.iter().map(dimension).collect() };
        let tensor = TensorTypeProto { elem_type: Some(self.kind as i32), shape: Some(shape) };
        ValueInfoProto { name: Some(self.name.clone()), kind: Some(TypeProto { tensor_type: Some(tensor) }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{File, Values};

    const ONE: [Dimension; 2] = [Dimension::Batch, Dimension::Fixed(1)];

    fn negated(input: &str, output: &str) -> Graph {
        let mut graph = Graph::new("negated");
        let x = graph.input(input, ElementType::Float, &ONE);
        let negative = graph.node(Node::new("Neg", &[x]));
        graph.output(output, negative, ElementType::Float, &ONE);
        graph
    }

    #[test]
    fn values_within_a_graph_never_have_the_name_of_an_input_or_output() {
        let mut graph = Graph::new("names");
        let x = graph.input("Add_0_output", ElementType::Float, &ONE);
        let constants = ["scale", "scale", "y"].map(|name| graph.constant(name, Tensor::float(2.0)));
        let mut sum = x;
        for constant in constants {
            sum = graph.node(Node::new("Add", &[sum, constant]));
        }
        graph.output("y", sum, ElementType::Float, &ONE);
        let file = File::read(&graph.into_bytes().expect("a file")).expect("it is read");
        let names: Vec<&String> = file.constants.keys().collect();
        assert_eq!(names, ["scale", "scale_2", "y_2"]);
        let outputs: Vec<&str> = file.nodes.iter().flat_map(|node| node.outputs.iter().map(String::as_str)).collect();
        assert_eq!(outputs, ["Add_0_output_2", "Add_1_output", "y"]);
    }

    #[test]
    fn a_file_is_read_as_it_was_built_and_always_has_the_same_bytes() {
        let build = || {
            let mut graph = negated("größe", "y");
            graph.producer("program", "3");
            graph.metadata("key", "text");
            graph.into_bytes().expect("a file")
        };
        let file = File::read(&build()).expect("it is read");
        assert_eq!((file.inputs[0].name.as_str(), file.inputs[0].shape.as_slice()), ("größe", &ONE[..]));
        assert_eq!((file.outputs[0].kind, file.metadata["key"].as_str()), (ElementType::Float, "text"));
        assert_eq!(build(), build());
    }

    #[test]
    fn names_that_are_empty_or_used_twice_and_graphs_without_an_output_are_refused() {
        let refused = |graph: Graph| graph.into_bytes().expect_err("refused");
        assert_eq!(refused(negated("x", "x")), OnnxError::Name { name: "x".to_owned() });
        assert_eq!(refused(negated("", "y")), OnnxError::Name { name: String::new() });
        assert_eq!(refused(Graph::new("empty")), OnnxError::NoOutput);
        let mut twice = negated("x", "y");
        let x = twice.input("z", ElementType::Float, &ONE);
        twice.output("w", x, ElementType::Float, &ONE);
        assert_eq!(refused(twice), OnnxError::Name { name: "w".to_owned() }, "an input cannot also be an output");
    }

    #[test]
    fn tensors_of_every_type_are_read_back() {
        let all = [
            Values::Float(vec![1.5, f32::NAN, -0.0]),
            Values::Uint8(vec![0, 128, 255]),
            Values::Int64(vec![i64::MIN, 0, i64::MAX]),
            Values::String(["", "日本", "a"].map(str::to_owned).to_vec()),
            Values::Bool(vec![true, false, true]),
            Values::Double(vec![1e-300, f64::MAX, 0.1]),
        ];
        for values in all {
            let mut graph = negated("x", "y");
            let tensor = Tensor::new(&[1, 3], values).expect("three values");
            graph.constant("constant", tensor.clone());
            let file = File::read(&graph.into_bytes().expect("a file")).expect("it is read");
            // Debug texts, because NaN differs from itself.
            assert_eq!(format!("{:?}", file.constants["constant"]), format!("{tensor:?}"));
        }
        let wrong = Tensor::new(&[2, 2], Values::Bool(vec![true])).expect_err("too few");
        assert!(wrong.to_string().contains("[2, 2] has 1 values"), "{wrong}");
        assert!(Tensor::new(&[usize::MAX, 2], Values::Bool(vec![true])).is_err());
    }
}
