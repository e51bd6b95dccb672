//! Which files of a tree hold a text: remembered a folder, so that a new tip costs what changed, not what there is.

use std::collections::HashMap;
use std::sync::Arc;

use git2::{Oid, Repository};

use super::GitError;
use super::TreeFile;
use super::fault::Fault;
use super::tree;
use super::tree::Kind;

/// Most folders remembered; beyond that, remembering begins anew.
const MOST_REMEMBERED: usize = 1_000_000;

/// Most folders within one another.
const DEEPEST: usize = 128;

/// Which files are meant: a text within, ends of names, and a size above which a file is not looked into.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Held {
    /// What a file must hold, as bytes.
    pub text: String,
    /// What its name must end with, one of these.
    pub endings: Vec<String>,
    /// Larger files are passed over.
    pub max_bytes: u64,
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
    /// The files that are meant, sorted by path. Paths that are not UTF-8 are passed over.
    pub(super) fn find(
        &mut self,
        repository: &Repository,
        name: &str,
        root: Oid,
        held: &Held,
    ) -> Result<Vec<TreeFile>, Fault> {
        if self.of != *held || self.folders.len() > MOST_REMEMBERED {
            *self = Self { of: held.clone(), folders: HashMap::new() };
        }
        let mut found = Vec::new();
        if let Some(folder) = self.look_through(repository, name, root, 0)? {
            folder.list("", &mut found);
        }
        found.sort_by(|a: &TreeFile, b: &TreeFile| a.path.cmp(&b.path));
        Ok(found)
    }

    fn look_through(
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
            let Ok(part) = std::str::from_utf8(entry.name_bytes()) else { continue };
            match Kind::of(entry.filemode()) {
                Kind::Folder => {
                    let inner = self.look_through(repository, name, entry.id(), depth + 1)?;
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
        if !self.of.endings.iter().any(|ending| name.ends_with(ending.as_str())) {
            return Ok(None);
        }
        let size = tree::blob_size(repository, id)?;
        if size > self.of.max_bytes {
            return Ok(None);
        }
        let blob = repository.find_blob(id)?;
        let text = self.of.text.as_bytes();
        let holds = text.is_empty() || blob.content().windows(text.len()).any(|window| window == text);
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
