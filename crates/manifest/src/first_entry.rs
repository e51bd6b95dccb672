//! Writes the first entry of a file without values, which may hold comments and marks of documents.

use slipway_domain::Position;
use slipway_yaml::{Path, Tree};

use super::entry_text::{line_end_of, lines_of, visible};
use super::refusal::Refusal;
use super::second_parser;
use super::splice::Addition;

/// The most document ends that are tried as places for an entry. A file without values has one.
const MAX_ENDS: usize = 8;

/// The text of a file without values, with its first entry, after the existing comments and before the end of the document
/// (`...`). Also returns the position of the new lines.
pub(super) fn first_entry(
    file: &str,
    tree: &Tree,
    path: &Path,
    entry: &Addition,
) -> Result<(String, Position), Refusal> {
    let at = Position { line: 1, column: 1 };
    visible(file, at, entry)?;
    let text = tree.text();
    let line_end = line_end_of(text, 0);
    let lines = lines_of("", entry, line_end);
    for place in std::iter::once(text.len()).chain(ends_of_documents(text)) {
        let (before, after) = text.split_at(place);
        let is_new_line = before.trim_start_matches('\u{feff}').is_empty() || before.ends_with(['\n', '\r']);
        let gap = if is_new_line { "" } else { line_end };
        let new = format!("{before}{gap}{lines}{line_end}{after}");
        if is_first_entry(file, tree, &new, path, &entry.value) && second_parser::holds_only(&new, entry) {
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
