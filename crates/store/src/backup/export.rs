//! Export of all tables from one snapshot, row by row, so that it needs little memory and does not block other users of the
//! store.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::TryStreamExt as _;
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use slipway_contract::Digest;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row as _};

use super::super::database::Dialect;
use super::super::{Store, StoreError};
use super::schema::{self, Column, Kind, Table};
use super::{BackupError, Dump, DumpedTable, FORMAT, TABLES, of_file};

/// The statements that open the snapshot, and settings for it alone: it blocks no other session, so it may take any time.
const SNAPSHOT: [(&str, &str); 2] = [
    ("BEGIN", ""),
    (
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0",
    ),
];

impl Store {
    /// Writes all tables as of one moment into `folder`, which exists.
    pub async fn dump(&self, folder: &Path) -> Result<Dump, BackupError> {
        let dialect = self.database.dialect;
        let (begin, settings) = SNAPSHOT[usize::from(dialect == Dialect::Postgres)];
        let mut snapshot = self.database.pool.begin_with(begin).await?;
        if !settings.is_empty() {
            sqlx::raw_sql(settings).execute(&mut *snapshot).await?;
        }
        // The snapshot is the state at the first read.
        let taken_at = Timestamp::now();
        let versions = schema::versions(&mut snapshot).await?;
        let within = folder.join(TABLES);
        std::fs::create_dir_all(&within).map_err(of_file(&within))?;
        let mut tables = Vec::new();
        for table in schema::tables(dialect, &mut snapshot).await? {
            tables.push(dump(&mut snapshot, &table, folder).await?);
        }
        let database = match dialect {
            Dialect::Sqlite => "sqlite",
            Dialect::Postgres => "postgres",
        };
        let (slipway, database) = (env!("CARGO_PKG_VERSION").to_owned(), database.to_owned());
        Ok(Dump { format: FORMAT, slipway, taken_at, database, versions, tables })
    }
}

async fn dump(connection: &mut AnyConnection, table: &Table, folder: &Path) -> Result<DumpedTable, BackupError> {
    let mut dumped = DumpedTable {
        name: table.name.clone(),
        columns: table.columns.iter().map(|column| column.name.clone()).collect(),
        rows: 0,
        bytes: 0,
        digest: Digest::of(b""),
    };
    let path = folder.join(dumped.file());
    let failed = of_file(&path);
    let mut file = BufWriter::new(File::create(&path).map_err(&failed)?);
    let mut hasher = Sha256::new();
    let select = AssertSqlSafe(format!("SELECT {} FROM \"{}\"", table.list(), table.name));
    let mut rows = sqlx::query(select).fetch(connection);
    while let Some(row) = rows.try_next().await? {
        let values: Vec<Value> = table
            .columns
            .iter()
            .enumerate()
            .map(|(place, column)| value_of(&row, place, column))
            .collect::<Result<_, _>>()?;
        let mut line = serde_json::to_vec(&values).expect("values are texts and numbers");
        line.push(b'\n');
        hasher.update(&line);
        file.write_all(&line).map_err(&failed)?;
        dumped.rows += 1;
        dumped.bytes += line.len() as u64;
    }
    file.into_inner().map_err(|error| failed(error.into_error()))?.sync_all().map_err(&failed)?;
    dumped.digest = Digest::of_hasher(hasher);
    Ok(dumped)
}

/// A value as it is written into a line. Bytes are an object, so that a text cannot be mistaken for them.
fn value_of(row: &AnyRow, place: usize, column: &Column) -> Result<Value, StoreError> {
    Ok(match column.kind {
        Kind::Integer => json!(row.try_get::<Option<i64>, _>(place)?),
        Kind::Float => json!(row.try_get::<Option<f64>, _>(place)?),
        Kind::Text => json!(row.try_get::<Option<String>, _>(place)?),
        Kind::Bytes => match row.try_get::<Option<Vec<u8>>, _>(place)? {
            Some(bytes) => json!({ "base64": STANDARD.encode(bytes) }),
            None => Value::Null,
        },
    })
}
