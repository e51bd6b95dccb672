//! Deliveries: those that are due, their outcomes, and their replay.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};

use super::claims::latest_set;
use super::database::{count_of, millis, time_of, timestamp};
use super::inbox::{unpack, unpacked_bytes};
use super::written::text;
use super::{BranchHead, Store, StoreError, branches, quarantine, reports, repositories, runs, unapproved};
use slipway_domain::{Actor, Delivery, DeliveryState, Run, RunId, SourceName, Unjudged};

/// The outcome of deliveries that were processed together.
#[derive(Debug, Clone)]
pub struct DeliveryOutcome {
    /// The deliveries' new state.
    pub state: DeliveryState,
    /// The reason as plain text.
    pub note: String,
    /// The new head of a branch, if the deliveries contained one.
    pub branch: Option<BranchHead>,
    /// Runs that the deliveries start.
    pub runs: Vec<Run>,
    /// Closed pull requests, whose runs end.
    pub closed: Vec<u64>,
    /// Model files that the new head of the branch does not have any more. The runs of their pushes end.
    pub removed: Vec<String>,
    /// A revision without a training that must be reported.
    pub unjudged: Option<Unjudged>,
}

impl DeliveryOutcome {
    /// An outcome without further effect.
    pub fn nothing(state: DeliveryState, note: impl Into<String>) -> Self {
        Self {
            state,
            note: note.into(),
            branch: None,
            runs: Vec::new(),
            closed: Vec::new(),
            removed: Vec::new(),
            unjudged: None,
        }
    }
}

/// A delivery and its processing state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDelivery {
    /// The delivery.
    pub delivery: Delivery,
    /// The processing state.
    pub state: DeliveryState,
    /// The reason as plain text.
    pub note: String,
    /// Number of failed attempts.
    pub attempts: u64,
    /// Time of the next attempt, if it is pending.
    pub due_at: Timestamp,
    /// Time of the acknowledgement.
    pub acknowledged_at: Option<Timestamp>,
}

/// A delivery without headers and body, and its processing state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryHead {
    /// The source whose address received it.
    pub source: SourceName,
    /// The sender's identifier of the delivery.
    pub id: String,
    /// The sender's name of the event.
    pub event: String,
    /// Size of the body as stored, in bytes.
    pub stored_bytes: u64,
    /// Time of storage.
    pub received_at: Timestamp,
    /// The processing state.
    pub state: DeliveryState,
    /// The reason as plain text.
    pub note: String,
    /// Number of failed attempts.
    pub attempts: u64,
    /// Time of the next attempt, if it is pending.
    pub due_at: Timestamp,
    /// Time of the acknowledgement.
    pub acknowledged_at: Option<Timestamp>,
}

/// A filter of deliveries.
#[derive(Debug, Clone, Default)]
pub struct DeliveryFilter {
    /// Only deliveries of these sources; `None` means all sources.
    pub scope: Option<Vec<SourceName>>,
    /// Only deliveries of this source.
    pub source: Option<SourceName>,
    /// Only deliveries in this state.
    pub state: Option<DeliveryState>,
    /// Only deliveries older than this one: its time of arrival, source and identifier.
    pub before: Option<(Timestamp, SourceName, String)>,
}

/// Size and age of the backlog of deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Backlog {
    /// Number of pending deliveries.
    pub pending: u64,
    /// Time since which the oldest of them is pending.
    pub oldest: Option<Timestamp>,
}

impl Backlog {
    pub(super) fn read(row: &AnyRow) -> Result<Self, StoreError> {
        let oldest: Option<i64> = row.try_get("oldest")?;
        Ok(Self { pending: count_of(row, "pending")?, oldest: oldest.map(timestamp).transpose()? })
    }
}

/// Maximum size of the bodies, as stored, that are fetched together, in bytes.
const TOGETHER_STORED_BYTES: i64 = 4 << 20;
/// Maximum size of the bodies, as they arrived, that are in memory together, in bytes. LZ4 may shrink a body to 1/255.
const TOGETHER_BYTES: usize = 4 << 20;

pub(super) const COLUMNS: &str =
    "source, id, event, headers, encoding, body, received_at, settled_at, state, note, attempts, due_at";

/// The key of a delivery in the quarantine.
pub(super) const KEY: &str = "source || ' ' || id";

pub(super) fn read(row: &AnyRow) -> Result<StoredDelivery, StoreError> {
    let headers: String = row.try_get("headers")?;
    let headers: BTreeMap<String, String> =
        serde_json::from_str(&headers).map_err(|error| StoreError::Unreadable(format!("headers: {error}")))?;
    let encoding: String = row.try_get("encoding")?;
    let acknowledged_at: Option<i64> = row.try_get("settled_at")?;
    Ok(StoredDelivery {
        delivery: Delivery {
            source: SourceName::try_from(row.try_get::<String, _>("source")?).map_err(StoreError::Unreadable)?,
            id: row.try_get("id")?,
            event: row.try_get("event")?,
            headers,
            body: unpack(&encoding, row.try_get("body")?)?,
            received_at: time_of(row, "received_at")?,
        },
        state: read_state(&row.try_get::<String, _>("state")?)?,
        note: row.try_get("note")?,
        attempts: count_of(row, "attempts")?,
        due_at: time_of(row, "due_at")?,
        acknowledged_at: acknowledged_at.map(timestamp).transpose()?,
    })
}

pub(super) fn read_head(row: &AnyRow) -> Result<DeliveryHead, StoreError> {
    let acknowledged_at: Option<i64> = row.try_get("settled_at")?;
    Ok(DeliveryHead {
        source: SourceName::try_from(row.try_get::<String, _>("source")?).map_err(StoreError::Unreadable)?,
        id: row.try_get("id")?,
        event: row.try_get("event")?,
        stored_bytes: count_of(row, "size")?,
        received_at: time_of(row, "received_at")?,
        state: read_state(&row.try_get::<String, _>("state")?)?,
        note: row.try_get("note")?,
        attempts: count_of(row, "attempts")?,
        due_at: time_of(row, "due_at")?,
        acknowledged_at: acknowledged_at.map(timestamp).transpose()?,
    })
}

/// How many of the first rows have bodies that fit into `TOGETHER_BYTES`; at least one.
fn number_that_fits(rows: &[AnyRow]) -> Result<usize, StoreError> {
    let mut bytes = 0_usize;
    for (number, row) in rows.iter().enumerate() {
        let body: Vec<u8> = row.try_get("body")?;
        bytes = bytes.saturating_add(unpacked_bytes(&row.try_get::<String, _>("encoding")?, &body));
        if bytes > TOGETHER_BYTES {
            return Ok(number.max(1));
        }
    }
    Ok(rows.len())
}

fn missing(source: &SourceName, id: &str) -> StoreError {
    StoreError::NoSuchDelivery { source_name: source.as_str().to_owned(), id: id.to_owned() }
}

fn read_state(word: &str) -> Result<DeliveryState, StoreError> {
    DeliveryState::from_name(word)
        .ok_or_else(|| StoreError::Unreadable(format!("`{word}` is not a state of a delivery")))
}

impl Store {
    /// The oldest due deliveries of a source: as many as `limit`, or as fit into `TOGETHER_BYTES`, but at least one. The
    /// others stay due.
    pub async fn due_deliveries(
        &self,
        source: &SourceName,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<StoredDelivery>, StoreError> {
        let select = sqlx::AssertSqlSafe(format!(
            "SELECT {KEY} AS key, {COLUMNS} FROM deliveries WHERE source = $1 AND state = 'pending' AND id IN (
                 SELECT id FROM (
                     SELECT id, size, SUM(size) OVER (ORDER BY received_at, id) AS so_far FROM (
                         SELECT id, size, received_at FROM deliveries
                         WHERE source = $1 AND state = 'pending' AND (due_at <= $2 OR due_set_at > $3) AND {}
                         ORDER BY received_at, id LIMIT $4) AS waiting) AS summed
                 WHERE so_far <= $5 OR so_far = size)
             ORDER BY received_at, id",
            quarantine::readable(quarantine::DELIVERY, KEY)
        ));
        let rows = sqlx::query(select)
            .bind(source.as_str().to_owned())
            .bind(millis(now))
            .bind(latest_set(millis(now)))
            .bind(i64::from(limit))
            .bind(TOGETHER_STORED_BYTES);
        let mut rows = rows.fetch_all(&self.database.pool).await?;
        rows.truncate(number_that_fits(&rows)?);
        self.readable_of(quarantine::DELIVERY, &rows, read).await
    }

    /// Requeues a pending delivery until `due_at`.
    pub async fn requeue_delivery(&self, delivery: &Delivery, due_at: Timestamp, note: &str) -> Result<(), StoreError> {
        let update = "UPDATE deliveries SET due_at = $1, due_set_at = $5, note = $2, attempts = attempts + 1
                      WHERE source = $3 AND id = $4 AND state = 'pending'";
        sqlx::query(update)
            .bind(millis(due_at))
            .bind(text(note))
            .bind(delivery.source.as_str().to_owned())
            .bind(text(&*delivery.id))
            .bind(millis(Timestamp::now()))
            .execute(&self.database.pool)
            .await?;
        Ok(())
    }

    /// Leases a pending delivery that is due, so that no other server receives it before `until`. Returns whether it was
    /// available.
    pub async fn lease_delivery(
        &self,
        source: &SourceName,
        id: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        let update = "UPDATE deliveries SET due_at = $1, due_set_at = $4
                      WHERE source = $2 AND id = $3 AND state = 'pending' AND (due_at <= $4 OR due_set_at > $5)";
        let held = sqlx::query(update)
            .bind(millis(until))
            .bind(source.as_str().to_owned())
            .bind(id.to_owned())
            .bind(millis(now))
            .bind(latest_set(millis(now)))
            .execute(&self.database.pool)
            .await?;
        Ok(held.rows_affected() == 1)
    }

    /// Makes a leased delivery due again.
    pub async fn release_delivery(&self, source: &SourceName, id: &str) -> Result<(), StoreError> {
        let update = "UPDATE deliveries SET due_at = 0 WHERE source = $1 AND id = $2 AND state = 'pending'";
        sqlx::query(update).bind(source.as_str().to_owned()).bind(id.to_owned()).execute(&self.database.pool).await?;
        Ok(())
    }

    /// Makes every pending delivery due, including those that an earlier server had leased. Only for the start of a server that
    /// does not share the store.
    pub async fn release_deliveries(&self) -> Result<(), StoreError> {
        let update = sqlx::query("UPDATE deliveries SET due_at = 0 WHERE state = 'pending' AND due_at > 0");
        update.execute(&self.database.pool).await?;
        Ok(())
    }

    /// Acknowledges deliveries that were processed together and records their effects, in one step. New runs supersede older runs
    /// of their concurrency groups. Fails with [`StoreError::BranchMoved`], and changes nothing, if another server processed the
    /// branch in the meantime. Returns the new runs.
    pub async fn acknowledge_deliveries(
        &self,
        deliveries: &[&Delivery],
        outcome: &DeliveryOutcome,
    ) -> Result<Vec<RunId>, StoreError> {
        let mut transaction = match (outcome.runs.is_empty(), outcome.closed.is_empty() && outcome.removed.is_empty()) {
            (true, true) => self.database.begin().await?,
            (true, false) => self.database.begin_moving().await?,
            (false, _) => self.database.begin_opening().await?,
        };
        if let Some(branch) = &outcome.branch {
            branches::move_head(&mut transaction, branch).await?;
        }
        let mut opened = Vec::new();
        for run in &outcome.runs {
            if runs::open(&self.database, &mut transaction, run, &Actor::controller()).await? {
                opened.push(run.id);
            }
        }
        if let Some(first) = deliveries.first() {
            if let Some(unjudged) = &outcome.unjudged {
                reports::revision_unjudged(&mut transaction, &first.source, unjudged).await?;
            }
            runs::end_runs_of_removed(&self.database, &mut transaction, &first.source, &outcome.removed).await?;
            for pull_request in &outcome.closed {
                runs::close_pull_request(&self.database, &mut transaction, &first.source, *pull_request).await?;
                unapproved::forget(&mut transaction, &first.source, *pull_request).await?;
                repositories::forget_pull_request(&mut transaction, &first.source, *pull_request).await?;
            }
        }
        for delivery in deliveries {
            acknowledge(&mut transaction, delivery, outcome.state, &outcome.note).await?;
        }
        transaction.commit().await?;
        Ok(opened)
    }

    /// Makes an acknowledged delivery pending again: a dead one whose cause is fixed, or one whose effect is wanted again.
    pub async fn replay_delivery(&self, source: &SourceName, id: &str) -> Result<StoredDelivery, StoreError> {
        let stored = self.delivery(source, id).await?;
        if stored.state == DeliveryState::Pending {
            return Err(StoreError::NotAcknowledged { id: id.to_owned() });
        }
        let update = "UPDATE deliveries SET state = 'pending', settled_at = NULL, attempts = 0, due_at = 0, note = ''
                      WHERE source = $1 AND id = $2";
        sqlx::query(update).bind(source.as_str().to_owned()).bind(text(id)).execute(&self.database.pool).await?;
        self.delivery(source, id).await
    }

    /// One delivery.
    pub async fn delivery(&self, source: &SourceName, id: &str) -> Result<StoredDelivery, StoreError> {
        let select = sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM deliveries WHERE source = $1 AND id = $2"));
        let row = sqlx::query(select)
            .bind(source.as_str().to_owned())
            .bind(text(id))
            .fetch_optional(&self.database.pool)
            .await?;
        read(&row.ok_or_else(|| missing(source, id))?)
    }

    /// The processing state of a delivery, and its reason as plain text.
    pub async fn delivery_state(&self, source: &SourceName, id: &str) -> Result<(DeliveryState, String), StoreError> {
        let select = sqlx::query("SELECT state, note FROM deliveries WHERE source = $1 AND id = $2");
        let row = select.bind(source.as_str().to_owned()).bind(text(id)).fetch_optional(&self.database.pool).await?;
        let row = row.ok_or_else(|| missing(source, id))?;
        Ok((read_state(&row.try_get::<String, _>("state")?)?, row.try_get("note")?))
    }

    /// Sources with pending deliveries.
    pub async fn sources_with_pending_deliveries(&self) -> Result<Vec<SourceName>, StoreError> {
        let rows = sqlx::query("SELECT DISTINCT source FROM deliveries WHERE state = 'pending'");
        let rows = rows.fetch_all(&self.database.pool).await?;
        let mut names = Vec::with_capacity(rows.len());
        for row in &rows {
            names.extend(SourceName::try_from(row.try_get::<String, _>("source")?).ok());
        }
        Ok(names)
    }

    /// The backlog of deliveries.
    pub async fn backlog(&self) -> Result<Backlog, StoreError> {
        let select = "SELECT COUNT(*) AS pending, MIN(received_at) AS oldest FROM deliveries WHERE state = 'pending'";
        let row = sqlx::query(select).fetch_one(&self.database.pool).await?;
        Backlog::read(&row)
    }
}

async fn acknowledge(
    connection: &mut AnyConnection,
    delivery: &Delivery,
    state: DeliveryState,
    note: &str,
) -> Result<(), StoreError> {
    let update = "UPDATE deliveries SET state = $1, note = $2, settled_at = $3
                  WHERE source = $4 AND id = $5 AND state = 'pending'";
    sqlx::query(update)
        .bind(state.as_str())
        .bind(text(note))
        .bind(millis(Timestamp::now()))
        .bind(delivery.source.as_str().to_owned())
        .bind(text(&*delivery.id))
        .execute(connection)
        .await?;
    Ok(())
}
