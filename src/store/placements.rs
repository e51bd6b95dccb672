//! What environments name and since when: an index of their git history, which can be read again from git at any time.

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};

use super::database::millis;
use super::written::{document, text};
use super::{Store, StoreError, quarantine};
use crate::domain::{CommitSha, Placement, SourceName};

/// What was read of an environment's history.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadHistory {
    /// The environment.
    pub environment: SourceName,
    /// Up to where it was read before; `None` if never, or if what was read then is not its history any more.
    pub before: Option<CommitSha>,
    /// Up to where it is read now.
    pub tip: CommitSha,
    /// What changed in between, oldest first.
    pub placements: Vec<Placement>,
}

fn read(row: &AnyRow) -> Result<Placement, StoreError> {
    let document: String = row.try_get("document")?;
    serde_json::from_str(&document).map_err(|error| StoreError::Unreadable(format!("a placement: {error}")))
}

async fn add(connection: &mut AnyConnection, placed: &Placement) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO placements (environment, model, at, document) VALUES ($1, $2, $3, $4)")
        .bind(placed.environment.as_str().to_owned())
        .bind(text(&*placed.model))
        .bind(millis(placed.at))
        .bind(document("what an environment names", placed)?)
        .execute(connection)
        .await?;
    Ok(())
}

impl Store {
    /// Up to which commit an environment's history was read.
    pub async fn history_read_to(&self, environment: &SourceName) -> Result<Option<CommitSha>, StoreError> {
        let row = sqlx::query("SELECT tip FROM environments WHERE name = $1").bind(environment.as_str().to_owned());
        let Some(row) = row.fetch_optional(&self.database.pool).await? else { return Ok(None) };
        let tip: String = row.try_get("tip")?;
        // What is no commit is read anew from the beginning, like a history that is another one now.
        Ok(tip.parse().ok())
    }

    /// Notes what was read of an environment's history. Answers what is new of it: nothing if another server read it
    /// first.
    pub async fn note_history(&self, history: &ReadHistory) -> Result<Vec<Placement>, StoreError> {
        let ReadHistory { environment, before, tip, placements } = history;
        let mut transaction = self.database.begin().await?;
        let noted = if let Some(before) = before {
            let update = "UPDATE environments SET tip = $2 WHERE name = $1 AND tip = $3";
            let update = sqlx::query(update).bind(environment.as_str().to_owned()).bind(tip.to_string());
            update.bind(before.to_string()).execute(&mut *transaction).await?
        } else {
            let clear = sqlx::query("DELETE FROM placements WHERE environment = $1");
            clear.bind(environment.as_str().to_owned()).execute(&mut *transaction).await?;
            let put = "INSERT INTO environments (name, tip) VALUES ($1, $2)
                       ON CONFLICT (name) DO UPDATE SET tip = $2";
            let put = sqlx::query(put).bind(environment.as_str().to_owned()).bind(tip.to_string());
            put.execute(&mut *transaction).await?
        };
        if noted.rows_affected() == 0 {
            return Ok(Vec::new());
        }
        for placed in placements {
            add(&mut transaction, placed).await?;
        }
        transaction.commit().await?;
        Ok(placements.clone())
    }

    /// What an environment names now: for each model the newest placement.
    pub async fn placements(&self, environment: &SourceName) -> Result<Vec<Placement>, StoreError> {
        // From one model's entries in the index to the next model's: its older placements are never gone through.
        let select = "WITH RECURSIVE named (model) AS (
                          SELECT MIN(model) FROM placements WHERE environment = $1
                          UNION ALL
                          SELECT (SELECT MIN(model) FROM placements WHERE environment = $1 AND model > named.model)
                          FROM named WHERE named.model IS NOT NULL)
                      SELECT newest.environment || ' ' || newest.model || ' ' || newest.sequence AS key, newest.document
                      FROM named JOIN placements AS newest ON newest.sequence = (
                          SELECT MAX(sequence) FROM placements WHERE environment = $1 AND model = named.model)
                      WHERE named.model IS NOT NULL ORDER BY newest.model";
        let rows = sqlx::query(select).bind(environment.as_str().to_owned());
        let rows = rows.fetch_all(&self.database.pool).await?;
        self.readable_of(quarantine::PLACEMENT, &rows, read).await
    }

    /// What an environment names of a model, newest first.
    pub async fn placements_of(
        &self,
        environment: &SourceName,
        model: &str,
        limit: u32,
    ) -> Result<Vec<Placement>, StoreError> {
        let select = "SELECT environment || ' ' || model || ' ' || sequence AS key, document
                      FROM placements WHERE environment = $1 AND model = $2
                      ORDER BY sequence DESC LIMIT $3";
        let rows = sqlx::query(select).bind(environment.as_str().to_owned()).bind(text(model)).bind(i64::from(limit));
        let rows = rows.fetch_all(&self.database.pool).await?;
        self.readable_of(quarantine::PLACEMENT, &rows, read).await
    }
}
