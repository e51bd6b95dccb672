//! A copy of a document that can be repaired and read again. Its paths are those of the tree.

use std::collections::HashSet;

use super::merge::{Anchors, follow, is_extension, is_merge};
use super::path::{Path, Segment};
use super::scalar::quoted;
use super::tree::{Kind, Node, Tree};

/// A value that can be replaced.
#[derive(Debug, Clone)]
pub(super) enum Draft {
    Mapping(Vec<Field>),
    Sequence(Vec<Draft>),
    /// A scalar as it will be written. Empty if it is left out.
    Scalar(String),
}

/// A key with its value.
#[derive(Debug, Clone)]
pub(super) struct Field {
    pub(super) name: String,
    /// The byte offset of the key in the tree's text.
    pub(super) start: usize,
    pub(super) value: Draft,
}

impl Draft {
    /// The first document of a tree. If a key occurs twice, the first is used.
    pub(super) fn of(tree: &Tree) -> Self {
        let Some(root) = tree.documents().first() else { return Self::Scalar("~".to_owned()) };
        let mut draft = Self::of_node(root, &tree.anchors());
        if let (Self::Mapping(fields), Kind::Mapping { entries, .. }) = (&mut draft, &root.kind) {
            let extensions: HashSet<usize> =
                entries.iter().filter(|entry| is_extension(&entry.key)).map(|entry| entry.key.span.start).collect();
            fields.retain(|field| !extensions.contains(&field.start));
        }
        draft
    }

    fn of_node(node: &Node, anchors: &Anchors<'_>) -> Self {
        match &node.kind {
            Kind::Scalar { value, .. } => Self::Scalar(scalar(node, value)),
            Kind::Sequence { items, .. } => {
                Self::Sequence(items.iter().map(|item| Self::of_node(item, anchors)).collect())
            }
            Kind::Mapping { entries, .. } => {
                let mut seen = HashSet::new();
                let own = entries.iter().filter(|entry| !is_merge(&entry.key)).filter_map(|entry| {
                    let name = entry.key.scalar().unwrap_or_default();
                    seen.insert(name.to_owned()).then(|| Field {
                        name: name.to_owned(),
                        start: entry.key.span.start,
                        value: Self::of_node(&entry.value, anchors),
                    })
                });
                let mut fields: Vec<Field> = own.collect();
                for entry in entries.iter().filter(|entry| is_merge(&entry.key)) {
                    let merged = Self::of_node(&entry.value, anchors).into_merged();
                    fields.extend(merged.into_iter().filter(|field| seen.insert(field.name.clone())));
                }
                Self::Mapping(fields)
            }
            Kind::Alias(_) => match follow(node, anchors) {
                Some(behind) if !matches!(behind.kind, Kind::Alias(_)) => Self::of_node(behind, anchors),
                _ => Self::Scalar("~".to_owned()),
            },
        }
    }

    /// The fields that a value adds through a merge key. A value that cannot be merged adds none.
    fn into_merged(self) -> Vec<Field> {
        match self {
            Self::Mapping(fields) => fields,
            Self::Sequence(items) => items.into_iter().flat_map(Self::into_merged).collect(),
            Self::Scalar(_) => Vec::new(),
        }
    }

    /// The value at a path. Beyond the end of a list it is the last item.
    pub(super) fn at(&self, path: &Path) -> Option<&Self> {
        path.segments().iter().try_fold(self, |here, segment| match (here, segment) {
            (Self::Mapping(fields), Segment::Key(name)) => {
                fields.iter().find(|field| field.name == *name).map(|field| &field.value)
            }
            (Self::Sequence(items), Segment::Index(index)) => items.get(*index).or(items.last()),
            _ => None,
        })
    }

    fn at_mut(&mut self, path: &[Segment]) -> Option<&mut Self> {
        path.iter().try_fold(self, |here, segment| match (here, segment) {
            (Self::Mapping(fields), Segment::Key(name)) => {
                fields.iter_mut().find(|field| field.name == *name).map(|field| &mut field.value)
            }
            (Self::Sequence(items), Segment::Index(index)) => items.get_mut(*index),
            _ => None,
        })
    }

    /// Sets the value at a path, if there is a value or a mapping that can take it. Returns whether it succeeded.
    pub(super) fn put(&mut self, path: &Path, value: Self) -> bool {
        if let Some(here) = self.at_mut(path.segments()) {
            *here = value;
            return true;
        }
        let Some((Segment::Key(name), above)) = path.segments().split_last() else { return false };
        match self.at_mut(above) {
            Some(Self::Mapping(fields)) => {
                fields.push(Field { name: name.clone(), start: usize::MAX, value });
                true
            }
            _ => false,
        }
    }

    /// Removes the key at the end of a path from its mapping. Returns whether it succeeded.
    pub(super) fn remove(&mut self, path: &Path) -> bool {
        let Some((Segment::Key(name), above)) = path.segments().split_last() else { return false };
        match self.at_mut(above) {
            Some(Self::Mapping(fields)) => {
                let before = fields.len();
                fields.retain(|field| field.name != *name);
                fields.len() < before
            }
            _ => false,
        }
    }

    /// Removes the key at a byte offset from its mapping. Returns whether it succeeded.
    pub(super) fn remove_key(&mut self, start: usize) -> bool {
        match self {
            Self::Scalar(_) => false,
            Self::Sequence(items) => items.iter_mut().any(|item| item.remove_key(start)),
            Self::Mapping(fields) => {
                let before = fields.len();
                fields.retain(|field| field.start != start);
                fields.len() < before || fields.iter_mut().any(|field| field.value.remove_key(start))
            }
        }
    }

    /// Renames the key at a byte offset, unless its mapping has the new name already. Returns whether it succeeded.
    pub(super) fn rename_key(&mut self, start: usize, to: &str) -> bool {
        match self {
            Self::Scalar(_) => false,
            Self::Sequence(items) => items.iter_mut().any(|item| item.rename_key(start, to)),
            Self::Mapping(fields) => {
                let is_free = fields.iter().all(|field| field.name != to);
                match fields.iter_mut().find(|field| field.start == start) {
                    Some(field) if is_free => {
                        to.clone_into(&mut field.name);
                        true
                    }
                    Some(_) => false,
                    None => fields.iter_mut().any(|field| field.value.rename_key(start, to)),
                }
            }
        }
    }

    /// The document as text.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        self.write(0, &mut text);
        text
    }

    fn write(&self, depth: usize, text: &mut String) {
        let begin = |text: &mut String| {
            text.push('\n');
            text.extend(std::iter::repeat_n(' ', 2 * depth));
        };
        match self {
            Self::Scalar(scalar) => {
                text.push(' ');
                text.push_str(scalar);
            }
            Self::Mapping(fields) if fields.is_empty() => text.push_str(" {}"),
            Self::Sequence(items) if items.is_empty() => text.push_str(" []"),
            Self::Mapping(fields) => {
                for field in fields {
                    begin(text);
                    text.push_str(&quoted(&field.name));
                    text.push(':');
                    field.value.write(depth + 1, text);
                }
            }
            Self::Sequence(items) => {
                for item in items {
                    begin(text);
                    text.push('-');
                    item.write(depth + 1, text);
                }
            }
        }
    }
}

/// A scalar on one line. A plain scalar stays plain, because its type depends on that.
fn scalar(node: &Node, value: &str) -> String {
    let is_text = node.is_quoted() || node.tag.as_deref().is_some_and(|tag| tag.ends_with("str"));
    if node.is_left_out() {
        String::new()
    } else if is_text {
        quoted(value)
    } else {
        value.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}
