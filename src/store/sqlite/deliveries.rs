//! Deliveries in SQLite.

use jiff::Timestamp;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::{SqliteStore, millis, runs, timestamp};
use crate::domain::{Delivery, DeliveryState, Intake, RunId, SourceName};
use crate::store::{Settled, StoreError};

pub(super) async fn record(store: &SqliteStore, delivery: &Delivery) -> Result<Intake, StoreError> {
    let insert = "INSERT INTO deliveries (source, id, event, body, received_at) VALUES (?, ?, ?, ?, ?)
                  ON CONFLICT (source, id) DO NOTHING";
    let done = sqlx::query(insert)
        .bind(delivery.source.as_str())
        .bind(&delivery.id)
        .bind(&delivery.event)
        .bind(&delivery.body)
        .bind(millis(delivery.received_at))
        .execute(&store.pool)
        .await?;
    Ok(if done.rows_affected() == 1 { Intake::Stored } else { Intake::Duplicate })
}

pub(super) async fn due(store: &SqliteStore, now: Timestamp) -> Result<Option<(Delivery, u32)>, StoreError> {
    let select = "SELECT source, id, event, body, received_at, attempts FROM deliveries
                  WHERE state = 'pending' AND due_at <= ? ORDER BY received_at, id LIMIT 1";
    let row = sqlx::query(select).bind(millis(now)).fetch_optional(&store.pool).await?;
    row.map(|row| read(&row)).transpose()
}

fn read(row: &SqliteRow) -> Result<(Delivery, u32), StoreError> {
    let delivery = Delivery {
        source: SourceName::try_from(row.try_get::<String, _>("source")?).map_err(StoreError::Unreadable)?,
        id: row.try_get("id")?,
        event: row.try_get("event")?,
        body: row.try_get("body")?,
        received_at: timestamp(row.try_get("received_at")?)?,
    };
    Ok((delivery, row.try_get("attempts")?))
}

pub(super) async fn postpone(
    store: &SqliteStore,
    delivery: &Delivery,
    due_at: Timestamp,
    note: &str,
) -> Result<(), StoreError> {
    let update = "UPDATE deliveries SET due_at = ?, note = ?, attempts = attempts + 1
                  WHERE source = ? AND id = ? AND state = 'pending'";
    sqlx::query(update)
        .bind(millis(due_at))
        .bind(note)
        .bind(delivery.source.as_str())
        .bind(&delivery.id)
        .execute(&store.pool)
        .await?;
    Ok(())
}

pub(super) async fn settle(
    store: &SqliteStore,
    delivery: &Delivery,
    settled: &Settled,
) -> Result<Vec<RunId>, StoreError> {
    let Settled { state, note, runs } = settled;
    debug_assert!(runs.is_empty() || *state == DeliveryState::Done, "only a delivery that was read can start runs");
    let mut transaction = store.begin().await?;
    let mut opened = Vec::new();
    for run in runs {
        if runs::open(&mut transaction, run).await? {
            opened.push(run.id);
        }
    }
    sqlx::query("UPDATE deliveries SET state = ?, note = ? WHERE source = ? AND id = ?")
        .bind(state.as_str())
        .bind(note)
        .bind(delivery.source.as_str())
        .bind(&delivery.id)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(opened)
}
