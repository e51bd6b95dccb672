//! The trainer as the controller meets it: a process, a folder, lines of progress, an exit code.

mod bad_data;
mod bad_specification;
mod calibrated;
mod dates;
mod ends;
mod evaluation;
mod evidence;
mod expected;
mod formats;
mod found;
mod inputs;
mod learning;
mod linear;
mod mlp;
mod selection;
mod shared;
mod splits;
mod support;
mod trees;
mod typed_tables;
mod weights;
