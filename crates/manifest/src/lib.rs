//! Edits marked scalars of Kubernetes manifests; every other byte stays, or the edit is refused.
//!
//! A marker is a comment on the line of a scalar: `# {"slipway": "MODEL:FIELD"}`, with a `prefix` and a `suffix` where the
//! scalar holds more than the value. [`markers`] lists them, [`set`] writes the values of one model into all of its places in a
//! file. [`inspect`] lists them with every place that should be marked and is not, [`unfit`] those that could not take a value.
//! [`edit`](fn@edit) writes one value at a path or a mark, and [`edit_all`] many of them in many files, or none. Nothing here
//! reads or writes files.

mod addition;
mod edit;
mod encoding;
mod explicit;
mod fault;
mod field;
mod guard;
mod inspect;
mod locate;
mod marked;
mod marker;
mod names;
mod near;
mod parts;
mod refusal;
mod render;
mod second_parser;
mod selector;
mod splice;
mod target;
mod within;

#[cfg(test)]
mod tests;

pub use edit::{Change, Edited, set, unfit};
pub use explicit::{Edit, FileEdits, Place, edit, edit_all};
pub use fault::MarkFault;
pub use field::{Field, Values};
pub use inspect::{Inspection, inspect, markers};
pub use marker::{Mark, Marker, NotAMark};
pub use names::is_slip_of;
pub use refusal::Refusal;
pub use selector::{NotASelector, Selector};
