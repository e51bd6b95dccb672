//! Rows that this program cannot read: written by a newer one, or damaged. They stay as they are and are passed over, so
//! that everything else is served; what they are and why is kept beside them, for operators and for the metrics.
//!
//! An entry binds only those who know as little as whoever made it: it carries the newest version of the tables that its
//! maker knows, and a newer server tries the row itself. Entries end when the row can be read, or is gone.

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
/// An approval.
pub(super) const APPROVAL: &str = "approval";
/// A placement of an environment's history.
pub(super) const DEPLOYMENT_RECORD: &str = "placement";
/// A token.
pub(super) const TOKEN: &str = "token";
/// What a training made.
pub(super) const TRAINED: &str = "training";

/// How long a row that was told of is not told of again by this process.
const LOG_INTERVAL: Duration = Duration::from_mins(1);
/// Rows that are remembered as told of.
const MAX_LOGGED: usize = 10_000;
/// Entries that are looked at again in one go.
const MAX_RETRIED: u32 = 1_000;

/// A row that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Quarantined {
    /// What it is, such as `run` or `delivery`.
    pub kind: String,
    /// Which: a run's identifier, or source and identifier of a delivery.
    pub key: String,
    /// The source it belongs to, if it belongs to one.
    pub source: Option<SourceName>,
    /// Why it cannot be read.
    pub reason: String,
    /// Since when it is passed over.
    pub since: Timestamp,
}

impl Quarantined {
    /// What this program sets aside.
    pub const KINDS: [&str; 6] = [RUN, DELIVERY, APPROVAL, DEPLOYMENT_RECORD, TOKEN, TRAINED];
}

/// What was told of lately.
#[derive(Default)]
pub(super) struct RecentlyLogged(Mutex<HashMap<(&'static str, String), Instant>>);

impl RecentlyLogged {
    /// Whether it is time to tell of a row.
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

/// The condition that this program may look at a row of a kind, whose key is the expression `key`.
pub(super) fn readable(kind: &str, key: &str) -> String {
    let format = migrations::newest();
    format!("{key} NOT IN (SELECT key FROM quarantined WHERE kind = '{kind}' AND format >= {format})")
}

/// Sets a row aside, as part of a transaction.
pub(super) async fn set_aside(
    connection: &mut AnyConnection,
    kind: &'static str,
    key: &str,
    source: Option<&str>,
    reason: &str,
) -> Result<(), StoreError> {
    tracing::error!(kind, key, reason, "the {kind} `{key}` cannot be read and is passed over: {reason}");
    metrics::counter!("slipway_quarantined_total", "kind" => kind).increment(1);
    let put = "INSERT INTO quarantined (kind, key, source, format, reason, since) VALUES ($1, $2, $3, $4, $5, $6)
               ON CONFLICT (kind, key) DO UPDATE SET reason = excluded.reason, format =
                   CASE WHEN quarantined.format > excluded.format THEN quarantined.format ELSE excluded.format END";
    sqlx::query(put)
        .bind(kind)
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
        kind: row.try_get("kind")?,
        key: row.try_get("key")?,
        source: row.try_get::<Option<String>, _>("source")?.and_then(|source| SourceName::try_from(source).ok()),
        reason: row.try_get("reason")?,
        since: time_of(row, "since")?,
    })
}

impl Store {
    /// Sets a row aside, unless that was done a moment ago.
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

    /// What can be read of rows that hold a `key` and perhaps a `source` beside what `read` looks at; the others are set
    /// aside and left out.
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

    /// Rows that cannot be read, those of a scope only if there is one; the oldest first.
    pub async fn quarantined(&self, scope: Option<&[SourceName]>, limit: u32) -> Result<Vec<Quarantined>, StoreError> {
        let select = "SELECT kind, key, source, reason, since FROM quarantined
                      WHERE $1 IS NULL OR $1 LIKE '%,' || source || ',%'
                      ORDER BY since, kind, key LIMIT $2";
        let rows = sqlx::query(select).bind(scope.map(runs::scope_list)).bind(i64::from(limit));
        rows.fetch_all(&self.database.pool).await?.iter().map(read).collect()
    }

    /// One row that cannot be read.
    pub async fn quarantined_row(&self, kind: &str, key: &str) -> Result<Quarantined, StoreError> {
        let select = "SELECT kind, key, source, reason, since FROM quarantined WHERE kind = $1 AND key = $2";
        let row = sqlx::query(select).bind(text(kind)).bind(text(key)).fetch_optional(&self.database.pool).await?;
        let missing = || StoreError::NotQuarantined { kind: kind.to_owned(), key: key.to_owned() };
        read(&row.ok_or_else(missing)?)
    }

    /// How many rows of which kind cannot be read.
    pub async fn quarantined_by_kind(&self) -> Result<Vec<(String, u64)>, StoreError> {
        let rows = sqlx::query("SELECT kind, COUNT(*) AS count FROM quarantined GROUP BY kind");
        let rows = rows.fetch_all(&self.database.pool).await?;
        rows.iter().map(|row| Ok((row.try_get("kind")?, count_of(row, "count")?))).collect()
    }

    /// Looks at a row again. Answers why it still cannot be read; `None` if it can, and is served again.
    pub async fn retry_quarantined(&self, kind: &str, key: &str) -> Result<Option<String>, StoreError> {
        self.quarantined_row(kind, key).await?;
        match self.read_row(kind, key).await {
            Err(StoreError::Unreadable(reason)) => Ok(Some(reason)),
            Err(error) => Err(error),
            Ok(()) => {
                let delete = sqlx::query("DELETE FROM quarantined WHERE kind = $1 AND key = $2");
                delete.bind(text(kind)).bind(text(key)).execute(&self.database.pool).await?;
                Ok(None)
            }
        }
    }

    /// Looks at what is set aside again: a newer program may read it, and what is gone is forgotten. Says how many entries
    /// ended.
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

    /// Reads a row, or finds that it is gone. Of kinds that are only passed over in lists, whoever reads them next says
    /// anew that they cannot be read.
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
