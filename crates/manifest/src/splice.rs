//! One change of a text: which bytes go, which come, and what that is meant to mean.

use std::ops::Range;

use slipway_yaml::Style;

/// Bytes that take the place of others.
#[derive(Debug, Clone)]
pub(super) struct Splice {
    /// The number of the document.
    pub(super) document: usize,
    /// The number of an entry or an item at each level, down to the scalar or to the mapping that gets an entry.
    pub(super) steps: Vec<usize>,
    /// The old bytes; empty where something is added.
    pub(super) span: Range<usize>,
    /// The new bytes.
    pub(super) text: String,
    /// What a reader is to find.
    pub(super) effect: SpliceEffect,
}

/// What a change means to a reader.
#[derive(Debug, Clone)]
pub(super) enum SpliceEffect {
    /// A scalar has another value.
    Replaced {
        /// Its new text.
        value: String,
        /// How it is written.
        style: Style,
        /// Whether it is a number or a truth value rather than text.
        is_typed: bool,
    },
    /// A mapping has one more entry, the last: a text under one key, or under several, each in a mapping of its own.
    Added {
        /// The offset at which the mapping begins.
        mapping: usize,
        /// The keys, outer ones first.
        keys: Vec<String>,
        /// The text.
        value: String,
        /// How it is written.
        style: Style,
        /// Whether the mapping, and those within, are written with braces.
        flow: bool,
    },
}

impl Splice {
    /// Where the scalar that is replaced, or the mapping that gets an entry, begins.
    pub(super) fn place(&self) -> usize {
        match self.effect {
            SpliceEffect::Replaced { .. } => self.span.start,
            SpliceEffect::Added { mapping, .. } => mapping,
        }
    }
}

/// The text with every span replaced; all other bytes are copied. Spans are in the order of the text.
pub(super) fn apply(text: &str, splices: &[Splice]) -> String {
    let mut edited = String::with_capacity(text.len());
    let mut copied = 0;
    for splice in splices {
        edited.push_str(&text[copied..splice.span.start]);
        edited.push_str(&splice.text);
        copied = splice.span.end;
    }
    edited.push_str(&text[copied..]);
    edited
}
