//! Removes a promotion branch whose promotion has landed or is no longer wanted.

use slipway_domain::CommitSha;

use super::GitError;
use super::Mirror;
use super::batch;
use super::batch::MAX_DOUBTS;
use super::mirror::{id_of, name_of};
use super::naming;
use super::push;
use super::push::{Advertisement, PushEnd, Update};

/// The result of a removal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removal {
    /// The branch was removed.
    Removed,
    /// The branch did not exist.
    Missing,
    /// The branch stays, because it has another commit than expected.
    Moved {
        /// Its commit.
        at: CommitSha,
    },
}

impl Mirror {
    /// Removes a branch of Slipway's own, if it still is at `old`.
    pub fn remove_promotion_branch(&self, branch: &str, old: &CommitSha) -> Result<Removal, GitError> {
        naming::check_own_branch(branch)?;
        let reference = format!("refs/heads/{branch}");
        let old = id_of(old);
        let update = Update { reference: &reference, old: Some(old), new: None };
        let mut doubts = 0;
        loop {
            let server = Advertisement::read(self.connection(), &[&reference])?;
            match server.tip_of(&reference) {
                None => return Ok(if doubts > 0 { Removal::Removed } else { Removal::Missing }),
                Some(at) if at != old => return Ok(Removal::Moved { at: name_of(at) }),
                Some(_) if !server.deletes() => {
                    return Err(batch::refusal_of(
                        self,
                        branch,
                        "the server does not support the deletion of branches".to_owned(),
                    ));
                }
                Some(_) => {}
            }
            doubts += 1;
            let problem = match self.reading(|repository| push::send(repository, self, &server, &update))? {
                PushEnd::Landed { .. } => return Ok(Removal::Removed),
                PushEnd::Rejected { message } if message.contains("hook declined") => {
                    return Err(batch::refusal_of(self, branch, message));
                }
                PushEnd::Rejected { message } | PushEnd::BaseMoved { message } => {
                    batch::refusal_of(self, branch, message)
                }
                PushEnd::Unknown { cause } => cause,
            };
            if doubts > MAX_DOUBTS {
                return Err(problem);
            }
        }
    }
}
