//! What is removed, and when: each kind up to an age, and up to a number or a size of all together. What is still to be
//! done is never removed, and neither is what environments name. Everything is removed in small transactions with
//! rests between them, so that nobody waits for them.

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

/// Deliveries or entries removed in one transaction: few enough that nobody who delivers has to wait.
const TOGETHER: i64 = 500;

/// What is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// How long a settled delivery is kept, and a report that is not behind.
    pub age: SignedDuration,
    /// How many bytes of bodies of deliveries are kept, as stored.
    pub bytes: u64,
    /// Logs of runs that have ended.
    pub logs: LogRetention,
    /// Runs that have ended, with their transitions.
    pub runs: RunRetention,
    /// Entries of the audit log.
    pub audit: AuditRetention,
}

/// Which logs of runs that have ended are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogRetention {
    /// Those of runs that are not older.
    pub age: SignedDuration,
    /// Bytes of lines in all.
    pub bytes: u64,
}

/// Which runs that have ended are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunRetention {
    /// Those that are not older, by their last move.
    pub age: SignedDuration,
    /// How many in all.
    pub count: u64,
    /// The newest of each model in each environment, and as many of those that were promoted, however old.
    pub per_model: u32,
}

/// Which entries of the audit log are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditRetention {
    /// Those that are not older.
    pub age: SignedDuration,
    /// How many in all.
    pub count: u64,
}

/// A run that was removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemovedRun {
    /// The run.
    pub run: RunId,
    /// Its artifact, where documents of it may be.
    pub artifact: Option<Digest>,
}

/// What was removed, or would be.
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
    /// The runs, for what is kept of them elsewhere.
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

/// Whether something is removed, or only counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// It is removed.
    Done,
    /// It is only counted.
    DryRun,
}

/// The time before which something is older than `age`.
pub(super) fn oldest(now: Timestamp, age: SignedDuration) -> i64 {
    millis(now.saturating_sub(age).unwrap_or(Timestamp::MIN))
}

impl Store {
    /// Removes what need not be kept, oldest first. Runs that made one of the `named` artifacts stay.
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

    /// Removes what is known of merge groups whose deliveries are gone as well.
    async fn remove_merge_groups(&self, too_old: i64) -> Result<(), StoreError> {
        let delete = "DELETE FROM merge_groups WHERE (source, head) IN (
                          SELECT source, head FROM merge_groups WHERE at < $1 LIMIT $2)";
        self.remove_all(delete, too_old).await.map(|_| ())
    }

    /// Removes what is known of revisions and commits that are as old as runs that are removed, and what was to follow from a
    /// promotion in an environment that nobody has served since then.
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

    /// Removes some at a time, so that nobody who writes has to wait, until none are left.
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

    /// Bytes of all bodies that are kept, as stored.
    pub async fn kept_bytes(&self) -> Result<u64, StoreError> {
        let sum = sqlx::query("SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT) AS bytes FROM deliveries");
        count_of(&sum.fetch_one(&self.database.pool).await?, "bytes")
    }

    /// Removes settled deliveries that are too old, and then the oldest until the rest fits.
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
