//! Import into an empty database, completely or not at all. The tables are created in the version of the backup, filled, and then
//! migrated like those of any older store.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use slipway_contract::Digest;
use sqlx::any::AnyArguments;
use sqlx::query::Query;
use sqlx::{Any, AnyConnection, AssertSqlSafe, Row as _};

use super::super::database::{Database, Dialect, in_steps, places};
use super::super::{NewAuditEntry, Settings, Store, StoreError, migrations};
use super::schema::{self, Column, Kind, Table};
use super::{BackupError, Dump, DumpedTable, FORMAT, of_file};
use slipway_domain::Actor;

/// Number of rows per read.
const ROWS: usize = 64;
/// Number of bytes per read for the computation of a digest.
const CHUNK: usize = 1 << 20;
/// Gap of sequence numbers after a restore. Clients may have seen numbers that were assigned after the backup, so new rows must
/// not reuse them.
const LEFT_OUT: i64 = 1_000_000;

/// Imports the tables of a backup into the database in `settings`, which must be empty.
pub async fn restore(settings: &Settings, folder: &Path, dump: &Dump) -> Result<(), BackupError> {
    if dump.format != FORMAT {
        return Err(BackupError::Unknown(format!("its format is {}, expected {FORMAT}", dump.format)));
    }
    if let Some(unknown) = dump.versions.iter().find(|version| !migrations::is_known(**version)) {
        return Err(BackupError::Unknown(format!(
            "its tables have version {unknown}, which this Slipway does not know"
        )));
    }
    for table in &dump.tables {
        verify_table(table, folder)?;
    }
    let database = Database::open(settings).await?;
    let filled = fill(&database, folder, dump).await;
    database.pool.close().await;
    filled?;
    let store = Store::open(settings).await?;
    store.release_all().await?;
    store.release_all_reports().await?;
    store.mark_uncertain().await?;
    let entry = NewAuditEntry {
        actor: Actor::command_line(),
        action: "store.restore".to_owned(),
        target: dump.taken_at.to_string(),
        detail: format!("restored from a backup that Slipway {} wrote from {}", dump.slipway, dump.database),
    };
    store.audit(&entry).await?;
    store.close().await;
    Ok(())
}

async fn fill(database: &Database, folder: &Path, dump: &Dump) -> Result<(), BackupError> {
    let mut connection = database.pool.acquire().await?;
    refuse_unless_empty(database.dialect, &mut connection, dump).await?;
    drop(connection);
    migrations::bring_to(database, &dump.versions).await?;
    let mut transaction = database.begin().await?;
    if database.dialect == Dialect::Postgres {
        let settings = "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0";
        sqlx::raw_sql(settings).execute(&mut *transaction).await?;
    }
    let tables = schema::tables(database.dialect, &mut transaction).await?;
    if let Some(missing) = dump.tables.iter().find(|dumped| !tables.iter().any(|table| table.name == dumped.name)) {
        return Err(BackupError::Unknown(format!(
            "it contains a table `{}`, which this Slipway does not know",
            missing.name
        )));
    }
    for table in &tables {
        // A migration can have inserted rows that the backup also contains.
        let clear = AssertSqlSafe(format!("DELETE FROM \"{}\"", table.name));
        sqlx::query(clear).execute(&mut *transaction).await?;
        if let Some(dumped) = dump.tables.iter().find(|dumped| dumped.name == table.name) {
            load(database.dialect, &mut transaction, table, dumped, folder).await?;
        }
    }
    transaction.commit().await?;
    Ok(())
}

/// Refuses a database with rows: the import neither merges nor replaces rows.
async fn refuse_unless_empty(dialect: Dialect, connection: &mut AnyConnection, dump: &Dump) -> Result<(), BackupError> {
    for Table { name, .. } in schema::tables(dialect, connection).await? {
        let any = AssertSqlSafe(format!("SELECT 1 AS one FROM \"{name}\" LIMIT 1"));
        if name != "store_identity" && sqlx::query(any).fetch_optional(&mut *connection).await?.is_some() {
            return Err(BackupError::NotEmpty(format!("the table `{name}` contains rows")));
        }
    }
    // A database without tables has no versions, which is not a failure.
    let Ok(versions) = schema::versions(connection).await else { return Ok(()) };
    match versions.iter().find(|version| !dump.versions.contains(version) && **version > 1) {
        Some(newer) => Err(BackupError::NotEmpty(format!("its tables have a newer version ({newer}) than the backup"))),
        None => Ok(()),
    }
}

/// Verifies the digest of a table's file.
pub fn verify_table(table: &DumpedTable, folder: &Path) -> Result<(), BackupError> {
    let path = folder.join(table.file());
    let failed = of_file(&path);
    let mut reader = File::open(&path).map_err(&failed)?;
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    loop {
        match reader.read(&mut chunk).map_err(&failed)? {
            0 => break,
            read => hasher.update(&chunk[..read]),
        }
    }
    let found = Digest::of_hasher(hasher);
    if found == table.digest {
        return Ok(());
    }
    let reason = format!("its digest is {found}, expected {}", table.digest);
    Err(BackupError::Damaged { file: path.display().to_string(), reason })
}

async fn load(
    dialect: Dialect,
    connection: &mut AnyConnection,
    table: &Table,
    dumped: &DumpedTable,
    folder: &Path,
) -> Result<(), BackupError> {
    let path = folder.join(dumped.file());
    let failed = of_file(&path);
    let damaged = |reason: String| BackupError::Damaged { file: path.display().to_string(), reason };
    let columns: Vec<&Column> = dumped
        .columns
        .iter()
        .map(|name| table.columns.iter().find(|column| column.name == *name))
        .collect::<Option<_>>()
        .ok_or_else(|| {
            BackupError::Unknown(format!("the table `{}` has columns that this Slipway does not know", table.name))
        })?;
    let mut lines = BufReader::new(File::open(&path).map_err(&failed)?).lines();
    let mut read = 0;
    loop {
        let mut rows: Vec<Vec<Value>> = Vec::with_capacity(ROWS);
        for line in lines.by_ref().take(ROWS) {
            let line = line.map_err(&failed)?;
            read += 1;
            let row: Vec<Value> =
                serde_json::from_str(&line).map_err(|error| damaged(format!("line {read}: {error}")))?;
            if row.len() != columns.len() {
                return Err(damaged(format!("line {read} has {} values, expected {}", row.len(), columns.len())));
            }
            rows.push(row);
        }
        if rows.is_empty() {
            break;
        }
        for some in in_steps(&rows) {
            insert(dialect, connection, &table.name, &columns, some).await?;
        }
    }
    if read != dumped.rows {
        return Err(damaged(format!("the file has {read} lines, expected {}", dumped.rows)));
    }
    for column in table.columns.iter().filter(|column| column.numbered) {
        skip_numbers(dialect, connection, &table.name, &column.name).await?;
    }
    Ok(())
}

async fn insert(
    dialect: Dialect,
    connection: &mut AnyConnection,
    table: &str,
    columns: &[&Column],
    rows: &[Vec<Value>],
) -> Result<(), BackupError> {
    let names = columns.iter().map(|column| format!("\"{}\"", column.name)).collect::<Vec<_>>().join(", ");
    let values: Vec<String> = (0..rows.len()).map(|row| places(row * columns.len() + 1, columns.len())).collect();
    let numbered = dialect == Dialect::Postgres && columns.iter().any(|column| column.numbered);
    let overriding = if numbered { "OVERRIDING SYSTEM VALUE " } else { "" };
    let insert = format!("INSERT INTO \"{table}\" ({names}) {overriding}VALUES {}", values.join(", "));
    let mut query = sqlx::query(AssertSqlSafe(insert));
    for row in rows {
        for (value, column) in row.iter().zip(columns) {
            query = bind(query, column, value).ok_or_else(|| {
                StoreError::Unreadable(format!("`{value}` in the column `{}` of `{table}`", column.name))
            })?;
        }
    }
    query.execute(connection).await?;
    Ok(())
}

/// Binds a value with the type of its column; `None` if the value has another type.
fn bind<'q>(
    query: Query<'q, Any, AnyArguments>,
    column: &Column,
    value: &Value,
) -> Option<Query<'q, Any, AnyArguments>> {
    Some(match (column.kind, value) {
        (Kind::Integer, Value::Null) => query.bind(None::<i64>),
        (Kind::Float, Value::Null) => query.bind(None::<f64>),
        (Kind::Text, Value::Null) => query.bind(None::<String>),
        (Kind::Bytes, Value::Null) => query.bind(None::<Vec<u8>>),
        (Kind::Integer, value) => query.bind(value.as_i64()?),
        (Kind::Float, value) => query.bind(value.as_f64()?),
        (Kind::Text, value) => query.bind(value.as_str()?.to_owned()),
        (Kind::Bytes, value) => query.bind(STANDARD.decode(value["base64"].as_str()?).ok()?),
    })
}

/// Sets the next sequence number far after the existing ones.
async fn skip_numbers(
    dialect: Dialect,
    connection: &mut AnyConnection,
    table: &str,
    column: &str,
) -> Result<(), BackupError> {
    let newest = AssertSqlSafe(format!("SELECT COALESCE(MAX(\"{column}\"), 0) AS newest FROM \"{table}\""));
    let newest: i64 = sqlx::query(newest).fetch_one(&mut *connection).await?.try_get("newest")?;
    let next = newest + LEFT_OUT;
    match dialect {
        Dialect::Sqlite => {
            let clear = sqlx::query("DELETE FROM sqlite_sequence WHERE name = $1").bind(table.to_owned());
            clear.execute(&mut *connection).await?;
            let put = sqlx::query("INSERT INTO sqlite_sequence (name, seq) VALUES ($1, $2)");
            put.bind(table.to_owned()).bind(next).execute(connection).await?;
        }
        Dialect::Postgres => {
            let put = AssertSqlSafe(format!(
                "SELECT setval(pg_get_serial_sequence('\"{table}\"', '{column}'), {next}) AS next"
            ));
            sqlx::query(put).fetch_one(connection).await?;
        }
    }
    Ok(())
}
