//! Finds values in the span tree by path and by byte, and keys that occur twice.

use std::collections::HashMap;

use slipway_domain::Position;

use super::path::{Path, Segment};
use super::tree::{Entry, Kind, Node, Tree};

/// A value with its key.
#[derive(Debug, Clone, Copy)]
pub struct Place<'tree> {
    /// The key of the value, unless the value is a list item or a root.
    pub key: Option<&'tree Node>,
    /// The value.
    pub node: &'tree Node,
}

/// The position of the value at a path of a text's first document, or of the deepest existing value on that path; `None` if the
/// text is not YAML.
pub fn nearest_position(text: &str, path: &str) -> Option<Position> {
    Tree::parse("", text).ok().map(|tree| tree.nearest_position(path))
}

impl Tree {
    /// The value at a path of one document, counted from zero.
    pub fn find(&self, document: usize, path: &Path) -> Option<Place<'_>> {
        let way = self.way(document, path);
        let last = way.last()?;
        (way.len() == path.segments().len() + 1).then_some(last.place)
    }

    /// The position of the value at a path of the first document; `None` if there is none, or if `path` is not a path.
    ///
    /// This is the position of the value if it stands on the line of its key, and otherwise of the key, because a key identifies
    /// a block of lines best.
    pub fn position_of(&self, path: &str) -> Option<Position> {
        let path: Path = path.parse().ok()?;
        let way = self.way_through(0, &path);
        (way.len() == path.segments().len() + 1).then(|| way.last().map(|link| self.position_at(link.place)))?
    }

    /// The position of the value at a path of the first document or, if there is none, of the deepest existing value on that
    /// path.
    pub fn nearest_position(&self, path: &str) -> Position {
        self.way_through(0, &path.parse().unwrap_or_default())
            .last()
            .map_or(Position { line: 1, column: 1 }, |link| self.position_at(link.place))
    }

    /// The position to show for a value: the value if it stands on the line of its key, otherwise its key.
    pub fn position_at(&self, place: Place<'_>) -> Position {
        let at = place.node.span.start;
        match place.key {
            Some(key) if self.line_of(key.span.start) != self.line_of(at) => self.position(key.span.start),
            _ => self.position(at),
        }
    }

    /// The first key of a document that occurs earlier in its mapping, with that earlier key: `(earlier, again)`.
    pub fn duplicate_key(&self, document: usize) -> Option<(&Node, &Node)> {
        self.duplicate_keys(document).into_iter().next()
    }

    /// Every key of a document that occurs earlier in its mapping, each with the one before it.
    pub(super) fn duplicate_keys(&self, document: usize) -> Vec<(&Node, &Node)> {
        let mut found = Vec::new();
        if let Some(root) = self.documents.get(document) {
            duplicates_within(root, &mut found);
        }
        found
    }

    /// Whether a path leads to a value of a document, with aliases and merge keys followed.
    pub(super) fn leads_to(&self, document: usize, path: &Path) -> bool {
        self.way_through(document, path).len() == path.segments().len() + 1
    }

    /// The values along a path, with aliases and merge keys followed: the places where the values that a reader sees are written.
    pub(super) fn way_through(&self, document: usize, path: &Path) -> Vec<Link<'_>> {
        let Some(node) = self.documents.get(document) else {
            return Vec::new();
        };
        let mut links = vec![Link { path: Path::root(), place: Place { key: None, node } }];
        for segment in path.segments() {
            let next = links.last().and_then(|link| {
                let node = self.behind(link.place.node)?;
                let place = match segment {
                    // If a key occurs twice, it is unknown which one is meant.
                    Segment::Key(key) if node.holds_twice(key) => None,
                    Segment::Key(key) => {
                        self.entry_of(node, key).map(|entry| Place { key: Some(&entry.key), node: &entry.value })
                    }
                    _ => node.step(segment),
                }?;
                // The value of an alias is shown where it is written. Its key would be that of the alias.
                let behind = self.behind(place.node)?;
                let place = if std::ptr::eq(behind, place.node) { place } else { Place { key: None, node: behind } };
                Some(Link { path: link.path.then(segment.clone()), place })
            });
            match next {
                Some(link) => links.push(link),
                None => break,
            }
        }
        links
    }

    /// The values along a path, from the root as far as the path leads.
    fn way(&self, document: usize, path: &Path) -> Vec<Link<'_>> {
        let Some(node) = self.documents.get(document) else {
            return Vec::new();
        };
        let mut links = vec![Link { path: Path::root(), place: Place { key: None, node } }];
        for segment in path.segments() {
            let next = links.last().and_then(|link| {
                Some(Link { path: link.path.then(segment.clone()), place: link.place.node.step(segment)? })
            });
            match next {
                Some(link) => links.push(link),
                None => break,
            }
        }
        links
    }
}

/// A value with its path.
#[derive(Debug, Clone)]
pub(super) struct Link<'tree> {
    /// The path of the value.
    pub(super) path: Path,
    /// The value.
    pub(super) place: Place<'tree>,
}

impl<'tree> Link<'tree> {
    /// This value and every value beneath it, outer values first.
    pub(super) fn beneath(&self) -> Vec<Link<'tree>> {
        let mut found = vec![self.clone()];
        let mut next = 0;
        while let Some(link) = found.get(next).cloned() {
            next += 1;
            match &link.place.node.kind {
                Kind::Mapping { entries, .. } => found.extend(entries.iter().map(|Entry { key, value }| Link {
                    path: link.path.then(key_segment(key)),
                    place: Place { key: Some(key), node: value },
                })),
                Kind::Sequence { items, .. } => found.extend(items.iter().enumerate().map(|(index, node)| Link {
                    path: link.path.then(Segment::Index(index)),
                    place: Place { key: None, node },
                })),
                Kind::Scalar { .. } | Kind::Alias(_) => {}
            }
        }
        found
    }
}

fn key_segment(key: &Node) -> Segment {
    Segment::Key(key.scalar().unwrap_or_default().to_owned())
}

impl Node {
    /// The value one step below. Aliases are not followed. A key or name that occurs twice gives `None`.
    fn step(&self, segment: &Segment) -> Option<Place<'_>> {
        match (&self.kind, segment) {
            (Kind::Mapping { entries, .. }, Segment::Key(wanted)) => {
                only(entries.iter().filter(|entry| entry.key.scalar() == Some(wanted)))
                    .map(|entry| Place { key: Some(&entry.key), node: &entry.value })
            }
            (Kind::Sequence { items, .. }, Segment::Index(index)) => {
                items.get(*index).map(|node| Place { key: None, node })
            }
            (Kind::Sequence { items, .. }, Segment::Item { key, value }) => {
                only(items.iter().filter(|item| item.says(key) == Some(value))).map(|node| Place { key: None, node })
            }
            _ => None,
        }
    }

    fn holds_twice(&self, key: &str) -> bool {
        let Kind::Mapping { entries, .. } = &self.kind else { return false };
        entries.iter().filter(|entry| entry.key.scalar() == Some(key)).nth(1).is_some()
    }

    /// The scalar under a key of a mapping.
    pub fn says(&self, key: &str) -> Option<&str> {
        let Kind::Mapping { entries, .. } = &self.kind else { return None };
        entries.iter().find(|entry| entry.key.scalar() == Some(key))?.value.scalar()
    }
}

/// The item, if there is exactly one.
fn only<T>(mut items: impl Iterator<Item = T>) -> Option<T> {
    items.next().filter(|_| items.next().is_none())
}

fn duplicates_within<'tree>(node: &'tree Node, found: &mut Vec<(&'tree Node, &'tree Node)>) {
    match &node.kind {
        Kind::Mapping { entries, .. } => {
            let mut seen: HashMap<&str, &Node> = HashMap::new();
            for Entry { key, value } in entries {
                if let Some(earlier) = key.scalar().and_then(|text| seen.insert(text, key)) {
                    found.push((earlier, key));
                }
                duplicates_within(key, found);
                duplicates_within(value, found);
            }
        }
        Kind::Sequence { items, .. } => items.iter().for_each(|item| duplicates_within(item, found)),
        Kind::Scalar { .. } | Kind::Alias(_) => {}
    }
}
