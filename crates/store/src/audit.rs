//! The audit log: append-only. Each entry contains the digest of the previous one, so that a changed, missing or moved entry is
//! detected.

use jiff::Timestamp;
use serde::Serialize;
use slipway_contract::Digest;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};

use super::database::{AdvisoryLock, count_of, millis, stored, time_of};
use super::retention::said_of;
use super::written::text;
use super::{Store, StoreError};
use slipway_domain::Actor;

/// The first entry's value in place of a previous digest.
const BEGINNING: &str = "beginning";
/// The action of a call that was refused before its target was known.
pub const REFUSED: &str = "refused";
/// Suffix of the action in an entry about a refusal.
const REFUSED_SUFFIX: &str = ".refused";
/// Number of entries per read during verification.
const PAGE: u32 = 1000;

/// A new entry of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAuditEntry {
    /// The actor.
    pub actor: Actor,
    /// The action, such as `run.cancel` or `refused`.
    pub action: String,
    /// The target, such as a run's identifier.
    pub target: String,
    /// Further details as plain text.
    pub detail: String,
}

impl NewAuditEntry {
    /// The entry for the refusal of this action, with the reason.
    #[must_use]
    pub fn refused(self, why: &str) -> Self {
        let Self { actor, action, target, detail } = self;
        let detail = if detail.is_empty() { why.to_owned() } else { format!("{why}; {detail}") };
        Self { actor, action: format!("{action}{REFUSED_SUFFIX}"), target, detail }
    }
}

/// An entry of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditEntry {
    /// Its position, from one.
    pub number: u64,
    /// The time.
    pub at: Timestamp,
    /// The actor.
    pub actor: Actor,
    /// The action.
    pub action: String,
    /// The target.
    pub target: String,
    /// Further details as plain text.
    pub detail: String,
    /// Digest of the previous entry.
    pub previous: String,
    /// Digest of this entry.
    pub digest: String,
}

/// The last entry that retention removed. The log begins after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditAnchor {
    /// Its position.
    pub number: u64,
    /// Its digest.
    pub digest: String,
    /// Time of its removal.
    pub at: Timestamp,
}

/// The first fault of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuditFault {
    /// An entry is missing.
    #[error("entry {number} is missing")]
    Missing {
        /// Its position.
        number: u64,
    },
    /// The content of an entry changed after it was written.
    #[error("entry {number} was changed after it was written: its digest does not match its content")]
    Changed {
        /// Its position.
        number: u64,
    },
    /// An entry is unchanged, but it was moved, or the previous entry was replaced.
    #[error("entry {number} does not follow entry {}: one of them was moved or replaced", number - 1)]
    Moved {
        /// Its position.
        number: u64,
    },
    /// The log begins after an entry, and no entry records that retention removed the earlier ones.
    #[error("the entries up to {number} are missing, and no entry records that retention removed them")]
    Unaccounted {
        /// The last missing position.
        number: u64,
    },
}

impl AuditEntry {
    /// SHA-256 of the entry's content and of the previous digest, as a JSON array of strings.
    fn digest_of(at: i64, entry: &NewAuditEntry, previous: &str) -> String {
        let NewAuditEntry { actor, action, target, detail } = entry;
        let said = [&*at.to_string(), actor.as_str(), action, target, detail, previous];
        Digest::of(&serde_json::to_vec(&said).expect("texts")).to_string()
    }

    /// Whether the action was refused.
    pub fn is_refused(&self) -> bool {
        self.action == REFUSED || self.action.ends_with(REFUSED_SUFFIX)
    }

    fn said(&self) -> NewAuditEntry {
        NewAuditEntry {
            actor: self.actor.clone(),
            action: self.action.clone(),
            target: self.target.clone(),
            detail: self.detail.clone(),
        }
    }

    fn is_unchanged(&self) -> bool {
        self.digest == Self::digest_of(millis(self.at), &self.said(), &self.previous)
    }

    fn says(&self, what: &NewAuditEntry) -> bool {
        self.said() == *what
    }
}

fn read(row: &AnyRow) -> Result<AuditEntry, StoreError> {
    Ok(AuditEntry {
        number: count_of(row, "number")?,
        at: time_of(row, "at")?,
        actor: Actor::stored(row.try_get("actor")?),
        action: row.try_get("action")?,
        target: row.try_get("target")?,
        detail: row.try_get("detail")?,
        previous: row.try_get("previous")?,
        digest: row.try_get("digest")?,
    })
}

/// Appends an entry. The caller holds [`AdvisoryLock::Audit`].
pub(super) async fn append(connection: &mut AnyConnection, entry: &NewAuditEntry) -> Result<(), StoreError> {
    let last = sqlx::query("SELECT number, digest FROM audit ORDER BY number DESC LIMIT 1");
    let last = last.fetch_optional(&mut *connection).await?;
    let (number, previous) = match last {
        Some(row) => (count_of(&row, "number")? + 1, row.try_get("digest")?),
        None => (1, BEGINNING.to_owned()),
    };
    let at = millis(Timestamp::now());
    let insert = "INSERT INTO audit (number, at, actor, action, target, detail, previous, digest)
                  VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    sqlx::query(insert)
        .bind(stored(number))
        .bind(at)
        .bind(entry.actor.as_str().to_owned())
        .bind(entry.action.clone())
        .bind(entry.target.clone())
        .bind(entry.detail.clone())
        .bind(previous.clone())
        .bind(AuditEntry::digest_of(at, entry, &previous))
        .execute(connection)
        .await?;
    Ok(())
}

impl Store {
    /// Appends an entry.
    pub async fn audit(&self, entry: &NewAuditEntry) -> Result<(), StoreError> {
        // The digest covers the stored text.
        let entry = &NewAuditEntry {
            actor: Actor::stored(text(entry.actor.as_str())),
            action: text(&*entry.action),
            target: text(&*entry.target),
            detail: text(&*entry.detail),
        };
        let mut transaction = self.database.begin().await?;
        self.database.acquire_lock(&mut transaction, AdvisoryLock::Audit).await?;
        append(&mut transaction, entry).await?;
        transaction.commit().await
    }

    /// Entries after a position, in order.
    pub async fn audit_entries(&self, after: u64, limit: u32) -> Result<Vec<AuditEntry>, StoreError> {
        let select = "SELECT number, at, actor, action, target, detail, previous, digest FROM audit
                      WHERE number > $1 ORDER BY number LIMIT $2";
        let rows = sqlx::query(select).bind(stored(after)).bind(i64::from(limit));
        rows.fetch_all(&self.database.pool).await?.iter().map(read).collect()
    }

    /// Verifies the whole log, from its beginning or from the anchor of retention. Returns the last entry, whose digest covers
    /// all entries before it: a copy of it elsewhere reveals whether the end of the log was cut off.
    pub async fn verify_audit(&self) -> Result<Result<Option<AuditEntry>, AuditFault>, StoreError> {
        let anchor = self.audit_anchor().await?;
        let mut before =
            anchor.as_ref().map_or((0, BEGINNING.to_owned()), |anchor| (anchor.number, anchor.digest.clone()));
        let removal = anchor.as_ref().map(said_of);
        let (mut last, mut accounted) = (None, removal.is_none());
        loop {
            let entries = self.audit_entries(before.0, PAGE).await?;
            if entries.is_empty() {
                break;
            }
            for entry in entries {
                if let Err(fault) = follows(&before, &entry) {
                    return Ok(Err(fault));
                }
                accounted |= removal.as_ref().is_some_and(|removal| entry.says(removal));
                before = (entry.number, entry.digest.clone());
                last = Some(entry);
            }
        }
        Ok(match anchor {
            Some(AuditAnchor { number, .. }) if !accounted => Err(AuditFault::Unaccounted { number }),
            _ => Ok(last),
        })
    }
}

/// Whether an entry directly follows the number and digest of the previous entry.
fn follows((before, digest): &(u64, String), entry: &AuditEntry) -> Result<(), AuditFault> {
    let number = before + 1;
    if entry.number != number {
        return Err(AuditFault::Missing { number });
    }
    if !entry.is_unchanged() {
        return Err(AuditFault::Changed { number });
    }
    if entry.previous != *digest {
        return Err(AuditFault::Moved { number });
    }
    Ok(())
}
