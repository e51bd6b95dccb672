//! Edits marked scalars of Kubernetes manifests; every other byte stays, or the edit is refused.
//!
//! A marker is a comment on the line of a scalar: `# {"slipway": "MODEL:FIELD"}`, with a `prefix` and a `suffix` where the
//! scalar holds more than the value. [`markers`] lists them, [`set`] writes the
//! values of one model into all of its places in a file. [`edit`](fn@edit) writes one value at a path or a mark, and
//! [`edit_all`] many of them in many files, or none. Nothing here reads or writes files.

mod addition;
mod edit;
mod explicit;
mod field;
mod guard;
mod locate;
mod marker;
mod near;
mod refusal;
mod render;
mod second_parser;
mod selector;
mod splice;
mod target;
mod within;

#[cfg(test)]
mod tests;

pub use edit::{Change, Edited, markers, set};
pub use explicit::{Edit, FileEdits, Place, edit, edit_all};
pub use field::{Field, Values};
pub use marker::{MARK_TOKEN, Mark, Marker, NotAMark};
pub use near::{NearMiss, near_misses};
pub use refusal::Refusal;
pub use selector::{NotASelector, Selector};
