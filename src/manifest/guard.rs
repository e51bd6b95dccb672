//! Checks an edited file before anybody sees it: two independent parsers must find just the wanted change.

use std::collections::HashMap;
use std::ops::Range;

use serde::Deserialize;
use serde_yaml::Value;

use crate::domain::Position;
use crate::yaml::{Entry, Kind, Node, Tree};

use super::refusal::Refusal;
use super::render::Rendered;

/// One replaced scalar.
#[derive(Debug, Clone)]
pub(super) struct Splice {
    /// The number of its document.
    pub(super) document: usize,
    /// The number of an entry or an item at each level down to it.
    pub(super) steps: Vec<usize>,
    /// Its old bytes.
    pub(super) span: Range<usize>,
    /// Its new text.
    pub(super) value: String,
    /// Its new bytes.
    pub(super) rendered: Rendered,
}

/// Refuses an edited text that differs from the old one in more than the wanted values.
///
/// The bytes outside of the spans are the same by construction. Here the new text is parsed again: its tree and its comments
/// must equal the old ones except for the targets, and so must the values of a second parser.
pub(super) fn check(file: &str, old: &Tree, splices: &[Splice], edited: &str) -> Result<(), Refusal> {
    let at = splices.first().map_or(Position { line: 1, column: 1 }, |splice| old.position(splice.span.start));
    let new = Tree::parse(file, edited).map_err(|error| Refusal::guard(file, at, &error.message))?;
    same_tree(old, &new, splices).map_err(|problem| Refusal::guard(file, at, problem))?;
    same_comments(old, &new, splices).map_err(|problem| Refusal::guard(file, at, problem))?;
    same_values(file, old, splices, edited)
}

fn same_tree(old: &Tree, new: &Tree, splices: &[Splice]) -> Result<(), &'static str> {
    let targets: HashMap<usize, &Splice> = splices.iter().map(|splice| (splice.span.start, splice)).collect();
    let pairs = || old.documents().iter().zip(new.documents());
    if old.documents().len() != new.documents().len() {
        return Err("the number of documents would change");
    }
    if !pairs().all(|(old, new)| is_same(old, new, &targets)) {
        return Err("another value would change");
    }
    Ok(())
}

/// Whether two values are the same in everything but their place, and in the targets what they should be.
fn is_same(old: &Node, new: &Node, targets: &HashMap<usize, &Splice>) -> bool {
    let same_kind = match (&old.kind, &new.kind) {
        (Kind::Scalar { value, style }, Kind::Scalar { value: now, style: new_style }) => {
            match targets.get(&old.span.start).filter(|splice| splice.span == old.span) {
                Some(splice) => *now == splice.value && *new_style == splice.rendered.style,
                None => value == now && style == new_style,
            }
        }
        (Kind::Alias(anchor), Kind::Alias(now)) => anchor == now,
        (Kind::Mapping { entries, flow }, Kind::Mapping { entries: now, flow: new_flow }) => {
            flow == new_flow
                && entries.len() == now.len()
                && entries.iter().zip(now).all(|(old, new)| is_same_entry(old, new, targets))
        }
        (Kind::Sequence { items, flow }, Kind::Sequence { items: now, flow: new_flow }) => {
            flow == new_flow
                && items.len() == now.len()
                && items.iter().zip(now).all(|(old, new)| is_same(old, new, targets))
        }
        _ => false,
    };
    same_kind && old.anchor == new.anchor && old.tag == new.tag
}

fn is_same_entry(old: &Entry, new: &Entry, targets: &HashMap<usize, &Splice>) -> bool {
    is_same(&old.key, &new.key, targets) && is_same(&old.value, &new.value, targets)
}

/// Comments keep their text and their order, and move by no more than the values before them grew.
fn same_comments(old: &Tree, new: &Tree, splices: &[Splice]) -> Result<(), &'static str> {
    const CHANGED: &str = "a comment would change";
    if old.comments().len() != new.comments().len() {
        return Err(CHANGED);
    }
    let mut splices = splices.iter().peekable();
    let (mut removed, mut added) = (0, 0);
    for (old, new) in old.comments().iter().zip(new.comments()) {
        while let Some(splice) = splices.next_if(|splice| splice.span.end <= old.span.start) {
            removed += splice.span.len();
            added += splice.rendered.text.len();
        }
        if old.text != new.text || old.span.start + added != new.span.start + removed {
            return Err(CHANGED);
        }
    }
    Ok(())
}

/// Compares what the second parser makes of both texts, document by document.
fn same_values(file: &str, old: &Tree, splices: &[Splice], edited: &str) -> Result<(), Refusal> {
    let count = old.documents().len();
    let before = values(old.text(), count);
    let after = values(edited, count);
    let start = Position { line: 1, column: 1 };
    if before.len() != count {
        return Err(Refusal::unread_by_second_parser(file, start, "it sees other documents"));
    }
    if after.len() != count {
        return Err(Refusal::guard(file, start, "the number of documents would change"));
    }
    for (document, (before, after)) in before.into_iter().zip(after).enumerate() {
        let at = old.position(old.documents()[document].span.start);
        let mut here = splices.iter().filter(|splice| splice.document == document).peekable();
        let is_edited = here.peek().is_some();
        match (before, after) {
            (Err(error), _) if is_edited => {
                let at = error
                    .location()
                    .map_or(at, |location| Position { line: location.line(), column: location.column() });
                let error = error.to_string();
                let problem = error.split(" at line ").next().unwrap_or_default();
                return Err(Refusal::unread_by_second_parser(file, at, problem));
            }
            (Ok(mut wanted), Ok(after)) => {
                let found = here.all(|splice| put(&mut wanted, splice));
                if !found || wanted != after {
                    return Err(Refusal::guard(file, at, "a second parser sees another change"));
                }
            }
            (Err(_), Err(_)) => {}
            _ => return Err(Refusal::guard(file, at, "a second parser reads only one of the two")),
        }
    }
    Ok(())
}

/// Every document as the second parser reads it, or one more than the expected number if there are more.
fn values(text: &str, expected: usize) -> Vec<Result<Value, serde_yaml::Error>> {
    // The second parser would count a byte-order mark as indentation of the first line.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut documents = serde_yaml::Deserializer::from_str(text).map(Value::deserialize);
    // After a syntax error this iterator yields that error for ever: it must be bounded, and an error is no document.
    let mut values: Vec<_> = documents.by_ref().take(expected).collect();
    values.extend(documents.next().filter(Result::is_ok));
    values
}

/// Puts a wanted value where it belongs; `false` if the second parser has no scalar there.
fn put(document: &mut Value, splice: &Splice) -> bool {
    let place = splice.steps.iter().try_fold(document, |value, index| step(value, *index));
    let wanted = if splice.rendered.is_number {
        serde_yaml::from_str(&splice.value).unwrap_or_default()
    } else {
        Value::String(splice.value.clone())
    };
    match place {
        Some(place) if !place.is_mapping() && !place.is_sequence() => {
            *place = wanted;
            true
        }
        _ => false,
    }
}

fn step(value: &mut Value, index: usize) -> Option<&mut Value> {
    match value {
        Value::Mapping(entries) => entries.iter_mut().nth(index).map(|(_, value)| value),
        Value::Sequence(items) => items.get_mut(index),
        Value::Tagged(tagged) => step(&mut tagged.value, index),
        _ => None,
    }
}
