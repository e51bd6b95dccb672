//! Nodes: an operator, its inputs and its attributes.

use std::collections::BTreeMap;

use crate::graph::Value;
use crate::proto::AttributeProto;

/// An attribute of a node.
#[derive(Debug, Clone, PartialEq)]
pub enum Attribute {
    /// A number.
    Float(f32),
    /// A whole number.
    Int(i64),
    /// A text.
    Text(String),
    /// Numbers.
    Floats(Vec<f32>),
    /// Whole numbers.
    Ints(Vec<i64>),
    /// Texts.
    Texts(Vec<String>),
}

impl Attribute {
    pub(crate) fn to_proto(&self, name: &str) -> AttributeProto {
        let mut proto = AttributeProto { name: Some(name.to_owned()), ..AttributeProto::default() };
        // The numbers of `AttributeProto.AttributeType`.
        proto.kind = Some(match self {
            Self::Float(_) => 1,
            Self::Int(_) => 2,
            Self::Text(_) => 3,
            Self::Floats(_) => 6,
            Self::Ints(_) => 7,
            Self::Texts(_) => 8,
        });
        match self {
            Self::Float(value) => proto.f = Some(*value),
            Self::Int(value) => proto.i = Some(*value),
            Self::Text(text) => proto.s = Some(text.clone().into_bytes()),
            Self::Floats(values) => proto.floats.clone_from(values),
            Self::Ints(values) => proto.ints.clone_from(values),
            Self::Texts(texts) => proto.strings = texts.iter().map(|text| text.clone().into_bytes()).collect(),
        }
        proto
    }

    pub(crate) fn of_proto(proto: AttributeProto) -> Option<(String, Self)> {
        let text = |bytes| String::from_utf8(bytes).ok();
        let value = match proto.kind? {
            1 => Self::Float(proto.f?),
            2 => Self::Int(proto.i?),
            3 => Self::Text(text(proto.s?)?),
            6 => Self::Floats(proto.floats),
            7 => Self::Ints(proto.ints),
            8 => Self::Texts(proto.strings.into_iter().map(text).collect::<Option<_>>()?),
            _ => return None,
        };
        Some((proto.name?, value))
    }
}

/// A node before it is added to a graph.
#[derive(Debug, Clone)]
pub struct Node {
    pub(crate) operator: &'static str,
    pub(crate) domain: &'static str,
    pub(crate) inputs: Vec<Value>,
    pub(crate) attributes: BTreeMap<&'static str, Attribute>,
}

/// The domain of the operators for classical machine learning, such as `LabelEncoder` and tree ensembles.
pub const ML_DOMAIN: &str = "ai.onnx.ml";

impl Node {
    /// A node of the standard operators, such as `Relu`.
    pub fn new(operator: &'static str, inputs: &[Value]) -> Self {
        Self { operator, domain: "", inputs: inputs.to_vec(), attributes: BTreeMap::new() }
    }

    /// A node of the operators of `ai.onnx.ml`.
    pub fn ml(operator: &'static str, inputs: &[Value]) -> Self {
        Self { domain: ML_DOMAIN, ..Self::new(operator, inputs) }
    }

    /// The same node with an attribute.
    #[must_use]
    pub fn with(mut self, name: &'static str, attribute: Attribute) -> Self {
        self.attributes.insert(name, attribute);
        self
    }

    /// The same node with a whole number as attribute.
    #[must_use]
    pub fn int(self, name: &'static str, value: i64) -> Self {
        self.with(name, Attribute::Int(value))
    }

    /// The same node with whole numbers as attribute.
    #[must_use]
    pub fn ints(self, name: &'static str, values: &[i64]) -> Self {
        self.with(name, Attribute::Ints(values.to_vec()))
    }
}
