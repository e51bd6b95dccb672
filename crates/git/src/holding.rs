//! Which files of a tree hold a text: remembered a folder, so that a new tip costs what changed, not what there is.

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

/// Most folders remembered; beyond that, remembering begins anew.
const MAX_REMEMBERED: usize = 1_000_000;

/// Most folders within one another.
const DEEPEST: usize = 128;

/// Which files are meant: one of some texts within, and how large they are at most, by the ends of their names, in any case.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Held {
    /// What a file must hold.
    pub texts: Texts,
    /// Ends of names, and how large such a file is at most to be looked into.
    pub endings: Vec<(String, u64)>,
    /// How large every other file is at most.
    pub others: u64,
}

/// Texts of which a file must hold one, in capital or small letters; whatever it is if there are none.
#[derive(Clone, Default)]
pub struct Texts {
    texts: Arc<[String]>,
    /// Finds all of them at once; made once, because it is asked of every file.
    search: Option<AhoCorasick>,
}

impl Texts {
    /// These texts.
    pub fn of(texts: impl IntoIterator<Item = String>) -> Self {
        let texts: Arc<[String]> = texts.into_iter().collect();
        let kind = Some(AhoCorasickKind::DFA);
        let search = AhoCorasick::builder().ascii_case_insensitive(true).kind(kind).build(texts.iter()).ok();
        // Without a search, which only texts too large for it would cause, every file is looked into.
        Self { search: search.filter(|_| !texts.is_empty()), texts }
    }

    /// Whether one of them is in a file.
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
    /// How large a file of this name is at most to be looked into.
    pub fn most_bytes(&self, name: &str) -> u64 {
        let ends_with = |ending: &str| {
            let from = name.len().checked_sub(ending.len());
            from.and_then(|from| name.get(from..)).is_some_and(|end| end.eq_ignore_ascii_case(ending))
        };
        self.endings.iter().find(|(ending, _)| ends_with(ending)).map_or(self.others, |(_, most)| *most)
    }
}

/// What is known of the folders that were looked through, by the ids of their trees: equal ids are equal folders.
#[derive(Default)]
pub(super) struct Holdings {
    of: Held,
    folders: HashMap<Oid, Option<Arc<Folder>>>,
}

/// A folder with files that are meant, or with folders that have some.
struct Folder {
    files: Vec<TreeFile>,
    folders: Vec<(String, Arc<Folder>)>,
}

impl Holdings {
    /// The files that are meant, sorted by path. What is not UTF-8 in a path is a replacement character there.
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
                what: "folders within one another".to_owned(),
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

    /// The file, named by its last part, if it is meant.
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
