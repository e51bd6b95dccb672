//! How long deliveries are kept: up to an age, and up to a size of all together. One that is not read yet is never
//! removed.

use jiff::{SignedDuration, Timestamp};

use super::database::{count_of, millis};
use super::{Store, StoreError};

/// Deliveries removed in one transaction: few enough that nobody who delivers has to wait.
const TOGETHER: i64 = 500;

/// What is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// How long a settled delivery is kept.
    pub age: SignedDuration,
    /// How many bytes of bodies are kept, as stored.
    pub bytes: u64,
}

/// What was removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Removed {
    /// Deliveries.
    pub deliveries: u64,
    /// Entries of the outbox that were told.
    pub notices: u64,
}

impl Store {
    /// Removes what need not be kept, oldest first.
    pub async fn remove_old(&self, now: Timestamp, keep: Retention) -> Result<Removed, StoreError> {
        let oldest = millis(now.saturating_sub(keep.age).unwrap_or(Timestamp::MIN));
        let mut removed = Removed::default();
        loop {
            let gone = self.remove_deliveries(oldest).await?;
            removed.deliveries += gone;
            if gone == 0 {
                break;
            }
        }
        while self.kept_bytes().await? > keep.bytes {
            let gone = self.remove_deliveries(i64::MAX).await?;
            removed.deliveries += gone;
            if gone == 0 {
                break;
            }
        }
        let told = "DELETE FROM outbox WHERE state IN ('told', 'skipped') AND sequence IN
                        (SELECT sequence FROM transitions WHERE at < $1)";
        let told = sqlx::query(told).bind(oldest).execute(&self.database.pool).await?;
        removed.notices = told.rows_affected();
        Ok(removed)
    }

    /// Bytes of all bodies that are kept, as stored.
    pub async fn kept_bytes(&self) -> Result<u64, StoreError> {
        let sum = sqlx::query("SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT) AS bytes FROM deliveries");
        count_of(&sum.fetch_one(&self.database.pool).await?, "bytes")
    }

    /// Removes the oldest settled deliveries that arrived before a time; some of them, and says how many.
    async fn remove_deliveries(&self, before: i64) -> Result<u64, StoreError> {
        let delete = "DELETE FROM deliveries WHERE (source, id) IN (
                          SELECT source, id FROM deliveries WHERE state <> 'pending' AND received_at < $1
                          ORDER BY received_at LIMIT $2)";
        let done = sqlx::query(delete).bind(before).bind(TOGETHER).execute(&self.database.pool).await?;
        Ok(done.rows_affected())
    }
}
