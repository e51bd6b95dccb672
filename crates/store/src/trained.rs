//! Results of trainings. By their cache key: equal keys mean equal weights, so nothing is trained twice. By the artifact: the
//! results accompany it to every environment.

use jiff::Timestamp;
use slipway_contract::Digest;
use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::database::millis;
use super::written::text;
use super::{Store, StoreError, quarantine, references};
use slipway_domain::{Document, RunId, SeedRun};

/// The result of a training.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trained {
    /// The run that requested it.
    pub run: RunId,
    /// The weights.
    pub artifact: Digest,
    /// The report of the training.
    pub report: Document,
}

impl Store {
    /// Records the result of a training for a cache key; it replaces an earlier one.
    pub async fn record_trained(&self, key: &Digest, trained: &Trained) -> Result<(), StoreError> {
        let Trained { run, artifact, report: Document { name, digest } } = trained;
        let upsert = "INSERT INTO trained (run_key, run, artifact, report, report_digest, at)
                      VALUES ($1, $2, $3, $4, $5, $6)
                      ON CONFLICT (run_key) DO UPDATE SET run = excluded.run, artifact = excluded.artifact,
                          report = excluded.report, report_digest = excluded.report_digest, at = excluded.at";
        let mut transaction = self.database.begin().await?;
        references::is_back(&mut transaction, artifact).await?;
        sqlx::query(upsert)
            .bind(key.to_string())
            .bind(run.to_string())
            .bind(artifact.to_string())
            .bind(text(&**name))
            .bind(digest.to_string())
            .bind(millis(Timestamp::now()))
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await
    }

    /// Records that a result is reused now: retention counts from this time.
    pub async fn use_trained(&self, key: &Digest) -> Result<(), StoreError> {
        let update = sqlx::query("UPDATE trained SET at = $1 WHERE run_key = $2");
        update.bind(millis(Timestamp::now())).bind(key.to_string()).execute(&self.database.pool).await?;
        Ok(())
    }

    /// The result of the training with a cache key, if it exists and is readable.
    pub async fn trained(&self, key: &Digest) -> Result<Option<Trained>, StoreError> {
        let select = "SELECT run_key AS key, run, artifact, report, report_digest FROM trained WHERE run_key = $1";
        let rows = sqlx::query(select).bind(key.to_string()).fetch_all(&self.database.pool).await?;
        Ok(self.readable_of(quarantine::TRAINED, &rows, read_trained).await?.into_iter().next())
    }

    /// The newest training with this artifact, if one is known.
    pub async fn training_of(&self, artifact: &Digest) -> Result<Option<Trained>, StoreError> {
        let select = "SELECT run_key AS key, run, artifact, report, report_digest FROM trained WHERE artifact = $1
                      ORDER BY at DESC LIMIT 1";
        let rows = sqlx::query(select).bind(artifact.to_string()).fetch_all(&self.database.pool).await?;
        Ok(self.readable_of(quarantine::TRAINED, &rows, read_trained).await?.into_iter().next())
    }

    /// Records the trainings of an artifact's model with other seeds; each replaces an earlier one with the same seed.
    pub async fn record_seeds(&self, artifact: &Digest, seeds: &[SeedRun]) -> Result<(), StoreError> {
        let upsert = "INSERT INTO seeds (artifact, seed, seed_run_key, seed_artifact, at) VALUES ($1, $2, $3, $4, $5)
                      ON CONFLICT (artifact, seed) DO UPDATE SET seed_run_key = excluded.seed_run_key,
                          seed_artifact = excluded.seed_artifact, at = excluded.at";
        for SeedRun { seed, cache_key, artifact: trained } in seeds {
            sqlx::query(upsert)
                .bind(artifact.to_string())
                .bind(i64::from(*seed))
                .bind(cache_key.to_string())
                .bind(trained.to_string())
                .bind(millis(Timestamp::now()))
                .execute(&self.database.pool)
                .await?;
        }
        Ok(())
    }

    /// The known trainings of an artifact's model with other seeds, in the order of the seeds.
    pub async fn seeds_of(&self, artifact: &Digest) -> Result<Vec<SeedRun>, StoreError> {
        let select = "SELECT seed, seed_run_key, seed_artifact FROM seeds WHERE artifact = $1 ORDER BY seed";
        let rows = sqlx::query(select).bind(artifact.to_string()).fetch_all(&self.database.pool).await?;
        let seed = |row: &AnyRow| {
            let seed: i64 = row.try_get("seed")?;
            let seed = u32::try_from(seed).map_err(|_| StoreError::Unreadable(format!("`{seed}` is not a seed")))?;
            Ok(SeedRun { seed, cache_key: digest(row, "seed_run_key")?, artifact: digest(row, "seed_artifact")? })
        };
        rows.iter().map(seed).collect()
    }
}

fn read_trained(row: &AnyRow) -> Result<Trained, StoreError> {
    let text = |column: &str| row.try_get::<String, _>(column);
    let run = text("run")?;
    let run = run.parse().map_err(|_| StoreError::Unreadable(format!("`{run}` is not a run")))?;
    let report = Document { name: text("report")?, digest: digest(row, "report_digest")? };
    Ok(Trained { run, artifact: digest(row, "artifact")?, report })
}

fn digest(row: &AnyRow, column: &str) -> Result<Digest, StoreError> {
    let text: String = row.try_get(column)?;
    text.parse().map_err(|_| StoreError::Unreadable(format!("`{text}` is not a digest")))
}
