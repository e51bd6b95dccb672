//! Adds a new entry as the last one of its mapping, in the style of that mapping.

use std::ops::Range;

use slipway_domain::Position;
use slipway_yaml::{Kind, Node, Path, Style, Tree, is_plain_text};

use super::refusal::Refusal;
use super::render::{double_quoted, invisible_in};
use super::second_parser;
use super::splice::{Splice, SpliceEffect};
use super::target::{Candidate, Sharing};

/// The most document ends that are tried as places for an entry. A file without values has one.
const MAX_ENDS: usize = 8;
/// The additional indentation of a new mapping.
const INDENTATION: &str = "  ";

/// Adds `value` under `keys` to the mapping that a path leads to. All keys except the last are new mappings.
pub(super) fn addition(
    file: &str,
    tree: &Tree,
    parent: &Candidate<'_>,
    keys: &[String],
    path: &Path,
    value: &str,
    sharing: Sharing,
) -> Result<Splice, Refusal> {
    let node = parent.node;
    let at = tree.position(node.span.start);
    let refuse = |problem: &str| Refusal::not_creatable(file, at, path, problem);
    let Kind::Mapping { flow, .. } = node.kind else {
        return Err(refuse("what would hold it is no mapping"));
    };
    if parent.is_shared && sharing != Sharing::Requested {
        return Err(Refusal::aliased_anchor(file, at, sharing));
    }
    visible(file, at, keys, value)?;
    let quoted = flow && last_key(node).is_some_and(is_double_quoted);
    let (offset, text) = if flow {
        in_braces(tree, node, keys, value, quoted).map_err(refuse)?
    } else {
        in_lines(tree, node, keys, value).map_err(refuse)?
    };
    let style = if quoted || !is_plain_text(value) { Style::DoubleQuoted } else { Style::Plain };
    Ok(Splice {
        document: parent.document,
        steps: parent.steps.clone(),
        span: offset..offset,
        text,
        effect: SpliceEffect::Added {
            mapping: node.span.start,
            keys: keys.to_vec(),
            value: value.to_owned(),
            style,
            flow,
        },
    })
}

fn written(text: &str, quoted: bool) -> String {
    if !quoted && is_plain_text(text) { text.to_owned() } else { double_quoted(text) }
}

fn last_key(node: &Node) -> Option<&Node> {
    match &node.kind {
        Kind::Mapping { entries, .. } => entries.last().map(|entry| &entry.key),
        _ => None,
    }
}

fn is_double_quoted(node: &Node) -> bool {
    matches!(node.kind, Kind::Scalar { style: Style::DoubleQuoted, .. })
}

/// Adds `, key: value` after the last entry of a mapping with braces. If its keys are quoted, as in JSON, the new key is too.
fn in_braces(
    tree: &Tree,
    node: &Node,
    keys: &[String],
    value: &str,
    quoted: bool,
) -> Result<(usize, String), &'static str> {
    let Kind::Mapping { entries, .. } = &node.kind else {
        return Err("what would hold it is no mapping");
    };
    if tree.text().as_bytes().get(node.span.start) != Some(&b'{') {
        return Err("what would hold it is a pair without braces");
    }
    let entry =
        keys.iter().rev().fold(written(value, quoted), |inner, key| format!("{{{}: {inner}}}", written(key, quoted)));
    let entry = entry.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or_default();
    match entries.last() {
        None => Ok((node.span.start + 1, entry.to_owned())),
        Some(last) if last.value.is_left_out() => Err("the entry before it has no value"),
        Some(last) => Ok((last.value.span.end, format!(", {entry}"))),
    }
}

/// Adds lines after the last line of a mapping without braces.
fn in_lines(tree: &Tree, node: &Node, keys: &[String], value: &str) -> Result<(usize, String), &'static str> {
    let indentation = indentation(tree, node).ok_or("the indentation of its neighbours cannot be told")?;
    let end = end_of(tree, node)?;
    let text = tree.text();
    let next = line_break_after(text, end);
    let line_end = next.clone().or_else(|| line_break_after(text, 0)).map_or("\n", |at| &text[at]);
    let lines = lines_of(&indentation, keys, value, line_end);
    Ok(match next {
        Some(at) => (at.end, format!("{lines}{line_end}")),
        None => (text.len(), format!("{line_end}{lines}")),
    })
}

/// One line for each key, nested, with the value after the last key.
fn lines_of(indentation: &str, keys: &[String], value: &str, line_end: &str) -> String {
    let mut lines = Vec::new();
    for (depth, key) in keys.iter().enumerate() {
        let value = if depth + 1 == keys.len() { format!(" {}", written(value, false)) } else { String::new() };
        lines.push(format!("{indentation}{}{}:{value}", INDENTATION.repeat(depth), written(key, false)));
    }
    lines.join(line_end)
}

/// The text of a file without values, with its first entry: a text under these keys, after the existing comments and before the
/// end of the document (`...`). Also returns the position of the new lines.
pub(super) fn first_entry(
    file: &str,
    tree: &Tree,
    path: &Path,
    keys: &[String],
    value: &str,
) -> Result<(String, Position), Refusal> {
    let at = Position { line: 1, column: 1 };
    visible(file, at, keys, value)?;
    let text = tree.text();
    let line_end = line_break_after(text, 0).map_or("\n", |at| &text[at]);
    let lines = lines_of("", keys, value, line_end);
    for place in std::iter::once(text.len()).chain(ends_of_documents(text)) {
        let (before, after) = text.split_at(place);
        let is_new_line = before.trim_start_matches('\u{feff}').is_empty() || before.ends_with(['\n', '\r']);
        let gap = if is_new_line { "" } else { line_end };
        let new = format!("{before}{gap}{lines}{line_end}{after}");
        if is_first_entry(file, tree, &new, path, value) && second_parser::holds_only(&new, keys, value) {
            let line = before.lines().count() + 1;
            return Ok((new, Position { line, column: 1 }));
        }
    }
    Err(Refusal::not_creatable(file, at, path, "what stands in the file leaves no place for it"))
}

/// Whether a text is one document with `value` at a path, and with the comments of a tree.
fn is_first_entry(file: &str, tree: &Tree, new: &str, path: &Path, value: &str) -> bool {
    let comments = |tree: &Tree| tree.comments().iter().map(|comment| comment.text.clone()).collect::<Vec<_>>();
    Tree::parse(file, new).is_ok_and(|read| {
        read.documents().len() == 1
            && comments(tree) == comments(&read)
            && read.find(0, path).and_then(|place| place.node.scalar()) == Some(value)
    })
}

/// The offsets of lines that end a document.
fn ends_of_documents(text: &str) -> impl Iterator<Item = usize> {
    let lines = text.split_inclusive('\n').scan(0, |offset, line| {
        let start = *offset;
        *offset += line.len();
        Some((start, line))
    });
    let ends =
        lines.filter(|(_, line)| line.trim_start_matches('\u{feff}').trim_end().split(' ').next() == Some("..."));
    ends.map(|(start, _)| start).take(MAX_ENDS)
}

/// Checks that keys and a value contain only allowed characters.
fn visible(file: &str, at: Position, keys: &[String], value: &str) -> Result<(), Refusal> {
    for (what, text) in keys.iter().map(|key| ("key", key.as_str())).chain([("value", value)]) {
        if let Some(character) = invisible_in(text) {
            return Err(Refusal::control_character(file, at, what, character));
        }
    }
    Ok(())
}

/// The first line break at or after an offset.
fn line_break_after(text: &str, offset: usize) -> Option<Range<usize>> {
    let start = offset + text[offset..].find(['\n', '\r'])?;
    let length = if text[start..].starts_with("\r\n") { 2 } else { 1 };
    Some(start..start + length)
}

/// The indentation of the keys of a mapping without braces.
fn indentation(tree: &Tree, node: &Node) -> Option<String> {
    let Kind::Mapping { entries, .. } = &node.kind else {
        return None;
    };
    let before = |key: &Node| tree.line_before(key.span.start).trim_start_matches('\u{feff}').to_owned();
    let on_own_line = entries.iter().map(|entry| before(&entry.key)).find(|text| text.chars().all(|c| c == ' '));
    on_own_line.or_else(|| {
        // `- key: value`: the next key is aligned with the first.
        let first = before(&entries.first()?.key);
        first.chars().all(|c| matches!(c, ' ' | '-')).then(|| " ".repeat(first.len()))
    })
}

/// An offset within the last line of a value.
fn end_of(tree: &Tree, node: &Node) -> Result<usize, &'static str> {
    match &node.kind {
        Kind::Mapping { entries, flow: false } => match entries.last() {
            Some(last) if last.value.is_left_out() => Ok(last.key.span.end),
            Some(last) => end_of(tree, &last.value),
            None => Ok(node.span.end),
        },
        Kind::Sequence { items, flow: false } => match items.last() {
            Some(last) => end_of(tree, last),
            None => Ok(node.span.end),
        },
        Kind::Scalar { value, style } if style.is_block() => {
            if value.ends_with("\n\n") || value.chars().all(|c| c == '\n') {
                return Err("the value before it is a block that ends in empty lines");
            }
            Ok(tree.text()[..node.span.end].trim_end().len())
        }
        _ => Ok(node.span.end),
    }
}
