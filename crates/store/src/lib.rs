//! Storage of deliveries and runs, so that no acknowledged data is lost. Both databases use the same statements; `database` and
//! the migrations contain their differences.

mod acknowledgements;
mod audit;
mod backup;
mod branch_locks;
mod branch_models;
mod branches;
mod claims;
mod commands;
mod conditions;
mod contributors;
mod database;
mod decisions;
mod deliveries;
mod delivery_list;
mod deployment_records;
mod due;
mod error;
mod follow_ups;
mod group_commit;
mod identity;
mod inbox;
mod logs;
mod matched_rows;
mod migrations;
mod models;
mod outbox;
mod owners;
mod promotion_facts;
mod promotions;
mod quarantine;
mod references;
mod reported;
mod reports;
mod repositories;
mod retention;
mod revisions;
mod run_actions;
mod run_counts;
mod runs;
mod test_memory;
mod test_parts;
mod test_sets;
#[cfg(test)]
mod tests;
mod tokens;
mod trained;
mod unapproved;
mod usage;
mod written;

use std::path::PathBuf;
use std::sync::RwLock;

use acknowledgements::Acknowledgement;
use database::Database;
use group_commit::GroupCommit;
use inbox::Arrival;
use slipway_domain::RunId;

pub use audit::{AuditAnchor, AuditEntry, AuditFault, NewAuditEntry, REFUSED};
pub use backup::{BackupError, Dump, DumpedTable, restore, verify_table};
pub use branch_locks::BranchLock;
pub use branch_models::BranchModel;
pub use branches::{BranchHead, SeenBranch};
pub use claims::Claim;
pub use commands::{AuditedEffect, Effect, Followed, NewCommand, Outcome};
pub use deliveries::{Backlog, DeliveryFilter, DeliveryHead, DeliveryOutcome, StoredDelivery};
pub use deployment_records::ReadHistory;
pub use due::DueSources;
pub use error::StoreError;
pub use follow_ups::FollowUp;
pub use logs::{Change, LogLine};
pub use models::{ModelCursor, ModelRuns};
pub use promotion_facts::PromotionFacts;
pub use quarantine::Quarantined;
pub use reported::{Claimed, Item, ItemKind, ReportedState};
pub use reports::{DueReport, Fault, First, ReportBacklog, ReportFilter, ReportHead, ReportStatus, ReportSubject};
pub use repositories::{Learned, PinnedRepository};
pub use retention::{AuditRetention, LogRetention, Removal, Removed, RemovedRun, Retention, RunRetention};
pub use revisions::Retrained;
pub use run_counts::QueuePlace;
pub use runs::{RunCursor, RunFilter};
pub use test_sets::{Alike, NewUse};
pub use tokens::{Role, Token, TokenSecret};
pub use trained::Trained;
pub use usage::{SourceUsage, TableUsage};

/// The database and its location.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settings {
    /// SQLite in one file: for one server, without an installation.
    Sqlite {
        /// The file; created if it is missing.
        file: PathBuf,
    },
    /// PostgreSQL: for several servers that share the work.
    Postgres {
        /// Its URL: `postgres://USER:PASSWORD@HOST/DATABASE?sslmode=verify-full`.
        url: PostgresUrl,
    },
}

/// The URL of a PostgreSQL database. It can contain a password, so it is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl(String);

impl PostgresUrl {
    /// Accepts only a URL of PostgreSQL.
    pub fn new(text: &str) -> Result<Self, &'static str> {
        let known = ["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme));
        if known { Ok(Self(text.to_owned())) } else { Err("expected an address that begins with `postgres://`") }
    }
}

impl std::fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PostgresUrl(hidden)")
    }
}

/// Deliveries, runs and their related records. Cheap to share behind an `Arc`.
pub struct Store {
    database: Database,
    inbox: GroupCommit<Arrival>,
    acknowledgements: GroupCommit<Acknowledgement>,
    /// The sources and environments that this server serves; all of them until `serve_only` is called.
    served: RwLock<Option<claims::Served>>,
    recently_logged: quarantine::RecentlyLogged,
}

impl Store {
    /// Opens the store and migrates its tables.
    pub async fn open(settings: &Settings) -> Result<Self, StoreError> {
        let database = Database::open(settings).await?;
        migrations::bring_up_to_date(&database).await?;
        let (inbox, acknowledgements) = (GroupCommit::start(database.clone()), GroupCommit::start(database.clone()));
        Ok(Self {
            database,
            inbox,
            acknowledgements,
            served: RwLock::default(),
            recently_logged: quarantine::RecentlyLogged::default(),
        })
    }

    /// Whether several servers may share this store.
    pub fn is_shared(&self) -> bool {
        self.database.is_shared()
    }

    /// Checks that the store is writable: writes a row, which is synced to disk.
    pub async fn check_writable(&self) -> Result<(), StoreError> {
        let write = "INSERT INTO probes (name, at) VALUES ('ready', $1) ON CONFLICT (name) DO UPDATE SET at = $1";
        let at = database::millis(jiff::Timestamp::now());
        sqlx::query(write).bind(at).execute(&self.database.pool).await?;
        Ok(())
    }

    /// Ends the session of the branch locks and closes the connections.
    pub async fn close(&self) {
        if let Some(branch_locks) = &self.database.branch_locks {
            branch_locks.close().await;
        }
        self.database.pool.close().await;
    }
}

/// Proof that this worker alone holds a run. Every write about a run requires it. After another worker took the run over, or
/// after a cancellation, writes with this lease fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    run: RunId,
    token: String,
}

impl Lease {
    /// The leased run.
    pub fn run(&self) -> RunId {
        self.run
    }
}
