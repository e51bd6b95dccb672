#![doc = include_str!("../README.md")]

pub mod artifact;
mod error;
mod file;
mod graph;
mod node;
mod proto;
mod tensor;
mod trees;

pub use error::OnnxError;
pub use file::{Field, File, FileNode};
pub use graph::{BATCH, Dimension, Graph, IR_VERSION, MAX_BYTES, ML_OPSET, OPSET, Value};
pub use node::{Attribute, ML_DOMAIN, Node};
pub use tensor::{ElementType, Tensor, Values};
pub use trees::{Rule, Tree, TreeEnsemble, TreeNode};
