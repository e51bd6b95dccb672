//! Returns texts exactly as a file spells them: `2.10` stays `2.10`, and `0x1F` does not become 31.

use slipway_domain::Position;

use super::path::{Path, Segment};
use super::tree::{Kind, Node, Tree};

impl Tree {
    /// The text, or the texts of the list, at a path of the first document, with aliases followed. `None` if there is no value, a
    /// mapping, or a value that is left out.
    pub fn texts(&self, path: &Path) -> Option<Vec<String>> {
        let mut node = self.behind(self.documents().first()?)?;
        for segment in path.segments() {
            node = self.behind(self.step_to(node, segment)?)?;
        }
        match &node.kind {
            Kind::Sequence { items, .. } => items.iter().map(|item| text_of(self.behind(item)?)).collect(),
            _ => Some(vec![text_of(node)?]),
        }
    }

    fn step_to<'tree>(&'tree self, node: &'tree Node, segment: &Segment) -> Option<&'tree Node> {
        match (&node.kind, segment) {
            (Kind::Mapping { .. }, Segment::Key(wanted)) => self.entry_of(node, wanted).map(|entry| &entry.value),
            (Kind::Sequence { items, .. }, Segment::Index(index)) => items.get(*index),
            _ => None,
        }
    }

    /// The position of an anchor.
    pub fn anchor_position(&self, anchor: usize) -> Option<Position> {
        let node = self.documents().iter().find_map(|root| anchored(root, anchor))?;
        let sign = self.text()[..node.span.start].rfind('&');
        Some(self.position(sign.unwrap_or(node.span.start)))
    }

    /// The value that an alias refers to. Any other value is returned itself.
    pub(super) fn behind<'tree>(&'tree self, node: &'tree Node) -> Option<&'tree Node> {
        match node.kind {
            Kind::Alias(anchor) => self.documents().iter().find_map(|root| anchored(root, anchor)),
            _ => Some(node),
        }
    }
}

fn text_of(node: &Node) -> Option<String> {
    node.scalar().filter(|_| !node.is_left_out()).map(str::to_owned)
}

fn anchored(node: &Node, anchor: usize) -> Option<&Node> {
    if node.anchor == Some(anchor) {
        return Some(node);
    }
    match &node.kind {
        Kind::Mapping { entries, .. } => {
            entries.iter().find_map(|entry| anchored(&entry.key, anchor).or_else(|| anchored(&entry.value, anchor)))
        }
        Kind::Sequence { items, .. } => items.iter().find_map(|item| anchored(item, anchor)),
        Kind::Scalar { .. } | Kind::Alias(_) => None,
    }
}
