//! Owners of models in an environment: one source for each model name. The owner is the source that first promoted the model
//! there. An owner in the settings has precedence and is not stored here.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};

use super::database::millis;
use super::{Store, StoreError};
use slipway_domain::{Run, RunState, SourceName};

const CLAIM: &str = "INSERT INTO owners (environment, model, source, at) VALUES ($1, $2, $3, $4)
                     ON CONFLICT (environment, model) DO NOTHING";

fn read_source(row: &AnyRow) -> Result<SourceName, StoreError> {
    source_of(row.try_get("source")?)
}

/// Parses the stored name of an owner.
pub(super) fn source_of(name: String) -> Result<SourceName, StoreError> {
    SourceName::try_from(name).map_err(StoreError::Unreadable)
}

/// Makes the source of a promoting run the owner of the model, if it has none yet.
pub(super) async fn note_promoted(connection: &mut AnyConnection, run: &Run) -> Result<(), StoreError> {
    if run.status.state != RunState::Done || run.cause.pull_request.is_some() || run.promotion.commit.is_none() {
        return Ok(());
    }
    sqlx::query(CLAIM)
        .bind(run.cause.environment.as_str().to_owned())
        .bind(run.cause.model.clone())
        .bind(run.cause.source.as_str().to_owned())
        .bind(millis(run.status.updated_at))
        .execute(connection)
        .await?;
    Ok(())
}

impl Store {
    /// The source that first promoted a model to an environment; `None` if there is none.
    pub async fn owner(&self, environment: &SourceName, model: &str) -> Result<Option<SourceName>, StoreError> {
        let select = sqlx::query("SELECT source FROM owners WHERE environment = $1 AND model = $2");
        let select = select.bind(environment.as_str().to_owned()).bind(model.to_owned());
        select.fetch_optional(&self.database.pool).await?.as_ref().map(read_source).transpose()
    }

    /// The owners of an environment's models.
    pub async fn owners(&self, environment: &SourceName) -> Result<BTreeMap<String, SourceName>, StoreError> {
        let select = sqlx::query("SELECT model, source FROM owners WHERE environment = $1");
        let rows = select.bind(environment.as_str().to_owned()).fetch_all(&self.database.pool).await?;
        rows.iter().map(|row| Ok((row.try_get("model")?, read_source(row)?))).collect()
    }

    /// Makes a source the owner of a model immediately before a promotion, if the model has no owner. Returns the owner. Of two
    /// concurrent sources only one becomes the owner.
    pub async fn claim_model(
        &self,
        environment: &SourceName,
        model: &str,
        source: &SourceName,
    ) -> Result<SourceName, StoreError> {
        // The update changes nothing; without it an existing row is not returned.
        let claim = "INSERT INTO owners (environment, model, source, at) VALUES ($1, $2, $3, $4)
                     ON CONFLICT (environment, model) DO UPDATE SET source = owners.source RETURNING source";
        let row = sqlx::query(claim)
            .bind(environment.as_str().to_owned())
            .bind(model.to_owned())
            .bind(source.as_str().to_owned())
            .bind(millis(Timestamp::now()))
            .fetch_one(&self.database.pool)
            .await?;
        read_source(&row)
    }

    /// Undoes the claim of a promotion that did not land, unless the source has promoted the model before, or another of its runs
    /// is promoting it.
    pub async fn release_model(&self, run: &Run) -> Result<(), StoreError> {
        let delete = "DELETE FROM owners WHERE environment = $1 AND model = $2 AND source = $3 AND NOT EXISTS (
                          SELECT 1 FROM runs WHERE environment = $1 AND model = $2 AND source = $3 AND change_id IS NULL
                            AND state IN ('waiting', 'promoting', 'done') AND state IN ('promoting', 'done') AND id <> $4)";
        sqlx::query(delete)
            .bind(run.cause.environment.as_str().to_owned())
            .bind(run.cause.model.clone())
            .bind(run.cause.source.as_str().to_owned())
            .bind(run.id.to_string())
            .execute(&self.database.pool)
            .await?;
        Ok(())
    }

    /// The sources with runs of a model to an environment, without runs of pull requests. Used if the model has no owner yet.
    pub async fn sources_of_model(
        &self,
        environment: Option<&SourceName>,
        model: &str,
    ) -> Result<Vec<SourceName>, StoreError> {
        let select = "SELECT DISTINCT source FROM runs
                      WHERE ($1 IS NULL OR environment = $1) AND model = $2 AND change_id IS NULL ORDER BY source";
        let rows = sqlx::query(select)
            .bind(environment.map(|environment| environment.as_str().to_owned()))
            .bind(model.to_owned())
            .fetch_all(&self.database.pool)
            .await?;
        rows.iter().map(read_source).collect()
    }
}
