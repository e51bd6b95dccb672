//! Reports to forges and their status: one row for each run, written in the transaction that makes it fall behind, and one for
//! each revision without a run. A worker that takes a row reports the current state, independent of the number of transitions.

mod list;
mod status;

use std::time::Duration;

use jiff::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};

use super::claims::latest_set;
use super::database::{count_of, millis, stored};
use super::runs::read_document;
use super::written::text;
use super::{Store, StoreError};
use slipway_domain::{CommitSha, Needs, Run, SourceName, Unjudged};

pub use list::{ReportBacklog, ReportFilter, ReportHead};
pub use status::{Fault, First, ReportStatus};

/// The subject of a report.
#[derive(Debug, Clone, PartialEq)]
pub enum ReportSubject {
    /// A run in its current state.
    Run(Box<Run>),
    /// A revision without a run.
    Revision(Unjudged),
}

/// A report that was taken to be made now.
#[derive(Debug, Clone, PartialEq)]
pub struct DueReport {
    /// Its identifier.
    pub id: String,
    /// The subject.
    pub subject: ReportSubject,
    /// Number of attempts since it fell behind, including this one.
    pub attempts: u32,
    /// The cause for which it waited before.
    pub fault: Fault,
    /// The transition up to which the report is current.
    wanted: i64,
    holder: String,
}

/// Makes a row fall behind. A row that is already behind keeps its position.
const FALLS_BEHIND: &str = "ON CONFLICT (id) DO UPDATE SET wanted = excluded.wanted, document = excluded.document,
    behind_from = CASE WHEN reports.state = 'behind' THEN reports.behind_from ELSE excluded.behind_from END,
    behind_since = CASE WHEN reports.state = 'behind' THEN reports.behind_since ELSE excluded.behind_since END,
    due_at = CASE WHEN reports.state = 'behind' THEN reports.due_at ELSE 0 END,
    attempts = CASE WHEN reports.state = 'behind' THEN reports.attempts ELSE 0 END,
    fault = CASE WHEN reports.state = 'behind' THEN reports.fault ELSE '' END,
    note = CASE WHEN reports.state = 'behind' THEN reports.note ELSE '' END,
    state = 'behind'";

/// The target of checks and comments: a pull request, or a revision of a branch. Reports to one target are made in order.
enum ReportTarget<'a> {
    PullRequest(u64),
    Revision(&'a str),
}

impl<'a> ReportTarget<'a> {
    fn of(pull_request: Option<u64>, revision: &'a str) -> Self {
        pull_request.map_or(Self::Revision(revision), Self::PullRequest)
    }

    /// The target as stored.
    fn key(&self, source: &SourceName) -> String {
        match self {
            Self::PullRequest(number) => format!("{source} change {number}"),
            Self::Revision(revision) => format!("{source} revision {revision}"),
        }
    }
}

/// Records that a run moved, so that its report is behind.
pub(super) async fn run_moved(
    connection: &mut AnyConnection,
    sequence: i64,
    run: &Run,
    at: Timestamp,
) -> Result<(), StoreError> {
    let pull_request = run.cause.pull_request.as_ref().map(|pull_request| pull_request.number);
    let insert = sqlx::AssertSqlSafe(format!(
        "INSERT INTO reports (id, source, target, run, revision, model, change_id, wanted, behind_from, behind_since)
         VALUES ($1, $2, $3, $1, $4, $5, $6, $7, $7, $8) {FALLS_BEHIND}"
    ));
    sqlx::query(insert)
        .bind(run.id.to_string())
        .bind(run.cause.source.as_str().to_owned())
        .bind(text(ReportTarget::of(pull_request, run.cause.head.as_str()).key(&run.cause.source)))
        .bind(run.cause.head.to_string())
        .bind(text(&*run.cause.model))
        .bind(pull_request.map(stored))
        .bind(sequence)
        .bind(millis(at))
        .execute(connection)
        .await?;
    Ok(())
}

/// Records that a revision without a run must be reported. A repetition of the same content changes nothing.
pub(super) async fn revision_unjudged(
    connection: &mut AnyConnection,
    source: &SourceName,
    what: &Unjudged,
) -> Result<(), StoreError> {
    let revision = what.revision.as_ref().map(CommitSha::to_string).unwrap_or_default();
    let id = match what.pull_request {
        Some(pull_request) if revision.is_empty() => format!("change-{pull_request}@{source}"),
        _ => format!("{revision}@{source}"),
    };
    if what.needs == Needs::Nobody && waits_for_another(connection, &id, what).await? {
        return Ok(());
    }
    let insert = sqlx::AssertSqlSafe(format!(
        "INSERT INTO reports (id, source, target, revision, change_id, document, wanted, behind_from, behind_since)
         SELECT $1, $2, $3, $4, $5, $6,
                1 + COALESCE((SELECT wanted FROM reports WHERE id = $1), 0),
                (SELECT COALESCE(MAX(sequence), 0) FROM transitions), $7
         WHERE NOT EXISTS (SELECT 1 FROM reports WHERE id = $1 AND document = $6) {FALLS_BEHIND}"
    ));
    sqlx::query(insert)
        .bind(id)
        .bind(source.as_str().to_owned())
        .bind(text(ReportTarget::of(what.pull_request, &revision).key(source)))
        .bind(revision)
        .bind(what.pull_request.map(stored))
        .bind(serde_json::to_string(what).expect("it holds only texts and numbers"))
        .bind(millis(Timestamp::now()))
        .execute(connection)
        .await?;
    Ok(())
}

/// Whether the same revision requires a person's action in another pull request. Both share one check, and a pull request to a
/// branch that is not served must not turn the check green for the other one.
async fn waits_for_another(connection: &mut AnyConnection, id: &str, what: &Unjudged) -> Result<bool, StoreError> {
    let select = sqlx::query("SELECT document FROM reports WHERE id = $1 AND document IS NOT NULL").bind(id.to_owned());
    let Some(row) = select.fetch_optional(connection).await? else { return Ok(false) };
    let document: String = row.try_get("document")?;
    // A newer server may have written a kind that is unknown here. A report that needs no person does not overwrite it.
    let known: Option<Unjudged> = serde_json::from_str(&document).ok();
    Ok(known.is_none_or(|known| known.needs != Needs::Nobody && known.pull_request != what.pull_request))
}

impl Store {
    /// Takes the oldest report of a source that is due and first of its target, of the preferred kind if there is one. No other
    /// worker receives it for `lease_duration`.
    pub async fn due_report(
        &self,
        source: &SourceName,
        first: First,
        now: Timestamp,
        lease_duration: Duration,
    ) -> Result<Option<DueReport>, StoreError> {
        let opens = first == First::Unknown;
        for opens in [opens, !opens] {
            while let Some(taken) = self.take_report(source, opens, now, lease_duration).await? {
                match taken {
                    (due, Ok(subject)) => return Ok(Some(DueReport { subject, ..due })),
                    // An unreadable report does not block the others.
                    (due, Err(reason)) => self.refuse_report(&due, &reason.to_string()).await?,
                }
            }
        }
        Ok(None)
    }

    async fn take_report(
        &self,
        source: &SourceName,
        opens: bool,
        now: Timestamp,
        lease_duration: Duration,
    ) -> Result<Option<(DueReport, Result<ReportSubject, StoreError>)>, StoreError> {
        let take = sqlx::AssertSqlSafe(format!(
            "UPDATE reports SET attempts = attempts + 1, holder = $1, due_at = $2, set_at = $3 WHERE id = (
                 SELECT id FROM reports AS due
                 WHERE source = $4 AND state = 'behind' AND opens = $5 AND (due_at <= $3 OR set_at > $6)
                   AND NOT EXISTS (SELECT 1 FROM reports AS older WHERE older.target = due.target
                                     AND older.state = 'behind'
                                     AND (older.behind_from, older.id) < (due.behind_from, due.id))
                 ORDER BY behind_from, id LIMIT 1{})
             RETURNING id, run, revision, change_id, document, wanted, attempts, fault",
            self.database.locked_or_skipped()
        ));
        let holder = uuid::Uuid::now_v7().to_string();
        let taken = sqlx::query(take)
            .bind(holder.clone())
            .bind(millis(now + lease_duration))
            .bind(millis(now))
            .bind(source.as_str().to_owned())
            .bind(i64::from(opens))
            .bind(latest_set(millis(now)))
            .fetch_optional(&self.database.pool)
            .await?;
        let Some(taken) = taken else { return Ok(None) };
        let subject = match taken.try_get::<Option<String>, _>("run")? {
            Some(run) => {
                let row = sqlx::query("SELECT document FROM runs WHERE id = $1").bind(run);
                let row = row.fetch_one(&self.database.pool).await?;
                read_document(&row).map(|run| ReportSubject::Run(Box::new(run)))
            }
            None => read_unjudged(&taken).map(ReportSubject::Revision),
        };
        let nothing =
            Unjudged { revision: None, pull_request: None, needs: slipway_domain::Needs::Nobody, title: String::new() };
        let due = DueReport {
            id: taken.try_get("id")?,
            subject: ReportSubject::Revision(nothing),
            attempts: u32::try_from(count_of(&taken, "attempts")?).unwrap_or(u32::MAX),
            fault: Fault::from_name(&taken.try_get::<String, _>("fault")?),
            wanted: taken.try_get("wanted")?,
            holder,
        };
        Ok(Some((due, subject)))
    }

    /// Records that the current state was reported. If the run moved in the meantime, the report is still behind.
    pub async fn record_reported(&self, report: &DueReport, at: Timestamp) -> Result<(), StoreError> {
        let update =
            "UPDATE reports SET reported = $1, reported_at = $2, opens = 0, attempts = 0, fault = '', note = '',
                          due_at = 0, set_at = 0, holder = NULL,
                          state = CASE WHEN wanted > $1 THEN 'behind' ELSE 'reported' END,
                          behind_from = CASE WHEN wanted > $1 AND run IS NOT NULL THEN wanted ELSE behind_from END,
                          behind_since = CASE WHEN wanted > $1 THEN $2 ELSE behind_since END
                      WHERE id = $3 AND holder = $4";
        sqlx::query(update)
            .bind(report.wanted)
            .bind(millis(at))
            .bind(report.id.clone())
            .bind(report.holder.clone())
            .execute(&self.database.pool)
            .await?;
        Ok(())
    }

    /// Records that the forge refuses the report until a person acts.
    pub async fn refuse_report(&self, report: &DueReport, note: &str) -> Result<(), StoreError> {
        self.end_report(report, ReportStatus::Refused, note).await
    }

    /// Records that the report is not wanted.
    pub async fn skip_report(&self, report: &DueReport) -> Result<(), StoreError> {
        self.end_report(report, ReportStatus::Skipped, "").await
    }

    async fn end_report(&self, report: &DueReport, status: ReportStatus, note: &str) -> Result<(), StoreError> {
        let update = "UPDATE reports SET state = $1, note = $2, due_at = 0, set_at = $3, holder = NULL, fault = ''
                      WHERE id = $4 AND holder = $5";
        sqlx::query(update)
            .bind(status.as_str())
            .bind(text(note))
            .bind(millis(Timestamp::now()))
            .bind(report.id.clone())
            .bind(report.holder.clone())
            .execute(&self.database.pool)
            .await?;
        Ok(())
    }

    /// Requeues a report.
    pub async fn requeue_report(
        &self,
        report: &DueReport,
        now: Timestamp,
        pause: Duration,
        fault: Fault,
        note: &str,
    ) -> Result<(), StoreError> {
        let update = "UPDATE reports SET due_at = $1, set_at = $2, holder = NULL, fault = $3, note = $4
                      WHERE id = $5 AND holder = $6";
        sqlx::query(update)
            .bind(millis(now + pause))
            .bind(millis(now))
            .bind(fault.as_str())
            .bind(text(note))
            .bind(report.id.clone())
            .bind(report.holder.clone())
            .execute(&self.database.pool)
            .await?;
        Ok(())
    }

    /// Releases an interrupted report for the next worker.
    pub async fn release_report(&self, report: &DueReport) -> Result<(), StoreError> {
        let update = "UPDATE reports SET due_at = 0, set_at = 0, holder = NULL, attempts = attempts - 1
                      WHERE id = $1 AND holder = $2";
        let update = sqlx::query(update).bind(report.id.clone()).bind(report.holder.clone());
        update.execute(&self.database.pool).await?;
        Ok(())
    }

    /// Makes all reports of a source due that wait for its forge as a whole, after the forge accepted a report again.
    pub async fn revive_reports(&self, source: &SourceName) -> Result<u64, StoreError> {
        let update = "UPDATE reports SET due_at = 0
                      WHERE source = $1 AND state = 'behind' AND fault = 'shared' AND holder IS NULL AND due_at > 0";
        let revived = sqlx::query(update).bind(source.as_str().to_owned()).execute(&self.database.pool).await?;
        Ok(revived.rows_affected())
    }

    /// Makes all reports due whose failure a restart may have fixed, for example by another login or another address.
    pub async fn release_reports(&self, source: &SourceName) -> Result<(), StoreError> {
        let update = "UPDATE reports SET due_at = 0
                      WHERE source = $1 AND state = 'behind' AND fault <> '' AND holder IS NULL AND due_at > 0";
        sqlx::query(update).bind(source.as_str().to_owned()).execute(&self.database.pool).await?;
        Ok(())
    }

    /// Makes all reports due, including those that an earlier server had taken. Only for the start of a server that does not
    /// share the store.
    pub async fn release_all_reports(&self) -> Result<(), StoreError> {
        let update = "UPDATE reports SET due_at = 0, holder = NULL WHERE state = 'behind' AND due_at > 0";
        sqlx::query(update).execute(&self.database.pool).await?;
        let update = "UPDATE reported SET claim = NULL, claimed_until = 0 WHERE claim IS NOT NULL";
        sqlx::query(update).execute(&self.database.pool).await?;
        Ok(())
    }

    /// Makes a report due that is behind or was refused.
    pub async fn retry_report(&self, id: &str) -> Result<ReportHead, StoreError> {
        let report = self.report(id).await?;
        if !matches!(report.status, ReportStatus::Behind | ReportStatus::Refused) {
            return Err(StoreError::NotBehind { id: id.to_owned(), status: report.status });
        }
        let update = "UPDATE reports SET state = 'behind', attempts = 0, fault = '', due_at = 0
                      WHERE id = $1 AND state IN ('behind', 'refused') AND holder IS NULL";
        sqlx::query(update).bind(text(id)).execute(&self.database.pool).await?;
        self.report(id).await
    }

    /// Makes all reports of a source due that are behind or were refused, and returns their number.
    pub async fn retry_reports(&self, source: &SourceName) -> Result<u64, StoreError> {
        let update = "UPDATE reports SET state = 'behind', attempts = 0, fault = '', due_at = 0
                      WHERE source = $1 AND state IN ('behind', 'refused') AND holder IS NULL";
        let due = sqlx::query(update).bind(source.as_str().to_owned()).execute(&self.database.pool).await?;
        Ok(due.rows_affected())
    }
}

fn read_unjudged(row: &AnyRow) -> Result<Unjudged, StoreError> {
    let document: String = row.try_get("document")?;
    serde_json::from_str(&document).map_err(|error| StoreError::Unreadable(format!("a report: {error}")))
}
