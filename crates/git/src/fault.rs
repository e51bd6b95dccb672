//! Internal errors, before it is known whether recreating the mirror fixes them.

use super::GitError;

/// An error of work on an open mirror: damage, which recreating the mirror fixes, or a final error.
#[derive(Debug)]
pub(super) enum Fault {
    /// libgit2 could not use the mirror.
    Damaged(git2::Error),
    /// The error is final.
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
