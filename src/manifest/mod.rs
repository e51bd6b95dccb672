//! Edits marked scalars of Kubernetes manifests; every other byte stays, or the edit is refused.
//!
//! A marker is a comment on the line of a scalar: `# {"slipway": "MODEL:FIELD"}`. [`markers`] lists them, [`set`] writes the
//! values of one model into all of its places in a file. Nothing here reads or writes files.

mod edit;
mod field;
mod guard;
mod marker;
mod refusal;
mod render;
mod target;

#[cfg(test)]
mod tests;

pub use edit::{Change, Edited, markers, set};
pub use field::{Field, Values};
pub use marker::Marker;
pub use refusal::Refusal;
