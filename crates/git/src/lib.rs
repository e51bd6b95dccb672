//! Git without a checkout: bare mirrors, reads of a branch at a commit, and guarded writes.
//!
//! Every call blocks; async callers use `spawn_blocking`. The transports are http, https and ssh, each with deadlines.

mod authorities;
mod bare;
mod batch;
mod commit;
mod difference;
mod edit;
mod error;
mod export;
mod fault;
mod fetch;
mod folder;
mod history;
mod holding;
mod http;
mod lfs;
mod lineage;
mod message;
mod mirror;
mod naming;
mod notes;
mod packet;
mod push;
mod push_promotion_branch;
mod read;
mod reference;
mod remote;
mod removal;
mod repack;
mod request;
mod round;
mod signing;
mod snapshot;
mod ssh;
mod transport;
mod tree;
mod work_tree;
mod writer;

#[cfg(test)]
mod tests;

pub use authorities::{Authorities, NotAuthorities};
pub use bare::BareBranch;
pub use commit::CommitInfo;
pub use difference::difference;
pub use error::GitError;
pub use export::{ExportLimits, SourceTree};
pub use holding::{Held, Texts};
pub use lfs::{LfsFile, LfsPointer};
pub use lineage::{Touch, Traced};
pub use mirror::Mirror;
pub use naming::{check_branch, is_ssh};
pub use notes::{NoteLines, Notes};
pub use push_promotion_branch::PromotionBranchOutcome;
pub use read::TreeFile;
pub use reference::Heads;
pub use remote::{Credentials, Deadlines, Remote};
pub use removal::Removal;
pub use request::{Identity, Outcome, Proposal, Trailer, WriteRequest};
pub use signing::{NotASigningKey, SigningKey};
pub use snapshot::Snapshot;
pub use ssh::{KnownHosts, NotAnSshKey, NotKnownHosts, SshKey, SshLogin};
pub use work_tree::{Committed, WorkTree};
pub use writer::{AcquireLock, Built, PendingPromotion, Propose, Writer};
