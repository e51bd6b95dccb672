//! Reads a file back, so that what was written can be compared with what was meant.

use std::collections::{BTreeMap, BTreeSet};

use prost::Message as _;

use crate::graph::{BATCH, IR_VERSION, MAX_BYTES, ML_OPSET, OPSET};
use crate::node::{Attribute, ML_DOMAIN};
use crate::proto::{ModelProto, NodeProto, ValueInfoProto};
use crate::{Dimension, ElementType, OnnxError, Tensor};

/// An input or an output of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// The type of its values.
    pub kind: ElementType,
    /// Its shape.
    pub shape: Vec<Dimension>,
}

/// A node of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct FileNode {
    /// The operator.
    pub operator: String,
    /// The domain of the operator: empty, or [`ML_DOMAIN`].
    pub domain: String,
    /// The names of the inputs.
    pub inputs: Vec<String>,
    /// The names of the outputs.
    pub outputs: Vec<String>,
    /// The attributes by name.
    pub attributes: BTreeMap<String, Attribute>,
}

/// A file of the form that [`crate::Graph`] writes.
#[derive(Debug, Clone, PartialEq)]
pub struct File {
    /// The inputs.
    pub inputs: Vec<Field>,
    /// The outputs.
    pub outputs: Vec<Field>,
    /// The constants by name.
    pub constants: BTreeMap<String, Tensor>,
    /// The nodes, in an order in which they can run.
    pub nodes: Vec<FileNode>,
    /// The texts about the graph by key.
    pub metadata: BTreeMap<String, String>,
}

impl File {
    /// Reads a file.
    ///
    /// # Errors
    /// The bytes are not an ONNX file with the versions that this package writes, or a node uses a value that no input, constant
    /// or earlier node has, or gives a value a name that is taken.
    pub fn read(bytes: &[u8]) -> Result<Self, OnnxError> {
        if bytes.len() > MAX_BYTES {
            return Err(OnnxError::TooLarge { bytes: bytes.len(), limit: MAX_BYTES });
        }
        let model =
            ModelProto::decode(bytes).map_err(|error| OnnxError::unreadable(format!("is not ONNX: {error}")))?;
        let operators = model.opset_import.iter();
        let operators: Vec<_> =
            operators.map(|set| (set.domain.as_deref().unwrap_or_default(), set.version.unwrap_or_default())).collect();
        if model.ir_version != Some(IR_VERSION) || operators != [("", OPSET), (ML_DOMAIN, ML_OPSET)] {
            let found = format!("is of version {:?} with the operators {operators:?}", model.ir_version.unwrap_or(0));
            return Err(OnnxError::unreadable(format!(
                "{found}, expected version {IR_VERSION} with the operators {OPSET} and {ML_DOMAIN} {ML_OPSET}"
            )));
        }
        let graph = model.graph.ok_or_else(|| OnnxError::unreadable("has no graph"))?;
        let fields = |ports: Vec<ValueInfoProto>| ports.into_iter().map(field).collect::<Result<Vec<_>, _>>();
        let mut constants = BTreeMap::new();
        for tensor in graph.initializer {
            constants.insert(tensor.name.clone().unwrap_or_default(), Tensor::of_proto(tensor)?);
        }
        let nodes = graph.node.into_iter().map(node).collect::<Result<Vec<_>, _>>()?;
        let texts = model.metadata_props.into_iter();
        let metadata = texts.map(|text| (text.key.unwrap_or_default(), text.value.unwrap_or_default())).collect();
        let file = Self { inputs: fields(graph.input)?, outputs: fields(graph.output)?, constants, nodes, metadata };
        file.check()?;
        Ok(file)
    }

    /// Every value is made once, and before it is used.
    fn check(&self) -> Result<(), OnnxError> {
        let mut known: BTreeSet<&str> = self.constants.keys().map(String::as_str).collect();
        for input in &self.inputs {
            add(&mut known, &input.name)?;
        }
        for node in &self.nodes {
            for input in node.inputs.iter().filter(|input| !input.is_empty()) {
                require(&known, input)?;
            }
            for output in &node.outputs {
                add(&mut known, output)?;
            }
        }
        self.outputs.iter().try_for_each(|output| require(&known, &output.name))
    }
}

fn add<'name>(known: &mut BTreeSet<&'name str>, name: &'name str) -> Result<(), OnnxError> {
    if known.insert(name) { Ok(()) } else { Err(OnnxError::unreadable(format!("makes the value `{name}` twice"))) }
}

fn require(known: &BTreeSet<&str>, name: &str) -> Result<(), OnnxError> {
    if known.contains(name) {
        return Ok(());
    }
    Err(OnnxError::unreadable(format!("uses the value `{name}` before any node makes it")))
}

fn field(port: ValueInfoProto) -> Result<Field, OnnxError> {
    let name = port.name.unwrap_or_default();
    let missing = || OnnxError::unreadable(format!("has no tensor type for `{name}`"));
    let tensor = port.kind.and_then(|kind| kind.tensor_type).ok_or_else(missing)?;
    let kind = ElementType::of_number(tensor.elem_type.unwrap_or_default())?;
    let mut shape = Vec::new();
    for dimension in tensor.shape.ok_or_else(missing)?.dim {
        shape.push(match (dimension.dim_value.map(usize::try_from), dimension.dim_param.as_deref()) {
            (Some(Ok(size)), None) => Dimension::Fixed(size),
            (None, Some(BATCH)) => Dimension::Batch,
            _ => return Err(OnnxError::unreadable(format!("has a dimension of `{name}` that is not read here"))),
        });
    }
    Ok(Field { name, kind, shape })
}

fn node(node: NodeProto) -> Result<FileNode, OnnxError> {
    let operator = node.op_type.unwrap_or_default();
    let mut attributes = BTreeMap::new();
    for attribute in node.attribute {
        let (name, value) = Attribute::of_proto(attribute)
            .ok_or_else(|| OnnxError::unreadable(format!("has an attribute of `{operator}` that is not read here")))?;
        attributes.insert(name, value);
    }
    let domain = node.domain.unwrap_or_default();
    Ok(FileNode { operator, domain, inputs: node.input, outputs: node.output, attributes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Graph, Node};

    fn file() -> Vec<u8> {
        let mut graph = Graph::new("sum");
        let x = graph.input("x", ElementType::Double, &[Dimension::Batch]);
        let one = graph.constant("one", Tensor::double(1.0));
        let sum = graph.node(Node::new("Add", &[x, one]).int("unused", 1));
        graph.output("y", sum, ElementType::Double, &[Dimension::Batch]);
        graph.into_bytes().expect("a file")
    }

    #[test]
    fn changed_bytes_are_read_or_refused_and_nothing_else() {
        let whole = file();
        for place in 0..whole.len() {
            for change in [1_u8, 0x80, 0xff] {
                let mut bytes = whole.clone();
                bytes[place] ^= change;
                drop(File::read(&bytes));
            }
            assert!(place == 0 || File::read(&whole[..place]).is_err(), "the first {place} bytes are no file");
        }
        for (bytes, problem) in [(b"no protobuf".as_slice(), "is not ONNX"), (b"", "is of version 0")] {
            let error = File::read(bytes).expect_err("refused").to_string();
            assert!(error.contains(problem), "{error}");
        }
    }

    #[test]
    fn values_are_made_before_they_are_used() {
        // The name of the constant stands in the file twice: where it is made, and where the node uses it.
        let whole = file();
        let uses: Vec<usize> = (0..whole.len() - 3).filter(|at| whole[*at..].starts_with(b"one")).collect();
        assert_eq!(uses.len(), 2);
        let mut bytes = whole.clone();
        bytes[uses[0]] = b'O';
        let error = File::read(&bytes).expect_err("refused").to_string();
        assert!(error.contains("uses the value `One` before any node makes it"), "{error}");
    }
}
