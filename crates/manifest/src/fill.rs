//! Writes a first value, or a mapping with a first entry, in the place of a null: `a:`, `a: null`, `a: ~`.

use std::ops::Range;

use slipway_domain::Position;
use slipway_yaml::{Node, Path, Tree};

use super::entry_text::{INDENTATION, braces_of, is_double_quoted, line_break_after, line_end_of, lines_of, visible};
use super::guard;
use super::refusal::Refusal;
use super::splice::{Addition, Splice, SpliceEffect, apply};
use super::target::{Candidate, Sharing, obstacle};

/// The text of a file with `entry` in the place of a null, and the position of the change: of a written null, or of the new text.
/// `key` is the key of the null.
pub(super) fn fill(
    file: &str,
    tree: &Tree,
    null: &Candidate<'_>,
    key: Option<&Node>,
    entry: &Addition,
    path: &Path,
    sharing: Sharing,
) -> Result<(String, Position), Refusal> {
    let at = tree.position(key.map_or(null.node.span.start, |key| key.span.start));
    let refuse = |problem: &str| Refusal::not_creatable(file, at, path, problem);
    if null.is_shared && sharing != Sharing::Requested {
        return Err(Refusal::aliased_anchor(file, at, sharing));
    }
    if null.node.anchor.is_some() {
        return Err(refuse("what stands in its place has an anchor"));
    }
    visible(file, at, entry)?;
    if let Some(obstacle) = obstacle(file, tree, null.document) {
        return Err(obstacle);
    }
    let places = [in_lines(tree, null.node, key, entry), in_line(tree, null.node, key, entry)];
    let mut problem = "there is no place for it on the line of its key".to_owned();
    for (span, text, entry) in places.into_iter().flatten() {
        let effect = SpliceEffect::Filled { null: null.node.span.start, entry };
        let splice = Splice { document: null.document, steps: null.steps.clone(), span, text, effect };
        let is_written = !null.node.is_left_out();
        let position = tree.position(if is_written { null.node.span.start } else { splice.span.start });
        let splices = [splice];
        let edited = apply(tree.text(), &splices);
        match guard::check(file, tree, &splices, &edited) {
            Ok(()) => return Ok((edited, position)),
            Err(Refusal::Guard(found)) => problem = found.message,
            Err(other) => return Err(other),
        }
    }
    Err(refuse(&problem))
}

/// A place for an entry: the bytes to replace, the new ones, and the entry as it is written there.
type Written = (Range<usize>, String, Addition);

/// The lines of a new mapping below its key. A comment stays on the line of the key if the null is left out.
fn in_lines(tree: &Tree, null: &Node, key: Option<&Node>, entry: &Addition) -> Option<Written> {
    if entry.keys.is_empty() {
        return None;
    }
    let text = tree.text();
    let indentation = match key {
        Some(key) => {
            let before = tree.line_before(key.span.start).trim_start_matches('\u{feff}');
            let is_alone = before.chars().all(|c| matches!(c, ' ' | '-'));
            is_alone.then(|| format!("{}{INDENTATION}", " ".repeat(before.len())))?
        }
        None => String::new(),
    };
    let line_end = line_end_of(text, null.span.start);
    let lines = lines_of(&indentation, entry, line_end);
    if !null.is_left_out() {
        let rest = &text[null.span.end..];
        let is_last = rest[..line_break_after(rest, 0).map_or(rest.len(), |at| at.start)].trim().is_empty();
        let before = text[..null.span.start].trim_end_matches(' ');
        let gap = if before.trim_start_matches('\u{feff}').is_empty() || before.ends_with(['\n', '\r']) {
            ""
        } else {
            line_end
        };
        return is_last.then(|| (before.len()..null.span.end, format!("{gap}{lines}"), entry.clone()));
    }
    let colon = after_colon(text, key?)?;
    let next = line_break_after(text, colon);
    let rest = text[colon..next.as_ref().map_or(text.len(), |at| at.start)].trim_start();
    let is_last = rest.is_empty() || rest.starts_with('#');
    is_last.then(|| match next {
        Some(at) => (at.end..at.end, format!("{lines}{line_end}"), entry.clone()),
        None => (text.len()..text.len(), format!("{line_end}{lines}"), entry.clone()),
    })
}

/// A value, or a mapping with braces, on the line of its key.
fn in_line(tree: &Tree, null: &Node, key: Option<&Node>, entry: &Addition) -> Option<Written> {
    let is_json = key.is_some_and(is_double_quoted);
    let entry = entry.in_braces(is_json);
    let value = braces_of(&entry, is_json);
    if null.is_left_out() {
        let colon = after_colon(tree.text(), key?)?;
        return Some((colon..colon, format!(" {value}"), entry));
    }
    Some((null.span.clone(), value, entry))
}

/// The offset after the colon of a key.
fn after_colon(text: &str, key: &Node) -> Option<usize> {
    let rest = &text[key.span.end..];
    let colon = rest.len() - rest.trim_start_matches([' ', '\t']).len();
    rest[colon..].starts_with(':').then_some(key.span.end + colon + 1)
}
