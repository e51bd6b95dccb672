//! Tables and columns as the database reports them, so that backups automatically contain new tables.

use std::collections::BTreeMap;

use sqlx::{AnyConnection, Row as _};

use super::super::database::Dialect;
use super::super::{Store, StoreError};

/// Tables that a backup does not need: versions are listed in the dump, probes are write tests, and triggers recount the runs
/// during the import.
const LEFT_OUT: [&str; 3] = ["_sqlx_migrations", "probes", "run_counts"];

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Integer,
    Float,
    Text,
    Bytes,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: Kind,
    /// Whether the database assigns its numbers.
    pub(super) numbered: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) name: String,
    pub(super) columns: Vec<Column>,
}

impl Table {
    /// The names of its columns, for a statement.
    pub(super) fn list(&self) -> String {
        self.columns.iter().map(|column| format!("\"{}\"", column.name)).collect::<Vec<_>>().join(", ")
    }
}

/// All tables, each after the tables that it references.
pub(super) async fn tables(dialect: Dialect, connection: &mut AnyConnection) -> Result<Vec<Table>, StoreError> {
    let names = match dialect {
        Dialect::Sqlite => {
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name"
        }
        Dialect::Postgres => {
            "SELECT CAST(table_name AS TEXT) AS name FROM information_schema.tables
             WHERE table_schema = current_schema() AND table_type = 'BASE TABLE' ORDER BY 1"
        }
    };
    let mut tables = BTreeMap::new();
    for row in sqlx::query(names).fetch_all(&mut *connection).await? {
        let name: String = row.try_get("name")?;
        if !LEFT_OUT.contains(&&*name) {
            let columns = columns(dialect, connection, &name).await?;
            let parents = parents(dialect, connection, &name).await?;
            tables.insert(name.clone(), (Table { name, columns }, parents));
        }
    }
    Ok(in_order(tables))
}

async fn columns(dialect: Dialect, connection: &mut AnyConnection, table: &str) -> Result<Vec<Column>, StoreError> {
    let select = match dialect {
        // SQLite assigns numbers if the table's statement contains AUTOINCREMENT; the column is then the key.
        Dialect::Sqlite => {
            "SELECT columns.name AS name, columns.type AS type,
                    CASE WHEN columns.pk = 1 AND tables.sql LIKE '%AUTOINCREMENT%' THEN 1 ELSE 0 END AS numbered
             FROM pragma_table_info($1) AS columns JOIN sqlite_master AS tables ON tables.name = $1
             WHERE tables.type = 'table' ORDER BY columns.cid"
        }
        Dialect::Postgres => {
            "SELECT CAST(column_name AS TEXT) AS name, CAST(data_type AS TEXT) AS type,
                    CASE WHEN is_identity = 'YES' THEN 1 ELSE 0 END AS numbered
             FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = $1
             ORDER BY ordinal_position"
        }
    };
    let mut columns = Vec::new();
    for row in sqlx::query(select).bind(table.to_owned()).fetch_all(connection).await? {
        let (name, kind): (String, String) = (row.try_get("name")?, row.try_get("type")?);
        let kind = match &*kind.to_ascii_uppercase() {
            "INTEGER" | "BIGINT" | "SMALLINT" => Kind::Integer,
            "REAL" | "DOUBLE PRECISION" => Kind::Float,
            "TEXT" => Kind::Text,
            "BLOB" | "BYTEA" => Kind::Bytes,
            other => {
                let reason =
                    format!("the column `{name}` of `{table}` has the type `{other}`, which a backup cannot contain");
                return Err(StoreError::Incompatible { reason, help: "report this defect of Slipway" });
            }
        };
        columns.push(Column { name, kind, numbered: row.try_get::<i64, _>("numbered")? != 0 });
    }
    Ok(columns)
}

/// The tables that a table references.
async fn parents(dialect: Dialect, connection: &mut AnyConnection, table: &str) -> Result<Vec<String>, StoreError> {
    let select = match dialect {
        Dialect::Sqlite => "SELECT \"table\" AS parent FROM pragma_foreign_key_list($1)",
        Dialect::Postgres => {
            "SELECT CAST(parent.relname AS TEXT) AS parent FROM pg_constraint
             JOIN pg_class AS child ON child.oid = pg_constraint.conrelid
             JOIN pg_class AS parent ON parent.oid = pg_constraint.confrelid
             WHERE pg_constraint.contype = 'f' AND child.relname = $1
               AND child.relnamespace = CAST(current_schema() AS regnamespace)"
        }
    };
    let rows = sqlx::query(select).bind(table.to_owned()).fetch_all(connection).await?;
    rows.iter().map(|row| Ok(row.try_get("parent")?)).collect()
}

fn in_order(mut tables: BTreeMap<String, (Table, Vec<String>)>) -> Vec<Table> {
    let mut ordered: Vec<Table> = Vec::new();
    while !tables.is_empty() {
        let is_ready = |(name, (_, parents)): &(&String, &(Table, Vec<String>))| {
            parents.iter().all(|parent| parent == *name || !tables.contains_key(parent))
        };
        // Tables with circular references would never become ready; they are taken by name.
        let next = tables.iter().find(is_ready).or_else(|| tables.iter().next()).map(|(name, _)| name.clone());
        ordered.extend(next.and_then(|next| tables.remove(&next)).map(|(table, _)| table));
    }
    ordered
}

/// The versions of the database's tables.
pub(super) async fn versions(connection: &mut AnyConnection) -> Result<Vec<i64>, StoreError> {
    let rows = sqlx::query("SELECT version FROM _sqlx_migrations ORDER BY version").fetch_all(connection).await?;
    rows.iter().map(|row| Ok(row.try_get("version")?)).collect()
}

impl Store {
    /// The names of all tables in a backup.
    pub async fn table_names(&self) -> Result<Vec<String>, StoreError> {
        let mut connection = self.database.pool.acquire().await?;
        let tables = tables(self.database.dialect, &mut connection).await?;
        Ok(tables.into_iter().map(|table| table.name).collect())
    }
}

#[cfg(test)]
impl Store {
    /// The columns of a table, and whether each contains numbers.
    pub(crate) async fn columns_of(&self, table: &str) -> Result<Vec<(String, bool)>, StoreError> {
        let mut connection = self.database.pool.acquire().await?;
        let columns = columns(self.database.dialect, &mut connection, table).await?;
        Ok(columns.into_iter().map(|column| (column.name, column.kind == Kind::Integer)).collect())
    }
}
