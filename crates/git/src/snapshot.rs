//! Read-only view of a branch's tip for a promotion that will change it.

use std::cell::Cell;

use git2::{Commit, Repository};

use slipway_domain::CommitSha;

use super::GitError;
use super::Mirror;
use super::TreeFile;
use super::fault::Fault;
use super::holding::Held;
use super::mirror::name_of;
use super::read;
use super::tree;

/// The branch at the tip on which a commit would be built.
pub struct Snapshot<'a> {
    mirror: &'a Mirror,
    repository: &'a Repository,
    commit: &'a Commit<'a>,
    damaged: Cell<bool>,
}

impl<'a> Snapshot<'a> {
    pub(super) fn new(mirror: &'a Mirror, repository: &'a Repository, commit: &'a Commit<'a>) -> Self {
        Self { mirror, repository, commit, damaged: Cell::new(false) }
    }

    /// The tip.
    pub fn tip(&self) -> CommitSha {
        name_of(self.commit.id())
    }

    /// A regular file's bytes: `None` if there is no file, an error above `max_bytes`.
    pub fn read_file(&self, path: &str, max_bytes: u64) -> Result<Option<Vec<u8>>, GitError> {
        let read = || {
            let tree = self.commit.tree()?;
            tree::read_file(self.repository, self.mirror.remote().url(), &tree, path, max_bytes)
        };
        read().map_err(|fault| self.noted(fault))
    }

    /// The bytes of a file that was found in the tree, independent of its path.
    pub fn read_found(&self, file: &TreeFile) -> Result<Vec<u8>, GitError> {
        tree::read_blob(self.repository, file).map_err(|fault| self.noted(fault))
    }

    /// The regular files whose path the predicate accepts, sorted by path.
    pub fn find_files(&self, predicate: &dyn Fn(&str) -> bool) -> Result<Vec<TreeFile>, GitError> {
        let find = || read::find_files(self.repository, self.mirror.remote().url(), &self.commit.tree()?, predicate);
        find().map_err(|fault| self.noted(fault))
    }

    /// The regular files that contain a text, sorted by path. Folders that are unchanged since an earlier tip are not read again.
    pub fn files_holding(&self, held: &Held) -> Result<Vec<TreeFile>, GitError> {
        let name = self.mirror.remote().url();
        let find = || self.mirror.holdings().find(self.repository, name, self.commit.tree_id(), held);
        find().map_err(|fault| self.noted(fault))
    }

    /// Whether a read failed because of damage of the mirror: results based on the reads are then invalid.
    pub(super) fn is_damaged(&self) -> bool {
        self.damaged.get()
    }

    fn noted(&self, fault: Fault) -> GitError {
        self.damaged.set(matches!(fault, Fault::Damaged(_)));
        self.mirror.beyond_repair(fault)
    }
}
