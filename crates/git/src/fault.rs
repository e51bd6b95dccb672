//! What stops work inside the module, before it is known whether a fresh mirror heals it.

use super::GitError;

/// What stopped work on an open mirror: damage, which a fresh mirror heals, or an answer that stands.
#[derive(Debug)]
pub(super) enum Fault {
    /// libgit2 could not use the mirror.
    Damaged(git2::Error),
    /// The error is the answer.
    Final(GitError),
}

impl From<git2::Error> for Fault {
    fn from(error: git2::Error) -> Self {
        Self::Damaged(error)
    }
}

impl From<GitError> for Fault {
    fn from(error: GitError) -> Self {
        Self::Final(error)
    }
}
