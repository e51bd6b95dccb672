//! The identity of a store: an identifier that is created once and is part of its backups. It distinguishes stores that share a
//! folder of artifacts.

use sqlx::Row as _;

use super::{Store, StoreError};

impl Store {
    /// The store's identifier.
    pub async fn identity(&self) -> Result<String, StoreError> {
        let insert = "INSERT INTO store_identity (place, id) VALUES (1, $1) ON CONFLICT (place) DO NOTHING";
        let mut transaction = self.database.begin().await?;
        sqlx::query(insert).bind(uuid::Uuid::now_v7().to_string()).execute(&mut *transaction).await?;
        let row = sqlx::query("SELECT id FROM store_identity WHERE place = 1").fetch_one(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(row.try_get("id")?)
    }
}
