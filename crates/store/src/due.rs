//! Sources with due work, found with one statement, independent of the number of sources.

use jiff::Timestamp;
use sqlx::{AssertSqlSafe, Row as _};

use super::claims::latest_set;
use super::database::millis;
use super::{Store, StoreError};
use slipway_domain::SourceName;

/// Sources with due work.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DueSources {
    /// Sources with deliveries to process.
    pub deliveries: Vec<SourceName>,
    /// Sources with reports to make.
    pub reports: Vec<SourceName>,
    /// Sources with outbox entries of an earlier version.
    pub outbox: Vec<SourceName>,
}

/// A table of work, the condition of waiting work, and the condition that it is due. `$1` is the current time, `$2` the latest
/// time at which a pause can have been set.
const TABLES: [(&str, &str, &str); 3] = [
    ("deliveries", "state = 'pending'", "(due_at <= $1 OR due_set_at > $2)"),
    ("reports", "state = 'behind'", "(due_at <= $1 OR set_at > $2)"),
    ("outbox", "state IN ('pending', 'dead')", "(state = 'dead' OR due_at <= $1 OR due_set_at > $2)"),
];

/// Jumps from one source's index entries to the next source's, without reading all waiting rows.
fn sources_with((table, waits, is_due): (&str, &str, &str)) -> (String, String) {
    let with = format!(
        "with_{table} (source) AS (
             SELECT MIN(source) FROM {table} WHERE {waits}
             UNION ALL
             SELECT (SELECT MIN(source) FROM {table} WHERE {waits} AND source > with_{table}.source)
             FROM with_{table} WHERE with_{table}.source IS NOT NULL)"
    );
    let select = format!(
        "SELECT '{table}' AS work, source FROM with_{table} WHERE source IS NOT NULL
           AND EXISTS (SELECT 1 FROM {table} WHERE {table}.source = with_{table}.source AND {waits} AND {is_due})"
    );
    (with, select)
}

impl Store {
    /// Sources with due work. Another server can take the work before the caller does.
    pub async fn due_sources(&self, now: Timestamp) -> Result<DueSources, StoreError> {
        let (with, selects): (Vec<String>, Vec<String>) = TABLES.into_iter().map(sources_with).unzip();
        let select = AssertSqlSafe(format!("WITH RECURSIVE {} {}", with.join(", "), selects.join(" UNION ALL ")));
        let now = millis(now);
        let rows = sqlx::query(select).bind(now).bind(latest_set(now)).fetch_all(&self.database.pool).await?;
        let mut due = DueSources::default();
        for row in &rows {
            // An invalid name belongs to no served source.
            let Ok(source) = SourceName::try_from(row.try_get::<String, _>("source")?) else { continue };
            match row.try_get::<String, _>("work")?.as_str() {
                "deliveries" => due.deliveries.push(source),
                "reports" => due.reports.push(source),
                _ => due.outbox.push(source),
            }
        }
        Ok(due)
    }
}
