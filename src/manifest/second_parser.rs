//! What an independent parser makes of a text before and after an edit: the guard's second opinion.

use serde::Deserialize;
use serde_yaml::Value;

use crate::domain::Position;
use crate::yaml::{Kind, Node, Tree};

use super::refusal::Refusal;
use super::splice::{Meaning, Splice};

/// Compares what the second parser makes of both texts, document by document.
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
                let error = error.to_string();
                let problem = error.split(" at line ").next().unwrap_or_default();
                return Err(Refusal::unread_by_second_parser(file, at, problem));
            }
            (Ok(mut wanted), Ok(after)) => {
                if is_edited && !agrees(&old.documents()[document], &wanted) {
                    return Err(Refusal::unread_by_second_parser(file, at, "it reads other values"));
                }
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

/// Puts a wanted value where it belongs; `false` if the second parser has no such place.
fn put(document: &mut Value, splice: &Splice) -> bool {
    let place = splice.steps.iter().try_fold(document, |value, index| step(value, *index));
    match (&splice.meaning, place) {
        (Meaning::Replaced { value, is_number, .. }, Some(place)) if !place.is_mapping() && !place.is_sequence() => {
            *place = if *is_number { serde_yaml::from_str(value).unwrap_or_default() } else { value.as_str().into() };
            true
        }
        (Meaning::Added { keys, value, .. }, Some(Value::Mapping(entries))) => {
            let nested = keys.iter().skip(1).rev().fold(Value::from(value.as_str()), |inner, key| {
                Value::Mapping([(Value::from(key.as_str()), inner)].into_iter().collect())
            });
            keys.first().is_some_and(|key| entries.insert(key.as_str().into(), nested).is_none())
        }
        _ => false,
    }
}

/// Whether both parsers see the same shape, the same keys and the same quoted texts. They differ, for example, in which
/// characters end a line.
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
