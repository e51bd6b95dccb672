//! What a delivery means in the product's words, whatever forge it came from.

use super::CommitSha;

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A branch moved.
    Push(Push),
    /// Something that asks for no reaction, with the reason.
    Ignored {
        /// Why nothing follows from it.
        reason: String,
    },
}

/// A branch moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push {
    /// The branch, without `refs/heads/`.
    pub branch: String,
    /// Where it pointed before; `None` when it was created.
    pub before: Option<CommitSha>,
    /// Where it points now.
    pub after: CommitSha,
}
