//! The edit itself: read, find, render, splice, guard.

use std::borrow::Cow;

use crate::domain::Position;
use crate::yaml::{Kind, MAX_BYTES, Node, Reading, Style, Tree, reading_of};

use super::field::{Field, Values};
use super::guard::{self, Splice};
use super::marker::{Marker, Request, may_hold_markers, request_of};
use super::refusal::Refusal;
use super::render::{Unfit, render};
use super::target::{Target, Targets};

/// A file after an edit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edited<'content> {
    /// The file's new bytes; the old ones, borrowed, if nothing changed.
    pub content: Cow<'content, [u8]>,
    /// What changed, in the order of the file.
    pub changes: Vec<Change>,
    /// How many places the model has in this file, changed or already right.
    pub markers: usize,
}

/// One changed value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Where it stood in the old file.
    pub position: Position,
    /// Which value of the model.
    pub field: Field,
    /// The old text, quotes and escapes resolved.
    pub old: String,
    /// The new text.
    pub new: String,
}

/// Every marker of a file, in its order. A file with one marker that cannot be followed is refused as a whole.
pub fn markers(file: &str, content: &[u8]) -> Result<Vec<Marker>, Refusal> {
    let Some(tree) = read(file, content)? else {
        return Ok(Vec::new());
    };
    let places = places(file, &tree, |_| true)?;
    let marker = |(Request { model, field }, target): (Request, Target<'_>)| Marker {
        model,
        field,
        value: target.value.to_owned(),
        position: tree.position(target.node.span.start),
    };
    Ok(places.into_iter().map(marker).collect())
}

/// Writes the values of one model into all of its places in a file.
///
/// Other models' values stay, even if their places could not be edited; a marker that cannot be read, whoever's it may be,
/// refuses the file.
pub fn set<'content>(
    file: &str,
    content: &'content [u8],
    model: &str,
    values: &Values,
) -> Result<Edited<'content>, Refusal> {
    let unchanged = |markers| Edited { content: Cow::Borrowed(content), changes: Vec::new(), markers };
    let Some(tree) = read(file, content)? else {
        return Ok(unchanged(0));
    };
    let places = places(file, &tree, |request| request.model == model)?;
    let mut splices = Vec::new();
    let mut changes = Vec::new();
    for (Request { field, .. }, target) in &places {
        let new = values.of(*field);
        if is_already(target, new) {
            continue;
        }
        splices.push(splice(file, &tree, target, *field, new)?);
        changes.push(Change {
            position: tree.position(target.node.span.start),
            field: *field,
            old: target.value.to_owned(),
            new: new.to_owned(),
        });
    }
    if splices.is_empty() {
        return Ok(unchanged(places.len()));
    }
    let text = apply(tree.text(), &splices);
    guard::check(file, &tree, &splices, &text)?;
    Ok(Edited { content: Cow::Owned(text.into_bytes()), changes, markers: places.len() })
}

/// Reads a file that may hold markers; `None` if it holds none for certain.
fn read(file: &str, content: &[u8]) -> Result<Option<Tree>, Refusal> {
    if !may_hold_markers(content) {
        return Ok(None);
    }
    if content.len() > MAX_BYTES {
        return Err(Refusal::too_large(file, content.len()));
    }
    let text = std::str::from_utf8(content)
        .map_err(|error| Refusal::not_utf8(file, position_in(&content[..error.valid_up_to()])))?;
    let tree = match Tree::parse(file, text) {
        Ok(tree) => tree,
        Err(diagnostic) => {
            return Err(match (diagnostic.position, template_line(text)) {
                (Some(_), Some(line)) => Refusal::raw_template(file, Position { line, column: 1 }),
                _ => Refusal::invalid_yaml(diagnostic),
            });
        }
    };
    if let Some(key) = tree.documents().iter().find_map(complex_key) {
        return Err(Refusal::complex_key(file, tree.position(key.span.start)));
    }
    Ok(Some(tree))
}

/// The position after some bytes of UTF-8.
fn position_in(valid: &[u8]) -> Position {
    let text = String::from_utf8_lossy(valid);
    let last = text.rsplit('\n').next().unwrap_or_default();
    Position { line: text.split('\n').count(), column: last.chars().count() + 1 }
}

/// The first line that opens a template where YAML has a value or a key.
fn template_line(text: &str) -> Option<usize> {
    let opens = |line: &str| {
        let line = line.trim_start();
        line.starts_with("{{") || (!line.starts_with('#') && (line.contains(": {{") || line.contains("- {{")))
    };
    text.lines().position(opens).map(|index| index + 1)
}

/// A key that is no scalar: what `{{ … }}` is to a YAML parser.
fn complex_key(node: &Node) -> Option<&Node> {
    match &node.kind {
        Kind::Mapping { entries, .. } => entries.iter().find_map(|entry| match entry.key.kind {
            Kind::Scalar { .. } => complex_key(&entry.value),
            _ => Some(&entry.key),
        }),
        Kind::Sequence { items, .. } => items.iter().find_map(complex_key),
        Kind::Scalar { .. } | Kind::Alias(_) => None,
    }
}

/// The wanted markers with the scalars they stand next to.
fn places<'tree>(
    file: &'tree str,
    tree: &'tree Tree,
    is_wanted: impl Fn(&Request) -> bool,
) -> Result<Vec<(Request, Target<'tree>)>, Refusal> {
    let targets = Targets::of(file, tree);
    let mut places = Vec::new();
    for comment in tree.comments() {
        let at = tree.position(comment.span.start);
        let Some(request) = request_of(comment) else { continue };
        let request = request.map_err(|bad| Refusal::bad_marker(file, at, &bad))?;
        if is_wanted(&request) {
            places.push((request, targets.beside(comment)?));
        }
    }
    Ok(places)
}

/// Whether a value is there; a null without quotes is no value, even if the new one is the text `null`.
fn is_already(target: &Target<'_>, new: &str) -> bool {
    let is_null = target.style == Style::Plain && reading_of(target.value) == Reading::Null;
    target.value == new && !is_null
}

fn splice(file: &str, tree: &Tree, target: &Target<'_>, field: Field, new: &str) -> Result<Splice, Refusal> {
    let at = tree.position(target.node.span.start);
    let rendered = render(target.style, target.value, new).map_err(|unfit| match unfit {
        Unfit::Character(character) => Refusal::control_character(file, at, field, character),
        Unfit::Kind(kind) => Refusal::type_change(file, at, field, kind, new),
    })?;
    Ok(Splice {
        document: target.document,
        steps: target.steps.clone(),
        span: target.node.span.clone(),
        value: new.to_owned(),
        rendered,
    })
}

/// The text with every span replaced; all other bytes are copied.
fn apply(text: &str, splices: &[Splice]) -> String {
    let mut edited = String::with_capacity(text.len());
    let mut copied = 0;
    for splice in splices {
        edited.push_str(&text[copied..splice.span.start]);
        edited.push_str(&splice.rendered.text);
        copied = splice.span.end;
    }
    edited.push_str(&text[copied..]);
    edited
}
