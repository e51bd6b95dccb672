//! The revision up to which each served branch was processed.

use jiff::Timestamp;
use sqlx::{AnyConnection, Row as _};

use super::database::{millis, time_of};
use super::written::text;
use super::{Store, StoreError};
use slipway_domain::{CommitSha, SourceName};

/// The head of a branch, and its head when it was processed last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchHead {
    /// The source.
    pub source: SourceName,
    /// The branch.
    pub branch: String,
    /// The revision that was processed before; `None` if the branch is new.
    pub before: Option<CommitSha>,
    /// The revision that is processed now.
    pub head: CommitSha,
    /// Whether the revision was only found on the branch, without a known push.
    pub adopted: bool,
}

/// The recorded state of a branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenBranch {
    /// The revision up to which the branch was processed.
    pub head: CommitSha,
    /// Whether the revision was only found on the branch, without a known push.
    pub adopted: bool,
    /// Time of the record.
    pub at: Timestamp,
}

impl Store {
    /// The recorded state of a branch; `None` if the branch is new.
    pub async fn seen_branch(&self, source: &SourceName, branch: &str) -> Result<Option<SeenBranch>, StoreError> {
        let select = "SELECT head, adopted, at FROM branches WHERE source = $1 AND branch = $2";
        let row = sqlx::query(select)
            .bind(source.as_str().to_owned())
            .bind(text(branch))
            .fetch_optional(&self.database.pool)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let head: String = row.try_get("head")?;
        let head = head.parse().map_err(|error| StoreError::Unreadable(format!("{error}")))?;
        Ok(Some(SeenBranch { head, adopted: row.try_get::<i64, _>("adopted")? != 0, at: time_of(&row, "at")? }))
    }

    /// Records the found revision of a branch, unless the branch is known.
    pub async fn adopt_branch(&self, head: &BranchHead) -> Result<(), StoreError> {
        let mut transaction = self.database.begin().await?;
        move_head(&mut transaction, head).await?;
        transaction.commit().await?;
        Ok(())
    }
}

/// Moves a branch from its recorded head to its new head. Fails if another server moved it.
pub(super) async fn move_head(connection: &mut AnyConnection, head: &BranchHead) -> Result<(), StoreError> {
    let BranchHead { source, branch, before, head, adopted } = head;
    let insert = "INSERT INTO branches (source, branch, head, adopted, at) VALUES ($1, $2, $3, $4, $5)
                  ON CONFLICT (source, branch) DO NOTHING";
    let update = "UPDATE branches SET head = $3, adopted = $4, at = $5
                  WHERE source = $1 AND branch = $2 AND head = $6";
    let statement = if before.is_some() { update } else { insert };
    let mut query = sqlx::query(statement)
        .bind(source.as_str().to_owned())
        .bind(text(&**branch))
        .bind(head.as_str().to_owned())
        .bind(i64::from(*adopted))
        .bind(millis(Timestamp::now()));
    if let Some(before) = before {
        query = query.bind(before.as_str().to_owned());
    }
    match query.execute(connection).await?.rows_affected() {
        1 => Ok(()),
        _ => Err(StoreError::BranchMoved { branch: branch.clone() }),
    }
}
