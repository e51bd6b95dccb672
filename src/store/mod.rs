//! Seam: where deliveries and runs are kept. The trait, its words and errors; the databases are private beside it.

mod sqlite;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::Serialize;
use slipway_contract::Digest;

use crate::domain::{Delivery, DeliveryState, Intake, Retry, Run, RunEvent, RunId, RunState, SourceName, Transition};

/// Which database, and where.
#[derive(Debug, Clone)]
pub enum Settings {
    /// SQLite in one file: one server, nothing to install.
    Sqlite {
        /// The file; made if it is missing.
        file: PathBuf,
    },
}

/// Opens the store and brings its tables up to date.
pub async fn connect(settings: &Settings) -> Result<Arc<dyn Store>, StoreError> {
    match settings {
        Settings::Sqlite { file } => Ok(Arc::new(sqlite::SqliteStore::open(file).await?)),
    }
}

/// Proof that a run is held by this worker and no other. Everything written about a run needs it; once another
/// worker took the run over, or the run was called off, nothing can be written with it any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    run: RunId,
    token: String,
}

impl Lease {
    /// The run that is held.
    pub fn run(&self) -> RunId {
        self.run
    }
}

/// One line of a run's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogLine {
    /// Place in the log, from one.
    pub number: u64,
    /// When it was written.
    pub at: Timestamp,
    /// The line.
    pub line: String,
}

/// What became of a delivery that was read.
#[derive(Debug, Clone)]
pub struct Settled {
    /// The delivery's new state.
    pub state: DeliveryState,
    /// Why, in words.
    pub note: String,
    /// Runs that follow from it.
    pub runs: Vec<Run>,
}

/// Deliveries and runs, kept so that nothing acknowledged is lost.
#[async_trait]
pub trait Store: Send + Sync {
    /// Stores a delivery on disk before returning.
    async fn record_delivery(&self, delivery: &Delivery) -> Result<Intake, StoreError>;

    /// The delivery that waits longest and is due, with the number of failed attempts at it.
    async fn due_delivery(&self, now: Timestamp) -> Result<Option<(Delivery, u32)>, StoreError>;

    /// Leaves a delivery pending, to be read again at `due_at`.
    async fn postpone_delivery(&self, delivery: &Delivery, due_at: Timestamp, note: &str) -> Result<(), StoreError>;

    /// Settles a delivery and records its runs, in one step. A run whose revision is known already is not recorded
    /// twice; a new one supersedes older runs of the same model and branch. Returns the runs that are new.
    async fn settle_delivery(&self, delivery: &Delivery, settled: &Settled) -> Result<Vec<RunId>, StoreError>;

    /// Takes the run that waits longest, is due and held by nobody. Runs of one model are taken in order.
    async fn claim_run(&self, now: Timestamp, hold_for: Duration) -> Result<Option<(Run, Lease)>, StoreError>;

    /// Holds the run longer; fails with [`StoreError::LeaseLost`] if it is not held any more.
    async fn extend_lease(&self, lease: &Lease, until: Timestamp) -> Result<(), StoreError>;

    /// Writes the run, and the transition that brought it where it stands.
    async fn record_run(&self, lease: &Lease, run: &Run, transition: Option<&Transition>) -> Result<(), StoreError>;

    /// Lets go of the run, not to be taken before `due_at`.
    async fn release_run(&self, lease: &Lease, due_at: Timestamp) -> Result<(), StoreError>;

    /// Frees every run. Only for a server that knows to be the only one, when it starts.
    async fn release_all(&self) -> Result<u64, StoreError>;

    /// Ends a run from outside (cancelled), whoever holds it.
    async fn call_off(&self, run: RunId, event: RunEvent, cause: &str) -> Result<Run, StoreError>;

    /// Makes a stalled run due again.
    async fn retry_run(&self, run: RunId, cause: &str) -> Result<Run, StoreError>;

    /// One run.
    async fn run(&self, run: RunId) -> Result<Run, StoreError>;

    /// The newest runs, newest first.
    async fn runs(&self, limit: u32) -> Result<Vec<Run>, StoreError>;

    /// How many runs stand where.
    async fn runs_by_state(&self) -> Result<Vec<(RunState, u64)>, StoreError>;

    /// A run's way so far.
    async fn transitions(&self, run: RunId) -> Result<Vec<Transition>, StoreError>;

    /// Adds a line to a run's log.
    async fn append_log(&self, run: RunId, line: &str) -> Result<(), StoreError>;

    /// A run's log from a line on.
    async fn log(&self, run: RunId, after: u64, limit: u32) -> Result<Vec<LogLine>, StoreError>;

    /// The newest run that made an artifact under this run key.
    async fn artifact_of_key(&self, key: &Digest) -> Result<Option<(RunId, Digest)>, StoreError>;

    /// Whether something can be written.
    async fn check_writable(&self) -> Result<(), StoreError>;

    /// Writes what is in memory and closes the files.
    async fn close(&self);
}

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
    /// The run cannot be moved so.
    #[error(transparent)]
    IllegalMove(#[from] crate::domain::IllegalMove),
    /// The run does not wait for anybody.
    #[error("run {run} is {}, not stalled: there is nothing to retry", state.as_str())]
    NotStalled {
        /// The run.
        run: RunId,
        /// Where it stands.
        state: RunState,
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
    /// The database refused.
    #[error("the store failed: {0}")]
    Database(#[source] sqlx::Error),
}

impl StoreError {
    /// Whether trying again can help.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Database(_) => Retry::Backoff,
            _ => Retry::Never,
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

/// The key under which a run's cause is known.
fn cause_of(run: &Run) -> (&SourceName, &str, &str, &str) {
    (&run.source, &run.file, &run.branch, run.head.as_str())
}
