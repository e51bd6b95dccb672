//! Errors of the store.

use slipway_domain::{Retry, RunId, RunState};

/// Why an operation of the store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another worker holds the run now, or the run was cancelled.
    #[error("this worker does not hold run {run} any more: the run was cancelled or another worker took it over")]
    LeaseLost {
        /// The run.
        run: RunId,
    },
    /// No such run.
    #[error("there is no run {run}")]
    NoSuchRun {
        /// The requested run.
        run: RunId,
    },
    /// No such delivery.
    #[error("the source `{source_name}` has no delivery `{id}`")]
    NoSuchDelivery {
        /// The source.
        source_name: String,
        /// The requested delivery.
        id: String,
    },
    /// No such report.
    #[error("there is no report `{id}`")]
    NoSuchReport {
        /// The requested report.
        id: String,
    },
    /// The report is not behind, so there is nothing to retry.
    #[error("the report `{id}` is {}, not behind: there is nothing to retry", status.as_str())]
    NotBehind {
        /// The report.
        id: String,
        /// Its status.
        status: super::ReportStatus,
    },
    /// The delivery is already pending.
    #[error("delivery `{id}` is pending: Slipway reads it without a replay")]
    NotAcknowledged {
        /// The delivery.
        id: String,
    },
    /// The run has no such transition.
    #[error(transparent)]
    IllegalMove(#[from] slipway_domain::IllegalMove),
    /// The run is not stalled.
    #[error("run {run} is {}, not stalled: there is nothing to retry", state.as_str())]
    NotStalled {
        /// The run.
        run: RunId,
        /// Its state.
        state: RunState,
    },
    /// Another server already processed the branch.
    #[error("another server has processed the branch `{branch}` in the meantime")]
    BranchMoved {
        /// The branch.
        branch: String,
    },
    /// Another server holds the lock of the branch.
    #[error("another server holds the lock of {branch}")]
    BranchLocked {
        /// The repository and the branch.
        branch: String,
    },
    /// A token with this name exists.
    #[error("a token `{name}` already exists: revoke it first, or choose another name")]
    TokenExists {
        /// The name.
        name: String,
    },
    /// No token with this name exists.
    #[error("the token `{name}` does not exist, or it is revoked")]
    NoSuchToken {
        /// The name.
        name: String,
    },
    /// This program cannot use the version of the tables.
    #[error("the store's tables cannot be used: {reason}\n  help: {help}")]
    Incompatible {
        /// The difference.
        reason: String,
        /// The remedy.
        help: &'static str,
    },
    /// A stored value cannot be read.
    #[error("the store contains a value that cannot be read: {0}")]
    Unreadable(String),
    /// A value to store could not be read back.
    #[error("{what} cannot be stored, because it could not be read back: {reason}")]
    Unwritable {
        /// The kind of value.
        what: &'static str,
        /// Why it could not be read back.
        reason: String,
    },
    /// No such row is set aside.
    #[error("no {kind} `{key}` is quarantined")]
    NotQuarantined {
        /// The requested kind of row.
        kind: String,
        /// The requested key.
        key: String,
    },
    /// A delivery could not be written.
    #[error("nothing was written: {reason}")]
    NotWritten {
        /// The error of the database.
        reason: String,
    },
    /// The writer of deliveries has ended.
    #[error("the store is being closed")]
    Closing,
    /// The database failed.
    #[error("the store failed: {0}")]
    Database(#[source] sqlx::Error),
}

impl StoreError {
    /// Whether the error concerns only one row: an unreadable or unwritable run or delivery must not stop others.
    pub fn is_of_one_row(&self) -> bool {
        matches!(self, Self::Unreadable(_) | Self::Unwritable { .. } | Self::IllegalMove(_))
    }

    /// Whether another attempt can help.
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
            // The column has an unexpected type; another attempt has the same result.
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => Self::Unreadable(error.to_string()),
            error => Self::Database(error),
        }
    }
}
