//! Deliveries: which are due, what became of them, and how to have one read again.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};

use super::claims::latest_set;
use super::database::{count_of, millis, time_of, timestamp};
use super::inbox::unpack;
use super::written::text;
use super::{BranchHead, Store, StoreError, branches, quarantine, reports, repositories, runs, unapproved};
use slipway_domain::{Actor, Delivery, DeliveryState, Run, RunId, SourceName, Unjudged};

/// What became of deliveries that were read together.
#[derive(Debug, Clone)]
pub struct DeliveryOutcome {
    /// The deliveries' new state.
    pub state: DeliveryState,
    /// Why, in words.
    pub note: String,
    /// Where a branch stands now that they are dealt with, if they told of one.
    pub branch: Option<BranchHead>,
    /// Runs that follow from it.
    pub runs: Vec<Run>,
    /// Changes that were closed: their runs end.
    pub closed: Vec<u64>,
    /// A revision that nothing is trained for, which is to be reported.
    pub unjudged: Option<Unjudged>,
}

impl DeliveryOutcome {
    /// Nothing follows.
    pub fn nothing(state: DeliveryState, note: impl Into<String>) -> Self {
        Self { state, note: note.into(), branch: None, runs: Vec::new(), closed: Vec::new(), unjudged: None }
    }
}

/// A delivery and how far its reading has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDelivery {
    /// The delivery.
    pub delivery: Delivery,
    /// How far its reading has come.
    pub state: DeliveryState,
    /// Why, in words.
    pub note: String,
    /// Failed attempts at reading it.
    pub attempts: u64,
    /// When it is read next, if it waits.
    pub due_at: Timestamp,
    /// When it was settled.
    pub acknowledged_at: Option<Timestamp>,
}

/// A delivery without headers and body, and how far its reading has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryHead {
    /// The source at whose address it arrived.
    pub source: SourceName,
    /// The sender's identifier for it.
    pub id: String,
    /// The sender's name for what happened.
    pub event: String,
    /// Size of the body as it is stored, in bytes.
    pub stored_bytes: u64,
    /// When it was stored.
    pub received_at: Timestamp,
    /// How far its reading has come.
    pub state: DeliveryState,
    /// Why, in words.
    pub note: String,
    /// Failed attempts at reading it.
    pub attempts: u64,
    /// When it is read next, if it waits.
    pub due_at: Timestamp,
    /// When it was settled.
    pub acknowledged_at: Option<Timestamp>,
}

/// Which deliveries are asked for.
#[derive(Debug, Clone, Default)]
pub struct DeliveryFilter {
    /// Only those of these sources; of all if `None`.
    pub scope: Option<Vec<SourceName>>,
    /// Only those of this source.
    pub source: Option<SourceName>,
    /// Only those in this state.
    pub state: Option<DeliveryState>,
    /// Only those older than this one: its time of arrival, source and identifier.
    pub before: Option<(Timestamp, SourceName, String)>,
}

/// How much waits, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Backlog {
    /// Deliveries that are not read yet, or notices that are not told.
    pub pending: u64,
    /// Since when the oldest of them waits.
    pub oldest: Option<Timestamp>,
}

impl Backlog {
    pub(super) fn read(row: &AnyRow) -> Result<Self, StoreError> {
        let oldest: Option<i64> = row.try_get("oldest")?;
        Ok(Self { pending: count_of(row, "pending")?, oldest: oldest.map(timestamp).transpose()? })
    }
}

/// Bytes of bodies, as stored, that are read together.
const TOGETHER_BYTES: i64 = 4 << 20;

pub(super) const COLUMNS: &str =
    "source, id, event, headers, encoding, body, received_at, settled_at, state, note, attempts, due_at";

/// What a delivery is set aside by.
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

fn missing(source: &SourceName, id: &str) -> StoreError {
    StoreError::NoSuchDelivery { source_name: source.as_str().to_owned(), id: id.to_owned() }
}

fn read_state(word: &str) -> Result<DeliveryState, StoreError> {
    DeliveryState::from_name(word)
        .ok_or_else(|| StoreError::Unreadable(format!("`{word}` is not a state of a delivery")))
}

impl Store {
    /// The deliveries of a source that wait longest and are due: as many as asked for, or as fit into the memory that is
    /// meant for them, but at least one.
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
            .bind(TOGETHER_BYTES);
        let rows = rows.fetch_all(&self.database.pool).await?;
        self.readable_of(quarantine::DELIVERY, &rows, read).await
    }

    /// Leaves a delivery pending, to be read again at `due_at`.
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

    /// Takes a pending delivery that is due, so that nobody else is given it before `until`. Answers whether it was there
    /// to be taken.
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

    /// Makes a delivery that was taken due again.
    pub async fn release_delivery(&self, source: &SourceName, id: &str) -> Result<(), StoreError> {
        let update = "UPDATE deliveries SET due_at = 0 WHERE source = $1 AND id = $2 AND state = 'pending'";
        sqlx::query(update).bind(source.as_str().to_owned()).bind(id.to_owned()).execute(&self.database.pool).await?;
        Ok(())
    }

    /// Makes every pending delivery due: what an earlier server was about to read. Only for a server that knows to be the
    /// only one, when it starts.
    pub async fn release_deliveries(&self) -> Result<(), StoreError> {
        let update = sqlx::query("UPDATE deliveries SET due_at = 0 WHERE state = 'pending' AND due_at > 0");
        update.execute(&self.database.pool).await?;
        Ok(())
    }

    /// Settles deliveries that were read together and records what follows, in one step. New runs supersede older ones
    /// of their lanes. Fails with [`StoreError::BranchMoved`], and changes nothing, if another server dealt with the
    /// branch meanwhile. Returns the runs that are new.
    pub async fn acknowledge_deliveries(
        &self,
        deliveries: &[&Delivery],
        outcome: &DeliveryOutcome,
    ) -> Result<Vec<RunId>, StoreError> {
        let mut transaction = match (outcome.runs.is_empty(), outcome.closed.is_empty()) {
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

    /// Has a settled delivery read again: a dead one whose cause is mended, or one whose effect is wanted anew.
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

    /// How far the reading of a delivery has come, and why, in words.
    pub async fn delivery_state(&self, source: &SourceName, id: &str) -> Result<(DeliveryState, String), StoreError> {
        let select = sqlx::query("SELECT state, note FROM deliveries WHERE source = $1 AND id = $2");
        let row = select.bind(source.as_str().to_owned()).bind(text(id)).fetch_optional(&self.database.pool).await?;
        let row = row.ok_or_else(|| missing(source, id))?;
        Ok((read_state(&row.try_get::<String, _>("state")?)?, row.try_get("note")?))
    }

    /// Sources of which deliveries are pending.
    pub async fn sources_with_pending_deliveries(&self) -> Result<Vec<SourceName>, StoreError> {
        let rows = sqlx::query("SELECT DISTINCT source FROM deliveries WHERE state = 'pending'");
        let rows = rows.fetch_all(&self.database.pool).await?;
        let mut names = Vec::with_capacity(rows.len());
        for row in &rows {
            names.extend(SourceName::try_from(row.try_get::<String, _>("source")?).ok());
        }
        Ok(names)
    }

    /// How many deliveries are not read yet.
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
