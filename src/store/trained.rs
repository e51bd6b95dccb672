//! What trainings made, by their run key: equal keys are equal weights, so nothing is trained twice.

use jiff::Timestamp;
use slipway_contract::Digest;
use sqlx::Row as _;

use super::database::millis;
use super::{Store, StoreError, references};
use crate::domain::{Document, RunId};

/// What a training made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trained {
    /// The run it was done for.
    pub run: RunId,
    /// The weights.
    pub artifact: Digest,
    /// What training reported of them.
    pub report: Document,
}

impl Store {
    /// Notes what the training of a run key made, in place of what an earlier one did.
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
            .bind(name.clone())
            .bind(digest.to_string())
            .bind(millis(Timestamp::now()))
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await
    }

    /// Notes that what a training made is used again now: retention counts from here.
    pub async fn use_trained(&self, key: &Digest) -> Result<(), StoreError> {
        let update = sqlx::query("UPDATE trained SET at = $1 WHERE run_key = $2");
        update.bind(millis(Timestamp::now())).bind(key.to_string()).execute(&self.database.pool).await?;
        Ok(())
    }

    /// What the training of a run key made, if there was one.
    pub async fn trained(&self, key: &Digest) -> Result<Option<Trained>, StoreError> {
        let select = "SELECT run, artifact, report, report_digest FROM trained WHERE run_key = $1";
        let row = sqlx::query(select).bind(key.to_string()).fetch_optional(&self.database.pool).await?;
        let Some(row) = row else { return Ok(None) };
        let text = |column: &str| row.try_get::<String, _>(column);
        let digest = |column: &str| {
            let text = text(column)?;
            text.parse().map_err(|_| StoreError::Unreadable(format!("`{text}` is not a digest")))
        };
        let run = text("run")?;
        let run = run.parse().map_err(|_| StoreError::Unreadable(format!("`{run}` is not a run")))?;
        let report = Document { name: text("report")?, digest: digest("report_digest")? };
        Ok(Some(Trained { run, artifact: digest("artifact")?, report }))
    }
}
