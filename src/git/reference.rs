//! Revisions beside the served branch: the heads of changes, fetched by their references.

use git2::{AutotagOption, Direction, FetchOptions, RemoteRedirect};

use super::GitError;
use super::Mirror;
use super::fault::Fault;
use super::fetch;
use super::mirror::{id_of, name_of};
use super::transport::Channel;
use crate::domain::CommitSha;

/// Where fetched references are kept within the mirror.
const BESIDE: &str = "refs/slipway/beside";

impl Mirror {
    /// Fetches what a reference of the server points to, such as `refs/pull/7/head`.
    pub fn fetch_reference(&self, reference: &str) -> Result<CommitSha, GitError> {
        self.reading(|repository| {
            let channel = Channel::open(self.connection())?;
            let fetched = || -> Result<CommitSha, Fault> {
                let mut server = repository.remote_anonymous(&channel.address())?;
                let mut connected = server.connect_auth(Direction::Fetch, None, None)?;
                let head = connected.list()?.iter().find(|head| head.name() == reference).map(git2::RemoteHead::oid);
                let Some(head) = head else {
                    return Err(Fault::Final(GitError::BranchMissing {
                        repository: self.remote().url().to_owned(),
                        branch: reference.to_owned(),
                        empty: false,
                    }));
                };
                if repository.find_commit(head).is_err() {
                    let mut options = FetchOptions::new();
                    options.download_tags(AutotagOption::None).update_fetchhead(false);
                    options.follow_redirects(RemoteRedirect::None);
                    let kept = format!("+{reference}:{BESIDE}/{reference}");
                    connected.remote().fetch(&[kept], Some(&mut options), None)?;
                }
                repository.find_commit(head)?.tree()?;
                Ok(name_of(head))
            };
            fetched().map_err(|fault| fetch::explained(fault, &channel, self.remote()))
        })
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
