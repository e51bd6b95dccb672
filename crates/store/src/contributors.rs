//! Contributors of revisions and pull requests, as reported by a forge, and commits in environments that Slipway made.

use jiff::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};

use super::database::{in_steps, millis, places};
use super::written::text;
use super::{Store, StoreError};
use slipway_domain::{CommitSha, Contributor, Part, RunId, SourceName};

/// Records contributors of revisions of a source, if their accounts are known. Existing records stay.
pub(super) async fn note(
    connection: &mut AnyConnection,
    source: &SourceName,
    contributors: &[Contributor],
) -> Result<(), StoreError> {
    for Contributor { part, commit, account, name } in contributors {
        let Some(account) = account else { continue };
        let insert = "INSERT INTO contributors (source, revision, part, account, name, at)
                      VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (source, revision, part, account) DO NOTHING";
        sqlx::query(insert)
            .bind(source.as_str().to_owned())
            .bind(commit.to_string())
            .bind(part.as_str())
            .bind(account.clone())
            .bind(text(&**name))
            .bind(millis(Timestamp::now()))
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// The contributor of a row with `part`, `name` and the account in the column `account`.
pub(super) fn read(row: &AnyRow, commit: CommitSha, account: &str) -> Result<Contributor, StoreError> {
    let part: String = row.try_get("part")?;
    // A part that only a newer version knows maps to the nearest known part.
    let part = Part::from_name(&part).unwrap_or(Part::Author);
    Ok(Contributor { part, commit, account: Some(row.try_get(account)?), name: row.try_get("name")? })
}

impl Store {
    /// The recorded contributors of revisions of a source.
    pub async fn contributors(
        &self,
        source: &SourceName,
        revisions: &[CommitSha],
    ) -> Result<Vec<Contributor>, StoreError> {
        let mut found = Vec::new();
        for some in in_steps(revisions) {
            let select = sqlx::AssertSqlSafe(format!(
                "SELECT revision, part, account, name FROM contributors WHERE source = $1 AND revision IN {}
                 ORDER BY at, account",
                places(2, some.len())
            ));
            let mut select = sqlx::query(select).bind(source.as_str().to_owned());
            for revision in some {
                select = select.bind(revision.to_string());
            }
            for row in select.fetch_all(&self.database.pool).await? {
                let commit: String = row.try_get("revision")?;
                let commit = commit.parse().map_err(|error| StoreError::Unreadable(format!("{error}")))?;
                found.push(read(&row, commit, "account")?);
            }
        }
        Ok(found)
    }

    /// Records a commit for an environment before it is pushed for a run.
    pub async fn record_pushed(
        &self,
        environment: &SourceName,
        commit: &CommitSha,
        run: RunId,
    ) -> Result<(), StoreError> {
        let insert = "INSERT INTO pushed_commits (environment, revision, run, at) VALUES ($1, $2, $3, $4)
                      ON CONFLICT (environment, revision) DO NOTHING";
        sqlx::query(insert)
            .bind(environment.as_str().to_owned())
            .bind(commit.to_string())
            .bind(run.to_string())
            .bind(millis(Timestamp::now()))
            .execute(&self.database.pool)
            .await?;
        Ok(())
    }

    /// The run for which this installation made a commit of an environment; `None` if another author made it.
    pub async fn pushed_for(&self, environment: &SourceName, commit: &CommitSha) -> Result<Option<RunId>, StoreError> {
        let select = "SELECT run FROM pushed_commits WHERE environment = $1 AND revision = $2";
        let row = sqlx::query(select).bind(environment.as_str().to_owned()).bind(commit.to_string());
        let Some(row) = row.fetch_optional(&self.database.pool).await? else { return Ok(None) };
        let run: String = row.try_get("run")?;
        run.parse().map(Some).map_err(|error| StoreError::Unreadable(format!("`{run}`: {error}")))
    }
}
