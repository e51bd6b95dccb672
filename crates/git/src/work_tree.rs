//! A repository's working tree on this machine: its root, and the paths that git ignores.

use std::path::{Path, PathBuf};

use git2::{Repository, Status};

/// The state of a working file compared with the last commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Committed {
    /// Committed with the same content.
    AsHere,
    /// Not committed: it was never added, or was removed from the index.
    Nowhere,
    /// Added, but not committed yet.
    OnlyAdded,
    /// Committed with other content.
    Otherwise,
}

/// The maximum size in bytes of a committed file that is read.
const MAX_COMMITTED: usize = 1024;

/// The working tree of a repository.
pub struct WorkTree {
    repository: Repository,
    root: PathBuf,
}

impl WorkTree {
    /// The working tree that contains a folder; `None` if there is none, or git cannot read it.
    pub fn around(folder: &Path) -> Option<Self> {
        let repository = Repository::discover(folder).ok()?;
        let root = repository.workdir()?.canonicalize().ok()?;
        Some(Self { repository, root })
    }

    /// Its root folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Whether git excludes a path from commits: it is ignored and was not added explicitly. A folder ends with `/`.
    pub fn ignores(&self, path: &str) -> bool {
        let added = self.repository.index().is_ok_and(|index| {
            if path.ends_with('/') {
                index.find_prefix(path).is_ok()
            } else {
                index.get_path(Path::new(path), 0).is_some()
            }
        });
        !added && self.repository.status_should_ignore(Path::new(path)).unwrap_or(false)
    }

    /// The state of a file compared with the checked-out branch; `None` if git cannot determine it. A content filter of git does
    /// not count as a difference.
    pub fn held(&self, path: &str) -> Option<Committed> {
        let status = self.repository.status_file(Path::new(path)).ok()?;
        // A file that was removed from the index but still exists is both new and deleted.
        if status.contains(Status::WT_NEW) {
            return Some(Committed::Nowhere);
        }
        if status.contains(Status::INDEX_NEW) {
            return Some(Committed::OnlyAdded);
        }
        let changed = Status::INDEX_MODIFIED | Status::INDEX_RENAMED | Status::INDEX_TYPECHANGE;
        let changed = changed | Status::WT_MODIFIED | Status::WT_RENAMED | Status::WT_TYPECHANGE;
        Some(if status.intersects(changed) { Committed::Otherwise } else { Committed::AsHere })
    }

    /// The committed content of a file with at most 1024 bytes, such as a pointer in place of another file.
    pub fn committed_small(&self, path: &str) -> Option<Vec<u8>> {
        let tree = self.repository.head().ok()?.peel_to_tree().ok()?;
        let id = tree.get_path(Path::new(path)).ok()?.id();
        let (size, _) = self.repository.odb().ok()?.read_header(id).ok()?;
        (size <= MAX_COMMITTED)
            .then(|| self.repository.find_blob(id).ok())
            .flatten()
            .map(|blob| blob.content().to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_stands_to_its_commit_as_it_was_added_changed_and_taken_out() {
        let folder = tempfile::tempdir().expect("a folder");
        let repository = Repository::init(folder.path()).expect("a repository");
        let write = |text: &str| std::fs::write(folder.path().join("a.csv"), text).expect("written");
        let add = || {
            let mut index = repository.index().expect("an index");
            index.add_path(Path::new("a.csv")).expect("added");
            index.write().expect("written");
            index.write_tree().expect("a tree")
        };
        let tree = WorkTree::around(folder.path()).expect("a work tree");
        write("1\n");
        assert_eq!(tree.held("a.csv"), Some(Committed::Nowhere));
        let id = add();
        assert_eq!((tree.held("a.csv"), tree.committed_small("a.csv")), (Some(Committed::OnlyAdded), None));
        let author = git2::Signature::new("kim", "kim@example.org", &git2::Time::new(0, 0)).expect("a signature");
        let of = repository.find_tree(id).expect("a tree");
        repository.commit(Some("HEAD"), &author, &author, "data", &of, &[]).expect("a commit");
        assert_eq!(
            (tree.held("a.csv"), tree.committed_small("a.csv")),
            (Some(Committed::AsHere), Some(b"1\n".to_vec()))
        );
        write("1\n2\n");
        assert_eq!(tree.held("a.csv"), Some(Committed::Otherwise));
        add();
        assert_eq!(tree.held("a.csv"), Some(Committed::Otherwise));
        let mut index = repository.index().expect("an index");
        index.remove_path(Path::new("a.csv")).expect("removed");
        index.write().expect("written");
        assert_eq!(tree.held("a.csv"), Some(Committed::Nowhere));
        assert_eq!(tree.held("none.csv"), None);
    }
}
