#![doc = include_str!("../README.md")]

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
