//! Edits with an explicit place: a path in one document, or a mark. Of several edits all are made, or none.

use std::borrow::Cow;
use std::fmt;

use slipway_domain::Position;
use slipway_yaml::{Kind, Node, Path, Tree};

use super::addition::add;
use super::edit::{Change, Edited, Wanted, read, replace};
use super::fill::fill;
use super::first_entry::first_entry;
use super::locate::{Found, key_of, keys_of, locate};
use super::marked::marked;
use super::marker::Mark;
use super::refusal::Refusal;
use super::selector::Selector;
use super::splice::Addition;
use super::target::{Candidate, Sharing, Target, obstacle};

/// The place that an edit writes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The scalar at a path of the one document that the selector matches.
    Path(Path),
    /// Every scalar with this mark, in the documents that the selector matches.
    Mark(Mark),
}

/// One edit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The document.
    pub selector: Selector,
    /// The place in it.
    pub place: Place,
    /// The new text.
    pub value: String,
    /// Whether keys of a path that do not exist are added, and whether a null gets its first value. Such a value is a number or a
    /// truth value if every reader reads it as the same one (`3`, `0.5`, `true`), and Kubernetes does not require text there.
    pub create: bool,
    /// Whether an added value is always text.
    pub text: bool,
    /// Whether a value may be changed that is used elsewhere through aliases. It changes there too.
    pub anchored: bool,
}

/// A file with its edits, which are made one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEdits {
    /// Its name in messages.
    pub file: String,
    /// Its bytes.
    pub content: Vec<u8>,
    /// The edits. A later edit sees the result of an earlier one.
    pub edits: Vec<Edit>,
}

/// Makes all edits of all files, or none: the first refusal is returned. Returns the changed files with their new bytes in the
/// given order: one tree for one commit.
pub fn edit_all(files: &[FileEdits]) -> Result<Vec<(String, Vec<u8>)>, Refusal> {
    let mut changed = Vec::new();
    for FileEdits { file, content, edits } in files {
        let mut now = Cow::Borrowed(content.as_slice());
        for wanted in edits {
            now = Cow::Owned(edit(file, &now, wanted)?.content.into_owned());
        }
        if *now != **content {
            changed.push((file.clone(), now.into_owned()));
        }
    }
    Ok(changed)
}

/// Makes one edit in one file. All bytes outside the changed scalars and added entries stay.
pub fn edit<'content>(file: &str, content: &'content [u8], edit: &Edit) -> Result<Edited<'content>, Refusal> {
    let tree = read(file, content)?;
    match &edit.place {
        Place::Path(path) => at_path(file, content, &tree, path, edit),
        Place::Mark(mark) => at_marks(file, content, &tree, mark, edit),
    }
}

fn at_path<'content>(
    file: &str,
    content: &'content [u8],
    tree: &Tree,
    path: &Path,
    edit: &Edit,
) -> Result<Edited<'content>, Refusal> {
    if edit.create
        && edit.selector == Selector::default()
        && !path.segments().is_empty()
        && tree.documents().iter().all(Node::is_left_out)
    {
        let keys: Option<Vec<String>> = path.segments().iter().map(key_of).collect();
        let Some(keys) = keys else { return Err(Refusal::no_list_to_begin_with(file, path)) };
        let (text, position) = first_entry(file, tree, path, &edit.addition(path, &keys, None))?;
        return Ok(added(text, position, None, edit));
    }
    let document = edit.selector.choose(file, tree)?;
    let sharing = edit.sharing();
    match locate(file, tree, document, path)? {
        Found::Value { value, key, .. } if edit.create && value.node.is_null() => {
            let entry = edit.addition(path, &[], Some(&tree.documents()[document]));
            let (text, position) = fill(file, tree, &value, key, &entry, path, sharing)?;
            Ok(added(text, position, written_null(value.node), edit))
        }
        Found::Value { value, at, .. } => {
            let target = scalar(file, tree, path, &value, at, sharing)?;
            allowed(file, tree, document)?;
            replace(file, content, tree, vec![Wanted { place: edit.place.clone(), target, new: edit.value.clone() }])
        }
        Found::Missing { parent, key, keys, .. } if edit.create => {
            let entry = edit.addition(path, &keys, Some(&tree.documents()[document]));
            let (text, position) = if parent.node.is_null() {
                fill(file, tree, &parent, key, &entry, path, sharing)?
            } else {
                add(file, tree, &parent, &entry, path, sharing)?
            };
            Ok(added(text, position, written_null(parent.node), edit))
        }
        Found::Missing { parent, at, keys, .. } => {
            let key = keys.first().map_or("", String::as_str);
            Err(Refusal::missing_key(file, at, path, key, Some(&keys_of(parent.node))))
        }
    }
}

/// The text of a null that is not left out.
fn written_null(node: &Node) -> Option<&str> {
    node.scalar().filter(|_| node.is_null() && !node.is_left_out())
}

/// A file with one more value, perhaps in the place of a written null.
fn added<'content>(text: String, position: Position, null: Option<&str>, edit: &Edit) -> Edited<'content> {
    let change = Change { position, place: edit.place.clone(), old: null.map(str::to_owned), new: edit.value.clone() };
    Edited { content: Cow::Owned(text.into_bytes()), changes: vec![change], places: 1 }
}

fn at_marks<'content>(
    file: &str,
    content: &'content [u8],
    tree: &Tree,
    mark: &Mark,
    edit: &Edit,
) -> Result<Edited<'content>, Refusal> {
    let mut targets = marked(file, tree, edit.sharing(), |found| found == mark)?;
    targets.retain(|marked| edit.selector.matches(tree, marked.target.document));
    if targets.is_empty() {
        return Err(Refusal::no_such_mark(file, mark, &edit.selector));
    }
    let wanted: Result<Vec<_>, _> = targets.into_iter().map(|place| place.wanted(file, tree, &edit.value)).collect();
    replace(file, content, tree, wanted?)
}

/// The scalar at the end of a path.
fn scalar<'tree>(
    file: &str,
    tree: &Tree,
    path: &Path,
    candidate: &Candidate<'tree>,
    at: Position,
    sharing: Sharing,
) -> Result<Target<'tree>, Refusal> {
    match &candidate.node.kind {
        Kind::Mapping { .. } | Kind::Sequence { .. } => {
            return Err(Refusal::path_to_collection(file, at, path, candidate.node));
        }
        Kind::Scalar { style, .. } if style.is_block() => return Err(Refusal::block_scalar(file, at)),
        Kind::Scalar { .. } if candidate.node.is_left_out() => return Err(Refusal::left_out(file, at, path)),
        Kind::Scalar { .. } | Kind::Alias(_) => {}
    }
    candidate.editable(file, tree, sharing)
}

/// Checks whether a document may be edited at all.
fn allowed(file: &str, tree: &Tree, document: usize) -> Result<(), Refusal> {
    obstacle(file, tree, document).map_or(Ok(()), Err)
}

impl Edit {
    /// The value to add at a path of a document, under `keys`, the last keys of the path.
    fn addition(&self, path: &Path, keys: &[String], document: Option<&Node>) -> Addition {
        Addition::new(keys, &self.value, path, document, self.text)
    }

    fn sharing(&self) -> Sharing {
        if self.anchored { Sharing::Requested } else { Sharing::NotRequested }
    }
}

impl Place {
    /// The name of the written value in messages.
    pub(super) fn what(&self) -> &'static str {
        match self {
            Self::Path(_) => "value",
            Self::Mark(mark) => mark.field.as_str(),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => path.fmt(f),
            Self::Mark(mark) => mark.fmt(f),
        }
    }
}
