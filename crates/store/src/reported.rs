//! The reported state at forges: each check, comment and deployment, its identifier at the forge, and the digest of its content.
//! The state is stored nowhere else. A row is written before the first call, so that only one of several servers makes the call,
//! and a server that resumes after a crash first searches at the forge.

use std::time::Duration;

use jiff::Timestamp;
use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::claims::latest_set;
use super::database::{count_of, millis, stored, time_of};
use super::written::text;
use super::{Store, StoreError};
use slipway_domain::SourceName;

/// The kind of an item at a forge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ItemKind {
    /// A check or a status of a revision.
    Check,
    /// A comment on a pull request.
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

/// An item at a forge.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Item {
    /// The source whose forge has the item.
    pub source: SourceName,
    /// The kind.
    pub kind: ItemKind,
    /// The revision, pull request or run of the item.
    pub subject: String,
    /// A name that distinguishes items of the same subject.
    pub name: String,
}

/// The known state of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportedState {
    /// Its identifier at the forge; empty if unknown.
    pub forge_id: String,
    /// Number of its annotations.
    pub annotations: u64,
    /// Digest of the last reported content; empty if there is none.
    pub digest: String,
    /// Whether the result of the last call is known. If not, the item is searched at the forge.
    pub is_sure: bool,
    /// Time at which the last call began.
    pub at: Timestamp,
}

/// The exclusive right to make a call about one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// The item.
    pub item: Item,
    /// Its known state at the time of the claim.
    pub before: ReportedState,
    token: String,
}

impl Store {
    /// All known items of a subject, by name.
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

    /// Claims an item for a call within `lease_duration`; `None` if another server makes a call. `token` identifies the claimer.
    /// The claim is stored before the call.
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

    /// Marks all states as uncertain: they come from an older copy of the store, so each item is searched at the forge when it is
    /// needed.
    pub(super) async fn mark_uncertain(&self) -> Result<(), StoreError> {
        sqlx::query("UPDATE reported SET unsure = unsure + 1").execute(&self.database.pool).await?;
        Ok(())
    }

    /// Releases all claims of a token whose calls were interrupted. The results of these calls are unknown.
    pub async fn release_items(&self, token: &str) -> Result<(), StoreError> {
        let update = "UPDATE reported SET claim = NULL, claimed_until = 0 WHERE claim = $1";
        sqlx::query(update).bind(token.to_owned()).execute(&self.database.pool).await?;
        Ok(())
    }

    /// Records the state after a call and releases the claim.
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

/// The known state. `claims` is the number of calls with an unknown result that are only about to be made.
fn read(row: &AnyRow, claims: u64) -> Result<ReportedState, StoreError> {
    Ok(ReportedState {
        forge_id: row.try_get("forge_id")?,
        annotations: count_of(row, "annotations")?,
        digest: row.try_get("digest")?,
        is_sure: count_of(row, "unsure")? <= claims,
        at: time_of(row, "at")?,
    })
}
