//! The second, independent parser of the guard: compares a text before and after an edit.

use std::collections::HashMap;

use serde::Deserialize;
use serde_yaml::Value;

use slipway_domain::Position;
use slipway_yaml::{Kind, Node, Tree};

use super::refusal::Refusal;
use super::splice::{Addition, Splice, SpliceEffect};

/// Compares the values that the second parser reads in both texts, document by document.
pub(super) fn check(file: &str, old: &Tree, splices: &[Splice], edited: &str) -> Result<(), Refusal> {
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
                return Err(Refusal::unread_by_second_parser(file, at, &problem_of(&error)));
            }
            (Ok(mut wanted), Ok(after)) => {
                if is_edited && !agrees(&old.documents()[document], &wanted) {
                    return Err(Refusal::unread_by_second_parser(file, at, "it reads other values"));
                }
                let root = &old.documents()[document];
                let found = here.all(|splice| {
                    places(root, &splice.steps).iter().all(|steps| put(&mut wanted, steps, &splice.effect))
                });
                if !found || wanted != after {
                    return Err(Refusal::guard(file, at, "a second parser sees another change"));
                }
            }
            (Err(_), Err(_)) => {}
            (Ok(_), Err(error)) if is_behind(&error, old, splices, edited) => {
                return Err(Refusal::unread_by_second_parser(file, at, &problem_of(&error)));
            }
            _ => return Err(Refusal::guard(file, at, "a second parser reads only one of the two")),
        }
    }
    Ok(())
}

/// The message of the second parser, without its position.
fn problem_of(error: &serde_yaml::Error) -> String {
    error.to_string().split(" at line ").next().unwrap_or_default().to_owned()
}

/// Whether the second parser fails after the last change, in bytes of the old text. An example is a line of tabs, which it
/// accepts as part of a plain scalar but not after a quoted one.
fn is_behind(error: &serde_yaml::Error, old: &Tree, splices: &[Splice], edited: &str) -> bool {
    let unchanged = splices.iter().map(|splice| old.text().len() - splice.span.end).min().unwrap_or_default();
    let marked = edited.len() - edited.trim_start_matches('\u{feff}').len();
    error.location().is_some_and(|location| location.index() + marked >= edited.len() - unchanged)
}

/// Every document as the second parser reads it. If there are more than `expected`, one more is returned.
fn values(text: &str, expected: usize) -> Vec<Result<Value, serde_yaml::Error>> {
    // The second parser would count a byte order mark as indentation of the first line.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut documents = serde_yaml::Deserializer::from_str(text).map(Value::deserialize);
    // After a syntax error this iterator returns that error without end. It must be bounded, and an error is not a document.
    let mut values: Vec<_> = documents.by_ref().take(expected).collect();
    values.extend(documents.next().filter(Result::is_ok));
    values
}

/// The most places of one value through nested aliases.
const MAX_PLACES: usize = 10_000;

/// The places of a value: its own, and every alias of it or of a value that contains it.
fn places(root: &Node, steps: &[usize]) -> Vec<Vec<usize>> {
    let mut references = References::default();
    references.collect(root, &mut Vec::new());
    let mut all = vec![steps.to_vec()];
    let mut next = 0;
    while next < all.len() && all.len() < MAX_PLACES {
        for (anchor, alias) in &references.aliases {
            let within =
                references.anchors.get(anchor).and_then(|anchored| all[next].strip_prefix(anchored.as_slice()));
            let Some(within) = within else { continue };
            let place = [alias, within].concat();
            if !all.contains(&place) {
                all.push(place);
            }
        }
        next += 1;
    }
    all
}

/// The paths of anchors and of aliases.
#[derive(Default)]
struct References {
    anchors: HashMap<usize, Vec<usize>>,
    aliases: Vec<(usize, Vec<usize>)>,
}

impl References {
    fn collect(&mut self, node: &Node, steps: &mut Vec<usize>) {
        if let Some(anchor) = node.anchor {
            self.anchors.insert(anchor, steps.clone());
        }
        let children: Vec<&Node> = match &node.kind {
            Kind::Mapping { entries, .. } => entries.iter().map(|entry| &entry.value).collect(),
            Kind::Sequence { items, .. } => items.iter().collect(),
            Kind::Alias(anchor) => {
                self.aliases.push((*anchor, steps.clone()));
                return;
            }
            Kind::Scalar { .. } => return,
        };
        for (index, child) in children.into_iter().enumerate() {
            steps.push(index);
            self.collect(child, steps);
            steps.pop();
        }
    }
}

/// Whether the second parser reads in a text exactly one value below keys.
pub(super) fn holds_only(text: &str, added: &Addition) -> bool {
    matches!(&values(text, 1)[..], [Ok(found)] if *found == nested(&added.keys, added))
}

/// An added value below keys, each in a mapping of its own.
fn nested(keys: &[String], added: &Addition) -> Value {
    keys.iter().rev().fold(read_as(&added.value, added.is_typed), |inner, key| {
        Value::Mapping([(Value::from(key.as_str()), inner)].into_iter().collect())
    })
}

/// A written value as this parser reads it: a number or a truth value, or else text.
fn read_as(value: &str, is_typed: bool) -> Value {
    if is_typed { serde_yaml::from_str(value).unwrap_or_default() } else { value.into() }
}

/// Applies a splice to the values of the second parser; `false` if they have no such place.
fn put(document: &mut Value, steps: &[usize], effect: &SpliceEffect) -> bool {
    let place = steps.iter().try_fold(document, |value, index| step(value, *index));
    match (effect, place) {
        (SpliceEffect::Replaced { value, is_typed, .. }, Some(place))
            if !place.is_mapping() && !place.is_sequence() =>
        {
            *place = read_as(value, *is_typed);
            true
        }
        (SpliceEffect::Added { entry, .. }, Some(Value::Mapping(entries))) => {
            let Some((first, within)) = entry.keys.split_first() else { return false };
            entries.insert(first.as_str().into(), nested(within, entry)).is_none()
        }
        (SpliceEffect::Filled { entry, .. }, Some(place)) if place.is_null() => {
            *place = nested(&entry.keys, entry);
            true
        }
        _ => false,
    }
}

/// Whether both parsers see the same structure, keys and quoted texts. They differ, for example, in which characters end a line.
fn agrees(node: &Node, value: &Value) -> bool {
    match (&node.kind, value) {
        (_, Value::Tagged(tagged)) => agrees(node, &tagged.value),
        (Kind::Mapping { entries, .. }, Value::Mapping(values)) => {
            let same_key = |key: &Node, value: &Value| value.as_str().is_none_or(|text| key.scalar() == Some(text));
            entries.len() == values.len()
                && entries
                    .iter()
                    .zip(values)
                    .all(|(entry, (key, value))| same_key(&entry.key, key) && agrees(&entry.value, value))
        }
        (Kind::Sequence { items, .. }, Value::Sequence(values)) => {
            items.len() == values.len() && items.iter().zip(values).all(|(item, value)| agrees(item, value))
        }
        (Kind::Scalar { value: text, .. }, value) => {
            !value.is_mapping() && !value.is_sequence() && value.as_str().is_none_or(|value| value == text)
        }
        (Kind::Alias(_), _) => true,
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
