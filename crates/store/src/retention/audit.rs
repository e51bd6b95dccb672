//! Retention of the audit log. A removal leaves an anchor with the number and digest of the last removed entry, and a new entry
//! with the same content at the end of the log. An anchor that was forged to hide a removal has no such entry.

use jiff::{SignedDuration, Timestamp};
use sqlx::{AnyConnection, Row as _};

use super::super::audit;
use super::super::database::{AdvisoryLock, count_of, millis, stored, time_of};
use super::super::{AuditAnchor, NewAuditEntry, Store, StoreError};
use super::pace::Pace;
use super::{AuditRetention, Removal, Removed, oldest};
use slipway_domain::Actor;

/// Number of entries removed in one transaction.
const ENTRIES: u64 = 5_000;
/// Interval of removals, because each removal adds an entry.
const INTERVAL: SignedDuration = SignedDuration::from_hours(24);

/// The action of the entry about a removal.
pub(crate) const ACTION: &str = "audit.prune";

impl Store {
    /// Removes the oldest entries beyond the age or the count.
    pub(super) async fn remove_audit(
        &self,
        now: Timestamp,
        keep: AuditRetention,
        removal: Removal,
        removed: &mut Removed,
    ) -> Result<(), StoreError> {
        if self.audit_anchor().await?.is_some_and(|anchor| now.duration_since(anchor.at).abs() < INTERVAL) {
            return Ok(());
        }
        let too_old = oldest(now, keep.age);
        let ends = sqlx::query("SELECT COALESCE(MIN(number), 0) AS first, COALESCE(MAX(number), 0) AS last FROM audit");
        let ends = ends.fetch_one(&self.database.pool).await?;
        let (first, last) = (count_of(&ends, "first")?, count_of(&ends, "last")?);
        let by_count = (last + 1).saturating_sub(first).saturating_sub(keep.count);
        // Entries are in the order of their times, unless a clock was set back. Removal by age stops at the first young entry.
        let young = sqlx::query("SELECT number FROM audit WHERE at >= $1 ORDER BY number LIMIT 1").bind(too_old);
        let young = young.fetch_optional(&self.database.pool).await?;
        let young = young.map_or(Ok(last + 1), |row| count_of(&row, "number"))?;
        let by_age = young.saturating_sub(first);
        let going = by_count.max(by_age).min(last.saturating_sub(first));
        if removal == Removal::DryRun || going == 0 {
            removed.audit_entries += going;
            return Ok(());
        }
        let mut gone = 0;
        while gone < going {
            let some = ENTRIES.min(going - gone);
            let begun = Pace::begin();
            self.remove_audit_up_to(first + gone + some - 1, now).await?;
            gone += some;
            begun.rest().await;
        }
        removed.audit_entries += going;
        Ok(())
    }

    async fn remove_audit_up_to(&self, number: u64, now: Timestamp) -> Result<(), StoreError> {
        let mut transaction = self.database.begin().await?;
        self.database.acquire_lock(&mut transaction, AdvisoryLock::Audit).await?;
        let entry = sqlx::query("SELECT digest FROM audit WHERE number = $1").bind(stored(number));
        // Another server has removed it.
        let Some(entry) = entry.fetch_optional(&mut *transaction).await? else { return Ok(()) };
        let anchor = AuditAnchor { number, digest: entry.try_get("digest")?, at: now };
        put_anchor(&mut transaction, &anchor).await?;
        sqlx::query("DELETE FROM audit WHERE number <= $1").bind(stored(number)).execute(&mut *transaction).await?;
        audit::append(&mut transaction, &said_of(&anchor)).await?;
        transaction.commit().await
    }

    /// The last removed entry, if there is one.
    pub async fn audit_anchor(&self) -> Result<Option<AuditAnchor>, StoreError> {
        let select = sqlx::query("SELECT number, digest, at FROM audit_anchor WHERE place = 1");
        let Some(row) = select.fetch_optional(&self.database.pool).await? else { return Ok(None) };
        let (number, digest, at) = (count_of(&row, "number")?, row.try_get("digest")?, time_of(&row, "at")?);
        Ok(Some(AuditAnchor { number, digest, at }))
    }
}

/// The entry that describes the removal.
pub(crate) fn said_of(anchor: &AuditAnchor) -> NewAuditEntry {
    NewAuditEntry {
        actor: Actor::controller(),
        action: ACTION.to_owned(),
        target: anchor.number.to_string(),
        detail: format!("retention removed the entries up to {}, whose digest is {}", anchor.number, anchor.digest),
    }
}

async fn put_anchor(connection: &mut AnyConnection, anchor: &AuditAnchor) -> Result<(), StoreError> {
    let put = "INSERT INTO audit_anchor (place, number, digest, at) VALUES (1, $1, $2, $3)
               ON CONFLICT (place) DO UPDATE SET number = $1, digest = $2, at = $3";
    sqlx::query(put)
        .bind(stored(anchor.number))
        .bind(anchor.digest.clone())
        .bind(millis(anchor.at))
        .execute(connection)
        .await?;
    Ok(())
}
