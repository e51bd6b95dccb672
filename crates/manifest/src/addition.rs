//! Adds a new entry as the last one of its mapping, in the style of that mapping.

use slipway_domain::Position;
use slipway_yaml::{Kind, Node, Path, Tree};

use super::entry_text::{braces_of, is_double_quoted, line_break_after, line_end_of, lines_of, visible};
use super::guard;
use super::refusal::Refusal;
use super::splice::{Addition, Splice, SpliceEffect, apply};
use super::target::{Candidate, Sharing, obstacle};

/// The text of a file with `entry` in the mapping that a path leads to, and the position of the entry. All keys of the entry except
/// the last are new mappings.
pub(super) fn add(
    file: &str,
    tree: &Tree,
    parent: &Candidate<'_>,
    entry: &Addition,
    path: &Path,
    sharing: Sharing,
) -> Result<(String, Position), Refusal> {
    let node = parent.node;
    let at = tree.position(node.span.start);
    let refuse = |problem: &str| Refusal::not_creatable(file, at, path, problem);
    let Kind::Mapping { flow, .. } = node.kind else {
        return Err(refuse("what would hold it is no mapping"));
    };
    if parent.is_shared && sharing != Sharing::Requested {
        return Err(Refusal::aliased_anchor(file, at, sharing));
    }
    visible(file, at, entry)?;
    let is_json = flow && last_key(node).is_some_and(is_double_quoted);
    let entry = if flow { entry.in_braces(is_json) } else { entry.clone() };
    let (offset, text) = if flow {
        in_braces(tree, node, &entry, is_json).map_err(refuse)?
    } else {
        in_lines(tree, node, &entry).map_err(refuse)?
    };
    if let Some(obstacle) = obstacle(file, tree, parent.document) {
        return Err(obstacle);
    }
    let effect = SpliceEffect::Added { mapping: node.span.start, entry };
    let splices =
        [Splice { document: parent.document, steps: parent.steps.clone(), span: offset..offset, text, effect }];
    let edited = apply(tree.text(), &splices);
    let position = tree.position(offset);
    guard::check(file, tree, &splices, &edited).map_err(|refusal| match refusal {
        Refusal::Guard(found) => Refusal::not_creatable(file, position, path, &found.message),
        other => other,
    })?;
    Ok((edited, position))
}

fn last_key(node: &Node) -> Option<&Node> {
    match &node.kind {
        Kind::Mapping { entries, .. } => entries.last().map(|entry| &entry.key),
        _ => None,
    }
}

/// Adds `, key: value` after the last entry of a mapping with braces. If its keys are quoted, as in JSON, the new key is too.
fn in_braces(tree: &Tree, node: &Node, entry: &Addition, is_json: bool) -> Result<(usize, String), &'static str> {
    let Kind::Mapping { entries, .. } = &node.kind else {
        return Err("what would hold it is no mapping");
    };
    if tree.text().as_bytes().get(node.span.start) != Some(&b'{') {
        return Err("what would hold it is a pair without braces");
    }
    let entry = braces_of(entry, is_json);
    let entry = entry.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or_default();
    match entries.last() {
        None => Ok((node.span.start + 1, entry.to_owned())),
        Some(last) if last.value.is_left_out() => Err("the entry before it has no value"),
        Some(last) => Ok((last.value.span.end, format!(", {entry}"))),
    }
}

/// Adds lines after the last line of a mapping without braces.
fn in_lines(tree: &Tree, node: &Node, entry: &Addition) -> Result<(usize, String), &'static str> {
    let indentation = indentation(tree, node).ok_or("the indentation of its neighbours cannot be told")?;
    let end = end_of(tree, node)?;
    let text = tree.text();
    let line_end = line_end_of(text, end);
    let lines = lines_of(&indentation, entry, line_end);
    Ok(match line_break_after(text, end) {
        Some(at) => (at.end, format!("{lines}{line_end}")),
        None => (text.len(), format!("{line_end}{lines}")),
    })
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
