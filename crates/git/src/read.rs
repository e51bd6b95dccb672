//! Reads a mirrored branch at a commit: files, lists, history and changes, without a checkout.

use git2::{Commit, DiffOptions, ErrorCode, Repository};

use slipway_domain::CommitSha;

use super::GitError;
use super::Mirror;
use super::commit::CommitInfo;
use super::edit;
use super::fault::Fault;
use super::fetch;
use super::history;
use super::holding::Held;
use super::message::single_line;
use super::mirror::{id_of, name_of};
use super::tree;

/// The minimum number of digits for a lookup in libgit2 (`GIT_OID_MINPREFIXLEN`).
const MIN_PREFIX_LENGTH: usize = 4;
/// Maximum number of commits that are searched by first digits. Linux has about 1.4 million.
const MAX_WALKED: usize = 3_000_000;

/// A file of a commit's tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeFile {
    /// The path from the root of the repository; bytes that are not UTF-8 are shown as `U+FFFD`.
    pub path: String,
    /// The blob's id: equal ids mean equal bytes.
    pub blob: String,
    /// Size in bytes.
    pub size: u64,
}

impl Mirror {
    /// Whether the mirror has this commit; it need not be on the branch any more.
    pub fn contains(&self, commit: &CommitSha) -> Result<bool, GitError> {
        self.reading(|repository| match repository.find_commit(id_of(commit)) {
            Ok(_) => Ok(true),
            Err(error) if error.code() == ErrorCode::NotFound => {
                fetch::check(repository).map(|()| false).map_err(Fault::from)
            }
            Err(error) => Err(error.into()),
        })
    }

    /// The commits in the history of `tip` that begin with these lower-case digits, at most `most`. The search covers the
    /// complete history of any realistic repository.
    pub fn commits_beginning(&self, tip: &CommitSha, digits: &str, most: usize) -> Result<Vec<CommitSha>, GitError> {
        self.reading(|repository| {
            let tip = self.commit(repository, tip)?.id();
            // Most prefixes match exactly one object or none, which needs no walk through the history.
            if digits.len() >= MIN_PREFIX_LENGTH {
                match repository.find_commit_by_prefix(digits) {
                    Ok(only) => {
                        let is_within = only.id() == tip || repository.graph_descendant_of(tip, only.id())?;
                        return Ok(if is_within { vec![name_of(only.id())] } else { Vec::new() });
                    }
                    Err(error) if error.code() == git2::ErrorCode::NotFound => return Ok(Vec::new()),
                    Err(error) if error.code() == git2::ErrorCode::Ambiguous => {}
                    Err(error) => return Err(error.into()),
                }
            }
            let mut walk = repository.revwalk()?;
            walk.push(tip)?;
            let mut found = Vec::new();
            for id in walk.take(MAX_WALKED) {
                let name = name_of(id?);
                if name.as_str().starts_with(digits) {
                    found.push(name);
                }
                if found.len() >= most {
                    break;
                }
            }
            Ok(found)
        })
    }

    /// The commit's first parent; `None` for the first commit of a history.
    pub fn parent(&self, commit: &CommitSha) -> Result<Option<CommitSha>, GitError> {
        self.reading(|repository| Ok(self.commit(repository, commit)?.parent_ids().next().map(name_of)))
    }

    /// The commits up to `head` that are not in the history of `base` (of the whole history, if `base` is absent or gone), each
    /// with its author's address; newest first. `None` if there are more than `most`.
    pub fn written_since(
        &self,
        base: Option<&CommitSha>,
        head: &CommitSha,
        most: usize,
    ) -> Result<Option<Vec<(CommitSha, String)>>, GitError> {
        self.reading(|repository| {
            let head = self.commit(repository, head)?;
            let mut walk = repository.revwalk()?;
            walk.push(head.id())?;
            if let Some(base) = base.map(id_of).filter(|base| repository.find_commit(*base).is_ok()) {
                walk.hide(base)?;
            }
            let mut written = Vec::new();
            for id in walk {
                if written.len() == most {
                    return Ok(None);
                }
                let commit = repository.find_commit(id?)?;
                let email = single_line(&String::from_utf8_lossy(commit.author().email_bytes()));
                written.push((name_of(commit.id()), email));
            }
            Ok(Some(written))
        })
    }

    /// A regular file's bytes at a commit: `None` if there is no file, an error above `max_bytes`.
    pub fn read_file(&self, commit: &CommitSha, path: &str, max_bytes: u64) -> Result<Option<Vec<u8>>, GitError> {
        self.reading(|repository| {
            let tree = tree::of_commit(repository, commit, || self.missing(repository, commit))?;
            tree::read_file(repository, self.remote().url(), &tree, path, max_bytes)
        })
    }

    /// The bytes of a file that was found in a tree of the branch, independent of its path.
    pub fn read_found(&self, file: &TreeFile) -> Result<Vec<u8>, GitError> {
        self.reading(|repository| tree::read_blob(repository, file))
    }

    /// The kind of entry at a path of a commit as a phrase for messages, such as `a symbolic link`, and whether it is a regular
    /// file; `None` if there is no entry.
    pub fn entry(&self, commit: &CommitSha, path: &str) -> Result<Option<(&'static str, bool)>, GitError> {
        self.reading(|repository| {
            let tree = tree::of_commit(repository, commit, || self.missing(repository, commit))?;
            let found = tree::entry_at(&tree, path)?;
            Ok(found.map(|(kind, _)| (tree::article(kind), matches!(kind, tree::Kind::File { .. }))))
        })
    }

    /// The regular files whose path the predicate accepts, sorted by path.
    pub fn find_files(&self, commit: &CommitSha, predicate: &dyn Fn(&str) -> bool) -> Result<Vec<TreeFile>, GitError> {
        self.reading(|repository| {
            let tree = tree::of_commit(repository, commit, || self.missing(repository, commit))?;
            find_files(repository, self.remote().url(), &tree, predicate)
        })
    }

    /// The regular files that contain a text, sorted by path. Folders that are unchanged since an earlier commit are not read
    /// again.
    pub fn files_holding(&self, commit: &CommitSha, held: &Held) -> Result<Vec<TreeFile>, GitError> {
        self.reading(|repository| {
            let tree = tree::of_commit(repository, commit, || self.missing(repository, commit))?;
            self.holdings().find(repository, self.remote().url(), tree.id(), held)
        })
    }

    /// Whether a file can be written without a filter: refused if an attribute sets a filter, such as that of Git LFS.
    pub fn check_unfiltered(&self, commit: &CommitSha, path: &str) -> Result<(), GitError> {
        self.reading(|repository| {
            let tree = tree::of_commit(repository, commit, || self.missing(repository, commit))?;
            edit::refuse_filtered(repository, self.remote().url(), &tree, path)
        })
    }

    /// The paths that differ between two commits, sorted; for a rename both names. Without a base: every path of `head`.
    pub fn changed_paths(&self, base: Option<&CommitSha>, head: &CommitSha) -> Result<Vec<String>, GitError> {
        self.reading(|repository| {
            let before =
                base.map(|base| tree::of_commit(repository, base, || self.missing(repository, base))).transpose()?;
            let after = tree::of_commit(repository, head, || self.missing(repository, head))?;
            let mut options = DiffOptions::new();
            options.skip_binary_check(true).include_typechange(true);
            let diff = repository.diff_tree_to_tree(before.as_ref(), Some(&after), Some(&mut options))?;
            let mut paths: Vec<String> = diff
                .deltas()
                .flat_map(|delta| [delta.old_file().path_bytes(), delta.new_file().path_bytes()])
                .flatten()
                .map(|path| String::from_utf8_lossy(path).into_owned())
                .collect();
            paths.sort();
            paths.dedup();
            Ok(paths)
        })
    }

    /// Author, time and message of a commit.
    pub fn commit_info(&self, commit: &CommitSha) -> Result<CommitInfo, GitError> {
        self.reading(|repository| Ok(CommitInfo::of(&self.commit(repository, commit)?)))
    }

    /// The newest of the `limit` newest commits up to `tip` with the trailer `key: value`.
    pub fn find_trailer(
        &self,
        tip: &CommitSha,
        key: &str,
        value: &str,
        limit: usize,
    ) -> Result<Option<CommitSha>, GitError> {
        self.reading(|repository| {
            let tip = self.commit(repository, tip)?.id();
            Ok(history::find_trailer(repository, tip, key, value, limit)?.map(name_of))
        })
    }

    pub(super) fn commit<'r>(&self, repository: &'r Repository, commit: &CommitSha) -> Result<Commit<'r>, Fault> {
        match repository.find_commit(id_of(commit)) {
            Ok(found) => Ok(found),
            Err(error) if error.code() == ErrorCode::NotFound => Err(self.missing(repository, commit)),
            Err(error) => Err(error.into()),
        }
    }

    /// The error for a missing commit: unknown if the mirror is intact, otherwise damage.
    pub(super) fn missing(&self, repository: &Repository, commit: &CommitSha) -> Fault {
        match fetch::check(repository) {
            Err(damage) => Fault::Damaged(damage),
            Ok(()) => Fault::Final(GitError::UnknownCommit {
                repository: self.remote().url().to_owned(),
                branch: self.remote().branch().to_owned(),
                commit: commit.clone(),
            }),
        }
    }
}

/// The regular files of a tree whose path the predicate accepts, sorted by path.
pub(super) fn find_files(
    repository: &Repository,
    name: &str,
    tree: &git2::Tree<'_>,
    predicate: &dyn Fn(&str) -> bool,
) -> Result<Vec<TreeFile>, Fault> {
    let mut files = Vec::new();
    tree::walk(repository, name, tree, &mut |entry| {
        if matches!(entry.kind, tree::Kind::File { .. }) && predicate(&entry.path) {
            let size = tree::blob_size(repository, entry.id)?;
            files.push(TreeFile { path: entry.path, blob: entry.id.to_string(), size });
        }
        Ok(())
    })?;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}
