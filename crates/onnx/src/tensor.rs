//! Tensors with their values, and the types of values.

use crate::OnnxError;
use crate::proto::TensorProto;

/// The type of a tensor's values. The numbers are those of `TensorProto.DataType` in the ONNX specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ElementType {
    /// 32-bit floats.
    Float = 1,
    /// Bytes.
    Uint8 = 2,
    /// 64-bit integers.
    Int64 = 7,
    /// Texts in UTF-8.
    String = 8,
    /// Truth values.
    Bool = 9,
    /// 64-bit floats.
    Double = 11,
}

impl ElementType {
    /// Its number in the ONNX specification, as the attribute `to` of `Cast` needs it.
    pub fn number(self) -> i64 {
        self as i64
    }

    /// Its name in the type of an ONNX value, as in `tensor(double)`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Float => "float",
            Self::Uint8 => "uint8",
            Self::Int64 => "int64",
            Self::String => "string",
            Self::Bool => "bool",
            Self::Double => "double",
        }
    }

    pub(crate) fn of_number(number: i32) -> Result<Self, OnnxError> {
        [Self::Float, Self::Uint8, Self::Int64, Self::String, Self::Bool, Self::Double]
            .into_iter()
            .find(|kind| kind.number() == i64::from(number))
            .ok_or_else(|| OnnxError::unreadable(format!("has tensors of the type {number}, which is not read here")))
    }
}

/// The values of a tensor in row-major order.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// 32-bit floats.
    Float(Vec<f32>),
    /// Bytes.
    Uint8(Vec<u8>),
    /// 64-bit integers.
    Int64(Vec<i64>),
    /// Texts.
    String(Vec<String>),
    /// Truth values.
    Bool(Vec<bool>),
    /// 64-bit floats.
    Double(Vec<f64>),
}

impl Values {
    /// The number of values.
    pub fn len(&self) -> usize {
        match self {
            Self::Float(values) => values.len(),
            Self::Uint8(values) => values.len(),
            Self::Int64(values) => values.len(),
            Self::String(values) => values.len(),
            Self::Bool(values) => values.len(),
            Self::Double(values) => values.len(),
        }
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The type of the values.
    pub fn element_type(&self) -> ElementType {
        match self {
            Self::Float(_) => ElementType::Float,
            Self::Uint8(_) => ElementType::Uint8,
            Self::Int64(_) => ElementType::Int64,
            Self::String(_) => ElementType::String,
            Self::Bool(_) => ElementType::Bool,
            Self::Double(_) => ElementType::Double,
        }
    }
}

/// A tensor: a shape, and as many values as it has places.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    shape: Vec<usize>,
    values: Values,
}

impl Tensor {
    /// A tensor. `shape` is empty for a single value.
    ///
    /// # Errors
    /// The number of values is not the product of the shape.
    pub fn new(shape: &[usize], values: Values) -> Result<Self, OnnxError> {
        let places = shape.iter().try_fold(1_usize, |places, size| places.checked_mul(*size));
        if places != Some(values.len()) {
            return Err(OnnxError::Shape { shape: shape.to_vec(), values: values.len() });
        }
        Ok(Self { shape: shape.to_vec(), values })
    }

    /// A tensor of one dimension.
    pub fn vector(values: Values) -> Self {
        Self { shape: vec![values.len()], values }
    }

    /// A single 64-bit float, of no dimension.
    pub fn double(value: f64) -> Self {
        Self { shape: Vec::new(), values: Values::Double(vec![value]) }
    }

    /// A single 32-bit float, of no dimension.
    pub fn float(value: f32) -> Self {
        Self { shape: Vec::new(), values: Values::Float(vec![value]) }
    }

    /// Its shape.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Its values.
    pub fn values(&self) -> &Values {
        &self.values
    }

    /// Its values, without a copy.
    pub fn into_values(self) -> Values {
        self.values
    }

    pub(crate) fn to_proto(&self, name: &str) -> TensorProto {
        let raw = match &self.values {
            Values::Float(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            Values::Uint8(values) => values.clone(),
            Values::Int64(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            Values::Bool(values) => values.iter().map(|value| u8::from(*value)).collect(),
            Values::Double(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            Values::String(_) => Vec::new(),
        };
        let (string_data, raw_data) = match &self.values {
            Values::String(texts) => (texts.iter().map(|text| text.clone().into_bytes()).collect(), None),
            _ => (Vec::new(), Some(raw)),
        };
        TensorProto {
            dims: self.shape.iter().map(|size| i64::try_from(*size).unwrap_or(i64::MAX)).collect(),
            data_type: Some(self.values.element_type() as i32),
            string_data,
            name: Some(name.to_owned()),
            raw_data,
        }
    }

    pub(crate) fn of_proto(proto: TensorProto) -> Result<Self, OnnxError> {
        let name = proto.name.unwrap_or_default();
        let shape: Option<Vec<usize>> = proto.dims.iter().map(|size| usize::try_from(*size).ok()).collect();
        let shape = shape.ok_or_else(|| OnnxError::unreadable(format!("gives `{name}` a negative size")))?;
        let raw = proto.raw_data.unwrap_or_default();
        let values = match ElementType::of_number(proto.data_type.unwrap_or_default())? {
            ElementType::Float => Values::Float(little_endian(&raw, f32::from_le_bytes)),
            ElementType::Uint8 => Values::Uint8(raw),
            ElementType::Int64 => Values::Int64(little_endian(&raw, i64::from_le_bytes)),
            ElementType::Bool => Values::Bool(raw.iter().map(|byte| *byte != 0).collect()),
            ElementType::Double => Values::Double(little_endian(&raw, f64::from_le_bytes)),
            ElementType::String => {
                let texts: Result<Vec<String>, _> = proto.string_data.into_iter().map(String::from_utf8).collect();
                Values::String(texts.map_err(|_| OnnxError::unreadable(format!("has no UTF-8 in `{name}`")))?)
            }
        };
        Self::new(&shape, values)
    }
}

/// Decodes numbers of `WIDTH` bytes each.
fn little_endian<T, const WIDTH: usize>(bytes: &[u8], number: impl Fn([u8; WIDTH]) -> T) -> Vec<T> {
    bytes.as_chunks::<WIDTH>().0.iter().map(|bytes| number(*bytes)).collect()
}
