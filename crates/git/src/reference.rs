//! Revisions beside the served branch: the heads of changes, fetched by their references.

use std::collections::{BTreeMap, BTreeSet};

use super::GitError;
use super::Mirror;
use super::mirror::{id_of, name_of};
use slipway_domain::CommitSha;

/// The served branch and what is beside it, as they were at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heads {
    /// The branch's tip.
    pub tip: CommitSha,
    /// What the references point to that the server has.
    pub beside: BTreeMap<String, CommitSha>,
}

impl Mirror {
    /// Fetches the branch and what these references of the server point to, such as `refs/pull/7/head`, in one exchange.
    pub fn fetch_heads(&self, references: &BTreeSet<String>) -> Result<Heads, GitError> {
        let fetched = self.update(references)?;
        let beside = fetched.beside.into_iter().map(|(name, head)| (name, name_of(head))).collect();
        Ok(Heads { tip: name_of(fetched.tip), beside })
    }

    /// Fetches what a reference of the server points to, and the branch with it.
    pub fn fetch_reference(&self, reference: &str) -> Result<CommitSha, GitError> {
        let mut heads = self.fetch_heads(&BTreeSet::from([reference.to_owned()]))?;
        heads.beside.remove(reference).ok_or_else(|| self.lacks(reference))
    }

    /// What a reference of the server points to now. Nothing of it is fetched: it may be from anybody.
    pub fn head_of(&self, reference: &str) -> Result<Option<CommitSha>, GitError> {
        Ok(self.target_of(reference)?.map(name_of))
    }

    /// Asks the server whether the branch is there, and what it points to. Nothing is fetched, and nothing kept.
    ///
    /// # Errors
    ///
    /// The server cannot be reached or refuses the credentials, or lacks the repository or the branch.
    pub fn probe(&self) -> Result<CommitSha, GitError> {
        self.named_tip().map(name_of)
    }

    /// The error for a reference that the server does not have.
    pub fn lacks(&self, reference: &str) -> GitError {
        let (repository, branch) = (self.remote().url().to_owned(), reference.to_owned());
        GitError::BranchMissing { repository, branch, empty: false }
    }

    /// The newest commit that both have in their histories; `None` if they share none.
    pub fn merge_base(&self, one: &CommitSha, other: &CommitSha) -> Result<Option<CommitSha>, GitError> {
        self.reading(|repository| match repository.merge_base(id_of(one), id_of(other)) {
            Ok(base) => Ok(Some(name_of(base))),
            Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        })
    }
}
