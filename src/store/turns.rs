//! Whose turn it is to write a branch, among the servers that share a store.

use sqlx::{Any, Transaction};

use super::written::text;
use super::{Store, StoreError};

/// The right to write a branch; given back when it is dropped.
///
/// It is a lock of a PostgreSQL transaction: no clock decides how long it holds, it ends with the connection of a server that
/// dies, and the database ends it after thirty seconds. Whoever writes still has to name what the branch was before: this
/// keeps servers from being in each other's way, not from harm.
pub struct BranchTurn {
    /// Dropping it ends it. `None`: nobody shares the store.
    _transaction: Option<Transaction<'static, Any>>,
}

impl Store {
    /// Waits, ten seconds at most, until no other server that shares this store has the turn to write `branch` of `repository`.
    pub async fn branch_turn(&self, repository: &str, branch: &str) -> Result<BranchTurn, StoreError> {
        let Some(connections) = &self.database.turns else {
            return Ok(BranchTurn { _transaction: None });
        };
        let mut transaction = connections.begin().await?;
        sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))")
            .bind(text(format!("{repository} {branch}")))
            .execute(&mut *transaction)
            .await?;
        Ok(BranchTurn { _transaction: Some(transaction) })
    }
}
