//! Runs: insertion, superseding and queries.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use jiff::Timestamp;
use slipway_contract::Digest;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row as _};

use super::conditions::Conditions;
use super::database::{Database, millis};
use super::run_actions::{supersede, terminate};
use super::written::{self, text};
use super::{Store, StoreError, logs, quarantine};
use slipway_domain::{
    Actor, CommitSha, ConcurrencyGroup, Origin, Run, RunEvent, RunId, RunState, SourceName, Transition,
};

/// Lengths of a run's identifier and of a commit.
const WHOLE_ID: usize = 36;
const WHOLE_COMMIT: usize = 40;

/// A filter of runs.
#[derive(Debug, Clone, Default)]
pub struct RunFilter {
    /// Only runs of these sources; `None` means all sources.
    pub scope: Option<Vec<SourceName>>,
    /// Only runs of this source.
    pub source: Option<SourceName>,
    /// Only runs of this model.
    pub model: Option<String>,
    /// Only runs in this state.
    pub state: Option<RunState>,
    /// Only runs whose identifiers have this prefix: hexadecimal digits in lower case, with dashes at their positions.
    pub id: Option<String>,
    /// Only runs of revisions that begin with these hexadecimal digits in lower case.
    pub head: Option<String>,
    /// Only stalled runs, or only runs that are not stalled.
    pub stalled: Option<bool>,
    /// Only runs older than this one.
    pub before: Option<RunCursor>,
}

/// Names of sources as one text, `,a,b,`: it contains a source if it contains `,source,`. Names contain neither commas nor
/// wildcards of `LIKE`. Only for tables that stay small, because no index is used.
pub(super) fn scope_list(scope: &[SourceName]) -> String {
    scope.iter().fold(",".to_owned(), |list, name| list + name.as_str() + ",")
}

/// A position in the list of runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunCursor {
    /// Time at which the run was recorded.
    pub created_at: Timestamp,
    /// The run.
    pub id: RunId,
}

pub(super) fn read_document(row: &AnyRow) -> Result<Run, StoreError> {
    let document: String = row.try_get("document")?;
    serde_json::from_str(&document).map_err(|error| StoreError::Unreadable(format!("a run: {error}")))
}

pub(super) fn document(run: &Run) -> Result<String, StoreError> {
    written::document("the run", run)
}

/// The run of a row with `key`, `source` and document; `None`, and put into the quarantine, if it is unreadable.
pub(super) async fn read_or_set_aside(connection: &mut AnyConnection, row: &AnyRow) -> Result<Option<Run>, StoreError> {
    match read_document(row) {
        Err(StoreError::Unreadable(reason)) => {
            let (key, source): (String, String) = (row.try_get("key")?, row.try_get("source")?);
            quarantine::set_aside(connection, quarantine::RUN, &key, Some(&source), &reason).await?;
            Ok(None)
        }
        read => read.map(Some),
    }
}

pub(super) fn read_state(word: &str) -> Result<RunState, StoreError> {
    RunState::from_name(word).ok_or_else(|| StoreError::Unreadable(format!("`{word}` is not a state of a run")))
}

/// Inserts a run and supersedes the runs it replaces. For a pull request only one run per revision is recorded; a run of a branch
/// is always new, because the move of its branch is. Returns whether the run was new. The transaction must come from
/// `begin_opening`.
pub(super) async fn open(
    database: &Database,
    connection: &mut AnyConnection,
    run: &Run,
    actor: &Actor,
) -> Result<bool, StoreError> {
    if run.cause.pull_request.is_some() && is_known(connection, &run.concurrency_group(), &run.cause.head).await? {
        return Ok(false);
    }
    insert(database, connection, run, &cause_of(run), actor).await?;
    Ok(true)
}

/// Inserts a run with a cause and supersedes the runs it replaces. A run that passed and waits is not superseded by a run that
/// has not passed yet.
pub(super) async fn insert(
    database: &Database,
    connection: &mut AnyConnection,
    run: &Run,
    cause: &str,
    actor: &Actor,
) -> Result<(), StoreError> {
    let (concurrency_group, because) = (run.concurrency_group(), newer_because(run, actor));
    let insert =
        "INSERT INTO runs (id, source, lane, model, branch, head, change_id, state, active, priority, document,
                                    created_at, environment, run_key, artifact)
                  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)";
    sqlx::query(insert)
        .bind(run.id.to_string())
        .bind(run.cause.source.as_str().to_owned())
        .bind(text(concurrency_group.as_str()))
        .bind(text(&*run.cause.model))
        .bind(text(&*run.cause.branch))
        .bind(run.cause.head.to_string())
        .bind(run.cause.pull_request.as_ref().map(|pull_request| super::database::stored(pull_request.number)))
        .bind(run.status.state.as_str())
        .bind(i64::from(run.status.state.is_active()))
        .bind(i64::from(run.priority))
        .bind(document(run)?)
        .bind(millis(run.created_at))
        .bind(run.cause.environment.as_str().to_owned())
        .bind(run.training.cache_key.as_ref().map(Digest::to_string))
        .bind(run.training.artifact.as_ref().map(Digest::to_string))
        .execute(&mut *connection)
        .await?;
    let queue = sqlx::query("INSERT INTO queues (source) VALUES ($1) ON CONFLICT (source) DO NOTHING");
    queue.bind(run.cause.source.as_str().to_owned()).execute(&mut *connection).await?;
    let (cause, actor) = (cause.to_owned(), actor.clone());
    let first = Transition { from: None, to: run.status.state, at: run.created_at, cause, actor };
    logs::add_transition(database, connection, run, &first).await?;
    let select = "SELECT id AS key, source, document FROM runs WHERE lane = $1 AND active = 1 AND id <> $2";
    let select = AssertSqlSafe(format!("{select}{}", database.locked()));
    let older = sqlx::query(select)
        .bind(text(concurrency_group.as_str()))
        .bind(run.id.to_string())
        .fetch_all(&mut *connection)
        .await?;
    for row in older {
        let Some(older) = read_or_set_aside(connection, &row).await? else { continue };
        if (older.status.state.may_be_terminated() && older.status.state != RunState::Waiting) || older.status.stalled {
            let cause = format!("superseded by {}, {}", run.cause.head.short(), because);
            supersede(database, connection, older, &cause).await?;
        }
    }
    Ok(())
}

/// The cause of a run as plain text.
fn cause_of(run: &Run) -> String {
    match (&run.cause.pull_request, &run.origin) {
        (Some(pull_request), _) => format!("pull request {} at {}", pull_request.number, run.cause.head.short()),
        (None, Some(Origin::Promotion { of })) => {
            format!("promotion to `{}` of the artifact of run {of}", run.cause.environment)
        }
        (None, Some(Origin::Rollback { to, reason })) => format!("rollback to run {to}: {reason}"),
        (None, None) => format!("push of {}", run.cause.head.short()),
    }
}

fn newer_because(run: &Run, actor: &Actor) -> &'static str {
    match &run.origin {
        Some(_) => "promoted later",
        None if *actor == Actor::controller() => "pushed later",
        None => "started later",
    }
}

async fn is_known(
    connection: &mut AnyConnection,
    concurrency_group: &ConcurrencyGroup,
    head: &CommitSha,
) -> Result<bool, StoreError> {
    let known = sqlx::query("SELECT 1 AS known FROM runs WHERE lane = $1 AND head = $2 LIMIT 1");
    let known = known.bind(text(concurrency_group.as_str())).bind(head.to_string());
    Ok(known.fetch_optional(connection).await?.is_some())
}

/// Ends the runs of a closed pull request.
pub(super) async fn close_pull_request(
    database: &Database,
    connection: &mut AnyConnection,
    source: &SourceName,
    pull_request: u64,
) -> Result<(), StoreError> {
    let select = "SELECT id AS key, source, document FROM runs WHERE source = $1 AND active = 1 AND change_id = $2";
    let select = AssertSqlSafe(format!("{select}{}", database.locked()));
    let rows = sqlx::query(select).bind(source.as_str().to_owned()).bind(super::database::stored(pull_request));
    let rows = rows.fetch_all(&mut *connection).await?;
    cancel(database, connection, &rows, |_| Some(format!("pull request {pull_request} was closed"))).await
}

/// Ends the runs of pushes whose model file does not exist any more. Rollbacks and promotions by people go on.
pub(super) async fn end_runs_of_removed(
    database: &Database,
    connection: &mut AnyConnection,
    source: &SourceName,
    files: &[String],
) -> Result<(), StoreError> {
    if files.is_empty() {
        return Ok(());
    }
    let select = "SELECT id AS key, source, document FROM runs WHERE source = $1 AND active = 1 AND change_id IS NULL";
    let select = AssertSqlSafe(format!("{select}{}", database.locked()));
    let rows = sqlx::query(select).bind(source.as_str().to_owned());
    let rows = rows.fetch_all(&mut *connection).await?;
    let cause = |run: &Run| {
        let is_removed = run.origin.is_none() && files.contains(&run.cause.file);
        is_removed.then(|| format!("a later push removed `{}`", run.cause.file))
    };
    cancel(database, connection, &rows, cause).await
}

/// Cancels the runs of locked rows for which there is a cause, and that may still be ended from outside.
async fn cancel(
    database: &Database,
    connection: &mut AnyConnection,
    rows: &[AnyRow],
    cause: impl Fn(&Run) -> Option<String>,
) -> Result<(), StoreError> {
    for row in rows {
        let Some(run) = read_or_set_aside(connection, row).await? else { continue };
        if let Some(cause) = cause(&run).filter(|_| run.status.state.may_be_terminated()) {
            terminate(database, connection, run, RunEvent::Cancelled, &cause, &Actor::controller()).await?;
        }
    }
    Ok(())
}

/// One run, locked until the transaction ends.
pub(super) async fn load(database: &Database, connection: &mut AnyConnection, run: RunId) -> Result<Run, StoreError> {
    let select = AssertSqlSafe(format!("SELECT document FROM runs WHERE id = $1{}", database.locked()));
    let row = sqlx::query(select).bind(run.to_string()).fetch_optional(connection).await?;
    read_document(&row.ok_or(StoreError::NoSuchRun { run })?)
}

impl Store {
    /// One run.
    pub async fn run(&self, run: RunId) -> Result<Run, StoreError> {
        let row = sqlx::query("SELECT document FROM runs WHERE id = $1").bind(run.to_string());
        let row = row.fetch_optional(&self.database.pool).await?;
        read_document(&row.ok_or(StoreError::NoSuchRun { run })?)
    }

    /// Runs, newest first. Unreadable ones are put into the quarantine, and the list continues after them.
    pub async fn runs(&self, filter: &RunFilter, limit: u32) -> Result<Vec<Run>, StoreError> {
        let sources = match (&filter.source, &filter.scope) {
            (source, None) => return self.runs_of(source.as_ref(), filter, limit).await,
            (Some(source), Some(scope)) if scope.contains(source) => BTreeSet::from([source]),
            (Some(_), Some(_)) => BTreeSet::new(),
            (None, Some(scope)) => scope.iter().collect(),
        };
        let mut runs = Vec::new();
        for source in sources {
            runs.append(&mut self.runs_of(Some(source), filter, limit).await?);
        }
        runs.sort_by_key(|run| Reverse((millis(run.created_at), run.id)));
        runs.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(runs)
    }

    /// Runs of one source or of all sources, newest first, independent of the filter's scope.
    async fn runs_of(
        &self,
        source: Option<&SourceName>,
        filter: &RunFilter,
        limit: u32,
    ) -> Result<Vec<Run>, StoreError> {
        let (mut before, mut found) = (filter.before, Vec::new());
        let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
        loop {
            let missing = wanted - found.len();
            let rows = self.run_rows(source, filter, before, missing).await?;
            found.extend(self.readable_of(quarantine::RUN, &rows, read_document).await?);
            let Some(last) = rows.last().filter(|_| rows.len() == missing && found.len() < wanted) else {
                return Ok(found);
            };
            let id: String = last.try_get("key")?;
            let id = id.parse().map_err(|error| StoreError::Unreadable(format!("`{id}`: {error}")))?;
            before = Some(RunCursor { created_at: super::database::time_of(last, "created_at")?, id });
        }
    }

    async fn run_rows(
        &self,
        source: Option<&SourceName>,
        filter: &RunFilter,
        before: Option<RunCursor>,
        limit: usize,
    ) -> Result<Vec<AnyRow>, StoreError> {
        let RunFilter { scope: _, source: _, model, state, id, head, stalled, before: _ } = filter;
        let mut wanted = Conditions::default();
        wanted.equal("source", source.map(|source| source.as_str().to_owned()));
        wanted.equal("model", model.as_deref().map(text));
        wanted.equal("state", state.map(|state| state.as_str().to_owned()));
        wanted.begin("id", id.as_deref(), WHOLE_ID);
        wanted.begin("head", head.as_deref(), WHOLE_COMMIT);
        match stalled {
            Some(true) => wanted.fixed("stalled = 1"),
            Some(false) => wanted.fixed("stalled = 0"),
            None => {}
        }
        if let Some(RunCursor { created_at, id }) = before {
            wanted.compare(["created_at", "id"], '<', [millis(created_at).into(), id.to_string().into()]);
        }
        let limit = wanted.place(super::database::stored(limit as u64).into());
        let select = format!(
            "SELECT id AS key, source, created_at, document FROM runs {}
             ORDER BY created_at DESC, id DESC LIMIT {limit}",
            wanted.clause()
        );
        Ok(wanted.bind_to(sqlx::query(AssertSqlSafe(select))).fetch_all(&self.database.pool).await?)
    }

    /// The newest earlier run of the same model with a cache key and an artifact, to report the differences.
    pub async fn earlier_with_key(&self, run: &Run) -> Result<Option<Run>, StoreError> {
        let select = "SELECT id AS key, source, document FROM runs
                      WHERE source = $1 AND model = $2 AND run_key IS NOT NULL AND artifact IS NOT NULL
                        AND (created_at, id) < ($3, $4)
                      ORDER BY created_at DESC, id DESC LIMIT 1";
        let row = sqlx::query(select)
            .bind(run.cause.source.as_str().to_owned())
            .bind(text(&*run.cause.model))
            .bind(millis(run.created_at))
            .bind(run.id.to_string())
            .fetch_all(&self.database.pool)
            .await?;
        Ok(self.readable_of(quarantine::RUN, &row, read_document).await?.into_iter().next())
    }
}
