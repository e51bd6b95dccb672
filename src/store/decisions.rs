//! What people decided: approvals, holds, rejections.

use serde::Serialize;
use serde::de::DeserializeOwned;
use slipway_contract::Digest;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};

use super::{Store, StoreError};
use crate::domain::{Approval, Hold, Rejection, SourceName};

fn read<T: DeserializeOwned>(row: &AnyRow) -> Result<T, StoreError> {
    let document: String = row.try_get("document")?;
    serde_json::from_str(&document).map_err(|error| StoreError::Unreadable(format!("a decision: {error}")))
}

fn document(decision: &impl Serialize) -> String {
    serde_json::to_string(decision).expect("decisions hold only texts and times")
}

/// How a hold's model is stored: `''` stands for all of the environment.
fn stored_model(hold: Option<&str>) -> String {
    hold.unwrap_or_default().to_owned()
}

/// Puts a hold in place, instead of an earlier one of the same model.
pub(super) async fn put_hold(connection: &mut AnyConnection, hold: &Hold) -> Result<(), StoreError> {
    let put = "INSERT INTO holds (environment, model, document) VALUES ($1, $2, $3)
               ON CONFLICT (environment, model) DO UPDATE SET document = $3";
    sqlx::query(put)
        .bind(hold.environment.as_str().to_owned())
        .bind(stored_model(hold.model.as_deref()))
        .bind(document(hold))
        .execute(connection)
        .await?;
    Ok(())
}

/// Forgets who approved an artifact.
pub(super) async fn forget_approvals(
    connection: &mut AnyConnection,
    environment: &SourceName,
    model: &str,
    artifact: &Digest,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM approvals WHERE environment = $1 AND model = $2 AND artifact = $3")
        .bind(environment.as_str().to_owned())
        .bind(model.to_owned())
        .bind(artifact.to_string())
        .execute(connection)
        .await?;
    Ok(())
}

impl Store {
    /// Notes an approval; a person's second one of the same artifact changes nothing.
    pub async fn approve(&self, approval: &Approval) -> Result<(), StoreError> {
        let insert = "INSERT INTO approvals (environment, model, artifact, person, document)
                      VALUES ($1, $2, $3, $4, $5) ON CONFLICT (environment, model, artifact, person) DO NOTHING";
        sqlx::query(insert)
            .bind(approval.environment.as_str().to_owned())
            .bind(approval.model.clone())
            .bind(approval.artifact.to_string())
            .bind(approval.person.clone())
            .bind(document(approval))
            .execute(&self.database.pool)
            .await?;
        Ok(())
    }

    /// Who approved an artifact in an environment.
    pub async fn approvals(
        &self,
        environment: &SourceName,
        model: &str,
        artifact: &Digest,
    ) -> Result<Vec<Approval>, StoreError> {
        let select = "SELECT document FROM approvals WHERE environment = $1 AND model = $2 AND artifact = $3
                      ORDER BY person";
        let rows =
            sqlx::query(select).bind(environment.as_str().to_owned()).bind(model.to_owned()).bind(artifact.to_string());
        rows.fetch_all(&self.database.pool).await?.iter().map(read).collect()
    }

    /// Puts a hold in place, instead of an earlier one of the same model.
    pub async fn hold(&self, hold: &Hold) -> Result<(), StoreError> {
        let mut transaction = self.database.begin().await?;
        put_hold(&mut transaction, hold).await?;
        transaction.commit().await
    }

    /// Takes a hold away. Answers whether there was one.
    pub async fn release(&self, environment: &SourceName, model: Option<&str>) -> Result<bool, StoreError> {
        let removed = sqlx::query("DELETE FROM holds WHERE environment = $1 AND model = $2")
            .bind(environment.as_str().to_owned())
            .bind(stored_model(model))
            .execute(&self.database.pool)
            .await?;
        Ok(removed.rows_affected() > 0)
    }

    /// The holds on an environment, of all its models or of one (and of the whole environment).
    pub async fn holds(&self, environment: &SourceName, model: Option<&str>) -> Result<Vec<Hold>, StoreError> {
        let select = "SELECT document FROM holds WHERE environment = $1 AND ($2 IS NULL OR model IN ('', $2))
                      ORDER BY model";
        let rows = sqlx::query(select).bind(environment.as_str().to_owned()).bind(model.map(str::to_owned));
        rows.fetch_all(&self.database.pool).await?.iter().map(read).collect()
    }

    /// Notes that nobody is to promote an artifact of a source's model again. The first reason stays.
    pub async fn reject(&self, source: &SourceName, rejection: &Rejection) -> Result<(), StoreError> {
        let insert = "INSERT INTO source_rejections (source, model, artifact, document) VALUES ($1, $2, $3, $4)
                      ON CONFLICT (source, model, artifact) DO NOTHING";
        sqlx::query(insert)
            .bind(source.as_str().to_owned())
            .bind(rejection.model.clone())
            .bind(rejection.artifact.to_string())
            .bind(document(rejection))
            .execute(&self.database.pool)
            .await?;
        Ok(())
    }

    /// What is rejected, by model and artifact: of a source's model, or, by an earlier version, of every model of that name.
    pub async fn rejections(&self, limit: u32) -> Result<Vec<Rejection>, StoreError> {
        let select = "SELECT model, artifact, document FROM rejections
                      UNION ALL SELECT model, artifact, document FROM source_rejections
                      ORDER BY model, artifact LIMIT $1";
        let rows = sqlx::query(select).bind(i64::from(limit));
        rows.fetch_all(&self.database.pool).await?.iter().map(read).collect()
    }

    /// Why nobody is to promote an artifact of a source's model; `None` if nobody rejected it.
    pub async fn rejection(
        &self,
        source: &SourceName,
        model: &str,
        artifact: &Digest,
    ) -> Result<Option<Rejection>, StoreError> {
        let select = "SELECT document FROM rejections WHERE model = $1 AND artifact = $2
                      UNION ALL
                      SELECT document FROM source_rejections WHERE source = $3 AND model = $1 AND artifact = $2";
        let row = sqlx::query(select).bind(model.to_owned()).bind(artifact.to_string());
        let row = row.bind(source.as_str().to_owned());
        row.fetch_optional(&self.database.pool).await?.map(|row| read(&row)).transpose()
    }
}
