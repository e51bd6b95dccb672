//! Retention of ended runs, with their transitions, reports, outbox entries and logs. The newest runs of each model stay, and so
//! does every run that an active run references.

use std::collections::BTreeSet;

use jiff::Timestamp;
use slipway_contract::Digest;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row as _};

use super::super::database::{AdvisoryLock, count_of, in_steps, places};
use super::super::references::values_in;
use super::super::runs::read_document;
use super::super::{Store, StoreError};
use super::pace::Pace;
use super::{Removal, Removed, RemovedRun, RunRetention, oldest};
use slipway_domain::{Origin, Run, RunId, RunTraining};

/// Number of runs selected in one statement and removed in one transaction.
const RUNS: i64 = 64;

/// Statements that remove the rows of runs, in an order that satisfies the foreign keys. `{}` stands for the placeholders of the
/// runs.
const DELETES: [&str; 5] = [
    "DELETE FROM reports WHERE run IN {}",
    "DELETE FROM outbox WHERE sequence IN (SELECT sequence FROM transitions WHERE run IN {})",
    "DELETE FROM log_lines WHERE run IN {}",
    "DELETE FROM transitions WHERE run IN {}",
    "DELETE FROM runs WHERE id IN {}",
];

impl Store {
    /// Removes runs that ended too long ago, and then the oldest ones until the number is within the limit.
    pub(super) async fn remove_runs(
        &self,
        now: Timestamp,
        keep: RunRetention,
        deployed: &BTreeSet<Digest>,
        removal: Removal,
        removed: &mut Removed,
    ) -> Result<(), StoreError> {
        let too_old = oldest(now, keep.age);
        let count = sqlx::query("SELECT COUNT(*) AS runs FROM runs WHERE active = 0");
        let mut over = count_of(&count.fetch_one(&self.database.pool).await?, "runs")?.saturating_sub(keep.count);
        // Whether enough newer runs exist: the index is read only up to that number.
        let select = "SELECT id, artifact, created_at,
                          (SELECT MAX(at) FROM transitions WHERE run = ended.id) AS moved_at,
                          CASE WHEN EXISTS (
                              SELECT 1 FROM reports
                              WHERE reports.run = ended.id AND reports.state = 'behind') THEN 1 ELSE 0 END AS untold,
                          CASE WHEN EXISTS (
                              SELECT 1 FROM runs AS newer WHERE newer.environment = ended.environment
                                AND newer.model = ended.model AND newer.created_at > ended.created_at
                              ORDER BY newer.created_at LIMIT 1 OFFSET $4) THEN 1 ELSE 0 END AS enough,
                          CASE WHEN ended.state = 'done' AND ended.change_id IS NULL THEN 1 ELSE 0 END AS promoted,
                          CASE WHEN EXISTS (
                              SELECT 1 FROM runs AS newer WHERE newer.environment = ended.environment
                                AND newer.model = ended.model AND newer.created_at > ended.created_at
                                AND newer.state = 'done' AND newer.change_id IS NULL
                              ORDER BY newer.created_at LIMIT 1 OFFSET $4) THEN 1 ELSE 0 END AS enough_promoted
                      FROM runs AS ended
                      WHERE active = 0 AND (created_at, id) > ($1, $2) ORDER BY created_at, id LIMIT $3";
        let mut after = (i64::MIN, String::new());
        loop {
            let begun = Pace::begin();
            let page = sqlx::query(select).bind(after.0).bind(after.1.clone()).bind(RUNS);
            let page = page.bind(i64::from(keep.per_model.max(1)) - 1).fetch_all(&self.database.pool).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = (last.try_get("created_at")?, last.try_get("id")?);
            let mut going = Vec::new();
            for row in &page {
                // A row that this program cannot read stays, and does not block the others.
                let candidate = match read(row) {
                    Ok(candidate) => candidate,
                    Err(StoreError::Unreadable(reason)) => {
                        tracing::warn!(
                            reason,
                            "run {} cannot be read and is not removed: {reason}",
                            row.try_get::<String, _>("id")?
                        );
                        continue;
                    }
                    Err(error) => return Err(error),
                };
                let is_deployed =
                    candidate.removed.artifact.as_ref().is_some_and(|artifact| deployed.contains(artifact));
                if (candidate.moved_at < too_old || over > 0) && candidate.may_go && !is_deployed {
                    over = over.saturating_sub(1);
                    going.push(candidate.removed);
                }
            }
            if removal == Removal::DryRun {
                removed.runs += going.len() as u64;
            } else {
                self.remove_these(going, removed).await?;
            }
            // All following runs are younger and stay.
            if after.0 >= too_old && over == 0 {
                return Ok(());
            }
            begun.rest().await;
        }
    }

    async fn remove_these(&self, going: Vec<RemovedRun>, removed: &mut Removed) -> Result<(), StoreError> {
        for gone in &going {
            removed.log_lines += self.remove_log(&gone.run.to_string(), Removal::Done).await?;
        }
        if going.is_empty() {
            return Ok(());
        }
        let mut transaction = self.database.begin().await?;
        // With this lock no run can be opened, so no new reference to one of these runs can appear.
        self.database.acquire_lock(&mut transaction, AdvisoryLock::Transition).await?;
        let referred = referred_to(&mut transaction).await?;
        let going: Vec<RemovedRun> = going.into_iter().filter(|gone| !referred.contains(&gone.run)).collect();
        for some in in_steps(&going) {
            let places = places(1, some.len());
            record_starts(&mut transaction, some, &places).await?;
            for delete in DELETES {
                let delete = AssertSqlSafe(delete.replace("{}", &places));
                let delete = some.iter().fold(sqlx::query(delete), |query, gone| query.bind(gone.run.to_string()));
                delete.execute(&mut *transaction).await?;
            }
        }
        transaction.commit().await?;
        removed.runs += going.len() as u64;
        removed.removed_runs.extend(going);
        Ok(())
    }
}

/// Records the start of concurrency groups whose first runs are removed: the contributors of a first promotion are counted from
/// there.
async fn record_starts(connection: &mut AnyConnection, going: &[RemovedRun], places: &str) -> Result<(), StoreError> {
    let select = AssertSqlSafe(format!(
        "SELECT lane, document FROM runs WHERE id IN {places} AND change_id IS NULL ORDER BY created_at, id"
    ));
    let select = going.iter().fold(sqlx::query(select), |query, gone| query.bind(gone.run.to_string()));
    for row in select.fetch_all(&mut *connection).await? {
        let base = read_document(&row).ok().and_then(|run| run.cause.base);
        sqlx::query("INSERT INTO lane_starts (lane, base) VALUES ($1, $2) ON CONFLICT (lane) DO NOTHING")
            .bind(row.try_get::<String, _>("lane")?)
            .bind(base.map_or_else(String::new, |base| base.to_string()))
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// An ended run.
struct Candidate {
    removed: RemovedRun,
    moved_at: i64,
    may_go: bool,
}

fn read(row: &AnyRow) -> Result<Candidate, StoreError> {
    let unreadable = |error: String| StoreError::Unreadable(error);
    let id: String = row.try_get("id")?;
    let run = id.parse().map_err(|_| unreadable(format!("`{id}` is not a run")))?;
    let artifact: Option<String> = row.try_get("artifact")?;
    let artifact = artifact.map(|text| text.parse().map_err(|_| unreadable(format!("`{text}` is not a digest"))));
    let flag = |column: &str| Ok::<bool, StoreError>(row.try_get::<i64, _>(column)? != 0);
    let may_go = !flag("untold")? && flag("enough")? && (!flag("promoted")? || flag("enough_promoted")?);
    let moved_at: Option<i64> = row.try_get("moved_at")?;
    let moved_at = moved_at.unwrap_or(row.try_get("created_at")?);
    Ok(Candidate { removed: RemovedRun { run, artifact: artifact.transpose()? }, moved_at, may_go })
}

/// The runs that active runs reference. Their values are read at the promotion of the active runs and appear in the reports.
async fn referred_to(connection: &mut AnyConnection) -> Result<BTreeSet<RunId>, StoreError> {
    let rows = sqlx::query("SELECT document FROM runs WHERE active = 1").fetch_all(connection).await?;
    let mut referred = BTreeSet::new();
    for row in rows {
        let Ok(Run { origin, training: RunTraining { reused_from, .. }, .. }) = read_document(&row) else {
            // Another server may be able to read it, so every run in it stays.
            referred.extend(values_in::<RunId>(&row.try_get::<String, _>("document")?));
            continue;
        };
        referred.extend(reused_from);
        referred.extend(origin.map(|origin| match origin {
            Origin::Promotion { of: run } | Origin::Rollback { to: run, .. } => run,
        }));
    }
    Ok(referred)
}
