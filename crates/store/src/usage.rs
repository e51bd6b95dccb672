//! Storage usage by table and by source. For explicit queries of users, because every row is counted.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use slipway_contract::Digest;
use sqlx::{AssertSqlSafe, Row as _};

use super::database::{Dialect, count_of};
use super::{Store, StoreError};

/// The usage of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableUsage {
    /// The table.
    pub table: String,
    /// Number of rows.
    pub rows: u64,
    /// Size on disk with its indexes, in bytes.
    pub bytes: u64,
}

/// The usage of a source.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SourceUsage {
    /// Number of deliveries.
    pub deliveries: u64,
    /// Size of their bodies as stored, in bytes.
    pub delivery_bytes: u64,
    /// Number of runs.
    pub runs: u64,
    /// Size of the logs of ended runs, in bytes.
    pub log_bytes: u64,
    /// Artifacts of its runs.
    #[serde(skip)]
    pub artifacts: BTreeSet<Digest>,
}

impl Store {
    /// The usage of each table.
    pub async fn table_usage(&self) -> Result<Vec<TableUsage>, StoreError> {
        let size = match self.database.dialect {
            Dialect::Sqlite => {
                "SELECT CAST(COALESCE(SUM(pgsize), 0) AS BIGINT) AS bytes FROM dbstat
                 WHERE aggregate = TRUE AND name IN (SELECT name FROM sqlite_master WHERE tbl_name = $1)"
            }
            Dialect::Postgres => "SELECT pg_total_relation_size(CAST(CAST($1 AS TEXT) AS regclass)) AS bytes",
        };
        let mut usage = Vec::new();
        for table in self.table_names().await? {
            let count = AssertSqlSafe(format!("SELECT COUNT(*) AS rows FROM \"{table}\""));
            let rows = count_of(&sqlx::query(count).fetch_one(&self.database.pool).await?, "rows")?;
            let bytes = sqlx::query(size).bind(table.clone()).fetch_one(&self.database.pool).await?;
            usage.push(TableUsage { table, rows, bytes: count_of(&bytes, "bytes")? });
        }
        Ok(usage)
    }

    /// The usage of each source.
    pub async fn source_usage(&self) -> Result<BTreeMap<String, SourceUsage>, StoreError> {
        let mut usage: BTreeMap<String, SourceUsage> = BTreeMap::new();
        let deliveries =
            "SELECT source, COUNT(*) AS rows, CAST(SUM(size) AS BIGINT) AS bytes FROM deliveries GROUP BY source";
        for row in sqlx::query(deliveries).fetch_all(&self.database.pool).await? {
            let source = usage.entry(row.try_get("source")?).or_default();
            (source.deliveries, source.delivery_bytes) = (count_of(&row, "rows")?, count_of(&row, "bytes")?);
        }
        let runs = "SELECT source, COUNT(*) AS rows, CAST(COALESCE(SUM(log_bytes), 0) AS BIGINT) AS bytes
                    FROM runs GROUP BY source";
        for row in sqlx::query(runs).fetch_all(&self.database.pool).await? {
            let source = usage.entry(row.try_get("source")?).or_default();
            (source.runs, source.log_bytes) = (count_of(&row, "rows")?, count_of(&row, "bytes")?);
        }
        let artifacts = "SELECT DISTINCT source, artifact FROM runs WHERE artifact IS NOT NULL";
        for row in sqlx::query(artifacts).fetch_all(&self.database.pool).await? {
            let artifact: String = row.try_get("artifact")?;
            let artifact =
                artifact.parse().map_err(|_| StoreError::Unreadable(format!("`{artifact}` is not a digest")))?;
            usage.entry(row.try_get("source")?).or_default().artifacts.insert(artifact);
        }
        Ok(usage)
    }
}
