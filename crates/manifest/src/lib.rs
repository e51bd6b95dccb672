#![doc = include_str!("../README.md")]

mod added_value;
mod addition;
mod edit;
mod encoding;
mod entry_text;
mod explicit;
mod fault;
mod field;
mod fill;
mod first_entry;
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
pub use within::is_before_first_promotion;
