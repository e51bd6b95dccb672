//! Retention of reports that are not behind, and of the reported state at forges. If a removed state is needed again, it is
//! searched at the forge.

use sqlx::AssertSqlSafe;

use super::super::database::count_of;
use super::super::{Store, StoreError};
use super::{Removal, Removed};

/// Reports that ended before `$1`: they were refused or skipped then, or were reported, or last fell behind.
const ENDED: &str = "state <> 'behind' AND COALESCE(NULLIF(set_at, 0), reported_at, behind_since) < $1";
/// Further removals: processed outbox entries of earlier versions, and the reported state of subjects without newer items.
const BESIDE: [&str; 2] = [
    "DELETE FROM outbox WHERE state NOT IN ('pending', 'dead') AND sequence IN (
         SELECT outbox.sequence FROM outbox JOIN transitions ON transitions.sequence = outbox.sequence
         WHERE outbox.state NOT IN ('pending', 'dead') AND transitions.at < $1 ORDER BY outbox.sequence LIMIT $2)",
    "DELETE FROM reported WHERE (source, kind, subject, name) IN (
         SELECT source, kind, subject, name FROM reported AS old
         WHERE at < $1 AND NOT EXISTS (SELECT 1 FROM reported AS newer WHERE newer.source = old.source
                 AND newer.kind = old.kind AND newer.subject = old.subject AND newer.at >= $1)
         ORDER BY at LIMIT $2)",
];

impl Store {
    /// Removes reports that ended before `too_old`, with their related rows.
    pub(super) async fn remove_reports(
        &self,
        too_old: i64,
        removal: Removal,
        removed: &mut Removed,
    ) -> Result<(), StoreError> {
        if removal == Removal::DryRun {
            let count = AssertSqlSafe(format!("SELECT COUNT(*) AS ended FROM reports WHERE {ENDED}"));
            let count = sqlx::query(count).bind(too_old).fetch_one(&self.database.pool).await?;
            removed.reports += count_of(&count, "ended")?;
            return Ok(());
        }
        let ended = format!("DELETE FROM reports WHERE id IN (SELECT id FROM reports WHERE {ENDED} LIMIT $2)");
        removed.reports += self.remove_all(&ended, too_old).await?;
        for beside in BESIDE {
            self.remove_all(beside, too_old).await?;
        }
        Ok(())
    }
}
