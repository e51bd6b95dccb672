//! Why the store could not do it.

use slipway_domain::{Retry, RunId, RunState};

/// Why the store could not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The run is held by someone else now, or was called off.
    #[error("run {run} is not held by this worker any more: it was called off or taken over")]
    LeaseLost {
        /// The run.
        run: RunId,
    },
    /// No such run.
    #[error("there is no run {run}")]
    NoSuchRun {
        /// The run asked for.
        run: RunId,
    },
    /// No such delivery.
    #[error("the source `{source_name}` has no delivery `{id}`")]
    NoSuchDelivery {
        /// The source.
        source_name: String,
        /// The delivery asked for.
        id: String,
    },
    /// No such report.
    #[error("there is no report `{id}`")]
    NoSuchReport {
        /// The report asked for.
        id: String,
    },
    /// A report that there is nothing to do for.
    #[error("the report `{id}` is {}, not behind: there is nothing to retry", status.as_str())]
    NotBehind {
        /// The report.
        id: String,
        /// How far it has come.
        status: super::ReportStatus,
    },
    /// A delivery that waits to be read anyway.
    #[error("delivery `{id}` is pending: it is read without being replayed")]
    NotAcknowledged {
        /// The delivery.
        id: String,
    },
    /// The run cannot be moved so.
    #[error(transparent)]
    IllegalMove(#[from] slipway_domain::IllegalMove),
    /// The run does not wait for anybody.
    #[error("run {run} is {}, not stalled: there is nothing to retry", state.as_str())]
    NotStalled {
        /// The run.
        run: RunId,
        /// Where it stands.
        state: RunState,
    },
    /// Another server settled what this one was about to.
    #[error("the branch `{branch}` was dealt with by another server meanwhile")]
    BranchMoved {
        /// The branch.
        branch: String,
    },
    /// Another server writes the branch.
    #[error("another server has the turn to write {branch}")]
    BranchLocked {
        /// The repository and the branch.
        branch: String,
    },
    /// A token of this name exists.
    #[error("there is a token `{name}` already: revoke it first, or choose another name")]
    TokenExists {
        /// The name.
        name: String,
    },
    /// No token of this name exists.
    #[error("there is no token `{name}`, or it is revoked")]
    NoSuchToken {
        /// The name.
        name: String,
    },
    /// The tables are of a version that this program does not know.
    #[error("the store's tables cannot be used: {reason}\n  help: {help}")]
    Incompatible {
        /// What is different.
        reason: String,
        /// What to do.
        help: &'static str,
    },
    /// What is stored cannot be read.
    #[error("the store holds something that cannot be read: {0}")]
    Unreadable(String),
    /// What is to be stored would not read back.
    #[error("{what} cannot be stored, because it could not be read again: {reason}")]
    Unwritable {
        /// What was to be written.
        what: &'static str,
        /// Why it would not read back.
        reason: String,
    },
    /// No such row is set aside.
    #[error("no {kind} `{key}` is set aside")]
    NotQuarantined {
        /// What was asked for.
        kind: String,
        /// Which.
        key: String,
    },
    /// A delivery could not be written.
    #[error("nothing was written: {reason}")]
    NotWritten {
        /// What the database said.
        reason: String,
    },
    /// The writer of deliveries has ended.
    #[error("the store is being closed")]
    Closing,
    /// The database refused.
    #[error("the store failed: {0}")]
    Database(#[source] sqlx::Error),
}

impl StoreError {
    /// Whether it concerns one row alone: what cannot be read or written of a run or a delivery stops that one and nobody else.
    pub fn is_of_one_row(&self) -> bool {
        matches!(self, Self::Unreadable(_) | Self::Unwritable { .. } | Self::IllegalMove(_))
    }

    /// Whether trying again can help.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Database(_) | Self::NotWritten { .. } | Self::BranchMoved { .. } | Self::BranchLocked { .. } => {
                Retry::Backoff
            }
            _ => Retry::Never,
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            // A column that holds something else than it should: asking again gives the same.
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => Self::Unreadable(error.to_string()),
            error => Self::Database(error),
        }
    }
}
