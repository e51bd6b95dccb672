//! Types of a write: the content of a commit, its author, and the result.

use jiff::Timestamp;

use slipway_domain::CommitSha;

/// A person or an account in a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The name.
    pub name: String,
    /// The e-mail address.
    pub email: String,
}

/// The line of a commit message that identifies a promotion: `Slipway-Promotion: 0192…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trailer {
    /// The key before the colon.
    pub key: String,
    /// The promotion's identifier.
    pub value: String,
}

/// The properties of a commit that are known before its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteRequest {
    /// The author, unless the remote sets another one.
    pub author: Identity,
    /// The committer.
    pub committer: Identity,
    /// The time of the commit.
    pub at: Timestamp,
    /// The trailer that identifies the commit, so that it never lands twice; it is appended to the message.
    pub trailer: Trailer,
}

/// The proposed change of a tip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proposal {
    /// Replace the content of these files.
    Change {
        /// Paths of existing regular files, with their new content.
        changes: Vec<(String, Vec<u8>)>,
        /// The commit message, without the promotion's own trailer.
        message: String,
    },
    /// No change is necessary.
    Nothing,
}

/// A successful result of a promotion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The server accepted this commit.
    Pushed {
        /// The commit.
        commit: CommitSha,
        /// Number of rounds.
        attempts: u32,
        /// The server's messages beside its "ok", on one line.
        server_messages: String,
    },
    /// An earlier call had landed it.
    AlreadyThere {
        /// The commit with the trailer.
        commit: CommitSha,
    },
    /// The branch needs no commit.
    NothingToDo,
}
