//! Follows a path through one document to a value, or to the mapping that a new key belongs to. Explains why if it cannot.

use slipway_domain::Position;
use slipway_yaml::{Entry, Kind, Node, Path, Place, Segment, Tree};

use super::refusal::Refusal;
use super::target::Candidate;

/// The target of a path, and the position to show for it.
pub(super) enum Found<'tree> {
    /// A value, and its key if it has one.
    Value { value: Candidate<'tree>, key: Option<&'tree Node>, at: Position },
    /// A mapping without the first of these keys, or a null where this mapping would be. `key` is the key of `parent`.
    Missing { parent: Candidate<'tree>, key: Option<&'tree Node>, at: Position, keys: Vec<String> },
}

/// Follows `path` through a document.
pub(super) fn locate<'tree>(
    file: &str,
    tree: &'tree Tree,
    document: usize,
    path: &Path,
) -> Result<Found<'tree>, Refusal> {
    let root = &tree.documents()[document];
    let mut way = Way {
        file,
        tree,
        path: Path::root(),
        here: Candidate { document, steps: Vec::new(), node: root, is_shared: tree.is_aliased(root) },
        key: None,
        at: tree.position(root.span.start),
    };
    for (index, segment) in path.segments().iter().enumerate() {
        if way.step(segment)? {
            continue;
        }
        let Way { here: parent, key, at, .. } = way;
        let keys: Option<Vec<String>> = path.segments()[index..].iter().map(key_of).collect();
        return match keys {
            Some(keys) => Ok(Found::Missing { parent, key, at, keys }),
            None => Err(Refusal::missing_key(file, at, path, &key_of(segment).unwrap_or_default(), None)),
        };
    }
    Ok(Found::Value { value: way.here, key: way.key, at: way.at })
}

/// The key of a step.
pub(super) fn key_of(segment: &Segment) -> Option<String> {
    match segment {
        Segment::Key(key) => Some(key.clone()),
        Segment::Index(_) | Segment::Item { .. } => None,
    }
}

/// The keys of a mapping.
pub(super) fn keys_of(node: &Node) -> Vec<String> {
    match &node.kind {
        Kind::Mapping { entries, .. } => {
            entries.iter().filter_map(|entry| entry.key.scalar().map(str::to_owned)).collect()
        }
        _ => Vec::new(),
    }
}

struct Way<'a, 'tree> {
    file: &'a str,
    tree: &'tree Tree,
    /// The part of the path that was followed.
    path: Path,
    here: Candidate<'tree>,
    /// Its key.
    key: Option<&'tree Node>,
    at: Position,
}

impl Way<'_, '_> {
    /// Follows one step; `false` if a mapping does not have the key, or if there is null in the place of the mapping.
    fn step(&mut self, segment: &Segment) -> Result<bool, Refusal> {
        let (index, place) = match (&self.here.node.kind, segment) {
            (Kind::Mapping { entries, .. }, Segment::Key(key)) => match self.entry(entries, key)? {
                Some(index) => {
                    let Entry { key, value } = &entries[index];
                    (index, Place { key: Some(key), node: value })
                }
                None => return Ok(false),
            },
            (Kind::Sequence { items, .. }, Segment::Index(index)) => match items.get(*index) {
                Some(node) => (*index, Place { key: None, node }),
                None => return Err(Refusal::missing_item(self.file, self.at, &self.path, *index, items.len())),
            },
            (Kind::Sequence { items, .. }, Segment::Item { key, value }) => {
                let index = self.item(items, key, value)?;
                (index, Place { key: None, node: &items[index] })
            }
            (Kind::Scalar { .. }, Segment::Key(_)) if self.here.node.is_null() => return Ok(false),
            (Kind::Alias(anchor), _) => {
                let anchor = self.tree.anchor_position(*anchor);
                return Err(Refusal::path_through_alias(self.file, self.at, &self.path, anchor));
            }
            _ => return Err(Refusal::wrong_step(self.file, self.at, &self.path, self.here.node, segment)),
        };
        self.path = self.path.then(segment.clone());
        self.at = self.tree.position_at(place);
        self.here.steps.push(index);
        self.here.is_shared |= self.tree.is_aliased(place.node);
        self.here.node = place.node;
        self.key = place.key;
        Ok(true)
    }

    /// The index of the only entry with this key.
    fn entry(&self, entries: &[Entry], key: &str) -> Result<Option<usize>, Refusal> {
        let mut found =
            entries.iter().enumerate().filter(|(_, entry)| entry.key.scalar() == Some(key)).map(|(index, _)| index);
        match (found.next(), found.next()) {
            (Some(only), None) => Ok(Some(only)),
            (Some(first), Some(second)) => {
                let line = self.tree.position(entries[first].key.span.start).line;
                let at = self.tree.position(entries[second].key.span.start);
                Err(Refusal::duplicate_key(self.file, at, key, line))
            }
            (None, _) => match entries.iter().find(|entry| self.merges(entry, key)) {
                Some(merge) => {
                    let at = self.tree.position(merge.key.span.start);
                    Err(Refusal::merged(self.file, at, &self.path, key))
                }
                None => Ok(None),
            },
        }
    }

    /// Whether an entry is a merge (`<<: *base`) that adds a key. A merge with an unknown source counts as adding it.
    fn merges(&self, entry: &Entry, key: &str) -> bool {
        entry.key.scalar() == Some("<<") && !entry.key.is_quoted() && self.brings(&entry.value, key, 0)
    }

    fn brings(&self, source: &Node, key: &str, depth: usize) -> bool {
        if depth > slipway_yaml::MAX_DEPTH {
            return true;
        }
        match &source.kind {
            Kind::Alias(anchor) => {
                let target = self.tree.documents().iter().find_map(|root| anchored(root, *anchor));
                target.is_none_or(|target| self.brings(target, key, depth + 1))
            }
            Kind::Sequence { items, .. } => items.iter().any(|item| self.brings(item, key, depth + 1)),
            Kind::Mapping { entries, .. } => entries.iter().any(|entry| {
                entry.key.scalar() == Some(key)
                    || (entry.key.scalar() == Some("<<") && self.brings(&entry.value, key, depth + 1))
            }),
            Kind::Scalar { .. } => false,
        }
    }

    /// The index of the only item in which a key has a value.
    fn item(&self, items: &[Node], key: &str, value: &str) -> Result<usize, Refusal> {
        let mut found =
            items.iter().enumerate().filter(|(_, item)| item.says(key) == Some(value)).map(|(index, _)| index);
        match (found.next(), found.next()) {
            (Some(only), None) => Ok(only),
            (Some(first), Some(second)) => {
                let line = self.tree.position(items[first].span.start).line;
                let at = self.tree.position(items[second].span.start);
                Err(Refusal::several_items(self.file, at, &self.path, (key, value), line))
            }
            (None, _) => {
                let values: Vec<&str> = items.iter().filter_map(|item| item.says(key)).collect();
                Err(Refusal::no_such_item(self.file, self.at, &self.path, (key, value), &values))
            }
        }
    }
}

fn anchored(node: &Node, anchor: usize) -> Option<&Node> {
    if node.anchor == Some(anchor) {
        return Some(node);
    }
    match &node.kind {
        Kind::Mapping { entries, .. } => entries.iter().find_map(|entry| anchored(&entry.value, anchor)),
        Kind::Sequence { items, .. } => items.iter().find_map(|item| anchored(item, anchor)),
        Kind::Scalar { .. } | Kind::Alias(_) => None,
    }
}
