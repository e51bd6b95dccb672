//! The span tree: every document of a text with the byte range and the style of each value, and the comments.

use std::collections::BTreeSet;
use std::ops::Range;

use slipway_domain::{Diagnostic, Position};

use super::build;
use super::lines::Lines;
use super::plain::{Reading, reading_of};

/// All documents of one YAML text.
#[derive(Debug, Clone)]
pub struct Tree {
    pub(super) documents: Vec<Node>,
    pub(super) comments: Vec<Comment>,
    pub(super) aliased: BTreeSet<usize>,
    pub(super) lines: Lines,
}

/// One value and its place.
#[derive(Debug, Clone)]
pub struct Node {
    /// The byte range of the value itself: with quotes, without anchor and tag, empty for a value that is left out. A block
    /// collection begins at its first entry and ends where the parser recognised its end. A block scalar begins after its header.
    pub span: Range<usize>,
    /// The number of the anchor on this value. Numbers are unique within a text. Names need not be.
    pub anchor: Option<usize>,
    /// The tag as written, such as `!!str`.
    pub tag: Option<String>,
    /// The value.
    pub kind: Kind,
}

/// The kind of a value.
#[derive(Debug, Clone)]
pub enum Kind {
    /// Text, number, truth value or null. YAML itself stores only the text and its style.
    Scalar {
        /// The text with quotes and escapes resolved; `~` for a value that is left out.
        value: String,
        /// The style.
        style: Style,
    },
    /// A mapping: keys and values in the order of the file.
    Mapping {
        /// The entries.
        entries: Vec<Entry>,
        /// Whether it is written with braces.
        flow: bool,
    },
    /// A list.
    Sequence {
        /// The items.
        items: Vec<Node>,
        /// Whether it is written with brackets.
        flow: bool,
    },
    /// A reference to the value with this anchor number.
    Alias(usize),
}

/// One key with its value.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The key.
    pub key: Node,
    /// The value.
    pub value: Node,
}

/// The style of a scalar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Without quotes.
    Plain,
    /// Within `'`.
    SingleQuoted,
    /// Within `"`.
    DoubleQuoted,
    /// A block after `|`.
    Literal,
    /// A block after `>`.
    Folded,
}

/// A comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// Its byte range from `#` to the end of the line, without the line break.
    pub span: Range<usize>,
    /// Its text after `#`, unchanged.
    pub text: String,
}

impl Tree {
    /// Parses all documents of a text. `file` is its name in diagnostics. The size, the depth and the number of values are
    /// limited.
    pub fn parse(file: &str, text: &str) -> Result<Self, Diagnostic> {
        build::build(file, text)
    }

    /// The root value of each document. A document without content has an empty scalar.
    pub fn documents(&self) -> &[Node] {
        &self.documents
    }

    /// All comments in the order of the file.
    pub fn comments(&self) -> &[Comment] {
        &self.comments
    }

    /// Whether an alias refers to the anchor on this value.
    pub fn is_aliased(&self, node: &Node) -> bool {
        node.anchor.is_some_and(|anchor| self.aliased.contains(&anchor))
    }

    /// The text that the tree was built from.
    pub fn text(&self) -> &str {
        self.lines.text()
    }

    /// The line and column of a byte.
    pub fn position(&self, offset: usize) -> Position {
        self.lines.position(offset)
    }

    /// The line of a byte, counted from zero.
    pub fn line_of(&self, offset: usize) -> usize {
        self.lines.line_of(offset)
    }

    /// The bytes between the start of a byte's line and that byte.
    pub fn line_before(&self, offset: usize) -> &str {
        let start = self.lines.start_of(self.lines.line_of(offset));
        self.text().get(start..offset).unwrap_or("")
    }
}

impl Node {
    /// The text of a scalar, escapes resolved.
    pub fn scalar(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar { value, .. } => Some(value),
            _ => None,
        }
    }

    /// Whether the value is a quoted or a block scalar, which every reader reads as text.
    pub fn is_quoted(&self) -> bool {
        matches!(&self.kind, Kind::Scalar { style, .. } if *style != Style::Plain)
    }

    /// Whether the value is left out, as after `key:`.
    pub fn is_left_out(&self) -> bool {
        self.span.is_empty() && matches!(&self.kind, Kind::Scalar { style: Style::Plain, .. })
    }

    /// Whether the value is null: left out, or written as `~` or `null`, without quotes and without a tag.
    pub fn is_null(&self) -> bool {
        let is_written = |text| reading_of(text) == Reading::Null;
        self.tag.is_none() && !self.is_quoted() && self.scalar().is_some_and(is_written)
    }
}

impl Style {
    /// Whether the scalar is written as a block after `|` or `>`.
    pub fn is_block(self) -> bool {
        matches!(self, Self::Literal | Self::Folded)
    }
}
