//! Tensors as requests and answers hold them: a type, a shape and values in row-major order.

use std::fmt;

/// The type of a tensor's values, by its name in the Open Inference Protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataType {
    /// `BOOL`.
    Bool,
    /// `UINT8`.
    Uint8,
    /// `UINT16`.
    Uint16,
    /// `UINT32`.
    Uint32,
    /// `UINT64`.
    Uint64,
    /// `INT8`.
    Int8,
    /// `INT16`.
    Int16,
    /// `INT32`.
    Int32,
    /// `INT64`.
    Int64,
    /// `FP32`.
    Fp32,
    /// `FP64`.
    Fp64,
    /// `BYTES`: texts in UTF-8.
    Bytes,
}

impl DataType {
    /// All types.
    pub const ALL: [Self; 12] = [
        Self::Bool,
        Self::Uint8,
        Self::Uint16,
        Self::Uint32,
        Self::Uint64,
        Self::Int8,
        Self::Int16,
        Self::Int32,
        Self::Int64,
        Self::Fp32,
        Self::Fp64,
        Self::Bytes,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bool => "BOOL",
            Self::Uint8 => "UINT8",
            Self::Uint16 => "UINT16",
            Self::Uint32 => "UINT32",
            Self::Uint64 => "UINT64",
            Self::Int8 => "INT8",
            Self::Int16 => "INT16",
            Self::Int32 => "INT32",
            Self::Int64 => "INT64",
            Self::Fp32 => "FP32",
            Self::Fp64 => "FP64",
            Self::Bytes => "BYTES",
        }
    }

    /// The type of a name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The values of a tensor. Each variant is the type of its name.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// `BOOL`.
    Bool(Vec<bool>),
    /// `UINT8`.
    Uint8(Vec<u8>),
    /// `UINT16`.
    Uint16(Vec<u16>),
    /// `UINT32`.
    Uint32(Vec<u32>),
    /// `UINT64`.
    Uint64(Vec<u64>),
    /// `INT8`.
    Int8(Vec<i8>),
    /// `INT16`.
    Int16(Vec<i16>),
    /// `INT32`.
    Int32(Vec<i32>),
    /// `INT64`.
    Int64(Vec<i64>),
    /// `FP32`.
    Fp32(Vec<f32>),
    /// `FP64`.
    Fp64(Vec<f64>),
    /// `BYTES`.
    Bytes(Vec<String>),
}

/// Runs the same expression for the values of every type.
macro_rules! for_values {
    ($values:expr, $list:ident => $result:expr) => {
        match $values {
            $crate::tensor::Values::Bool($list) => $result,
            $crate::tensor::Values::Uint8($list) => $result,
            $crate::tensor::Values::Uint16($list) => $result,
            $crate::tensor::Values::Uint32($list) => $result,
            $crate::tensor::Values::Uint64($list) => $result,
            $crate::tensor::Values::Int8($list) => $result,
            $crate::tensor::Values::Int16($list) => $result,
            $crate::tensor::Values::Int32($list) => $result,
            $crate::tensor::Values::Int64($list) => $result,
            $crate::tensor::Values::Fp32($list) => $result,
            $crate::tensor::Values::Fp64($list) => $result,
            $crate::tensor::Values::Bytes($list) => $result,
        }
    };
}
pub(crate) use for_values;

impl Values {
    /// Their number.
    pub fn len(&self) -> usize {
        for_values!(self, list => list.len())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Their type.
    pub fn data_type(&self) -> DataType {
        match self {
            Self::Bool(_) => DataType::Bool,
            Self::Uint8(_) => DataType::Uint8,
            Self::Uint16(_) => DataType::Uint16,
            Self::Uint32(_) => DataType::Uint32,
            Self::Uint64(_) => DataType::Uint64,
            Self::Int8(_) => DataType::Int8,
            Self::Int16(_) => DataType::Int16,
            Self::Int32(_) => DataType::Int32,
            Self::Int64(_) => DataType::Int64,
            Self::Fp32(_) => DataType::Fp32,
            Self::Fp64(_) => DataType::Fp64,
            Self::Bytes(_) => DataType::Bytes,
        }
    }
}

/// A tensor with its name.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// The name of the input or output.
    pub name: String,
    /// The size of each dimension.
    pub shape: Vec<usize>,
    /// The values, as many as the product of the sizes.
    pub values: Values,
}

/// An input or output that a model declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// Its name.
    pub name: String,
    /// The type of its values.
    pub data_type: DataType,
    /// The size of each dimension.
    pub shape: Vec<Size>,
}

/// A declared size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Size {
    /// A fixed size.
    Fixed(usize),
    /// A size that each request decides. Dimensions of one name have one size; the empty name stands for any size.
    Named(String),
}

impl Port {
    /// The declared shape as the protocol writes it: -1 for a size that each request decides.
    pub fn sizes(&self) -> Vec<i64> {
        let size = |size: &Size| match size {
            Size::Fixed(size) => i64::try_from(*size).unwrap_or(i64::MAX),
            Size::Named(_) => -1,
        };
        self.shape.iter().map(size).collect()
    }
}

/// A shape for messages, such as `[-1, 13]`.
pub fn shown(sizes: &[impl fmt::Display]) -> String {
    let sizes: Vec<String> = sizes.iter().map(ToString::to_string).collect();
    format!("[{}]", sizes.join(", "))
}
