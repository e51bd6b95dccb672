//! Decisions of people: approvals, holds and rejections.

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use slipway_contract::Digest;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};

use super::written::{self, text};
use super::{Store, StoreError, quarantine};
use slipway_domain::{Actor, Approval, Hold, Rejection, SourceName};

pub(super) fn read<T: DeserializeOwned>(row: &AnyRow) -> Result<T, StoreError> {
    let document: String = row.try_get("document")?;
    serde_json::from_str(&document).map_err(|error| StoreError::Unreadable(format!("a decision: {error}")))
}

fn document(decision: &(impl Serialize + DeserializeOwned)) -> Result<String, StoreError> {
    written::document("the decision", decision)
}

/// The hold of a row. An unreadable hold stays in force until its release: a server that cannot read the reason must not overrule
/// it.
pub(super) fn read_hold(row: &AnyRow) -> Result<Hold, StoreError> {
    read(row).or_else(|error| {
        let (environment, model): (String, String) = (row.try_get("environment")?, row.try_get("model")?);
        Ok(Hold {
            environment: SourceName::try_from(environment).map_err(StoreError::Unreadable)?,
            model: Some(model).filter(|model| !model.is_empty()),
            actor: Actor::controller(),
            reason: unreadable(&error),
            at: Timestamp::UNIX_EPOCH,
            until: None,
        })
    })
}

/// The rejection of a row. An unreadable rejection stays in force as well.
pub(super) fn read_rejection(row: &AnyRow) -> Result<Rejection, StoreError> {
    read(row).or_else(|error| {
        let (model, artifact): (String, String) = (row.try_get("model")?, row.try_get("artifact")?);
        let artifact = artifact.parse().map_err(|_| StoreError::Unreadable(format!("`{artifact}` is not a digest")))?;
        let (actor, reason) = (Actor::controller(), unreadable(&error));
        Ok(Rejection { source: None, model, artifact, actor, reason, at: Timestamp::UNIX_EPOCH })
    })
}

fn unreadable(error: &StoreError) -> String {
    format!("this server cannot read the decision, so it stays in force: {error}")
}

/// The model of a hold as stored: `''` stands for all models of the environment.
fn stored_model(hold: Option<&str>) -> String {
    text(hold.unwrap_or_default())
}

/// Stores a hold; it replaces an earlier one for the same model.
pub(super) async fn put_hold(connection: &mut AnyConnection, hold: &Hold) -> Result<(), StoreError> {
    let put = "INSERT INTO holds (environment, model, document) VALUES ($1, $2, $3)
               ON CONFLICT (environment, model) DO UPDATE SET document = $3";
    sqlx::query(put)
        .bind(hold.environment.as_str().to_owned())
        .bind(stored_model(hold.model.as_deref()))
        .bind(document(hold)?)
        .execute(connection)
        .await?;
    Ok(())
}

/// Stores an approval; a second one by the same person for the same artifact changes nothing.
pub(super) async fn put_approval(connection: &mut AnyConnection, approval: &Approval) -> Result<(), StoreError> {
    let insert = "INSERT INTO approvals (environment, model, artifact, person, document)
                  VALUES ($1, $2, $3, $4, $5) ON CONFLICT (environment, model, artifact, person) DO NOTHING";
    sqlx::query(insert)
        .bind(approval.environment.as_str().to_owned())
        .bind(text(&*approval.model))
        .bind(approval.artifact.to_string())
        .bind(text(&*approval.person))
        .bind(document(approval)?)
        .execute(connection)
        .await?;
    Ok(())
}

/// Removes the approvals of an artifact.
pub(super) async fn forget_approvals(
    connection: &mut AnyConnection,
    environment: &SourceName,
    model: &str,
    artifact: &Digest,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM approvals WHERE environment = $1 AND model = $2 AND artifact = $3")
        .bind(environment.as_str().to_owned())
        .bind(text(model))
        .bind(artifact.to_string())
        .execute(connection)
        .await?;
    Ok(())
}

impl Store {
    /// Stores an approval; a second one by the same person for the same artifact changes nothing.
    pub async fn approve(&self, approval: &Approval) -> Result<(), StoreError> {
        let mut transaction = self.database.begin().await?;
        put_approval(&mut transaction, approval).await?;
        transaction.commit().await
    }

    /// The approvals of an artifact in an environment.
    pub async fn approvals(
        &self,
        environment: &SourceName,
        model: &str,
        artifact: &Digest,
    ) -> Result<Vec<Approval>, StoreError> {
        let select = "SELECT environment || ' ' || model || ' ' || person AS key, document FROM approvals WHERE environment = $1 AND model = $2 AND artifact = $3
                      ORDER BY person";
        let rows =
            sqlx::query(select).bind(environment.as_str().to_owned()).bind(text(model)).bind(artifact.to_string());
        let rows = rows.fetch_all(&self.database.pool).await?;
        self.readable_of(quarantine::APPROVAL, &rows, read).await
    }

    /// Stores a hold; it replaces an earlier one for the same model.
    pub async fn hold(&self, hold: &Hold) -> Result<(), StoreError> {
        let mut transaction = self.database.begin().await?;
        put_hold(&mut transaction, hold).await?;
        transaction.commit().await
    }

    /// Removes a hold. Returns whether there was one.
    pub async fn release(&self, environment: &SourceName, model: Option<&str>) -> Result<bool, StoreError> {
        let removed = sqlx::query("DELETE FROM holds WHERE environment = $1 AND model = $2")
            .bind(environment.as_str().to_owned())
            .bind(stored_model(model))
            .execute(&self.database.pool)
            .await?;
        Ok(removed.rows_affected() > 0)
    }

    /// The holds on an environment: those of all its models, or those of one model and of the whole environment.
    pub async fn holds(&self, environment: &SourceName, model: Option<&str>) -> Result<Vec<Hold>, StoreError> {
        let select = "SELECT environment, model, document FROM holds WHERE environment = $1 AND ($2 IS NULL OR model IN ('', $2))
                      ORDER BY model";
        let rows = sqlx::query(select).bind(environment.as_str().to_owned()).bind(model.map(text));
        rows.fetch_all(&self.database.pool).await?.iter().map(read_hold).collect()
    }

    /// Records that an artifact of a source's model must not be promoted again. The first reason stays.
    pub async fn reject(&self, source: &SourceName, rejection: &Rejection) -> Result<(), StoreError> {
        let insert = "INSERT INTO source_rejections (source, model, artifact, document) VALUES ($1, $2, $3, $4)
                      ON CONFLICT (source, model, artifact) DO NOTHING";
        sqlx::query(insert)
            .bind(source.as_str().to_owned())
            .bind(text(&*rejection.model))
            .bind(rejection.artifact.to_string())
            .bind(document(rejection)?)
            .execute(&self.database.pool)
            .await?;
        Ok(())
    }

    /// All rejections, by model and artifact. A rejection applies to one source's model; a rejection of an earlier version
    /// applies to every model with that name.
    pub async fn rejections(&self, limit: u32) -> Result<Vec<Rejection>, StoreError> {
        let select = "SELECT model, artifact, document FROM rejections
                      UNION ALL SELECT model, artifact, document FROM source_rejections
                      ORDER BY model, artifact LIMIT $1";
        let rows = sqlx::query(select).bind(i64::from(limit));
        rows.fetch_all(&self.database.pool).await?.iter().map(read_rejection).collect()
    }

    /// The rejection of an artifact of a source's model; `None` if there is none.
    pub async fn rejection(
        &self,
        source: &SourceName,
        model: &str,
        artifact: &Digest,
    ) -> Result<Option<Rejection>, StoreError> {
        let select = "SELECT model, artifact, document FROM rejections WHERE model = $1 AND artifact = $2
                      UNION ALL
                      SELECT model, artifact, document FROM source_rejections WHERE source = $3 AND model = $1 AND artifact = $2";
        let row = sqlx::query(select).bind(text(model)).bind(artifact.to_string());
        let row = row.bind(source.as_str().to_owned());
        row.fetch_optional(&self.database.pool).await?.map(|row| read_rejection(&row)).transpose()
    }
}
