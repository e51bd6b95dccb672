//! Models according to their runs: the newest run of each model, and the newest promoted one.

use std::collections::{BTreeSet, HashMap};

use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row as _};

use super::database::{in_steps, places};
use super::runs::read_document;
use super::written::text;
use super::{Store, StoreError, quarantine};
use slipway_domain::{Run, SourceName};

/// A model of a source.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelRuns {
    /// Its newest run on the served branch.
    pub newest: Run,
    /// The newest of its promoted runs.
    pub promoted: Option<Run>,
}

/// A position in the list of models.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelCursor {
    /// The source.
    pub source: SourceName,
    /// The model.
    pub model: String,
}

impl Store {
    /// The models of these sources with runs to an environment.
    pub async fn models_of_sources(
        &self,
        scope: &[SourceName],
        environment: &SourceName,
    ) -> Result<BTreeSet<String>, StoreError> {
        // Jumps from one model's index entries to the next model's, without reading all runs of a model.
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

    /// Models of these sources (of all, if `None`) by source and name, after a position in the list. Runs of pull requests do not
    /// count: their content is not part of the served branch yet.
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

    /// Models of a source, or of all sources, after a position in the list.
    async fn models_behind(
        &self,
        source: Option<&SourceName>,
        after: Option<&ModelCursor>,
        limit: usize,
    ) -> Result<Vec<ModelRuns>, StoreError> {
        let mut models: Vec<ModelRuns> = Vec::new();
        let mut after = after.cloned();
        while models.len() < limit {
            let wanted = limit - models.len();
            let found = self.places_behind(source, after.as_ref(), wanted).await?;
            let ids: Vec<&String> =
                found.iter().flat_map(|place| [Some(&place.newest), place.promoted.as_ref()]).flatten().collect();
            let runs = self.readable_runs(&ids).await?;
            // A model whose newest run is unreadable is left out; the next models fill the page.
            models.extend(found.iter().filter_map(|place| {
                // A file without a model name is not a model.
                let newest = runs.get(&place.newest).filter(|run| run.model_name().is_some())?.clone();
                let promoted = place.promoted.as_ref().and_then(|promoted| runs.get(promoted)).cloned();
                Some(ModelRuns { newest, promoted })
            }));
            if found.len() < wanted {
                break;
            }
            after = found.into_iter().next_back().map(|place| place.cursor);
        }
        Ok(models)
    }

    /// The next models after a position in the list, in one statement. One statement per model would need a connection each time,
    /// and concurrent callers would have to wait.
    async fn places_behind(
        &self,
        source: Option<&SourceName>,
        after: Option<&ModelCursor>,
        limit: usize,
    ) -> Result<Vec<Place>, StoreError> {
        // The recursion starts at a row with an empty name, which sorts before all others.
        let (from, model) = match (after, source) {
            (Some(ModelCursor { source, model }), _) => (source.as_str(), &**model),
            (None, Some(source)) => (source.as_str(), ""),
            (None, None) => ("", ""),
        };
        let next_source = match source {
            Some(_) => "NULL",
            None => "(SELECT MIN(source) FROM runs WHERE change_id IS NULL AND source > place.source)",
        };
        // Jumps from one model's index entries to the next model's, without reading all runs of a model.
        let select = AssertSqlSafe(format!(
            "WITH RECURSIVE place (source, model, number) AS (
                 SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), CAST(0 AS BIGINT)
                 UNION ALL
                 SELECT CASE WHEN EXISTS (SELECT 1 FROM runs WHERE change_id IS NULL AND source = place.source
                                            AND model > place.model)
                             THEN place.source ELSE {next_source} END,
                        COALESCE((SELECT MIN(model) FROM runs WHERE change_id IS NULL AND source = place.source
                                    AND model > place.model),
                                 (SELECT MIN(model) FROM runs WHERE change_id IS NULL AND source = {next_source})),
                        place.number + 1
                 FROM place WHERE place.number < $3 AND place.source IS NOT NULL)
             SELECT place.source, place.model,
                    (SELECT id FROM runs WHERE source = place.source AND model = place.model AND change_id IS NULL
                     ORDER BY created_at DESC, id DESC LIMIT 1) AS newest,
                    (SELECT id FROM runs WHERE source = place.source AND model = place.model AND change_id IS NULL
                       AND state = 'done' ORDER BY created_at DESC, id DESC LIMIT 1) AS promoted
             FROM place WHERE place.number > 0 AND place.source IS NOT NULL ORDER BY place.number"
        ));
        let rows = sqlx::query(select)
            .bind(from.to_owned())
            .bind(text(model))
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(&self.database.pool)
            .await?;
        let place = |row: &AnyRow| {
            let source = SourceName::try_from(row.try_get::<String, _>("source")?).map_err(StoreError::Unreadable)?;
            let cursor = ModelCursor { source, model: row.try_get("model")? };
            Ok(Place { cursor, newest: row.try_get("newest")?, promoted: row.try_get("promoted")? })
        };
        rows.iter().map(place).collect()
    }

    /// The readable ones of these runs, by identifier.
    async fn readable_runs(&self, ids: &[&String]) -> Result<HashMap<String, Run>, StoreError> {
        let mut found = HashMap::new();
        for some in in_steps(ids) {
            let select = AssertSqlSafe(format!(
                "SELECT id AS key, source, document FROM runs WHERE id IN {}",
                places(1, some.len())
            ));
            let select = some.iter().fold(sqlx::query(select), |query, id| query.bind((*id).clone()));
            let rows = select.fetch_all(&self.database.pool).await?;
            let runs = self.readable_of(quarantine::RUN, &rows, read_document).await?;
            found.extend(runs.into_iter().map(|run| (run.id.to_string(), run)));
        }
        Ok(found)
    }
}

/// A model's position in the list, with its newest run and the newest promoted one.
struct Place {
    cursor: ModelCursor,
    newest: String,
    promoted: Option<String>,
}
