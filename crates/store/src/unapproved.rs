//! Revisions of pull requests from forks without an approval. The values of a delivery only locate the revision: at an approval
//! the commit to judge is read from git.

use sqlx::{AnyConnection, Row as _};

use super::database::{count_of, stored};
use super::written::text;
use super::{Store, StoreError};
use slipway_domain::{CommitSha, PullRequestHead, SourceName};

impl Store {
    /// Records that a revision of a pull request waits for an approval.
    pub async fn record_unapproved(
        &self,
        source: &SourceName,
        pull_request: &PullRequestHead,
        head: &CommitSha,
    ) -> Result<(), StoreError> {
        let insert = "INSERT INTO unapproved (source, change_id, head, reference) VALUES ($1, $2, $3, $4)
                      ON CONFLICT (source, change_id, head) DO UPDATE SET reference = $4";
        let insert = sqlx::query(insert).bind(source.as_str().to_owned()).bind(stored(pull_request.number));
        let insert = insert.bind(head.to_string()).bind(text(&*pull_request.reference));
        insert.execute(&self.database.pool).await?;
        Ok(())
    }

    /// The revision of this pull request that waits for an approval: the one at `head`, if it waits, else another one.
    pub async fn unapproved_pull_request(
        &self,
        source: &SourceName,
        number: u64,
        head: &CommitSha,
    ) -> Result<Option<PullRequestHead>, StoreError> {
        let select = "SELECT change_id, reference FROM unapproved WHERE source = $1 AND change_id = $2
                      ORDER BY CASE WHEN head = $3 THEN 0 ELSE 1 END, head LIMIT 1";
        let select = sqlx::query(select).bind(source.as_str().to_owned()).bind(stored(number)).bind(head.to_string());
        select.fetch_optional(&self.database.pool).await?.as_ref().map(read).transpose()
    }

    /// The pull request that waits for an approval of this revision, if there is one.
    pub async fn unapproved_at(
        &self,
        source: &SourceName,
        head: &CommitSha,
    ) -> Result<Option<PullRequestHead>, StoreError> {
        let select = "SELECT change_id, reference FROM unapproved WHERE source = $1 AND head = $2
                      ORDER BY change_id LIMIT 1";
        let select = sqlx::query(select).bind(source.as_str().to_owned()).bind(head.to_string());
        select.fetch_optional(&self.database.pool).await?.as_ref().map(read).transpose()
    }
}

/// Removes the waiting revisions of a closed pull request.
pub(super) async fn forget(
    connection: &mut AnyConnection,
    source: &SourceName,
    pull_request: u64,
) -> Result<(), StoreError> {
    let delete = sqlx::query("DELETE FROM unapproved WHERE source = $1 AND change_id = $2");
    delete.bind(source.as_str().to_owned()).bind(stored(pull_request)).execute(connection).await?;
    Ok(())
}

fn read(row: &sqlx::any::AnyRow) -> Result<PullRequestHead, StoreError> {
    Ok(PullRequestHead { number: count_of(row, "change_id")?, reference: row.try_get("reference")?, fork: true })
}
