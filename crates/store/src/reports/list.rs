//! Reports for display: lists, and counts of reports that are behind.

use jiff::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row as _};

use super::super::database::{count_of, stored, time_of, timestamp};
use super::super::runs::scope_list;
use super::super::written::text;
use super::super::{Store, StoreError};
use super::ReportStatus;
use slipway_domain::{RunId, SourceName};

/// The columns of a listed report.
const COLUMNS: &str =
    "id, source, revision, model, change_id, state, attempts, note, behind_from, behind_since, due_at,
                       set_at, holder, reported_at";

/// A report in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportHead {
    /// Its identifier: that of its run, or `REVISION@SOURCE`.
    pub id: String,
    /// The source whose forge receives it.
    pub source: SourceName,
    /// The revision; empty if the forge does not report it in full.
    pub revision: String,
    /// The model; `None` for a revision without a run.
    pub model: Option<String>,
    /// The pull request, if there is one.
    pub pull_request: Option<u64>,
    /// Its status.
    pub status: ReportStatus,
    /// Number of failed attempts since it fell behind.
    pub attempts: u64,
    /// Why it is not reported yet, as plain text.
    pub note: String,
    /// Time since which it is behind; if it is not behind, the last such time.
    pub behind_since: Timestamp,
    /// Time of the next attempt, if it is in the future.
    pub due_at: Option<Timestamp>,
    /// Time of the last report.
    pub reported_at: Option<Timestamp>,
    /// Its position in the list.
    pub place: (u64, String),
}

/// A filter of reports.
#[derive(Debug, Clone, Default)]
pub struct ReportFilter {
    /// Only reports of these sources; `None` means all sources.
    pub scope: Option<Vec<SourceName>>,
    /// Only reports of this source.
    pub source: Option<SourceName>,
    /// Only reports with this status.
    pub status: Option<ReportStatus>,
    /// Only reports after this position.
    pub before: Option<(u64, String)>,
}

/// Backlog of a source's reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportBacklog {
    /// The source.
    pub source: SourceName,
    /// Number of reports that are behind.
    pub behind: u64,
    /// Time since which the oldest is behind.
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

    /// Number of reports that are behind, by source.
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
        // The current attempt has not failed yet.
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
    /// The run of the report; `None` for a revision without a run.
    pub fn run(&self) -> Option<RunId> {
        self.id.parse().ok()
    }
}
