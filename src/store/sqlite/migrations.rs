//! The tables' versions, oldest first. One that was released never changes; a change is a new one.

use std::borrow::Cow;
use std::future::Future;
use std::pin::Pin;

use sqlx::error::BoxDynError;
use sqlx::migrate::{Migration, MigrationSource, MigrationType, Migrator};
use sqlx::{SqlSafeStr as _, SqlitePool};

use crate::store::StoreError;

/// `(version, name, statements)`.
const VERSIONS: [(i64, &str, &str); 1] = [(1, "initial", include_str!("../migrations/sqlite/0001_initial.sql"))];

/// The versions as `sqlx` takes them. Its macro would do the same, and have the database driver built twice.
#[derive(Debug)]
struct Versions;

type Resolved<'s> = Pin<Box<dyn Future<Output = Result<Vec<Migration>, BoxDynError>> + Send + 's>>;

impl<'s> MigrationSource<'s> for Versions {
    fn resolve(self) -> Resolved<'s> {
        let migration = |(version, name, statements): (i64, &'static str, &'static str)| {
            let statements = statements.into_sql_str();
            Migration::new(version, Cow::Borrowed(name), MigrationType::Simple, statements, false)
        };
        Box::pin(async move { Ok(VERSIONS.into_iter().map(migration).collect()) })
    }
}

/// Runs the versions that the file does not have yet.
pub(super) async fn bring_up_to_date(pool: &SqlitePool) -> Result<(), StoreError> {
    let migrator = Migrator::new(Versions).await.map_err(incompatible)?;
    migrator.run(pool).await.map_err(incompatible)
}

fn incompatible(error: sqlx::migrate::MigrateError) -> StoreError {
    match error {
        sqlx::migrate::MigrateError::VersionMissing(version) => StoreError::Incompatible {
            reason: format!("they were written by a newer Slipway (version {version} of the tables is unknown here)"),
            help: "start the newer Slipway, or give this one another `state` folder",
        },
        sqlx::migrate::MigrateError::Execute(error) => StoreError::Database(error),
        other => StoreError::Incompatible {
            reason: other.to_string(),
            help: "restore the store from a backup, or give this server another `state` folder",
        },
    }
}
