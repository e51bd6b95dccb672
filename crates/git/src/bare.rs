//! A branch of a bare repository on this machine, read where it lies, without a server and without a mirror.

use std::path::Path;

use git2::{ErrorCode, Oid, Repository};

use slipway_domain::CommitSha;

use super::GitError;
use super::TreeFile;
use super::fault::Fault;
use super::message::single_line;
use super::mirror::name_of;
use super::read::find_files;
use super::tree;

/// The tip of a branch of a repository on this machine.
pub struct BareBranch {
    repository: Repository,
    /// The repository in messages.
    name: String,
    tip: Oid,
}

impl BareBranch {
    /// Opens the repository in `folder`, which messages call `name`, at the tip of a branch.
    ///
    /// # Errors
    ///
    /// The folder holds no repository ([`GitError::NotARepository`]), or not this branch ([`GitError::BranchMissing`]).
    pub fn open(folder: &Path, name: &str, branch: &str) -> Result<Self, GitError> {
        let unusable = |error: &git2::Error| GitError::NotARepository {
            repository: name.to_owned(),
            folder: folder.display().to_string(),
            problem: single_line(error.message()),
        };
        let repository = Repository::open_bare(folder).map_err(|error| unusable(&error))?;
        let found = repository.refname_to_id(&format!("refs/heads/{branch}"));
        let tip = match found {
            Ok(tip) => tip,
            Err(error) if error.code() == ErrorCode::NotFound => {
                let empty = repository.references().is_ok_and(|mut all| all.next().is_none());
                let (repository, branch) = (name.to_owned(), branch.to_owned());
                return Err(GitError::BranchMissing { repository, branch, empty });
            }
            Err(error) => return Err(unusable(&error)),
        };
        Ok(Self { repository, name: name.to_owned(), tip })
    }

    /// The commit at the tip of the branch.
    pub fn tip(&self) -> CommitSha {
        name_of(self.tip)
    }

    /// The kind of entry at a path as a phrase for messages, and whether it is a regular file; `None` if there is no entry.
    pub fn entry(&self, path: &str) -> Result<Option<(&'static str, bool)>, GitError> {
        self.reading(|tree| {
            let found = tree::entry_at(tree, path)?;
            Ok(found.map(|(kind, _)| (tree::article(kind), matches!(kind, tree::Kind::File { .. }))))
        })
    }

    /// A regular file's bytes: `None` if there is no file, an error above `max_bytes`.
    pub fn read_file(&self, path: &str, max_bytes: u64) -> Result<Option<Vec<u8>>, GitError> {
        self.reading(|tree| tree::read_file(&self.repository, &self.name, tree, path, max_bytes))
    }

    /// The regular files whose path the predicate accepts, sorted by path.
    pub fn find_files(&self, predicate: &dyn Fn(&str) -> bool) -> Result<Vec<TreeFile>, GitError> {
        self.reading(|tree| find_files(&self.repository, &self.name, tree, predicate))
    }

    fn reading<T>(&self, work: impl FnOnce(&git2::Tree<'_>) -> Result<T, Fault>) -> Result<T, GitError> {
        let damaged = |problem: &str| GitError::NotARepository {
            repository: self.name.clone(),
            folder: self.repository.path().display().to_string(),
            problem: single_line(problem),
        };
        let missing = || Fault::Final(damaged("the branch's commit is missing"));
        let tree = tree::of_commit(&self.repository, &name_of(self.tip), missing);
        tree.and_then(|tree| work(&tree)).map_err(|fault| match fault {
            Fault::Final(error) => error,
            Fault::Damaged(error) => damaged(error.message()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::mirror::id_of;
    use super::*;

    #[test]
    fn a_branch_is_read_where_it_lies() {
        let folder = tempfile::tempdir().expect("a folder");
        let open = |branch: &str| BareBranch::open(folder.path(), "models.git", branch);
        assert!(matches!(open("main"), Err(GitError::NotARepository { .. })));
        let repository = Repository::init_bare(folder.path()).expect("a repository");
        assert!(matches!(open("main"), Err(GitError::BranchMissing { empty: true, .. })));
        let mut staging = repository.treebuilder(None).expect("a tree");
        staging.insert("app.yaml", repository.blob(b"a: b\n").expect("a file"), 0o100_644).expect("inserted");
        let staging = staging.write().expect("written");
        let mut root = repository.treebuilder(None).expect("a tree");
        root.insert("staging", staging, 0o040_000).expect("inserted");
        let tree = repository.find_tree(root.write().expect("written")).expect("a tree");
        let author = git2::Signature::now("Kim", "kim@example.org").expect("an author");
        let tip = repository.commit(Some("refs/heads/main"), &author, &author, "One", &tree, &[]).expect("a commit");
        assert!(matches!(open("other"), Err(GitError::BranchMissing { empty: false, .. })));
        let branch = open("main").expect("a branch");
        assert_eq!(id_of(&branch.tip()), tip);
        assert_eq!(branch.entry("staging"), Ok(Some(("a folder", false))));
        assert_eq!(branch.entry("nowhere"), Ok(None));
        assert_eq!(branch.read_file("staging/app.yaml", 10), Ok(Some(b"a: b\n".to_vec())));
        assert!(matches!(branch.read_file("staging/app.yaml", 2), Err(GitError::LimitExceeded { .. })));
        let found = branch.find_files(&|path| path == "staging/app.yaml").expect("files");
        assert_eq!(found.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(), ["staging/app.yaml"]);
    }
}
