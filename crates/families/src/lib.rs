//! Model families for tables, fitted in 64-bit floats without libtorch. This package does not access files or the network.

pub mod linear;
pub mod random;
pub mod stored;
pub mod trees;
