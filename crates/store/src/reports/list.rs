//! Reports as people see them: listed, and counted while they are behind.

use jiff::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row as _};

use super::super::database::{count_of, stored, time_of, timestamp};
use super::super::runs::scope_list;
use super::super::written::text;
use super::super::{Store, StoreError};
use super::ReportStatus;
use slipway_domain::{RunId, SourceName};

/// What is read of a report.
const COLUMNS: &str =
    "id, source, revision, model, change_id, state, attempts, note, behind_from, behind_since, due_at,
                       set_at, holder, reported_at";

/// A report as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportHead {
    /// Its identifier: that of its run, or `REVISION@SOURCE`.
    pub id: String,
    /// The source at whose forge it is made.
    pub source: SourceName,
    /// The revision; empty where the forge does not name it in full.
    pub revision: String,
    /// The model; `None` for a revision that no run is about.
    pub model: Option<String>,
    /// The change, if it is of one.
    pub pull_request: Option<u64>,
    /// How far it has come.
    pub status: ReportStatus,
    /// Failed attempts since it fell behind.
    pub attempts: u64,
    /// Why it is not reported yet, in words.
    pub note: String,
    /// Since when it is behind; of one that is not, since when it was.
    pub behind_since: Timestamp,
    /// When it is tried next, if that is later.
    pub due_at: Option<Timestamp>,
    /// When it was reported last.
    pub reported_at: Option<Timestamp>,
    /// Its place in the list.
    pub place: (u64, String),
}

/// Which reports are asked for.
#[derive(Debug, Clone, Default)]
pub struct ReportFilter {
    /// Only those of these sources; of all if `None`.
    pub scope: Option<Vec<SourceName>>,
    /// Only those of this source.
    pub source: Option<SourceName>,
    /// Only those that have come so far.
    pub status: Option<ReportStatus>,
    /// Only those behind this place.
    pub before: Option<(u64, String)>,
}

/// How many reports of a source are behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportBacklog {
    /// The source.
    pub source: SourceName,
    /// How many.
    pub behind: u64,
    /// Since when the oldest is.
    pub oldest: Timestamp,
}

impl Store {
    /// Reports, newest first.
    pub async fn reports(&self, filter: &ReportFilter, limit: u32) -> Result<Vec<ReportHead>, StoreError> {
        let select = AssertSqlSafe(format!(
            "SELECT {COLUMNS} FROM reports
                      WHERE ($1 IS NULL OR source = $1) AND ($2 IS NULL OR state = $2)
                        AND ($3 IS NULL OR (behind_from, id) < ($3, $4))
                        AND ($5 IS NULL OR $5 LIKE '%,' || source || ',%')
                      ORDER BY behind_from DESC, id DESC LIMIT $6"
        ));
        let (place, id) = match &filter.before {
            Some((place, id)) => (Some(stored(*place)), Some(text(&**id))),
            None => (None, None),
        };
        let rows = sqlx::query(select)
            .bind(filter.source.as_ref().map(|source| source.as_str().to_owned()))
            .bind(filter.status.map(|status| status.as_str().to_owned()))
            .bind(place)
            .bind(id)
            .bind(filter.scope.as_deref().map(scope_list))
            .bind(i64::from(limit));
        rows.fetch_all(&self.database.pool).await?.iter().map(read_head).collect()
    }

    /// One report.
    pub async fn report(&self, id: &str) -> Result<ReportHead, StoreError> {
        let select = AssertSqlSafe(format!("SELECT {COLUMNS} FROM reports WHERE id = $1"));
        let row = sqlx::query(select).bind(text(id)).fetch_optional(&self.database.pool).await?;
        read_head(&row.ok_or_else(|| StoreError::NoSuchReport { id: id.to_owned() })?)
    }

    /// How many reports are behind, by their sources.
    pub async fn reports_behind(&self) -> Result<Vec<ReportBacklog>, StoreError> {
        let select = "SELECT source, COUNT(*) AS behind, MIN(behind_since) AS oldest FROM reports
                      WHERE state = 'behind' GROUP BY source";
        let rows = sqlx::query(select).fetch_all(&self.database.pool).await?;
        let read = |row: &AnyRow| {
            let source = SourceName::try_from(row.try_get::<String, _>("source")?).map_err(StoreError::Unreadable)?;
            let oldest = time_of(row, "oldest")?;
            Ok(ReportBacklog { source, behind: count_of(row, "behind")?, oldest })
        };
        rows.iter().map(read).collect()
    }
}

fn read_head(row: &AnyRow) -> Result<ReportHead, StoreError> {
    let word: String = row.try_get("state")?;
    let status = ReportStatus::from_name(&word)
        .ok_or_else(|| StoreError::Unreadable(format!("`{word}` is not a status of a report")))?;
    let id: String = row.try_get("id")?;
    let held = row.try_get::<Option<String>, _>("holder")?.is_some();
    let (due_at, attempts): (i64, u64) = (row.try_get("due_at")?, count_of(row, "attempts")?);
    Ok(ReportHead {
        source: SourceName::try_from(row.try_get::<String, _>("source")?).map_err(StoreError::Unreadable)?,
        revision: row.try_get("revision")?,
        model: row.try_get("model")?,
        pull_request: row.try_get::<Option<i64>, _>("change_id")?.map(i64::unsigned_abs),
        status,
        // The one that is under way has not failed yet.
        attempts: attempts.saturating_sub(u64::from(held)),
        note: row.try_get("note")?,
        behind_since: time_of(row, "behind_since")?,
        due_at: (due_at > 0 && !held).then(|| timestamp(due_at)).transpose()?,
        reported_at: row.try_get::<Option<i64>, _>("reported_at")?.map(timestamp).transpose()?,
        place: (count_of(row, "behind_from")?, id.clone()),
        id,
    })
}

impl ReportHead {
    /// The run that it is of; `None` for a revision that no run is about.
    pub fn run(&self) -> Option<RunId> {
        self.id.parse().ok()
    }
}
