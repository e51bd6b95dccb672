//! Up to which revision each served branch was dealt with.

use jiff::Timestamp;
use sqlx::{AnyConnection, Row as _};

use super::database::{millis, time_of};
use super::written::text;
use super::{Store, StoreError};
use slipway_domain::{CommitSha, SourceName};

/// Where a branch stands, and where it stood when that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchHead {
    /// The source.
    pub source: SourceName,
    /// The branch.
    pub branch: String,
    /// The revision that was dealt with before; `None` if the branch was never looked at.
    pub before: Option<CommitSha>,
    /// The revision that is dealt with now.
    pub head: CommitSha,
    /// Whether the revision was only found there, and no push of it is known.
    pub adopted: bool,
}

/// A branch as it was left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenBranch {
    /// The revision up to which everything was dealt with.
    pub head: CommitSha,
    /// Whether the revision was only found there, and no push of it is known.
    pub adopted: bool,
    /// When.
    pub at: Timestamp,
}

impl Store {
    /// A branch as it was left; `None` if it was never looked at.
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

    /// Notes a branch's revision as found there, unless the branch is known.
    pub async fn adopt_branch(&self, head: &BranchHead) -> Result<(), StoreError> {
        let mut transaction = self.database.begin().await?;
        move_head(&mut transaction, head).await?;
        transaction.commit().await?;
        Ok(())
    }
}

/// Moves a branch from where it was seen to where it is. Fails if somebody else moved it.
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
