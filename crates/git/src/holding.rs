//! Search for files of a tree that contain a text. Results are cached per folder, so that the cost of a new tip depends on its
//! changes, not on the size of the repository.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use git2::{Oid, Repository};

use super::GitError;
use super::TreeFile;
use super::fault::Fault;
use super::tree;
use super::tree::Kind;

/// Maximum number of cached folders; beyond it, the cache is cleared.
const MAX_REMEMBERED: usize = 1_000_000;

/// Maximum depth of nested folders.
const DEEPEST: usize = 128;

/// The searched files: they contain one of some texts, and their size is limited by the ends of their names, ignoring case.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Held {
    /// The texts of which a file must contain one.
    pub texts: Texts,
    /// Ends of names, each with the maximum size of a searched file.
    pub endings: Vec<(String, u64)>,
    /// The maximum size of every other searched file.
    pub others: u64,
}

/// Texts of which a file must contain one, ignoring case; without texts every file matches.
#[derive(Clone, Default)]
pub struct Texts {
    texts: Arc<[String]>,
    /// The automaton for all texts; built once, because it searches every file.
    search: Option<AhoCorasick>,
}

impl Texts {
    /// Builds the automaton for these texts.
    pub fn of(texts: impl IntoIterator<Item = String>) -> Self {
        let texts: Arc<[String]> = texts.into_iter().collect();
        let kind = Some(AhoCorasickKind::DFA);
        let search = AhoCorasick::builder().ascii_case_insensitive(true).kind(kind).build(texts.iter()).ok();
        // Without an automaton, which happens only if the texts are too large, every file matches.
        Self { search: search.filter(|_| !texts.is_empty()), texts }
    }

    /// Whether a file contains one of them.
    pub fn are_in(&self, content: &[u8]) -> bool {
        self.search.as_ref().is_none_or(|search| search.is_match(content))
    }
}

impl PartialEq for Texts {
    fn eq(&self, other: &Self) -> bool {
        self.texts == other.texts
    }
}

impl Eq for Texts {}

impl fmt::Debug for Texts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.texts.fmt(f)
    }
}

impl Held {
    /// The maximum size of a searched file with this name.
    pub fn most_bytes(&self, name: &str) -> u64 {
        let ends_with = |ending: &str| {
            let from = name.len().checked_sub(ending.len());
            from.and_then(|from| name.get(from..)).is_some_and(|end| end.eq_ignore_ascii_case(ending))
        };
        self.endings.iter().find(|(ending, _)| ends_with(ending)).map_or(self.others, |(_, most)| *most)
    }
}

/// The results for searched folders by the ids of their trees: equal ids mean equal folders.
#[derive(Default)]
pub(super) struct Holdings {
    of: Held,
    folders: HashMap<Oid, Option<Arc<Folder>>>,
}

/// A folder that contains matching files, directly or in subfolders.
struct Folder {
    files: Vec<TreeFile>,
    folders: Vec<(String, Arc<Folder>)>,
}

impl Holdings {
    /// The matching files, sorted by path. Bytes of a path that are not UTF-8 become the replacement character.
    pub(super) fn find(
        &mut self,
        repository: &Repository,
        name: &str,
        root: Oid,
        held: &Held,
    ) -> Result<Vec<TreeFile>, Fault> {
        if self.of != *held || self.folders.len() > MAX_REMEMBERED {
            *self = Self { of: held.clone(), folders: HashMap::new() };
        }
        let mut found = Vec::new();
        if let Some(folder) = self.search_tree(repository, name, root, 0)? {
            folder.list("", &mut found);
        }
        found.sort_by(|a: &TreeFile, b: &TreeFile| a.path.cmp(&b.path));
        Ok(found)
    }

    fn search_tree(
        &mut self,
        repository: &Repository,
        name: &str,
        id: Oid,
        depth: usize,
    ) -> Result<Option<Arc<Folder>>, Fault> {
        if let Some(known) = self.folders.get(&id) {
            return Ok(known.clone());
        }
        if depth > DEEPEST {
            return Err(Fault::Final(GitError::LimitExceeded {
                repository: name.to_owned(),
                what: "nested folders".to_owned(),
                limit: DEEPEST as u64,
                unit: "folders",
            }));
        }
        let (mut files, mut folders) = (Vec::new(), Vec::new());
        for entry in &repository.find_tree(id)? {
            let part = &*String::from_utf8_lossy(entry.name_bytes());
            match Kind::of(entry.filemode()) {
                Kind::Folder => {
                    let inner = self.search_tree(repository, name, entry.id(), depth + 1)?;
                    folders.extend(inner.map(|inner| (part.to_owned(), inner)));
                }
                Kind::File { .. } => files.extend(self.meant(repository, part, entry.id())?),
                Kind::Symlink | Kind::Submodule => {}
            }
        }
        let is_empty = files.is_empty() && folders.is_empty();
        let folder = (!is_empty).then(|| Arc::new(Folder { files, folders }));
        self.folders.insert(id, folder.clone());
        Ok(folder)
    }

    /// The file, with its base name, if it matches.
    fn meant(&self, repository: &Repository, name: &str, id: Oid) -> Result<Option<TreeFile>, git2::Error> {
        let most = self.of.most_bytes(name);
        if most == 0 {
            return Ok(None);
        }
        let size = tree::blob_size(repository, id)?;
        if size > most {
            return Ok(None);
        }
        let blob = repository.find_blob(id)?;
        let holds = self.of.texts.are_in(blob.content());
        Ok(holds.then(|| TreeFile { path: name.to_owned(), blob: id.to_string(), size }))
    }
}

impl Folder {
    fn list(&self, path: &str, found: &mut Vec<TreeFile>) {
        let whole = |file: &TreeFile| TreeFile { path: format!("{path}{}", file.path), ..file.clone() };
        found.extend(self.files.iter().map(whole));
        for (name, folder) in &self.folders {
            folder.list(&format!("{path}{name}/"), found);
        }
    }
}
