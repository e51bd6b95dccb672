//! Reads YAML: a tree of byte spans for editors and diagnostics, and typed reading with mistakes shown where they are.
//!
//! [`Tree`] keeps what other readers drop: byte ranges, quoting, anchors, tags and comments. [`read`] turns one document into a
//! type and a mistake into a [`Diagnostic`](slipway_domain::Diagnostic) with line, column and a suggestion; [`read_all`] finds all
//! of them. Nothing here writes YAML into files: edits are the business of `manifest`.

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

/// The largest text that is read: real files are a few kilobytes, and everything here is kept in memory.
pub const MAX_BYTES: usize = 1024 * 1024;

/// How deep collections may nest: deeper than any hand-written file, shallow enough for recursion.
pub const MAX_DEPTH: usize = 64;

/// How many values one file may hold, each alias counted as what it stands for: stops alias bombs.
pub const MAX_NODES: usize = 200_000;
