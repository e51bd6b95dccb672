//! Checks an edited file before it is returned: two independent parsers must see exactly the intended change.

use std::collections::HashMap;

use slipway_domain::Position;
use slipway_yaml::{Entry, Kind, Node, Tree};

use super::refusal::Refusal;
use super::second_parser;
use super::splice::{Addition, Splice, SpliceEffect};

/// Rejects an edited text that differs from the old one in more than the intended values.
///
/// The bytes outside the spans are the same by construction. Here the new text is parsed again. Its tree and its comments must
/// equal the old ones except for the targets, and so must the values of a second parser.
pub(super) fn check(file: &str, old: &Tree, splices: &[Splice], edited: &str) -> Result<(), Refusal> {
    let at = splices.first().map_or(Position { line: 1, column: 1 }, |splice| old.position(splice.span.start));
    let new = Tree::parse(file, edited).map_err(|error| Refusal::guard(file, at, &error.message))?;
    same_tree(old, &new, splices).map_err(|problem| Refusal::guard(file, at, problem))?;
    same_comments(old, &new, splices).map_err(|problem| Refusal::guard(file, at, problem))?;
    second_parser::check(file, old, splices, edited)
}

fn same_tree(old: &Tree, new: &Tree, splices: &[Splice]) -> Result<(), &'static str> {
    let pairs = || old.documents().iter().zip(new.documents());
    if old.documents().len() != new.documents().len() {
        return Err("the number of documents would change");
    }
    let wanted: Wanted<'_> = splices.iter().map(|splice| (splice.place(), splice)).collect();
    if !pairs().all(|(old, new)| is_same(old, new, &wanted)) {
        return Err("another value would change");
    }
    Ok(())
}

/// The splices by the offset of the value that each changes.
type Wanted<'splices> = HashMap<usize, &'splices Splice>;

/// Whether two values are equal in everything except their position, and the targets have their new values.
fn is_same(old: &Node, new: &Node, wanted: &Wanted<'_>) -> bool {
    let here = wanted.get(&old.span.start);
    if let Some(SpliceEffect::Filled { entry, .. }) = here.map(|splice| &splice.effect)
        && old.is_null()
    {
        return is_bare(old) && is_value(new, &entry.keys, entry);
    }
    let same_kind = match (&old.kind, &new.kind) {
        (Kind::Scalar { value, style }, Kind::Scalar { value: now, style: new_style }) => {
            match here.filter(|splice| splice.span == old.span).map(|splice| &splice.effect) {
                Some(SpliceEffect::Replaced { value, style, .. }) => now == value && new_style == style,
                _ => now == value && new_style == style,
            }
        }
        (Kind::Alias(anchor), Kind::Alias(now)) => anchor == now,
        (Kind::Mapping { entries, flow }, Kind::Mapping { entries: now, flow: new_flow }) => {
            let added = here.and_then(|splice| match &splice.effect {
                SpliceEffect::Added { entry, .. } => Some(entry),
                _ => None,
            });
            let mut now = now.iter();
            flow == new_flow
                && entries.iter().all(|old| now.next().is_some_and(|new| is_same_entry(old, new, wanted)))
                && added.is_none_or(|entry| now.next().is_some_and(|new| is_entry(new, &entry.keys, entry)))
                && now.next().is_none()
        }
        (Kind::Sequence { items, flow }, Kind::Sequence { items: now, flow: new_flow }) => {
            flow == new_flow
                && items.len() == now.len()
                && items.iter().zip(now).all(|(old, new)| is_same(old, new, wanted))
        }
        _ => false,
    };
    same_kind && old.anchor == new.anchor && old.tag == new.tag
}

fn is_same_entry(old: &Entry, new: &Entry, wanted: &Wanted<'_>) -> bool {
    is_same(&old.key, &new.key, wanted) && is_same(&old.value, &new.value, wanted)
}

fn is_bare(node: &Node) -> bool {
    node.anchor.is_none() && node.tag.is_none()
}

/// Whether an entry is an added one: these keys, nested, and the value.
fn is_entry(entry: &Entry, keys: &[String], added: &Addition) -> bool {
    let Some((key, within)) = keys.split_first() else { return false };
    is_bare(&entry.key) && entry.key.scalar() == Some(key) && is_value(&entry.value, within, added)
}

/// Whether a value is an added one, or the mapping of these keys that holds it.
fn is_value(node: &Node, keys: &[String], added: &Addition) -> bool {
    is_bare(node)
        && match &node.kind {
            Kind::Mapping { entries, flow } if !keys.is_empty() && *flow == added.flow => {
                matches!(&entries[..], [only] if is_entry(only, keys, added))
            }
            Kind::Scalar { value, style } if keys.is_empty() => *value == added.value && *style == added.style,
            _ => false,
        }
}

/// Checks that comments keep their text and order, and move by exactly the growth of the values before them.
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
            added += splice.text.len();
        }
        if old.text != new.text || old.span.start + added != new.span.start + removed {
            return Err(CHANGED);
        }
    }
    Ok(())
}
