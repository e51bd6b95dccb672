//! Models, as their runs tell of them: the newest run of each, and the newest that was promoted.

use std::collections::BTreeSet;

use sqlx::Row as _;

use super::runs::{read_document, scope_list};
use super::written::text;
use super::{Store, StoreError, quarantine};
use crate::domain::{Run, RunState, SourceName};

/// A model of a source.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelRuns {
    /// Its newest run on the served branch.
    pub newest: Run,
    /// The newest of its runs that was promoted.
    pub promoted: Option<Run>,
}

/// A place in the list of models.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelCursor {
    /// The source.
    pub source: SourceName,
    /// The model.
    pub model: String,
}

impl Store {
    /// The models of some sources whose runs went to an environment.
    pub async fn models_of_sources(
        &self,
        scope: &[SourceName],
        environment: &SourceName,
    ) -> Result<BTreeSet<String>, StoreError> {
        let select = "SELECT DISTINCT model FROM runs WHERE environment = $1 AND $2 LIKE '%,' || source || ',%'";
        let rows = sqlx::query(select).bind(environment.as_str().to_owned()).bind(scope_list(scope));
        let rows = rows.fetch_all(&self.database.pool).await?;
        rows.iter().map(|row| Ok(row.try_get("model")?)).collect()
    }

    /// Whether a source has had runs of a model.
    pub async fn knows_model(&self, source: &SourceName, model: &str) -> Result<bool, StoreError> {
        let select = sqlx::query("SELECT 1 AS known FROM runs WHERE source = $1 AND model = $2 LIMIT 1");
        let row = select.bind(source.as_str().to_owned()).bind(text(model));
        Ok(row.fetch_optional(&self.database.pool).await?.is_some())
    }

    /// Models of these sources (of all, if `None`) by source and name, behind a place in the list. Runs of changes do
    /// not count: what they judge is not part of the served branch yet.
    pub async fn models(
        &self,
        scope: Option<&[SourceName]>,
        after: Option<&ModelCursor>,
        limit: u32,
    ) -> Result<Vec<ModelRuns>, StoreError> {
        let select = "SELECT source, model, MAX(created_at) AS newest,
                             MAX(CASE WHEN state = $1 THEN created_at END) AS promoted
                      FROM runs
                      WHERE change_id IS NULL AND ($2 IS NULL OR (source, model) > ($2, $3))
                        AND ($4 IS NULL OR $4 LIKE '%,' || source || ',%')
                      GROUP BY source, model ORDER BY source, model LIMIT $5";
        let rows = sqlx::query(select)
            .bind(RunState::Done.as_str())
            .bind(after.map(|cursor| cursor.source.as_str().to_owned()))
            .bind(after.map(|cursor| text(&*cursor.model)))
            .bind(scope.map(scope_list))
            .bind(i64::from(limit))
            .fetch_all(&self.database.pool)
            .await?;
        let mut models = Vec::with_capacity(rows.len());
        for row in rows {
            let (source, model): (String, String) = (row.try_get("source")?, row.try_get("model")?);
            let newest = self.run_of_model(&source, &model, row.try_get("newest")?, None).await?;
            let promoted = match row.try_get::<Option<i64>, _>("promoted")? {
                Some(at) => self.run_of_model(&source, &model, at, Some(RunState::Done)).await?,
                None => None,
            };
            // A run that was removed meanwhile takes its model along.
            models.extend(newest.map(|newest| ModelRuns { newest, promoted }));
        }
        Ok(models)
    }

    async fn run_of_model(
        &self,
        source: &str,
        model: &str,
        created_at: i64,
        state: Option<RunState>,
    ) -> Result<Option<Run>, StoreError> {
        let select = "SELECT id AS key, source, document FROM runs
                      WHERE source = $1 AND model = $2 AND created_at = $3 AND change_id IS NULL
                        AND ($4 IS NULL OR state = $4)
                      ORDER BY id DESC LIMIT 1";
        let row = sqlx::query(select)
            .bind(source.to_owned())
            .bind(text(model))
            .bind(created_at)
            .bind(state.map(|state| state.as_str().to_owned()))
            .fetch_all(&self.database.pool)
            .await?;
        Ok(self.readable_of(quarantine::RUN, &row, read_document).await?.into_iter().next())
    }
}
