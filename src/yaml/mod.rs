//! Reads YAML: a tree of byte spans for editors and diagnostics, and typed reading with mistakes shown where they are.
//!
//! [`Tree`] keeps what other readers drop: byte ranges, quoting, anchors, tags and comments. [`read`] turns one document into a
//! type and every mistake into a [`Diagnostic`](crate::domain::Diagnostic) with line, column and a suggestion. Nothing here
//! writes YAML: edits are the business of `manifest`.

mod build;
mod complaint;
mod lines;
mod path;
mod plain;
mod read;
mod search;
mod tree;
mod written;

#[cfg(test)]
mod tests;

pub use complaint::suggestion;
pub use path::{NotAPath, Path, Segment};
pub use plain::{Reading, is_plain_text, reading_of};
pub use read::read;
pub use search::{Place, nearest_position};
pub use tree::{Comment, Entry, Kind, Node, Style, Tree};

/// The largest text that is read: real files are a few kilobytes, and everything here is kept in memory.
pub const MAX_BYTES: usize = 1024 * 1024;

/// How deep collections may nest: deeper than any hand-written file, shallow enough for recursion.
pub const MAX_DEPTH: usize = 64;

/// How many values one file may hold, each alias counted as what it stands for: stops alias bombs.
pub const MAX_NODES: usize = 200_000;
