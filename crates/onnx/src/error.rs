//! Why a graph cannot be written or read.

/// Why a graph cannot be written or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OnnxError {
    /// A tensor has another number of values than its shape has places.
    #[error("a tensor of shape {shape:?} has {values} values, expected as many as the product of its sizes")]
    Shape {
        /// The shape.
        shape: Vec<usize>,
        /// The number of values.
        values: usize,
    },
    /// Two inputs or outputs have one name, or one has none.
    #[error("an input or output is named `{name}`, expected names that differ and are not empty")]
    Name {
        /// The name.
        name: String,
    },
    /// A graph without an output computes nothing.
    #[error("the graph has no output, expected at least one")]
    NoOutput,
    /// Attributes of a node do not fit together.
    #[error("{operator}: {problem}")]
    Node {
        /// The operator.
        operator: &'static str,
        /// What does not fit.
        problem: String,
    },
    /// The file would be too large.
    #[error("the graph has {bytes} bytes, expected at most {limit}")]
    TooLarge {
        /// The size of the file in bytes.
        bytes: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// A file is not an ONNX file of the form that this package writes.
    #[error("the file {problem}")]
    Unreadable {
        /// What is wrong with it.
        problem: String,
    },
}

impl OnnxError {
    pub(crate) fn unreadable(problem: impl Into<String>) -> Self {
        Self::Unreadable { problem: problem.into() }
    }
}
