//! Quarantine of rows that this program cannot read, because a newer program wrote them or they are damaged. The rows stay
//! unchanged and are skipped, so that all other work continues. Their keys and the reasons are stored for operators and metrics.
//!
//! An entry applies only to programs that know no more than its writer: it contains the newest version of the tables that the
//! writer knows, and a newer server tries the row itself. An entry ends when the row is readable or gone.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::Serialize;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row as _};

use super::database::{count_of, millis, time_of};
use super::written::text;
use super::{Store, StoreError, deliveries, migrations, runs};
use slipway_domain::SourceName;

/// A run's document.
pub(super) const RUN: &str = "run";
/// A delivery's headers or body.
pub(super) const DELIVERY: &str = "delivery";
pub(super) const APPROVAL: &str = "approval";
/// A deployment record of an environment's history.
pub(super) const DEPLOYMENT_RECORD: &str = "deployment_record";
/// The name of this kind in the store, which servers of earlier versions read too.
const STORED_DEPLOYMENT_RECORD: &str = "placement";
pub(super) const TOKEN: &str = "token";
/// The result of a training.
pub(super) const TRAINED: &str = "training";

/// Minimum time between two log messages of this process about the same row.
const LOG_INTERVAL: Duration = Duration::from_mins(1);
/// Maximum number of rows whose log messages are remembered.
const MAX_LOGGED: usize = 10_000;
/// Maximum number of entries that are retried together.
const MAX_RETRIED: u32 = 1_000;

/// An unreadable row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Quarantined {
    /// The kind, such as `run` or `delivery`.
    pub kind: String,
    /// The key: a run's identifier, or source and identifier of a delivery.
    pub key: String,
    /// Its source, if it has one.
    pub source: Option<SourceName>,
    /// Why it is unreadable.
    pub reason: String,
    /// Time since which it is skipped.
    pub since: Timestamp,
}

/// The name of a kind in the store.
fn stored_name(kind: &str) -> &str {
    if kind == DEPLOYMENT_RECORD { STORED_DEPLOYMENT_RECORD } else { kind }
}

/// The kind with this name in the store.
fn kind_of(stored: String) -> String {
    if stored == STORED_DEPLOYMENT_RECORD { DEPLOYMENT_RECORD.to_owned() } else { stored }
}

impl Quarantined {
    /// All kinds of rows in the quarantine.
    pub const KINDS: [&str; 6] = [RUN, DELIVERY, APPROVAL, DEPLOYMENT_RECORD, TOKEN, TRAINED];
}

/// Rows with a recent log message.
#[derive(Default)]
pub(super) struct RecentlyLogged(Mutex<HashMap<(&'static str, String), Instant>>);

impl RecentlyLogged {
    /// Whether a row may be logged again.
    fn is_due(&self, kind: &'static str, key: &str) -> bool {
        let mut logged = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if logged.len() >= MAX_LOGGED {
            logged.clear();
        }
        let row = (kind, key.to_owned());
        let is_due = logged.get(&row).is_none_or(|at| at.elapsed() > LOG_INTERVAL);
        if is_due {
            logged.insert(row, Instant::now());
        }
        is_due
    }
}

/// The condition that this program may read a row of a kind with the key expression `key`.
pub(super) fn readable(kind: &str, key: &str) -> String {
    let (format, kind) = (migrations::newest(), stored_name(kind));
    format!("{key} NOT IN (SELECT key FROM quarantined WHERE kind = '{kind}' AND format >= {format})")
}

/// Puts a row into the quarantine, as part of a transaction.
pub(super) async fn set_aside(
    connection: &mut AnyConnection,
    kind: &'static str,
    key: &str,
    source: Option<&str>,
    reason: &str,
) -> Result<(), StoreError> {
    tracing::error!(kind, key, reason, "the {kind} `{key}` cannot be read and is quarantined: {reason}");
    metrics::counter!("slipway_quarantined_total", "kind" => kind).increment(1);
    let put = "INSERT INTO quarantined (kind, key, source, format, reason, since) VALUES ($1, $2, $3, $4, $5, $6)
               ON CONFLICT (kind, key) DO UPDATE SET reason = excluded.reason, format =
                   CASE WHEN quarantined.format > excluded.format THEN quarantined.format ELSE excluded.format END";
    sqlx::query(put)
        .bind(stored_name(kind))
        .bind(text(key))
        .bind(source.map(text))
        .bind(migrations::newest())
        .bind(text(reason))
        .bind(millis(Timestamp::now()))
        .execute(connection)
        .await?;
    Ok(())
}

fn read(row: &AnyRow) -> Result<Quarantined, StoreError> {
    Ok(Quarantined {
        kind: kind_of(row.try_get("kind")?),
        key: row.try_get("key")?,
        source: row.try_get::<Option<String>, _>("source")?.and_then(|source| SourceName::try_from(source).ok()),
        reason: row.try_get("reason")?,
        since: time_of(row, "since")?,
    })
}

impl Store {
    /// Puts a row into the quarantine, unless that was done recently.
    pub(super) async fn skip_quarantined(
        &self,
        kind: &'static str,
        key: &str,
        source: Option<&str>,
        reason: &str,
    ) -> Result<(), StoreError> {
        if !self.recently_logged.is_due(kind, key) {
            return Ok(());
        }
        let mut transaction = self.database.begin().await?;
        set_aside(&mut transaction, kind, key, source, reason).await?;
        transaction.commit().await
    }

    /// The readable rows. Unreadable ones are put into the quarantine and left out. Each row contains a `key`, optionally a
    /// `source`, and the columns for `read`.
    pub(super) async fn readable_of<T>(
        &self,
        kind: &'static str,
        rows: &[AnyRow],
        read: impl Fn(&AnyRow) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let mut found = Vec::with_capacity(rows.len());
        for row in rows {
            match read(row) {
                Ok(one) => found.push(one),
                Err(StoreError::Unreadable(reason)) => {
                    let key: String = row.try_get("key")?;
                    let source = row.try_get::<String, _>("source").ok();
                    self.skip_quarantined(kind, &key, source.as_deref(), &reason).await?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    /// Rows in the quarantine, oldest first; only those of `scope` if there is one.
    pub async fn quarantined(&self, scope: Option<&[SourceName]>, limit: u32) -> Result<Vec<Quarantined>, StoreError> {
        let select = "SELECT kind, key, source, reason, since FROM quarantined
                      WHERE $1 IS NULL OR $1 LIKE '%,' || source || ',%'
                      ORDER BY since, kind, key LIMIT $2";
        let rows = sqlx::query(select).bind(scope.map(runs::scope_list)).bind(i64::from(limit));
        rows.fetch_all(&self.database.pool).await?.iter().map(read).collect()
    }

    /// One row in the quarantine. Accepts the name of the kind in the store as well.
    pub async fn quarantined_row(&self, kind: &str, key: &str) -> Result<Quarantined, StoreError> {
        let select = "SELECT kind, key, source, reason, since FROM quarantined WHERE kind = $1 AND key = $2";
        let row = sqlx::query(select).bind(text(stored_name(kind))).bind(text(key));
        let row = row.fetch_optional(&self.database.pool).await?;
        let missing = || StoreError::NotQuarantined { kind: kind.to_owned(), key: key.to_owned() };
        read(&row.ok_or_else(missing)?)
    }

    /// Number of rows in the quarantine by kind.
    pub async fn quarantined_by_kind(&self) -> Result<Vec<(String, u64)>, StoreError> {
        let rows = sqlx::query("SELECT kind, COUNT(*) AS count FROM quarantined GROUP BY kind");
        let rows = rows.fetch_all(&self.database.pool).await?;
        rows.iter().map(|row| Ok((kind_of(row.try_get("kind")?), count_of(row, "count")?))).collect()
    }

    /// Retries a row. Returns why it is still unreadable; `None` if it is readable and in use again.
    pub async fn retry_quarantined(&self, kind: &str, key: &str) -> Result<Option<String>, StoreError> {
        self.quarantined_row(kind, key).await?;
        match self.read_row(kind, key).await {
            Err(StoreError::Unreadable(reason)) => Ok(Some(reason)),
            Err(error) => Err(error),
            Ok(()) => {
                let delete = sqlx::query("DELETE FROM quarantined WHERE kind = $1 AND key = $2");
                delete.bind(text(stored_name(kind))).bind(text(key)).execute(&self.database.pool).await?;
                Ok(None)
            }
        }
    }

    /// Retries all rows: a newer program may be able to read them, and entries of deleted rows are removed. Returns the number of
    /// ended entries.
    pub async fn retry_all_quarantined(&self) -> Result<u64, StoreError> {
        let mut ended = 0;
        for Quarantined { kind, key, .. } in self.quarantined(None, MAX_RETRIED).await? {
            match self.retry_quarantined(&kind, &key).await {
                Ok(None) => ended += 1,
                Ok(Some(_)) | Err(StoreError::NotQuarantined { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(ended)
    }

    /// Reads a row, or finds that it is gone. Kinds that are skipped only in lists count as readable here; the next read puts an
    /// unreadable one back into the quarantine.
    async fn read_row(&self, kind: &str, key: &str) -> Result<(), StoreError> {
        let (source, id) = key.split_once(' ').unwrap_or(("", key));
        let select = match kind {
            RUN => "SELECT document FROM runs WHERE source >= $1 AND id = $2".to_owned(),
            DELIVERY => format!("SELECT {} FROM deliveries WHERE source = $1 AND id = $2", deliveries::COLUMNS),
            _ => return Ok(()),
        };
        let row = sqlx::query(AssertSqlSafe(select)).bind(text(source)).bind(text(id));
        match row.fetch_optional(&self.database.pool).await? {
            Some(row) if kind == RUN => runs::read_document(&row).map(|_| ()),
            Some(row) => deliveries::read(&row).map(|_| ()),
            None => Ok(()),
        }
    }
}
