//! Finds the one scalar beside a marker, and decides whether it may be edited.

use std::collections::HashMap;

use slipway_yaml::{Comment, Entry, Kind, Node, Style, Tree};

use super::refusal::Refusal;

/// A scalar that may be edited.
#[derive(Debug, Clone)]
pub(super) struct Target<'tree> {
    /// The index of its document.
    pub(super) document: usize,
    /// The index of an entry or an item at each level.
    pub(super) steps: Vec<usize>,
    /// The scalar.
    pub(super) node: &'tree Node,
    /// Its style.
    pub(super) style: Style,
    /// Its text.
    pub(super) value: &'tree str,
}

/// The scalars and aliases of a file that are values, by the line of their end.
pub(super) struct Targets<'tree> {
    file: &'tree str,
    tree: &'tree Tree,
    sharing: Sharing,
    by_line: HashMap<usize, Vec<Candidate<'tree>>>,
    /// Why a document cannot be edited at all.
    obstacles: Vec<Option<Refusal>>,
}

/// Whether a value may be changed that is used elsewhere through aliases, and so changes there too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sharing {
    /// Never. A promotion changes only marked places.
    Never,
    /// Only if it is requested, and it is not.
    NotRequested,
    /// It is requested.
    Requested,
}

/// A value, with the values that contain it.
#[derive(Debug, Clone)]
pub(super) struct Candidate<'tree> {
    /// The index of its document.
    pub(super) document: usize,
    /// The index of an entry or an item at each level.
    pub(super) steps: Vec<usize>,
    /// The value.
    pub(super) node: &'tree Node,
    /// Whether the value, or a value that contains it, is used elsewhere through an alias.
    pub(super) is_shared: bool,
}

/// The refusal for a key that occurs twice. Readers differ in which of the two they use, so its document is not edited.
pub(super) fn obstacle(file: &str, tree: &Tree, document: usize) -> Option<Refusal> {
    let (earlier, again) = tree.duplicate_key(document)?;
    let line = tree.position(earlier.span.start).line;
    let at = tree.position(again.span.start);
    Some(Refusal::duplicate_key(file, at, again.scalar().unwrap_or_default(), line))
}

impl<'tree> Candidate<'tree> {
    /// The scalar, if it may be edited. This does not check its document.
    pub(super) fn editable(&self, file: &str, tree: &Tree, sharing: Sharing) -> Result<Target<'tree>, Refusal> {
        let Self { document, steps, node, is_shared } = self;
        let at = tree.position(node.span.start);
        let (value, style) = match &node.kind {
            Kind::Scalar { value, style } => (value, style),
            Kind::Alias(anchor) => return Err(Refusal::alias(file, at, tree.anchor_position(*anchor), sharing)),
            Kind::Mapping { .. } | Kind::Sequence { .. } => return Err(Refusal::not_a_scalar(file, at)),
        };
        if let Some(tag) = &node.tag {
            return Err(Refusal::tagged(file, at, tag));
        }
        if *is_shared && sharing != Sharing::Requested {
            return Err(Refusal::aliased_anchor(file, at, sharing));
        }
        let next = tree.comments().partition_point(|comment| comment.span.start < node.span.start);
        if tree.comments().get(next).is_some_and(|comment| comment.span.start < node.span.end) {
            return Err(Refusal::comment_within(file, at));
        }
        Ok(Target { document: *document, steps: steps.clone(), node, style: *style, value })
    }
}

impl<'tree> Targets<'tree> {
    /// Collects the values that a marker can stand beside. Block scalars and values that are left out are not included.
    pub(super) fn of(file: &'tree str, tree: &'tree Tree, sharing: Sharing) -> Self {
        let mut targets = Self { file, tree, sharing, by_line: HashMap::new(), obstacles: Vec::new() };
        for (document, node) in tree.documents().iter().enumerate() {
            targets.obstacles.push(obstacle(file, tree, document));
            targets.collect(&Candidate { document, steps: Vec::new(), node, is_shared: tree.is_aliased(node) });
        }
        targets
    }

    fn collect(&mut self, candidate: &Candidate<'tree>) {
        let children: Vec<&Node> = match &candidate.node.kind {
            Kind::Mapping { entries, .. } => entries.iter().map(|entry| &entry.value).collect(),
            Kind::Sequence { items, .. } => items.iter().collect(),
            Kind::Scalar { style, .. } if style.is_block() => return,
            Kind::Scalar { .. } | Kind::Alias(_) => {
                if !candidate.node.is_left_out() {
                    let line = self.tree.line_of(candidate.node.span.end);
                    self.by_line.entry(line).or_default().push(candidate.clone());
                }
                return;
            }
        };
        for (index, node) in children.into_iter().enumerate() {
            let mut steps = candidate.steps.clone();
            steps.push(index);
            self.collect(&Candidate {
                document: candidate.document,
                steps,
                node,
                is_shared: candidate.is_shared || self.tree.is_aliased(node),
            });
        }
    }

    /// The scalar beside a marker.
    pub(super) fn beside(&self, comment: &Comment) -> Result<Target<'tree>, Refusal> {
        let line = self.tree.line_of(comment.span.start);
        let on_line = self.by_line.get(&line).map_or(&[][..], Vec::as_slice);
        let mut before = on_line.iter().filter(|candidate| candidate.node.span.end <= comment.span.start);
        match (before.next(), before.count()) {
            (None, _) => Err(self.nothing_beside(comment)),
            (Some(candidate), 0) => {
                let target = candidate.editable(self.file, self.tree, self.sharing)?;
                self.obstacles[candidate.document].clone().map_or(Ok(target), Err)
            }
            (Some(_), more) => {
                let at = self.tree.position(comment.span.start);
                Err(Refusal::ambiguous(self.file, at, more + 1))
            }
        }
    }

    /// Why there is no scalar beside a marker.
    fn nothing_beside(&self, comment: &Comment) -> Refusal {
        let at = self.tree.position(comment.span.start);
        let before = self.tree.line_before(comment.span.start).trim_end();
        let last_word = before.rsplit([' ', '\t']).next().unwrap_or_default();
        if last_word.starts_with(['|', '>']) {
            return Refusal::block_scalar(self.file, at);
        }
        let mut roots = self.tree.documents().iter();
        if before.ends_with(['}', ']']) || roots.any(|root| self.names_a_collection(root, comment)) {
            return Refusal::not_a_scalar(self.file, at);
        }
        Refusal::no_value(self.file, at)
    }

    /// Whether a key before a comment, on the same line, has a mapping or a list as its value.
    fn names_a_collection(&self, node: &Node, comment: &Comment) -> bool {
        let line = self.tree.line_of(comment.span.start);
        let is_collection = |node: &Node| matches!(node.kind, Kind::Mapping { .. } | Kind::Sequence { .. });
        match &node.kind {
            Kind::Mapping { entries, .. } => entries.iter().any(|Entry { key, value }| {
                let is_beside = key.span.end <= comment.span.start && self.tree.line_of(key.span.end) == line;
                (is_beside && is_collection(value)) || self.names_a_collection(value, comment)
            }),
            Kind::Sequence { items, .. } => items.iter().any(|item| self.names_a_collection(item, comment)),
            Kind::Scalar { .. } | Kind::Alias(_) => false,
        }
    }
}
