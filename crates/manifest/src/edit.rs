//! Edits marked values: reads the file, finds the marks, renders, splices and checks the result.

use std::borrow::Cow;

use slipway_domain::Position;
use slipway_yaml::{Kind, MAX_BYTES, Node, Reading, Style, Tree, reading_of};

use super::encoding::is_utf16;
use super::explicit::Place;
use super::field::Values;
use super::guard;
use super::marked::{each_marked, marked};
use super::marker::may_hold_markers;
use super::refusal::Refusal;
use super::render::{Unfit, render};
use super::splice::{Splice, SpliceEffect, apply};
use super::target::{Sharing, Target};

/// A file after an edit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edited<'content> {
    /// The file's new bytes, or the old ones, borrowed, if nothing changed.
    pub content: Cow<'content, [u8]>,
    /// The changes, in the order of the file.
    pub changes: Vec<Change>,
    /// The number of places of the edit, changed or already right.
    pub places: usize,
}

/// One changed or added value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its position in the old file, or the position where it was added.
    pub position: Position,
    /// The place of the edit that found it.
    pub place: Place,
    /// The old text, with quotes and escapes resolved; `None` for a value that was added.
    pub old: Option<String>,
    /// The new text.
    pub new: String,
}

/// A scalar with its new text.
pub(super) struct Wanted<'tree> {
    pub(super) place: Place,
    pub(super) target: Target<'tree>,
    pub(super) new: String,
}

impl Wanted<'_> {
    /// The change that sets the new value; `None` if the scalar has it already.
    fn splice(&self, file: &str, tree: &Tree) -> Result<Option<Splice>, Refusal> {
        let Self { place, target, new } = self;
        if is_already(target, new) {
            return Ok(None);
        }
        splice(file, tree.position(target.node.span.start), target, place.what(), new).map(Some)
    }
}

/// Writes the values of one model into all of its places in a file.
///
/// The values of other models stay, even if their places could not be edited. A marker of any model that cannot be parsed refuses
/// the file.
pub fn set<'content>(
    file: &str,
    content: &'content [u8],
    model: &str,
    values: &Values,
) -> Result<Edited<'content>, Refusal> {
    if !may_hold_markers(content) {
        return Ok(Edited { content: Cow::Borrowed(content), changes: Vec::new(), places: 0 });
    }
    let tree = read(file, content)?;
    let mut wanted = Vec::new();
    for place in marked(file, &tree, Sharing::Never, |mark| mark.model == model)? {
        let new = values.of(place.mark.field);
        wanted.push(place.wanted(file, &tree, new)?);
    }
    replace(file, content, &tree, wanted)
}

/// Why marks of a file cannot take these values: every reason of every mark that can be followed. Marks that cannot be followed
/// are reported by [`inspect`](super::inspect).
pub fn unfit(file: &str, content: &[u8], values: &Values) -> Vec<Refusal> {
    let Ok(tree) = read(file, content) else { return Vec::new() };
    let (mut refused, mut wanted) = (Vec::new(), Vec::new());
    for place in each_marked(file, &tree, Sharing::Never, |_| true).into_iter().flatten() {
        let new = values.of(place.mark.field);
        match place.wanted(file, &tree, new).and_then(|one| one.splice(file, &tree).map(|_| one)) {
            Ok(one) => wanted.push(one),
            Err(refusal) => refused.push(refusal),
        }
    }
    if refused.is_empty() {
        refused.extend(replace(file, content, &tree, wanted).err());
    }
    refused
}

/// Sets the new values of scalars. A scalar that has its value already stays as it is written.
pub(super) fn replace<'content>(
    file: &str,
    content: &'content [u8],
    tree: &Tree,
    wanted: Vec<Wanted<'_>>,
) -> Result<Edited<'content>, Refusal> {
    let places = wanted.len();
    let mut splices = Vec::new();
    let mut changes = Vec::new();
    for one in wanted {
        let Some(splice) = one.splice(file, tree)? else { continue };
        splices.push(splice);
        let Wanted { place, target, new } = one;
        let position = tree.position(target.node.span.start);
        changes.push(Change { position, place, old: Some(target.value.to_owned()), new });
    }
    if splices.is_empty() {
        return Ok(Edited { content: Cow::Borrowed(content), changes, places });
    }
    let text = apply(tree.text(), &splices);
    guard::check(file, tree, &splices, &text)?;
    Ok(Edited { content: Cow::Owned(text.into_bytes()), changes, places })
}

/// Parses a file to edit.
pub(super) fn read(file: &str, content: &[u8]) -> Result<Tree, Refusal> {
    if content.len() > MAX_BYTES {
        return Err(Refusal::too_large(file));
    }
    if is_utf16(content) {
        return Err(Refusal::utf16(file));
    }
    let text = std::str::from_utf8(content)
        .map_err(|error| Refusal::not_utf8(file, position_in(&content[..error.valid_up_to()])))?;
    if let Some((offset, character)) =
        text.char_indices().find(|(_, c)| matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}'))
    {
        return Err(Refusal::old_line_end(file, position_in(&content[..offset]), character));
    }
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
    Ok(tree)
}

/// The position after some bytes of UTF-8.
fn position_in(valid: &[u8]) -> Position {
    let text = String::from_utf8_lossy(valid);
    let last = text.rsplit('\n').next().unwrap_or_default();
    Position { line: text.split('\n').count(), column: last.chars().count() + 1 }
}

/// The first line that opens a template where YAML expects a value or a key.
fn template_line(text: &str) -> Option<usize> {
    let opens = |line: &str| {
        let line = line.trim_start();
        line.starts_with("{{") || (!line.starts_with('#') && (line.contains(": {{") || line.contains("- {{")))
    };
    text.lines().position(opens).map(|index| index + 1)
}

/// A key that is not a scalar. YAML parsers read `{{ … }}` as such a key.
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

/// Whether a scalar already has its new value. An unquoted null is no value, even if the new value is the text `null`.
fn is_already(target: &Target<'_>, new: &str) -> bool {
    let is_null = target.style == Style::Plain && reading_of(target.value) == Reading::Null;
    target.value == new && !is_null
}

fn splice(file: &str, at: Position, target: &Target<'_>, what: &str, new: &str) -> Result<Splice, Refusal> {
    let rendered = render(target.style, target.value, new).map_err(|unfit| match unfit {
        Unfit::Character(character) => Refusal::control_character(file, at, what, character),
        Unfit::Kind(kind) => Refusal::type_change(file, at, what, kind, new),
        Unfit::HalfTruth => Refusal::half_truth(file, at, what, target.value, new),
    })?;
    Ok(Splice {
        document: target.document,
        steps: target.steps.clone(),
        span: target.node.span.clone(),
        text: rendered.text,
        effect: SpliceEffect::Replaced { value: new.to_owned(), style: rendered.style, is_typed: rendered.is_typed },
    })
}
