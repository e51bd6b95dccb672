//! Edits by path and by mark: never a changed byte outside of the values, never another meaning elsewhere.

use serde::Deserialize;
use serde_yaml::Value;
use slipway_manifest::{Change, Edit, Place, Selector};
use slipway_yaml::{Kind, Node, Tree};

const FILE: &str = "manifest.yaml";

/// An edit in four lines (selector, `path PATH` or `mark MODEL:FIELD`, value, `create` or nothing), then the file.
pub(super) fn edit(input: &[u8]) {
    let Some((wanted, content)) = read(input) else { return };
    let edited = match slipway_manifest::edit(FILE, content, &wanted) {
        Ok(edited) => edited,
        Err(refusal) => {
            assert!(!refusal.to_string().trim().is_empty(), "refused without a reason");
            return;
        }
    };
    assert_eq!(
        edited.changes.is_empty(),
        edited.content == content,
        "a change that is not told of, or one that is none"
    );
    let before = std::str::from_utf8(content).expect("only text is edited");
    let after = std::str::from_utf8(&edited.content).expect("an edit leaves text");
    if !edited.changes.is_empty() {
        same_bytes_outside(before, after, &edited.changes);
        reads_the_same_elsewhere(before, after, &edited.changes);
    }
    match slipway_manifest::edit(FILE, &edited.content, &wanted) {
        Ok(again) => assert!(again.changes.is_empty(), "the second edit changed something"),
        // What the document was selected by may be just what was changed.
        Err(refusal) => assert!(wanted.selector != Selector::default(), "an edit cannot be done again: {refusal}"),
    }
}

fn read(input: &[u8]) -> Option<(Edit, &[u8])> {
    let (selector, rest) = super::first_line(input);
    let (place, rest) = super::first_line(rest);
    let (value, rest) = super::first_line(rest);
    let (flag, content) = super::first_line(rest);
    let text = |bytes| std::str::from_utf8(bytes).ok();
    let selector = match text(selector)? {
        "" => Selector::default(),
        given => given.parse().ok()?,
    };
    let place = match text(place)?.split_once(' ')? {
        ("path", path) => Place::Path(path.parse().ok()?),
        ("mark", mark) => Place::Mark(mark.parse().ok()?),
        _ => return None,
    };
    // Line breaks within a value are written as in the golden cases.
    let value = text(value)?.replace("\\n", "\n");
    Some((
        Edit { selector, place, value, create: flag == b"create", text: false, anchored: flag == b"anchored" },
        content,
    ))
}

/// What stands before the first changed value and behind the last one is the same; of an added value, all that was there.
fn same_bytes_outside(before: &str, after: &str, changes: &[Change]) {
    let (Some(first), Some(last)) = (changes.first(), changes.last()) else { return };
    if first.old.is_none() {
        let head = before.bytes().zip(after.bytes()).take_while(|(old, new)| old == new).count();
        let tail = before.bytes().rev().zip(after.bytes().rev()).take_while(|(old, new)| old == new).count();
        assert!(after.len() > before.len() && head + tail >= before.len(), "an addition took something away");
        return;
    }
    let tree = Tree::parse(FILE, before).expect("what was edited can be read");
    let mut scalars = Vec::new();
    tree.documents().iter().for_each(|node| collect(node, &mut scalars));
    let spans = |change: &Change| {
        let (tree, change) = (&tree, change.clone());
        scalars
            .iter()
            .filter(move |node| {
                tree.position(node.span.start) == change.position && node.scalar() == change.old.as_deref()
            })
            .map(|node| node.span.clone())
    };
    // The spaces before a null go with it if a mapping on lines of its own takes its place.
    let kept = spans(first).any(|span| after.starts_with(before[..span.start].trim_end_matches(' ')))
        && spans(last).any(|span| after.ends_with(&before[span.end..]));
    assert!(kept, "a byte outside of the changed values changed");
}

fn collect<'tree>(node: &'tree Node, into: &mut Vec<&'tree Node>) {
    match &node.kind {
        Kind::Scalar { .. } => into.push(node),
        Kind::Mapping { entries, .. } => entries.iter().for_each(|entry| {
            collect(&entry.key, into);
            collect(&entry.value, into);
        }),
        Kind::Sequence { items, .. } => items.iter().for_each(|item| collect(item, into)),
        Kind::Alias(_) => {}
    }
}

/// Another parser finds no more differences than changes, and each of them is the wanted value.
fn reads_the_same_elsewhere(before: &str, after: &str, changes: &[Change]) {
    let (before, after) = (documents(before), documents(after));
    assert_eq!(before.len(), after.len(), "the number of documents changed");
    let mut differences = Vec::new();
    for pair in before.iter().zip(&after) {
        match pair {
            (Some(before), Some(after)) => differ(before, after, &mut differences),
            (None, None) => {}
            _ => panic!("only one of the two can be read"),
        }
    }
    assert!(differences.len() <= changes.len(), "more differs than was changed");
    for value in differences {
        let wanted = &changes[0].new;
        let number = serde_yaml::from_str::<Value>(wanted).ok();
        let is_typed = value.is_number() || value.is_bool();
        let is_wanted = value.as_str() == Some(wanted) || (is_typed && number.as_ref() == Some(&value));
        assert!(is_wanted, "another value than the wanted one was written");
    }
}

/// The documents of a text up to the first that cannot be read, which ends them.
fn documents(text: &str) -> Vec<Option<Value>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut documents = Vec::new();
    for document in serde_yaml::Deserializer::from_str(text) {
        documents.push(Value::deserialize(document).ok());
        if documents.last().is_some_and(Option::is_none) {
            break;
        }
    }
    documents
}

/// What the second value has where it differs from the first.
fn differ(before: &Value, after: &Value, into: &mut Vec<Value>) {
    match (before, after) {
        (Value::Mapping(old), Value::Mapping(new)) if new.len() == old.len() || new.len() == old.len() + 1 => {
            for ((key, value), (new_key, new_value)) in old.iter().zip(new) {
                assert_eq!(key, new_key, "a key changed");
                differ(value, new_value, into);
            }
            into.extend(new.iter().skip(old.len()).map(|(_, value)| innermost(value)));
        }
        (Value::Sequence(old), Value::Sequence(new)) if old.len() == new.len() => {
            old.iter().zip(new).for_each(|(old, new)| differ(old, new, into));
        }
        (Value::Tagged(old), Value::Tagged(new)) if old.tag == new.tag => differ(&old.value, &new.value, into),
        _ if before == after => {}
        (Value::Null, _) => into.push(innermost(after)),
        _ => into.push(after.clone()),
    }
}

/// The value at the end of keys that were added one within the other.
fn innermost(value: &Value) -> Value {
    match value {
        Value::Mapping(entries) if entries.len() == 1 => entries.values().next().map_or(Value::Null, innermost),
        other => other.clone(),
    }
}
