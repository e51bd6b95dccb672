//! The span tree: every document of a text with the bytes each value takes, how it is written, and the comments beside.

use std::collections::BTreeSet;
use std::ops::Range;

use slipway_domain::{Diagnostic, Position};

use super::build;
use super::lines::Lines;

/// All documents of one YAML text.
#[derive(Debug, Clone)]
pub struct Tree {
    pub(super) documents: Vec<Node>,
    pub(super) comments: Vec<Comment>,
    pub(super) aliased: BTreeSet<usize>,
    pub(super) lines: Lines,
}

/// One value and where it is written.
#[derive(Debug, Clone)]
pub struct Node {
    /// The bytes of the value itself: quotes included, anchor and tag excluded, empty for a value that is left out. A block
    /// collection begins at its first entry and ends where the parser noticed; a block scalar begins after its header.
    pub span: Range<usize>,
    /// The number of the anchor on this value; numbers are unique within a text, as names are not.
    pub anchor: Option<usize>,
    /// The tag as written, like `!!str`.
    pub tag: Option<String>,
    /// The value.
    pub kind: Kind,
}

/// What a value is.
#[derive(Debug, Clone)]
pub enum Kind {
    /// Text, number, boolean or nothing: YAML knows only the text and how it is written.
    Scalar {
        /// The text with quotes and escapes resolved; `~` for a value that is left out.
        value: String,
        /// How it is written.
        style: Style,
    },
    /// Keys and values in the order of the file.
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

/// How a scalar is written.
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
    /// Its bytes from `#` to the end of the line, line break excluded.
    pub span: Range<usize>,
    /// Its text after `#`, unchanged.
    pub text: String,
}

impl Tree {
    /// Reads all documents of a text; `file` is its name in diagnostics. Text, depth and number of values are bounded.
    pub fn parse(file: &str, text: &str) -> Result<Self, Diagnostic> {
        build::build(file, text)
    }

    /// The root value of each document; a document without content holds an empty scalar.
    pub fn documents(&self) -> &[Node] {
        &self.documents
    }

    /// All comments in the order of the file.
    pub fn comments(&self) -> &[Comment] {
        &self.comments
    }

    /// Whether some alias refers to the anchor on this very value.
    pub fn is_aliased(&self, node: &Node) -> bool {
        node.anchor.is_some_and(|anchor| self.aliased.contains(&anchor))
    }

    /// The text the tree was read from.
    pub fn text(&self) -> &str {
        self.lines.text()
    }

    /// The line and column of a byte.
    pub fn position(&self, offset: usize) -> Position {
        self.lines.position(offset)
    }

    /// The number of the line that holds a byte, from zero.
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

    /// Whether the value is a scalar in quotes or a block, which no reader takes for anything but text.
    pub fn is_quoted(&self) -> bool {
        matches!(&self.kind, Kind::Scalar { style, .. } if *style != Style::Plain)
    }

    /// Whether the value is left out, as after `key:`.
    pub fn is_left_out(&self) -> bool {
        self.span.is_empty() && matches!(&self.kind, Kind::Scalar { style: Style::Plain, .. })
    }
}

impl Style {
    /// Whether the scalar is written as a block after `|` or `>`.
    pub fn is_block(self) -> bool {
        matches!(self, Self::Literal | Self::Folded)
    }
}
