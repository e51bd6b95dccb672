//! Reads YAML: a tree with byte spans for edits and diagnostics, and typed reading that reports the position of every mistake.
//!
//! [`Tree`] keeps what other readers drop: byte ranges, quoting, anchors, tags and comments. [`read`] converts one document to a
//! type, and a mistake to a [`Diagnostic`](slipway_domain::Diagnostic) with line, column and a suggestion. [`read_all`] finds all
//! mistakes. This package does not edit YAML files. The package `slipway-manifest` does.

mod build;
mod complaint;
mod draft;
mod empty;
mod hint;
mod lines;
mod merge;
mod path;
mod plain;
mod read;
mod recover;
mod scalar;
mod search;
mod syntax;
mod tree;
mod written;

#[cfg(test)]
mod tests;

pub use complaint::suggestion;
pub use empty::EmptyKey;
pub use path::{NotAPath, Path, Segment};
pub use plain::{Reading, is_plain_text, reading_of};
pub use read::read;
pub use recover::{Guesses, Recovered, read_all};
pub use scalar::scalar_of;
pub use search::{Place, nearest_position};
pub use tree::{Comment, Entry, Kind, Node, Style, Tree};

/// The largest text that is read, in bytes. Real files have a few kilobytes, and the whole text is kept in memory.
pub const MAX_BYTES: usize = 1024 * 1024;

/// The deepest nesting of collections. It is deeper than any hand-written file, and shallow enough for recursion.
pub const MAX_DEPTH: usize = 64;

/// The most values of one file, where each alias counts as the value that it stands for. This stops alias bombs.
pub const MAX_NODES: usize = 200_000;
