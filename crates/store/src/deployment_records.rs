//! Deployment records: an index of the environments' git histories, which can be rebuilt from git at any time. Only the time at
//! which a commit was first seen exists nowhere else; it outlives a rebuild of a history.

use jiff::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};

use super::database::{millis, timestamp};
use super::written::{document, text};
use super::{Store, StoreError, quarantine};
use slipway_domain::{CommitSha, DeploymentRecord, SourceName};

/// The result of reading an environment's history.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadHistory {
    /// The environment.
    pub environment: SourceName,
    /// The commit up to which it was read before; `None` if it was never read, or if that part was replaced.
    pub before: Option<CommitSha>,
    /// The commit up to which a replaced history was read; `None` if there was none.
    pub replaces: Option<CommitSha>,
    /// The commit up to which it is read now.
    pub tip: CommitSha,
    /// The records in between, oldest first.
    pub deployment_records: Vec<DeploymentRecord>,
}

pub(super) fn read(row: &AnyRow) -> Result<DeploymentRecord, StoreError> {
    let document: String = row.try_get("document")?;
    let record: DeploymentRecord =
        serde_json::from_str(&document).map_err(|error| StoreError::Unreadable(format!("a placement: {error}")))?;
    let seen_at: i64 = row.try_get("seen_at")?;
    let seen_at = if seen_at == 0 { None } else { Some(timestamp(seen_at)?) };
    Ok(DeploymentRecord { seen_at, ..record })
}

/// The deployment records before a rebuild, with the times at which they were first seen: for each model the newest record, and
/// every known commit.
struct Seen(Vec<DeploymentRecord>);

impl Seen {
    async fn of(connection: &mut AnyConnection, environment: &SourceName) -> Result<Self, StoreError> {
        let select = "SELECT document, seen_at FROM placements WHERE environment = $1 ORDER BY sequence";
        let rows = sqlx::query(select).bind(environment.as_str().to_owned()).fetch_all(connection).await?;
        // An unreadable row is ignored: its artifact counts as first seen now.
        Ok(Self(rows.iter().filter_map(|row| read(row).ok()).collect()))
    }

    /// The time at which a record was first seen, if it was: found by its commit or, for the newest record of its model, by the
    /// model's newest artifact before the rebuild.
    fn time(&self, record: &DeploymentRecord, is_newest: bool) -> Option<Timestamp> {
        let of_model = || self.0.iter().rev().filter(|known| known.model == record.model);
        let same = of_model().find(|known| known.commit == record.commit && known.deployed == record.deployed);
        let newest = of_model().next().filter(|known| is_newest && known.deployed == record.deployed);
        same.or(newest).map(DeploymentRecord::since)
    }
}

async fn add(connection: &mut AnyConnection, record: &DeploymentRecord) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO placements (environment, model, at, document, seen_at) VALUES ($1, $2, $3, $4, $5)")
        .bind(record.environment.as_str().to_owned())
        .bind(text(&*record.model))
        .bind(millis(record.at))
        .bind(document("what an environment names", record)?)
        .bind(record.seen_at.map_or(0, millis))
        .execute(connection)
        .await?;
    Ok(())
}

impl Store {
    /// The commit up to which an environment's history was read.
    pub async fn history_read_to(&self, environment: &SourceName) -> Result<Option<CommitSha>, StoreError> {
        let row = sqlx::query("SELECT tip FROM environments WHERE name = $1").bind(environment.as_str().to_owned());
        let Some(row) = row.fetch_optional(&self.database.pool).await? else { return Ok(None) };
        let tip: String = row.try_get("tip")?;
        // If the value is not a commit, the history is read again from the start, as after a replacement of the history.
        Ok(tip.parse().ok())
    }

    /// Records the result of reading an environment's history. Returns the new records; none if another server recorded them
    /// first.
    pub async fn record_history(&self, history: &ReadHistory) -> Result<Vec<DeploymentRecord>, StoreError> {
        let ReadHistory { environment, before, replaces, tip, deployment_records } = history;
        let mut transaction = self.database.begin().await?;
        let seen = match before {
            Some(_) => Seen(Vec::new()),
            None => Seen::of(&mut transaction, environment).await?,
        };
        let (name, tip) = (environment.as_str().to_owned(), tip.to_string());
        let noted = if let Some(expected) = before.as_ref().or(replaces.as_ref()) {
            let update = "UPDATE environments SET tip = $2 WHERE name = $1 AND tip = $3";
            sqlx::query(update).bind(name.clone()).bind(tip).bind(expected.to_string())
        } else {
            // An existing value that is not a commit was never a position of a read.
            let put = "INSERT INTO environments (name, tip) VALUES ($1, $2)
                       ON CONFLICT (name) DO UPDATE SET tip = $2 WHERE LENGTH(environments.tip) <> LENGTH($2)";
            sqlx::query(put).bind(name.clone()).bind(tip)
        };
        if noted.execute(&mut *transaction).await?.rows_affected() == 0 {
            return Ok(Vec::new());
        }
        if before.is_none() {
            sqlx::query("DELETE FROM placements WHERE environment = $1").bind(name).execute(&mut *transaction).await?;
        }
        let now = Timestamp::now();
        let mut new = Vec::new();
        for (number, record) in deployment_records.iter().enumerate() {
            let is_newest = !deployment_records[number + 1..].iter().any(|later| later.model == record.model);
            let seen_at = seen.time(record, is_newest).unwrap_or(now);
            let record = DeploymentRecord { seen_at: Some(seen_at), ..record.clone() };
            add(&mut transaction, &record).await?;
            new.push(record);
        }
        transaction.commit().await?;
        Ok(new)
    }

    /// The current deployment records of an environment: for each model the newest one.
    pub async fn deployment_records(&self, environment: &SourceName) -> Result<Vec<DeploymentRecord>, StoreError> {
        // Jumps from one model's index entries to the next model's, without reading older records of a model.
        let select = "WITH RECURSIVE named (model) AS (
                          SELECT MIN(model) FROM placements WHERE environment = $1
                          UNION ALL
                          SELECT (SELECT MIN(model) FROM placements WHERE environment = $1 AND model > named.model)
                          FROM named WHERE named.model IS NOT NULL)
                      SELECT newest.environment || ' ' || newest.model || ' ' || newest.sequence AS key, newest.document,
                             newest.seen_at
                      FROM named JOIN placements AS newest ON newest.sequence = (
                          SELECT MAX(sequence) FROM placements WHERE environment = $1 AND model = named.model)
                      WHERE named.model IS NOT NULL ORDER BY newest.model";
        let rows = sqlx::query(select).bind(environment.as_str().to_owned());
        let rows = rows.fetch_all(&self.database.pool).await?;
        self.readable_of(quarantine::DEPLOYMENT_RECORD, &rows, read).await
    }

    /// The deployment records of a model in an environment, newest first.
    pub async fn deployment_records_of(
        &self,
        environment: &SourceName,
        model: &str,
        limit: u32,
    ) -> Result<Vec<DeploymentRecord>, StoreError> {
        let select = "SELECT environment || ' ' || model || ' ' || sequence AS key, document, seen_at
                      FROM placements WHERE environment = $1 AND model = $2
                      ORDER BY sequence DESC LIMIT $3";
        let rows = sqlx::query(select).bind(environment.as_str().to_owned()).bind(text(model)).bind(i64::from(limit));
        let rows = rows.fetch_all(&self.database.pool).await?;
        self.readable_of(quarantine::DEPLOYMENT_RECORD, &rows, read).await
    }
}
