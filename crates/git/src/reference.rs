//! Revisions beside the served branch: heads of pull requests, fetched by their references.

use std::collections::{BTreeMap, BTreeSet};

use super::GitError;
use super::Mirror;
use super::mirror::{id_of, name_of};
use slipway_domain::CommitSha;

/// The served branch and other references, as of one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heads {
    /// The branch's tip.
    pub tip: CommitSha,
    /// The targets of the references that the server has.
    pub beside: BTreeMap<String, CommitSha>,
}

impl Mirror {
    /// Fetches the branch and the targets of these references of the server, such as `refs/pull/7/head`, in one exchange.
    pub fn fetch_heads(&self, references: &BTreeSet<String>) -> Result<Heads, GitError> {
        let fetched = self.update(references)?;
        let beside = fetched.beside.into_iter().map(|(name, head)| (name, name_of(head))).collect();
        Ok(Heads { tip: name_of(fetched.tip), beside })
    }

    /// Fetches the target of a reference of the server together with the branch.
    pub fn fetch_reference(&self, reference: &str) -> Result<CommitSha, GitError> {
        let mut heads = self.fetch_heads(&BTreeSet::from([reference.to_owned()]))?;
        heads.beside.remove(reference).ok_or_else(|| self.lacks(reference))
    }

    /// The current target of a reference of the server. It is not fetched, because any user can have created it.
    pub fn head_of(&self, reference: &str) -> Result<Option<CommitSha>, GitError> {
        Ok(self.target_of(reference)?.map(name_of))
    }

    /// Queries the server for the branch and its target. Nothing is fetched or stored.
    ///
    /// # Errors
    ///
    /// The server is unreachable, refuses the credentials, or does not have the repository or the branch.
    pub fn probe(&self) -> Result<CommitSha, GitError> {
        self.named_tip().map(name_of)
    }

    /// The error for a reference that the server does not have.
    pub fn lacks(&self, reference: &str) -> GitError {
        let (repository, branch) = (self.remote().url().to_owned(), reference.to_owned());
        GitError::BranchMissing { repository, branch, empty: false }
    }

    /// The newest common ancestor of two commits; `None` if there is none.
    pub fn merge_base(&self, one: &CommitSha, other: &CommitSha) -> Result<Option<CommitSha>, GitError> {
        self.reading(|repository| match repository.merge_base(id_of(one), id_of(other)) {
            Ok(base) => Ok(Some(name_of(base))),
            Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        })
    }
}
