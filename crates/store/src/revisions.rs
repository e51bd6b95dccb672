//! Runs of one revision or of one pull request, and repetitions of runs.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row as _};

use super::database::{in_steps, millis, places, stored};
use super::runs::{self, read_document};
use super::written::text;
use super::{Store, StoreError, quarantine};
use slipway_domain::{Actor, CommitSha, ConcurrencyGroup, Run, RunId, SourceName};

/// Maximum number of runs that are read for one pull request or revision.
const MAX: i64 = 1_000;

/// The result of a request to repeat a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Retrained {
    /// The new run has begun.
    Begun(Box<Run>),
    /// The repetition has already begun, for the same cause.
    Known(Box<Run>),
    /// A newer run of the model takes precedence.
    Overtaken,
    /// The run has not ended yet.
    UnderWay,
}

impl Store {
    /// The newest run of each model at a revision, without runs that promote its artifact downstream.
    pub async fn newest_at(&self, source: &SourceName, head: &CommitSha) -> Result<Vec<Run>, StoreError> {
        let select = "SELECT id, lane FROM runs WHERE source = $1 AND head = $2
                      ORDER BY created_at DESC, id DESC LIMIT $3";
        let select = sqlx::query(select).bind(source.as_str().to_owned()).bind(head.to_string()).bind(MAX);
        self.newest_of_each(&select.fetch_all(&self.database.pool).await?).await
    }

    /// The newest run of each model at the newest revision of a pull request that affects a model.
    pub async fn newest_of_pull_request(&self, source: &SourceName, number: u64) -> Result<Vec<Run>, StoreError> {
        let select = "SELECT id, lane FROM runs
                      WHERE source = $1 AND change_id = $2 AND change_id IS NOT NULL
                        AND head = (SELECT head FROM runs
                                    WHERE source = $1 AND change_id = $2 AND change_id IS NOT NULL
                                    ORDER BY created_at DESC, id DESC LIMIT 1)
                      ORDER BY created_at DESC, id DESC LIMIT $3";
        let select = sqlx::query(select).bind(source.as_str().to_owned()).bind(stored(number)).bind(MAX);
        self.newest_of_each(&select.fetch_all(&self.database.pool).await?).await
    }

    /// The first run of each model, from rows with the columns `id` and `lane`. Only the documents of these runs are read.
    async fn newest_of_each(&self, rows: &[AnyRow]) -> Result<Vec<Run>, StoreError> {
        let mut seen = BTreeSet::new();
        let mut wanted: Vec<String> = Vec::new();
        for row in rows {
            let concurrency_group = ConcurrencyGroup::from_stored(row.try_get("lane")?);
            if concurrency_group.own_file().is_some_and(|file| seen.insert(file.to_owned())) {
                wanted.push(row.try_get("id")?);
            }
        }
        let mut runs: Vec<Run> = Vec::with_capacity(wanted.len());
        for ids in in_steps(&wanted) {
            let select = format!("SELECT id AS key, source, document FROM runs WHERE id IN {}", places(1, ids.len()));
            let select = ids.iter().fold(sqlx::query(AssertSqlSafe(select)), |select, id| select.bind(id.clone()));
            let rows = select.fetch_all(&self.database.pool).await?;
            runs.append(&mut self.readable_of(quarantine::RUN, &rows, read_document).await?);
        }
        runs.sort_by_key(|run| Reverse((millis(run.created_at), run.id)));
        Ok(runs)
    }

    /// The newest run in the concurrency group of a run.
    pub async fn newest_in_concurrency_group(&self, run: &Run) -> Result<Run, StoreError> {
        let select = "SELECT document FROM runs WHERE lane = $1 ORDER BY created_at DESC, id DESC LIMIT 1";
        let row = sqlx::query(select)
            .bind(text(run.concurrency_group().as_str()))
            .fetch_optional(&self.database.pool)
            .await?;
        read_document(&row.ok_or(StoreError::NoSuchRun { run: run.id })?)
    }

    /// The revision before the first run in the concurrency group of a run, even if retention removed that run; `None` if there
    /// was no earlier revision.
    pub async fn start_of_concurrency_group(&self, run: &Run) -> Result<Option<CommitSha>, StoreError> {
        let removed =
            sqlx::query("SELECT base FROM lane_starts WHERE lane = $1").bind(text(run.concurrency_group().as_str()));
        if let Some(row) = removed.fetch_optional(&self.database.pool).await? {
            return Ok(row.try_get::<String, _>("base")?.parse().ok());
        }
        let select = "SELECT document FROM runs WHERE lane = $1 ORDER BY created_at, id LIMIT 1";
        let row = sqlx::query(select)
            .bind(text(run.concurrency_group().as_str()))
            .fetch_optional(&self.database.pool)
            .await?;
        Ok(row.map(|row| read_document(&row)).transpose()?.and_then(|first| first.cause.base))
    }

    /// Inserts `new`, which repeats the newest run of its concurrency group. A repetition with the same cause has no effect. The
    /// call also has no effect if `of` is set and the group has a newer run. The caller holds the lock for opening runs.
    pub(super) async fn retrain_in(
        &self,
        connection: &mut AnyConnection,
        new: &Run,
        of: Option<RunId>,
        cause: &str,
        actor: &Actor,
    ) -> Result<Retrained, StoreError> {
        let concurrency_group = new.concurrency_group();
        let known = "SELECT runs.document FROM transitions JOIN runs ON runs.id = transitions.run
                     WHERE runs.lane = $1 AND transitions.number = 1 AND transitions.cause = $2 LIMIT 1";
        let known = sqlx::query(known).bind(text(concurrency_group.as_str())).bind(text(cause));
        if let Some(row) = known.fetch_optional(&mut *connection).await? {
            return Ok(Retrained::Known(Box::new(read_document(&row)?)));
        }
        let newest = "SELECT document FROM runs WHERE lane = $1 ORDER BY created_at DESC, id DESC LIMIT 1";
        let newest = AssertSqlSafe(format!("{newest}{}", self.database.locked()));
        let newest =
            sqlx::query(newest).bind(text(concurrency_group.as_str())).fetch_optional(&mut *connection).await?;
        let newest = read_document(&newest.ok_or(StoreError::NoSuchRun { run: new.id })?)?;
        if newest.cause.head != new.cause.head {
            return Ok(Retrained::Overtaken);
        }
        if of.is_some_and(|of| of != newest.id) {
            return Ok(Retrained::Known(Box::new(newest)));
        }
        if newest.status.state.is_active() && !newest.status.stalled {
            return Ok(Retrained::UnderWay);
        }
        runs::insert(&self.database, connection, new, cause, actor).await?;
        Ok(Retrained::Begun(Box::new(new.clone())))
    }
}
