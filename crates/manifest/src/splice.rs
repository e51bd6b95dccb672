//! One change of a text: the old bytes, the new bytes and the intended effect.

use std::ops::Range;

use slipway_yaml::Style;

/// A replacement of bytes.
#[derive(Debug, Clone)]
pub(super) struct Splice {
    /// The index of the document.
    pub(super) document: usize,
    /// The index of an entry or an item at each level, down to the scalar or to the mapping that receives an entry.
    pub(super) steps: Vec<usize>,
    /// The old bytes. Empty for an addition.
    pub(super) span: Range<usize>,
    /// The new bytes.
    pub(super) text: String,
    /// The intended effect.
    pub(super) effect: SpliceEffect,
}

/// The effect of a change.
#[derive(Debug, Clone)]
pub(super) enum SpliceEffect {
    /// A scalar has a new value.
    Replaced {
        /// Its new text.
        value: String,
        /// Its style.
        style: Style,
        /// Whether it is a number or a truth value and not text.
        is_typed: bool,
    },
    /// A mapping has one more entry, the last.
    Added {
        /// The byte offset of the mapping.
        mapping: usize,
        /// The entry.
        entry: Addition,
    },
    /// A null, written or left out, has a first value, or a mapping with one entry in its place.
    Filled {
        /// The byte offset of the null.
        null: usize,
        /// The value, under its keys if there are any.
        entry: Addition,
    },
}

/// An added value under one key, or under several nested keys.
#[derive(Debug, Clone)]
pub(super) struct Addition {
    /// The keys, outermost first.
    pub(super) keys: Vec<String>,
    /// The text of the value.
    pub(super) value: String,
    /// The style of the value.
    pub(super) style: Style,
    /// Whether the value is a number or a truth value and not text.
    pub(super) is_typed: bool,
    /// Whether the mappings of the keys are written with braces.
    pub(super) flow: bool,
}

impl Splice {
    /// The offset of the scalar that is replaced, or of the mapping that receives an entry.
    pub(super) fn place(&self) -> usize {
        match self.effect {
            SpliceEffect::Replaced { .. } => self.span.start,
            SpliceEffect::Added { mapping, .. } => mapping,
            SpliceEffect::Filled { null, .. } => null,
        }
    }
}

/// The text with every span replaced. All other bytes are copied. Spans are in the order of the text.
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
