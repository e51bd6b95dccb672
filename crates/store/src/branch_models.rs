//! Models that stand on served branches, as the last look at each branch found them. Those without a run are offered their first.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::database::{millis, time_of};
use super::written::text;
use super::{ModelCursor, Store, StoreError};
use slipway_domain::SourceName;

/// A model that stands on a served branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchModel {
    /// The source.
    pub source: SourceName,
    /// The model's name.
    pub model: String,
    /// The path of its file.
    pub file: String,
    /// When it was first seen there.
    pub at: Timestamp,
}

impl Store {
    /// Notes which models, with their files, stand on a source's branch now.
    pub async fn note_branch_models(
        &self,
        source: &SourceName,
        models: &BTreeMap<String, String>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut transaction = self.database.begin().await?;
        let select = sqlx::query("SELECT model, file FROM branch_models WHERE source = $1");
        let rows = select.bind(source.as_str().to_owned()).fetch_all(&mut *transaction).await?;
        let mut known = BTreeMap::new();
        for row in &rows {
            known.insert(row.try_get::<String, _>("model")?, row.try_get::<String, _>("file")?);
        }
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

    /// Models of these sources that stand on their branches and have had no run there, by source and name, behind a place in
    /// the list.
    pub async fn models_without_runs(
        &self,
        sources: &[SourceName],
        after: Option<&ModelCursor>,
        limit: u32,
    ) -> Result<Vec<BranchModel>, StoreError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut sources: Vec<&SourceName> = sources.iter().collect();
        sources.sort();
        sources.dedup();
        // A change's runs judge what is not part of the branch yet.
        let select = "SELECT source, model, file, at FROM branch_models
                      WHERE source = $1 AND model > $2
                        AND NOT EXISTS (SELECT 1 FROM runs WHERE runs.source = branch_models.source
                                          AND runs.model = branch_models.model AND runs.change_id IS NULL)
                      ORDER BY model LIMIT $3";
        let mut found = Vec::new();
        for source in sources {
            if found.len() >= limit || after.is_some_and(|after| *source < after.source) {
                continue;
            }
            let behind = after.filter(|after| after.source == *source).map_or("", |after| &after.model);
            let rows = sqlx::query(select)
                .bind(source.as_str().to_owned())
                .bind(text(behind))
                .bind(super::database::stored((limit - found.len()) as u64))
                .fetch_all(&self.database.pool)
                .await?;
            for row in &rows {
                found.push(read(row)?);
            }
        }
        Ok(found)
    }
}

fn read(row: &AnyRow) -> Result<BranchModel, StoreError> {
    let source = SourceName::try_from(row.try_get::<String, _>("source")?).map_err(StoreError::Unreadable)?;
    Ok(BranchModel { source, model: row.try_get("model")?, file: row.try_get("file")?, at: time_of(row, "at")? })
}
