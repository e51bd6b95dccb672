//! The store in one SQLite file: write-ahead log, every commit synced to disk before it counts.

mod deliveries;
mod migrations;
mod runs;

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use slipway_contract::Digest;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Sqlite, SqlitePool, Transaction};

use super::{Lease, LogLine, Settled, Store, StoreError};
use crate::domain::{Delivery, Intake, Run, RunEvent, RunId, RunState, Transition};

/// How long a writer waits for another before it gives up: longer than any sane disk needs to sync.
const BUSY: Duration = Duration::from_secs(10);
/// Connections: readers beside the one writer that SQLite allows. Each costs about 100 KiB when idle.
const CONNECTIONS: u32 = 4;

/// The embedded default.
pub(super) struct SqliteStore {
    pool: SqlitePool,
}

impl SqliteStore {
    /// Opens the file, or makes it, and brings its tables up to date.
    pub(super) async fn open(file: &Path) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY);
        let pool = SqlitePoolOptions::new().max_connections(CONNECTIONS).connect_with(options).await?;
        migrations::bring_up_to_date(&pool).await?;
        Ok(Self { pool })
    }

    /// A transaction that writes: it takes the write lock at once, so that two never wait for each other.
    async fn begin(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        Ok(self.pool.begin_with("BEGIN IMMEDIATE").await?)
    }
}

fn millis(at: Timestamp) -> i64 {
    at.as_millisecond()
}

fn timestamp(millis: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_millisecond(millis).map_err(|error| StoreError::Unreadable(error.to_string()))
}

#[async_trait]
impl Store for SqliteStore {
    async fn record_delivery(&self, delivery: &Delivery) -> Result<Intake, StoreError> {
        deliveries::record(self, delivery).await
    }

    async fn due_delivery(&self, now: Timestamp) -> Result<Option<(Delivery, u32)>, StoreError> {
        deliveries::due(self, now).await
    }

    async fn postpone_delivery(&self, delivery: &Delivery, due_at: Timestamp, note: &str) -> Result<(), StoreError> {
        deliveries::postpone(self, delivery, due_at, note).await
    }

    async fn settle_delivery(&self, delivery: &Delivery, settled: &Settled) -> Result<Vec<RunId>, StoreError> {
        deliveries::settle(self, delivery, settled).await
    }

    async fn claim_run(&self, now: Timestamp, hold_for: Duration) -> Result<Option<(Run, Lease)>, StoreError> {
        runs::claim(self, now, hold_for).await
    }

    async fn extend_lease(&self, lease: &Lease, until: Timestamp) -> Result<(), StoreError> {
        runs::extend(self, lease, until).await
    }

    async fn record_run(&self, lease: &Lease, run: &Run, transition: Option<&Transition>) -> Result<(), StoreError> {
        runs::record(self, lease, run, transition).await
    }

    async fn release_run(&self, lease: &Lease, due_at: Timestamp) -> Result<(), StoreError> {
        runs::release(self, lease, due_at).await
    }

    async fn release_all(&self) -> Result<u64, StoreError> {
        let freed = sqlx::query("UPDATE runs SET lease = NULL, lease_until = NULL WHERE lease IS NOT NULL");
        Ok(freed.execute(&self.pool).await?.rows_affected())
    }

    async fn call_off(&self, run: RunId, event: RunEvent, cause: &str) -> Result<Run, StoreError> {
        let mut transaction = self.begin().await?;
        let run = runs::load(&mut transaction, run).await?;
        let run = runs::call_off(&mut transaction, run, event, cause).await?;
        transaction.commit().await?;
        Ok(run)
    }

    async fn retry_run(&self, run: RunId, cause: &str) -> Result<Run, StoreError> {
        runs::retry(self, run, cause).await
    }

    async fn run(&self, run: RunId) -> Result<Run, StoreError> {
        runs::load(&mut *self.pool.acquire().await?, run).await
    }

    async fn runs(&self, limit: u32) -> Result<Vec<Run>, StoreError> {
        runs::newest(self, limit).await
    }

    async fn runs_by_state(&self) -> Result<Vec<(RunState, u64)>, StoreError> {
        runs::by_state(self).await
    }

    async fn transitions(&self, run: RunId) -> Result<Vec<Transition>, StoreError> {
        runs::transitions(self, run).await
    }

    async fn append_log(&self, run: RunId, line: &str) -> Result<(), StoreError> {
        runs::append_log(self, run, line).await
    }

    async fn log(&self, run: RunId, after: u64, limit: u32) -> Result<Vec<LogLine>, StoreError> {
        runs::log(self, run, after, limit).await
    }

    async fn artifact_of_key(&self, key: &Digest) -> Result<Option<(RunId, Digest)>, StoreError> {
        runs::artifact_of_key(self, key).await
    }

    async fn check_writable(&self) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        sqlx::query("UPDATE deliveries SET attempts = attempts WHERE source = ''").execute(&mut *transaction).await?;
        transaction.rollback().await?;
        Ok(())
    }

    async fn close(&self) {
        self.pool.close().await;
    }
}
