//! A branch's own history along first parents: its state at a time, and the commits that changed a file.

use std::ops::ControlFlow;

use git2::{Commit, Oid, Repository};
use jiff::Timestamp;

use slipway_domain::CommitSha;

use super::GitError;
use super::Mirror;
use super::commit::CommitInfo;
use super::fault::Fault;
use super::mirror::name_of;
use super::tree;
use super::tree::Kind;

/// Maximum number of commits that are searched for a time: more than any branch of an environment has.
const MAX_COMMITS: usize = 200_000;

/// The traced files, and the extent of the trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traced<'a> {
    /// Their paths.
    pub paths: &'a [&'a str],
    /// Maximum number of commits that are read.
    pub commits: usize,
    /// Files above this size count as absent.
    pub max_bytes: u64,
}

/// A commit of a branch that changed a traced file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touch {
    /// The commit; for a merge, the merge commit itself.
    pub info: CommitInfo,
    /// The content at each path after the commit; `None` if there is no regular file of the allowed size.
    pub files: Vec<Option<Vec<u8>>>,
}

impl Mirror {
    /// The state of the branch at a time: the newest commit up to `tip`, along first parents, that was not committed later.
    ///
    /// Commit times are set by the committer. `None`: the branch is younger than the time.
    pub fn commit_at(&self, tip: &CommitSha, time: Timestamp) -> Result<Option<CommitSha>, GitError> {
        self.reading(|repository| {
            let mut commit = self.commit(repository, tip)?;
            for _ in 0..MAX_COMMITS {
                if commit.time().seconds() <= time.as_second() {
                    return Ok(Some(name_of(commit.id())));
                }
                let Some(parent) = commit.parent_ids().next() else { return Ok(None) };
                commit = repository.find_commit(parent)?;
            }
            Err(Fault::Final(GitError::LimitExceeded {
                repository: self.remote().url().to_owned(),
                what: format!("the history of `{}`", self.remote().branch()),
                limit: MAX_COMMITS as u64,
                unit: "commits",
            }))
        })
    }

    /// Calls `visit` for every commit from `from` back, along first parents, that changed one of the files compared with its
    /// first parent. The order is newest first; `visit` can stop the trace.
    ///
    /// A commit that changes none of the files costs a comparison of its trees. Returns where to continue if the limit ended the
    /// trace.
    pub fn trace(
        &self,
        from: &CommitSha,
        traced: &Traced<'_>,
        mut visit: impl FnMut(Touch) -> ControlFlow<()>,
    ) -> Result<Option<CommitSha>, GitError> {
        for path in traced.paths {
            tree::check_path(self.remote().url(), path)?;
        }
        // After the mirror is recreated in the middle of a trace, the trace continues there, so that no commit is visited twice.
        let mut next = from.clone();
        let mut left = traced.commits;
        self.reading(|repository| {
            let mut routes: Vec<Route<'_>> = traced.paths.iter().map(|path| Route::new(path)).collect();
            let mut commit = self.commit(repository, &next)?;
            let mut blobs = found(repository, &mut routes, &commit)?;
            loop {
                if left == 0 {
                    return Ok(Some(next.clone()));
                }
                let parent = commit.parent_ids().next().map(|id| repository.find_commit(id)).transpose()?;
                let before = match &parent {
                    Some(parent) if parent.tree_id() == commit.tree_id() => blobs.clone(),
                    Some(parent) => found(repository, &mut routes, parent)?,
                    None => vec![None; blobs.len()],
                };
                if before != blobs {
                    let files = blobs.iter().map(|blob| content(repository, *blob, traced.max_bytes));
                    let touch = Touch { info: CommitInfo::of(&commit), files: files.collect::<Result<_, _>>()? };
                    if visit(touch).is_break() {
                        return Ok(None);
                    }
                }
                left -= 1;
                let Some(parent) = parent else { return Ok(None) };
                next = name_of(parent.id());
                (commit, blobs) = (parent, before);
            }
        })
    }
}

/// The blobs of a commit's files; anything but a regular file counts as absent.
fn found(
    repository: &Repository,
    routes: &mut [Route<'_>],
    commit: &Commit<'_>,
) -> Result<Vec<Option<Oid>>, git2::Error> {
    routes.iter_mut().map(|route| route.blob(repository, commit.tree_id())).collect()
}

fn content(repository: &Repository, blob: Option<Oid>, max_bytes: u64) -> Result<Option<Vec<u8>>, git2::Error> {
    match blob {
        Some(id) if tree::blob_size(repository, id)? <= max_bytes => {
            Ok(Some(repository.find_blob(id)?.content().to_vec()))
        }
        _ => Ok(None),
    }
}

/// The path to one file, with the folders of the last tree: a folder with the same id is not opened again.
struct Route<'a> {
    parts: Vec<&'a str>,
    folders: Vec<Oid>,
    blob: Option<Oid>,
}

impl<'a> Route<'a> {
    fn new(path: &'a str) -> Self {
        Self { parts: path.split('/').collect(), folders: Vec::new(), blob: None }
    }

    fn blob(&mut self, repository: &Repository, root: Oid) -> Result<Option<Oid>, git2::Error> {
        let mut folder = root;
        for (depth, part) in self.parts.iter().enumerate() {
            if self.folders.get(depth) == Some(&folder) {
                return Ok(self.blob);
            }
            self.folders.truncate(depth);
            self.folders.push(folder);
            let tree = repository.find_tree(folder)?;
            let entry = tree.get_name(part).map(|entry| (Kind::of(entry.filemode()), entry.id()));
            let is_last = depth + 1 == self.parts.len();
            self.blob = match entry {
                Some((Kind::Folder, id)) if !is_last => {
                    folder = id;
                    continue;
                }
                Some((Kind::File { .. }, id)) if is_last => Some(id),
                _ => None,
            };
            return Ok(self.blob);
        }
        Ok(None)
    }
}
