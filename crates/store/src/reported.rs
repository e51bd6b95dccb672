//! What stands at a forge: each check, comment and deployment of ours, what the forge calls it, and the digest of what it
//! says. It is the only memory of that. A row is written before the first call, so that of several servers one makes the
//! call, and whoever comes after a crash knows that it has to look first.

use std::time::Duration;

use jiff::Timestamp;
use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::claims::latest_set;
use super::database::{count_of, millis, stored, time_of};
use super::written::text;
use super::{Store, StoreError};
use slipway_domain::SourceName;

/// What kind of thing stands at a forge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ItemKind {
    /// A check or a status of a revision.
    Check,
    /// A comment below a change.
    Comment,
    /// A deployment of a run.
    Deployment,
}

impl ItemKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::Comment => "comment",
            Self::Deployment => "deployment",
        }
    }
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Item {
    /// The source at whose forge it stands.
    pub source: SourceName,
    /// What kind of thing it is.
    pub kind: ItemKind,
    /// The revision, the change or the run that it is about.
    pub subject: String,
    /// What tells it from others about the same.
    pub name: String,
}

/// What is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportedState {
    /// What the forge calls it; empty if that is not known.
    pub forge_id: String,
    /// How many annotations it has.
    pub annotations: u64,
    /// Digest of what was reported last; empty if nothing was.
    pub digest: String,
    /// Whether the outcome of the last call is known. Where it is not, it is looked for at the forge.
    pub is_sure: bool,
    /// When the last call was begun.
    pub at: Timestamp,
}

/// The right to make a call about one item; nobody else has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// The item.
    pub item: Item,
    /// What was known of it when it was claimed.
    pub before: ReportedState,
    token: String,
}

impl Store {
    /// All items about a subject that are known, by their names.
    pub async fn items_about(
        &self,
        source: &SourceName,
        kind: ItemKind,
        subject: &str,
    ) -> Result<Vec<(String, ReportedState)>, StoreError> {
        let select = "SELECT name, forge_id, annotations, digest, unsure, at FROM reported
                      WHERE source = $1 AND kind = $2 AND subject = $3";
        let rows = sqlx::query(select)
            .bind(source.as_str().to_owned())
            .bind(kind.as_str())
            .bind(text(subject))
            .fetch_all(&self.database.pool)
            .await?;
        rows.iter().map(|row| Ok((row.try_get("name")?, read(row, 0)?))).collect()
    }

    /// Claims an item for a call, which is made before `lease_duration` is over; `None` if somebody else is making one. `token` says
    /// who claims. It is noted before the call is made.
    pub async fn claim_item(
        &self,
        item: &Item,
        token: &str,
        now: Timestamp,
        lease_duration: Duration,
    ) -> Result<Option<Claimed>, StoreError> {
        let claim = "INSERT INTO reported (source, kind, subject, name, unsure, claim, claimed_until, at)
                     VALUES ($1, $2, $3, $4, 1, $5, $6, $7)
                     ON CONFLICT (source, kind, subject, name) DO UPDATE SET unsure = reported.unsure + 1,
                         claim = excluded.claim, claimed_until = excluded.claimed_until, at = excluded.at
                     WHERE reported.claim IS NULL OR reported.claimed_until < $7 OR reported.at > $8
                     RETURNING forge_id, annotations, digest, unsure, at";
        let row = sqlx::query(claim)
            .bind(item.source.as_str().to_owned())
            .bind(item.kind.as_str())
            .bind(text(&*item.subject))
            .bind(text(&*item.name))
            .bind(token.to_owned())
            .bind(millis(now + lease_duration))
            .bind(millis(now))
            .bind(latest_set(millis(now)))
            .fetch_optional(&self.database.pool)
            .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(Claimed { item: item.clone(), before: read(&row, 1)?, token: token.to_owned() }))
    }

    /// Trusts nothing that is known of the forges: it is of an older copy of the store, and is looked for there when it is
    /// needed.
    pub(super) async fn mark_uncertain(&self) -> Result<(), StoreError> {
        sqlx::query("UPDATE reported SET unsure = unsure + 1").execute(&self.database.pool).await?;
        Ok(())
    }

    /// Gives back all claims of somebody whose calls were broken off: whether they were done is not known.
    pub async fn release_items(&self, token: &str) -> Result<(), StoreError> {
        let update = "UPDATE reported SET claim = NULL, claimed_until = 0 WHERE claim = $1";
        sqlx::query(update).bind(token.to_owned()).execute(&self.database.pool).await?;
        Ok(())
    }

    /// Notes what stands there after a call, and gives the claim back.
    pub async fn record_item(&self, claimed: &Claimed, current: &ReportedState) -> Result<(), StoreError> {
        let update =
            "UPDATE reported SET forge_id = $1, annotations = $2, digest = $3, claim = NULL, claimed_until = 0,
                          unsure = CASE WHEN $4 = 1 THEN 0 ELSE unsure END
                      WHERE source = $5 AND kind = $6 AND subject = $7 AND name = $8 AND claim = $9";
        let Claimed { item, token, .. } = claimed;
        sqlx::query(update)
            .bind(current.forge_id.clone())
            .bind(stored(current.annotations))
            .bind(current.digest.clone())
            .bind(i64::from(current.is_sure))
            .bind(item.source.as_str().to_owned())
            .bind(item.kind.as_str())
            .bind(text(&*item.subject))
            .bind(text(&*item.name))
            .bind(token.clone())
            .execute(&self.database.pool)
            .await?;
        Ok(())
    }
}

/// What is known, where `claims` of the calls whose outcome is not known is the one that is about to be made.
fn read(row: &AnyRow, claims: u64) -> Result<ReportedState, StoreError> {
    Ok(ReportedState {
        forge_id: row.try_get("forge_id")?,
        annotations: count_of(row, "annotations")?,
        digest: row.try_get("digest")?,
        is_sure: count_of(row, "unsure")? <= claims,
        at: time_of(row, "at")?,
    })
}
