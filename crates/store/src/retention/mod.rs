//! Retention: each kind of data is kept up to an age, and up to a total number or size. Pending work and artifacts that
//! environments name are never removed. Removals use small transactions with pauses between them, so that other work does not
//! wait.

mod audit;
mod logs;
mod pace;
mod reports;
mod runs;

pub(super) use audit::said_of;

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use slipway_contract::Digest;
use sqlx::{AssertSqlSafe, Row as _};

use super::database::{count_of, millis};
use super::{Store, StoreError};
use pace::Pace;
use slipway_domain::RunId;

/// Number of deliveries or entries removed in one transaction: few enough that senders of deliveries do not wait.
const TOGETHER: i64 = 500;

/// The limits of retention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// How long an acknowledged delivery is kept, and a report that is not behind.
    pub age: SignedDuration,
    /// Maximum number of bytes of delivery bodies, as stored.
    pub bytes: u64,
    /// Logs of ended runs.
    pub logs: LogRetention,
    /// Ended runs, with their transitions.
    pub runs: RunRetention,
    /// Entries of the audit log.
    pub audit: AuditRetention,
}

/// Limits of the logs of ended runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogRetention {
    /// Maximum age of their runs.
    pub age: SignedDuration,
    /// Maximum number of bytes of all lines.
    pub bytes: u64,
}

/// Limits of ended runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunRetention {
    /// Maximum age since their last transition.
    pub age: SignedDuration,
    /// Maximum total number.
    pub count: u64,
    /// The number of newest runs of each model in each environment that stay independent of their age, and the number of promoted
    /// ones.
    pub per_model: u32,
}

/// Limits of the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditRetention {
    /// Maximum age.
    pub age: SignedDuration,
    /// Maximum number of entries.
    pub count: u64,
}

/// A removed run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemovedRun {
    /// The run.
    pub run: RunId,
    /// Its artifact, which can have documents of the run.
    pub artifact: Option<Digest>,
}

/// Numbers of removed items, or of items that a removal would remove.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Removed {
    /// Deliveries.
    pub deliveries: u64,
    /// Reports that are not behind.
    pub reports: u64,
    /// Lines of logs.
    pub log_lines: u64,
    /// Runs.
    pub runs: u64,
    /// Entries of the audit log.
    pub audit_entries: u64,
    /// The removed runs, for the removal of their data outside the store.
    #[serde(skip)]
    pub removed_runs: Vec<RemovedRun>,
}

impl Removed {
    /// Whether nothing was removed.
    pub fn is_empty(&self) -> bool {
        let Self { deliveries, reports, log_lines, runs, audit_entries, removed_runs: _ } = self;
        [deliveries, reports, log_lines, runs, audit_entries].iter().all(|count| **count == 0)
    }
}

/// Whether items are removed or only counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// They are removed.
    Done,
    /// They are only counted.
    DryRun,
}

/// The time before which an item is older than `age`.
pub(super) fn oldest(now: Timestamp, age: SignedDuration) -> i64 {
    millis(now.saturating_sub(age).unwrap_or(Timestamp::MIN))
}

impl Store {
    /// Removes data beyond the limits, oldest first. Runs that made one of the `deployed` artifacts stay.
    pub async fn remove_old(
        &self,
        now: Timestamp,
        keep: Retention,
        deployed: &BTreeSet<Digest>,
        removal: Removal,
    ) -> Result<Removed, StoreError> {
        let mut removed = Removed::default();
        self.remove_deliveries(now, keep, removal, &mut removed).await?;
        self.remove_reports(oldest(now, keep.age), removal, &mut removed).await?;
        if removal == Removal::Done {
            self.remove_merge_groups(oldest(now, keep.age)).await?;
            self.remove_commands(now).await?;
            self.remove_beside_runs(oldest(now, keep.runs.age)).await?;
        }
        self.remove_logs(now, keep.logs, removal, &mut removed).await?;
        self.remove_runs(now, keep.runs, deployed, removal, &mut removed).await?;
        self.remove_audit(now, keep.audit, removal, &mut removed).await?;
        Ok(removed)
    }

    /// Removes merge groups whose deliveries are removed as well.
    async fn remove_merge_groups(&self, too_old: i64) -> Result<(), StoreError> {
        let delete = "DELETE FROM merge_groups WHERE (source, head) IN (
                          SELECT source, head FROM merge_groups WHERE at < $1 LIMIT $2)";
        self.remove_all(delete, too_old).await.map(|_| ())
    }

    /// Removes contributors and pushed commits of the same age as removed runs, and follow-ups in an environment that no server
    /// has served since then.
    async fn remove_beside_runs(&self, too_old: i64) -> Result<(), StoreError> {
        for delete in [
            "DELETE FROM contributors WHERE (source, revision, part, account) IN (
                 SELECT source, revision, part, account FROM contributors WHERE at < $1 LIMIT $2)",
            "DELETE FROM pushed_commits WHERE (environment, revision) IN (
                 SELECT environment, revision FROM pushed_commits WHERE at < $1 LIMIT $2)",
            "DELETE FROM follow_ups WHERE (environment, run) IN (
                 SELECT environment, run FROM follow_ups WHERE at < $1 LIMIT $2)",
        ] {
            self.remove_all(delete, too_old).await?;
        }
        Ok(())
    }

    /// Removes rows in batches until none are left, so that other writers do not wait.
    async fn remove_all(&self, delete: &str, too_old: i64) -> Result<u64, StoreError> {
        let mut removed = 0;
        loop {
            let begun = Pace::begin();
            let delete = sqlx::query(AssertSqlSafe(delete.to_owned())).bind(too_old).bind(TOGETHER);
            let mut transaction = self.database.begin().await?;
            let gone = delete.execute(&mut *transaction).await?.rows_affected();
            transaction.commit().await?;
            removed += gone;
            if gone == 0 {
                return Ok(removed);
            }
            begun.rest().await;
        }
    }

    /// Number of bytes of all stored delivery bodies.
    pub async fn kept_bytes(&self) -> Result<u64, StoreError> {
        let sum = sqlx::query("SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT) AS bytes FROM deliveries");
        count_of(&sum.fetch_one(&self.database.pool).await?, "bytes")
    }

    /// Removes acknowledged deliveries that are too old, and then the oldest ones until the rest fits.
    async fn remove_deliveries(
        &self,
        now: Timestamp,
        keep: Retention,
        removal: Removal,
        removed: &mut Removed,
    ) -> Result<(), StoreError> {
        let too_old = oldest(now, keep.age);
        let mut over = self.kept_bytes().await?.saturating_sub(keep.bytes);
        let select = "SELECT source, id, size, received_at FROM deliveries
                      WHERE state <> 'pending' AND (received_at, source, id) > ($1, $2, $3)
                      ORDER BY received_at, source, id LIMIT $4";
        let delete = "DELETE FROM deliveries WHERE source = $1 AND id = $2 AND state <> 'pending'";
        let mut after = (i64::MIN, String::new(), String::new());
        loop {
            let begun = Pace::begin();
            let page = sqlx::query(select).bind(after.0).bind(after.1.clone()).bind(after.2.clone()).bind(TOGETHER);
            let page = page.fetch_all(&self.database.pool).await?;
            let mut going = Vec::new();
            for row in &page {
                after = (row.try_get("received_at")?, row.try_get("source")?, row.try_get("id")?);
                if after.0 >= too_old && over == 0 {
                    break;
                }
                over = over.saturating_sub(count_of(row, "size")?);
                going.push((after.1.clone(), after.2.clone()));
            }
            let all = going.len() == page.len() && !page.is_empty();
            if removal == Removal::DryRun {
                removed.deliveries += going.len() as u64;
            } else if !going.is_empty() {
                let mut transaction = self.database.begin().await?;
                for (source, id) in going {
                    let gone = sqlx::query(delete).bind(source).bind(id).execute(&mut *transaction).await?;
                    removed.deliveries += gone.rows_affected();
                }
                transaction.commit().await?;
            }
            if !all {
                return Ok(());
            }
            begun.rest().await;
        }
    }
}
