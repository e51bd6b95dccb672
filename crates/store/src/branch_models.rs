//! Models on served branches, as of the last sync of each branch. Models without a run are offered their first run.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row as _};

use super::database::{millis, time_of};
use super::written::text;
use super::{ModelCursor, Store, StoreError};
use slipway_domain::SourceName;

/// Condition that a model of a branch has a run there. Runs of pull requests do not count: their content is not part of the
/// branch yet.
const HAS_RUN: &str = "EXISTS (SELECT 1 FROM runs WHERE runs.source = branch_models.source
                                 AND runs.model = branch_models.model AND runs.change_id IS NULL)";
/// Number of models per read.
const MAX_PAGE: i64 = 500;

/// A model on a served branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchModel {
    /// The source.
    pub source: SourceName,
    /// The model's name.
    pub model: String,
    /// The path of its file.
    pub file: String,
    /// Time at which it was first seen there.
    pub at: Timestamp,
}

impl Store {
    /// Records which models, with their files, are on a source's branch now.
    pub async fn record_branch_models(
        &self,
        source: &SourceName,
        models: &BTreeMap<String, String>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let select = sqlx::query("SELECT model, file FROM branch_models WHERE source = $1");
        let rows = select.bind(source.as_str().to_owned()).fetch_all(&self.database.pool).await?;
        let mut known = BTreeMap::new();
        for row in &rows {
            known.insert(row.try_get::<String, _>("model")?, row.try_get::<String, _>("file")?);
        }
        // Changes are rare, and a transaction would wait for the writer. Two servers that record at the same time write the same
        // rows.
        if known == *models {
            return Ok(());
        }
        let mut transaction = self.database.begin().await?;
        for model in known.keys().filter(|model| !models.contains_key(*model)) {
            let delete = sqlx::query("DELETE FROM branch_models WHERE source = $1 AND model = $2");
            delete.bind(source.as_str().to_owned()).bind(text(&**model)).execute(&mut *transaction).await?;
        }
        for (model, file) in models.iter().filter(|(model, file)| known.get(*model) != Some(*file)) {
            let insert = "INSERT INTO branch_models (source, model, file, at) VALUES ($1, $2, $3, $4)
                          ON CONFLICT (source, model) DO UPDATE SET file = $3";
            sqlx::query(insert)
                .bind(source.as_str().to_owned())
                .bind(text(&**model))
                .bind(text(&**file))
                .bind(millis(now))
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Whether a model with this name is on the branch of any source.
    pub async fn is_on_a_branch(&self, model: &str) -> Result<bool, StoreError> {
        let select = sqlx::query("SELECT 1 AS found FROM branch_models WHERE model = $1 LIMIT 1");
        Ok(select.bind(text(model)).fetch_optional(&self.database.pool).await?.is_some())
    }

    /// Records which models of a source have had a run, so that this is still known after retention removes the run.
    pub async fn record_first_runs(&self, source: &SourceName) -> Result<(), StoreError> {
        // Changes are rare, and an update would wait for the writer.
        let select =
            format!("SELECT 1 AS found FROM branch_models WHERE source = $1 AND had_run = 0 AND {HAS_RUN} LIMIT 1");
        let select = sqlx::query(AssertSqlSafe(select)).bind(source.as_str().to_owned());
        if select.fetch_optional(&self.database.pool).await?.is_none() {
            return Ok(());
        }
        let update = format!("UPDATE branch_models SET had_run = 1 WHERE source = $1 AND had_run = 0 AND {HAS_RUN}");
        let mut transaction = self.database.begin().await?;
        sqlx::query(AssertSqlSafe(update)).bind(source.as_str().to_owned()).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Models of these sources that are on their branches and have had no run there, by source and name, after a position in the
    /// list.
    pub async fn models_without_runs(
        &self,
        sources: &[SourceName],
        after: Option<&ModelCursor>,
        limit: u32,
    ) -> Result<Vec<BranchModel>, StoreError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let sources: BTreeSet<&SourceName> = sources.iter().collect();
        let (Some(first), Some(last)) = (sources.first(), sources.last()) else { return Ok(Vec::new()) };
        let select = format!(
            "SELECT source, model, file, at FROM branch_models
             WHERE had_run = 0 AND source >= $1 AND source <= $4 AND (source, model) > ($1, $2) AND NOT {HAS_RUN}
             ORDER BY source, model LIMIT $3"
        );
        let begin = (first.as_str().to_owned(), String::new());
        let mut place = after.map_or_else(
            || begin.clone(),
            |after| (after.source.as_str().to_owned(), after.model.clone()).max(begin.clone()),
        );
        let mut found = Vec::new();
        // The list is short, so rows of other sources are filtered here.
        loop {
            let rows = sqlx::query(AssertSqlSafe(select.clone()))
                .bind(place.0.clone())
                .bind(text(&*place.1))
                .bind(MAX_PAGE)
                .bind(last.as_str().to_owned())
                .fetch_all(&self.database.pool)
                .await?;
            for row in &rows {
                let model = read(row)?;
                place = (model.source.as_str().to_owned(), model.model.clone());
                if sources.contains(&model.source) {
                    found.push(model);
                }
                if found.len() >= limit {
                    return Ok(found);
                }
            }
            if i64::try_from(rows.len()).is_ok_and(|rows| rows < MAX_PAGE) {
                return Ok(found);
            }
        }
    }
}

fn read(row: &AnyRow) -> Result<BranchModel, StoreError> {
    let source = SourceName::try_from(row.try_get::<String, _>("source")?).map_err(StoreError::Unreadable)?;
    Ok(BranchModel { source, model: row.try_get("model")?, file: row.try_get("file")?, at: time_of(row, "at")? })
}
