//! The words of a write: what is to be committed, by whom, and how it ended.

use jiff::Timestamp;

use slipway_domain::CommitSha;

/// A person or an account, as commits name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The name.
    pub name: String,
    /// The e-mail address.
    pub email: String,
}

/// The line of a commit message by which a promotion is recognised: `Slipway-Promotion: 0192…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trailer {
    /// The word before the colon.
    pub key: String,
    /// The promotion's identifier.
    pub value: String,
}

/// What is fixed about a commit before its content is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteRequest {
    /// Who is named as author, unless the remote names another.
    pub author: Identity,
    /// Who is named as committer.
    pub committer: Identity,
    /// The time of the commit.
    pub at: Timestamp,
    /// What makes it recognisable, so that it never lands twice; it is added to the message.
    pub trailer: Trailer,
}

/// What is to be committed on a tip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proposal {
    /// Replace these files' bytes.
    Change {
        /// Paths of existing regular files, with their new bytes.
        changes: Vec<(String, Vec<u8>)>,
        /// The commit message, without the promotion's own trailer.
        message: String,
    },
    /// The tip is as it should be.
    Nothing,
}

/// How a promotion ended well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The server accepted this commit.
    Pushed {
        /// The commit.
        commit: CommitSha,
        /// Rounds it took.
        attempts: u32,
        /// What the server said beside its "ok", on one line.
        server_messages: String,
    },
    /// An earlier call had landed it.
    AlreadyThere {
        /// The commit that carries the trailer.
        commit: CommitSha,
    },
    /// The branch needs no commit.
    NothingToDo,
}
