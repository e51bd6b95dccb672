//! The text of an added entry: nested lines, or one pair of braces.

use std::ops::Range;

use slipway_domain::Position;
use slipway_yaml::{Kind, Node, Style, is_plain_text};

use super::refusal::Refusal;
use super::render::{double_quoted, invisible_in};
use super::splice::Addition;

/// The additional indentation of a new mapping.
pub(super) const INDENTATION: &str = "  ";

/// One line for each key, nested, with the value after the last key.
pub(super) fn lines_of(indentation: &str, entry: &Addition, line_end: &str) -> String {
    let mut lines = Vec::new();
    for (depth, key) in entry.keys.iter().enumerate() {
        let value = if depth + 1 == entry.keys.len() { format!(" {}", entry.written()) } else { String::new() };
        lines.push(format!("{indentation}{}{}:{value}", INDENTATION.repeat(depth), written_key(key, false)));
    }
    lines.join(line_end)
}

/// The value, in one pair of braces for each key.
pub(super) fn braces_of(entry: &Addition, is_json: bool) -> String {
    let within = |inner: String, key: &String| format!("{{{}: {inner}}}", written_key(key, is_json));
    entry.keys.iter().rev().fold(entry.written(), within)
}

fn written_key(key: &str, is_json: bool) -> String {
    if !is_json && is_plain_text(key) { key.to_owned() } else { double_quoted(key) }
}

/// Whether a key is quoted as in JSON.
pub(super) fn is_double_quoted(key: &Node) -> bool {
    matches!(key.kind, Kind::Scalar { style: Style::DoubleQuoted, .. })
}

/// Checks that keys and value contain only allowed characters.
pub(super) fn visible(file: &str, at: Position, entry: &Addition) -> Result<(), Refusal> {
    for (what, text) in entry.keys.iter().map(|key| ("key", key)).chain([("value", &entry.value)]) {
        if let Some(character) = invisible_in(text) {
            return Err(Refusal::control_character(file, at, what, character));
        }
    }
    Ok(())
}

/// The first line break at or after an offset.
pub(super) fn line_break_after(text: &str, offset: usize) -> Option<Range<usize>> {
    let start = offset + text[offset..].find(['\n', '\r'])?;
    let length = if text[start..].starts_with("\r\n") { 2 } else { 1 };
    Some(start..start + length)
}

/// The line break of the line at an offset, or else of the first line.
pub(super) fn line_end_of(text: &str, offset: usize) -> &str {
    line_break_after(text, offset).or_else(|| line_break_after(text, 0)).map_or("\n", |at| &text[at])
}
