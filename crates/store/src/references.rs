//! Artifacts that the store still needs, and runs whose artifact was removed.

use std::collections::BTreeSet;

use jiff::Timestamp;
use slipway_contract::Digest;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};

use super::database::{millis, time_of};
use super::runs::read_document;
use super::{Store, StoreError};
use slipway_domain::{DeploymentRecord, Run, RunId, RunJudgement, RunTraining, SourceName};

/// The newest deployment records of each model in each environment, up to `$1` of them.
const NEWEST_RECORDS: &str = "SELECT document FROM (
        SELECT document, ROW_NUMBER() OVER (PARTITION BY environment, model ORDER BY sequence DESC) AS place
        FROM placements) AS ranked
    WHERE place <= $1";

fn digest(text: &str) -> Result<Digest, StoreError> {
    text.parse().map_err(|_| StoreError::Unreadable(format!("`{text}` is not a digest")))
}

fn artifact_of(row: &AnyRow) -> Result<Digest, StoreError> {
    digest(&row.try_get::<String, _>("artifact")?)
}

/// The artifact of a deployment record; of an unreadable record, every digest in it.
fn digests_of(row: &AnyRow) -> Result<Vec<Digest>, StoreError> {
    let document: String = row.try_get("document")?;
    Ok(match serde_json::from_str::<DeploymentRecord>(&document) {
        Ok(deployment_record) => deployment_record.deployed.artifact().cloned().into_iter().collect(),
        Err(_) => values_in(&document).collect(),
    })
}

/// All strings of a JSON document that parse as this type, for unreadable documents of a newer server.
pub(super) fn values_in<T: std::str::FromStr>(document: &str) -> impl Iterator<Item = T> + '_ {
    document.split('"').filter_map(|text| text.parse().ok())
}

impl Store {
    /// The artifacts that environments name now, as far as their histories were read.
    pub async fn artifacts_deployed(&self) -> Result<BTreeSet<Digest>, StoreError> {
        let mut deployed = BTreeSet::new();
        for row in sqlx::query(NEWEST_RECORDS).bind(1_i64).fetch_all(&self.database.pool).await? {
            deployed.extend(digests_of(&row)?);
        }
        Ok(deployed)
    }

    /// Artifacts that must stay: those of active runs and of their champions; the newest of each model in each environment, among
    /// promoted artifacts and among deployment records; and those that were trained or used since `used_since`.
    pub async fn artifacts_in_use(
        &self,
        per_model: u32,
        used_since: Timestamp,
    ) -> Result<BTreeSet<Digest>, StoreError> {
        let mut used = BTreeSet::new();
        let most = i64::from(per_model.max(1));
        for row in sqlx::query(NEWEST_RECORDS).bind(most).fetch_all(&self.database.pool).await? {
            used.extend(digests_of(&row)?);
        }
        let newest = "SELECT artifact FROM (
                          SELECT artifact, ROW_NUMBER() OVER (PARTITION BY environment, model
                                                              ORDER BY created_at DESC, id DESC) AS place
                          FROM runs WHERE state = 'done' AND change_id IS NULL AND artifact IS NOT NULL) AS ranked
                      WHERE place <= $1";
        for row in sqlx::query(newest).bind(most).fetch_all(&self.database.pool).await? {
            used.insert(artifact_of(&row)?);
        }
        let trained = "SELECT artifact FROM trained
                       WHERE at >= $1 OR run IN (SELECT id FROM runs WHERE active = 1)";
        for row in sqlx::query(trained).bind(millis(used_since)).fetch_all(&self.database.pool).await? {
            used.insert(artifact_of(&row)?);
        }
        let active = "SELECT artifact, document FROM runs WHERE active = 1";
        for row in sqlx::query(active).fetch_all(&self.database.pool).await? {
            if let Some(artifact) = row.try_get::<Option<String>, _>("artifact")? {
                used.insert(digest(&artifact)?);
            }
            match read_document(&row) {
                Ok(Run {
                    training: RunTraining { artifact, seeds, .. },
                    judgement: RunJudgement { champion, .. },
                    ..
                }) => {
                    used.extend(
                        artifact.into_iter().chain(champion).chain(seeds.into_iter().map(|seed| seed.artifact)),
                    );
                }
                // Another server may be able to read it, so every digest in it stays.
                Err(_) => used.extend(values_in::<Digest>(&row.try_get::<String, _>("document")?)),
            }
        }
        // An artifact that is promoted downstream is judged there with its seeds.
        let seeds = "SELECT artifact, seed_artifact FROM seeds";
        for row in sqlx::query(seeds).fetch_all(&self.database.pool).await? {
            if used.contains(&artifact_of(&row)?) {
                used.insert(digest(&row.try_get::<String, _>("seed_artifact")?)?);
            }
        }
        Ok(used)
    }

    /// All artifacts that an environment ever named or accepted, of one model or of all. Used for an environment that cannot be
    /// read at the moment.
    pub async fn artifacts_ever_at(
        &self,
        environment: &SourceName,
        model: Option<&str>,
    ) -> Result<BTreeSet<Digest>, StoreError> {
        let bind = |select| sqlx::query(select).bind(environment.as_str().to_owned()).bind(model.map(str::to_owned));
        let mut ever = BTreeSet::new();
        let deployment_records =
            "SELECT document FROM placements WHERE environment = $1 AND ($2 IS NULL OR model = $2)";
        for row in bind(deployment_records).fetch_all(&self.database.pool).await? {
            ever.extend(digests_of(&row)?);
        }
        let runs = "SELECT DISTINCT artifact FROM runs
                    WHERE environment = $1 AND ($2 IS NULL OR model = $2) AND state = 'done' AND change_id IS NULL
                      AND artifact IS NOT NULL";
        for row in bind(runs).fetch_all(&self.database.pool).await? {
            ever.insert(artifact_of(&row)?);
        }
        Ok(ever)
    }

    /// Records the upcoming removal of an artifact: its training is forgotten, no rollback returns to it, and its approvals
    /// become void. Returns whether the removal is allowed, which requires that no active run uses the artifact.
    pub async fn mark_artifact_removed(&self, artifact: &Digest, now: Timestamp) -> Result<bool, StoreError> {
        let mut transaction = self.database.begin().await?;
        if is_in_use(&mut transaction, artifact).await? {
            return Ok(false);
        }
        // If the artifact is produced again, it needs new approvals.
        for delete in [
            "DELETE FROM trained WHERE artifact = $1",
            "DELETE FROM seeds WHERE artifact = $1",
            "DELETE FROM approvals WHERE artifact = $1",
        ] {
            sqlx::query(delete).bind(artifact.to_string()).execute(&mut *transaction).await?;
        }
        sqlx::query("UPDATE runs SET artifact_removed_at = $1 WHERE artifact = $2 AND artifact_removed_at IS NULL")
            .bind(millis(now))
            .bind(artifact.to_string())
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Whether an active run uses an artifact.
    pub async fn is_artifact_in_use(&self, artifact: &Digest) -> Result<bool, StoreError> {
        let mut connection = self.database.pool.acquire().await?;
        is_in_use(&mut connection, artifact).await
    }

    /// Records that an artifact exists again.
    pub async fn unmark_artifact_removed(&self, artifact: &Digest) -> Result<(), StoreError> {
        let mut transaction = self.database.begin().await?;
        is_back(&mut transaction, artifact).await?;
        transaction.commit().await
    }

    /// When the artifact of a run was removed, if it was.
    pub async fn artifact_removed_at(&self, run: RunId) -> Result<Option<Timestamp>, StoreError> {
        let select = "SELECT artifact_removed_at FROM runs WHERE id = $1 AND artifact_removed_at IS NOT NULL";
        let row = sqlx::query(select).bind(run.to_string()).fetch_optional(&self.database.pool).await?;
        row.map(|row| time_of(&row, "artifact_removed_at")).transpose()
    }
}

async fn is_in_use(connection: &mut AnyConnection, artifact: &Digest) -> Result<bool, StoreError> {
    let used = "SELECT 1 AS used FROM runs WHERE artifact = $1 AND active = 1
                UNION ALL
                SELECT 1 AS used FROM trained JOIN runs ON runs.id = trained.run
                WHERE trained.artifact = $1 AND runs.active = 1
                LIMIT 1";
    Ok(sqlx::query(used).bind(artifact.to_string()).fetch_optional(connection).await?.is_some())
}

/// Permits rollbacks to runs whose artifact exists again.
pub(super) async fn is_back(connection: &mut AnyConnection, artifact: &Digest) -> Result<(), StoreError> {
    let update = "UPDATE runs SET artifact_removed_at = NULL WHERE artifact = $1 AND artifact_removed_at IS NOT NULL";
    sqlx::query(update).bind(artifact.to_string()).execute(connection).await?;
    Ok(())
}
