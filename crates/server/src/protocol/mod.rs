//! The Open Inference Protocol and the rows by column name: from a body to checked tensors, and from tensors to a body.

mod binary;
mod check;
mod encoding;
mod infer;
mod json_data;
pub mod metadata;
mod predict;

pub use encoding::{Encoding, accepted};
pub use infer::infer;
pub use predict::predict;

/// The header with the size of the JSON before binary tensors, in bytes.
pub const JSON_LENGTH: &str = "inference-header-content-length";

/// The body of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The bytes.
    pub body: Vec<u8>,
    /// The size of the JSON at their beginning, if binary tensors follow.
    pub json_length: Option<usize>,
    /// How they are encoded.
    pub encoding: Option<Encoding>,
}
