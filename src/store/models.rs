//! Models, as their runs tell of them: the newest run of each, and the newest that was promoted.

use std::collections::BTreeSet;

use sqlx::{AssertSqlSafe, Row as _};

use super::conditions::Conditions;
use super::runs::read_document;
use super::written::text;
use super::{Store, StoreError, quarantine};
use crate::domain::{Run, SourceName};

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
        // From one model's entries in the index to the next model's: the runs of a model are never gone through.
        let select = "WITH RECURSIVE seen (model) AS (
                          SELECT MIN(model) FROM runs WHERE source = $1
                          UNION ALL
                          SELECT (SELECT MIN(model) FROM runs WHERE source = $1 AND model > seen.model) FROM seen
                          WHERE seen.model IS NOT NULL)
                      SELECT model FROM seen
                      WHERE model IS NOT NULL AND EXISTS (
                          SELECT 1 FROM runs WHERE environment = $2 AND model = seen.model AND source = $1)";
        let mut models = BTreeSet::new();
        for source in scope {
            let rows = sqlx::query(select).bind(source.as_str().to_owned()).bind(environment.as_str().to_owned());
            for row in rows.fetch_all(&self.database.pool).await? {
                models.insert(row.try_get("model")?);
            }
        }
        Ok(models)
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
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let Some(scope) = scope else { return self.models_behind(None, after, limit).await };
        let mut models = Vec::new();
        for source in scope.iter().collect::<BTreeSet<_>>() {
            if after.is_some_and(|after| *source < after.source) || models.len() >= limit {
                continue;
            }
            let after = after.filter(|after| after.source == *source);
            models.append(&mut self.models_behind(Some(source), after, limit - models.len()).await?);
        }
        Ok(models)
    }

    /// Models of a source, or of all, behind a place in the list.
    async fn models_behind(
        &self,
        source: Option<&SourceName>,
        after: Option<&ModelCursor>,
        limit: usize,
    ) -> Result<Vec<ModelRuns>, StoreError> {
        let mut models: Vec<ModelRuns> = Vec::new();
        let mut after = after.cloned();
        while models.len() < limit {
            let Some((place, newest)) = self.first_of_model_behind(source, after.as_ref()).await? else { break };
            if let Some(newest) = newest {
                let promoted = self.newest_promoted(&place).await?;
                models.push(ModelRuns { newest, promoted });
            }
            after = Some(place);
        }
        Ok(models)
    }

    /// The next model behind a place in the list, and its newest run if that can be read.
    async fn first_of_model_behind(
        &self,
        source: Option<&SourceName>,
        after: Option<&ModelCursor>,
    ) -> Result<Option<(ModelCursor, Option<Run>)>, StoreError> {
        let mut wanted = Conditions::new(["change_id IS NULL"]);
        wanted.equal("source", source.map(|source| source.as_str().to_owned()));
        match (after, source) {
            (Some(ModelCursor { source: _, model }), Some(_)) => {
                wanted.compare(["model"], '>', [text(&**model).into()]);
            }
            (Some(ModelCursor { source, model }), None) => {
                wanted.compare(["source", "model"], '>', [source.as_str().to_owned().into(), text(&**model).into()]);
            }
            (None, _) => {}
        }
        let select = format!(
            "SELECT id AS key, source, model, document FROM runs {}
             ORDER BY source, model, created_at DESC, id DESC LIMIT 1",
            wanted.clause()
        );
        let rows = wanted.bind_to(sqlx::query(AssertSqlSafe(select))).fetch_all(&self.database.pool).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let source = SourceName::try_from(row.try_get::<String, _>("source")?).map_err(StoreError::Unreadable)?;
        let place = ModelCursor { source, model: row.try_get("model")? };
        Ok(Some((place, self.readable_of(quarantine::RUN, &rows, read_document).await?.into_iter().next())))
    }

    /// The newest of a model's runs that was promoted.
    async fn newest_promoted(&self, model: &ModelCursor) -> Result<Option<Run>, StoreError> {
        let select = "SELECT id AS key, source, document FROM runs
                      WHERE source = $1 AND model = $2 AND change_id IS NULL AND state = 'done'
                      ORDER BY created_at DESC, id DESC LIMIT 1";
        let rows = sqlx::query(select).bind(model.source.as_str().to_owned()).bind(text(&*model.model));
        let rows = rows.fetch_all(&self.database.pool).await?;
        Ok(self.readable_of(quarantine::RUN, &rows, read_document).await?.into_iter().next())
    }
}
