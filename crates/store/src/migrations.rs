//! Versions of the tables. A version that was released never changes; a new one is added behind it.
//!
//! Versions only add: tables, indexes, columns with a default. So a server may be started on tables of a newer one, which a
//! rolling update and its way back need, and it leaves alone what it does not know. A version that older servers cannot
//! work with has a name that begins with `breaking`, and they refuse its tables. Servers up to version 6 refuse every
//! version they do not know when they start; those that run already go on.

use std::borrow::Cow;
use std::ops::Deref;
use std::pin::Pin;

use sqlx::error::BoxDynError;
use sqlx::migrate::{Migrate, Migration, MigrationSource, MigrationType, Migrator};
use sqlx::{Acquire, Connection as _, Row as _, SqlSafeStr as _};

use super::StoreError;
use super::database::{Database, Dialect};

/// A version: its number, its name, its statements.
pub(super) type Version = (i64, &'static str, &'static str);

pub(super) const SQLITE: &[Version] = &[
    (1, "initial", include_str!("migrations/sqlite/0001_initial.sql")),
    (2, "lanes", include_str!("migrations/sqlite/0002_lanes.sql")),
    (3, "environments", include_str!("migrations/sqlite/0003_environments.sql")),
    (4, "trained", include_str!("migrations/sqlite/0004_trained.sql")),
    (5, "news", include_str!("migrations/sqlite/0005_news.sql")),
    (6, "unapproved", include_str!("migrations/sqlite/0006_unapproved.sql")),
    (7, "quarantine", include_str!("migrations/sqlite/0007_quarantine.sql")),
    (8, "reports", include_str!("migrations/sqlite/0008_reports.sql")),
    (9, "leases", include_str!("migrations/sqlite/0009_leases.sql")),
    (10, "people", include_str!("migrations/sqlite/0010_people.sql")),
    (11, "identity", include_str!("migrations/sqlite/0011_identity.sql")),
    (12, "evidence", include_str!("migrations/sqlite/0012_evidence.sql")),
    (13, "storage", include_str!("migrations/sqlite/0013_storage.sql")),
    (14, "scale", include_str!("migrations/sqlite/0014_scale.sql")),
    (15, "test sets", include_str!("migrations/sqlite/0015_test_sets.sql")),
    (16, "claims", include_str!("migrations/sqlite/0016_claims.sql")),
    (17, "branch models", include_str!("migrations/sqlite/0017_branch_models.sql")),
    (18, "test columns", include_str!("migrations/sqlite/0018_test_columns.sql")),
];

pub(super) const POSTGRES: &[Version] = &[
    (2, "lanes", include_str!("migrations/postgres/0002_lanes.sql")),
    (3, "environments", include_str!("migrations/postgres/0003_environments.sql")),
    (4, "trained", include_str!("migrations/postgres/0004_trained.sql")),
    (5, "news", include_str!("migrations/postgres/0005_news.sql")),
    (6, "unapproved", include_str!("migrations/postgres/0006_unapproved.sql")),
    (7, "quarantine", include_str!("migrations/postgres/0007_quarantine.sql")),
    (8, "reports", include_str!("migrations/postgres/0008_reports.sql")),
    (9, "leases", include_str!("migrations/postgres/0009_leases.sql")),
    (10, "people", include_str!("migrations/postgres/0010_people.sql")),
    (11, "identity", include_str!("migrations/postgres/0011_identity.sql")),
    (12, "evidence", include_str!("migrations/postgres/0012_evidence.sql")),
    (13, "storage", include_str!("migrations/postgres/0013_storage.sql")),
    (14, "scale", include_str!("migrations/postgres/0014_scale.sql")),
    (15, "test sets", include_str!("migrations/postgres/0015_test_sets.sql")),
    (16, "claims", include_str!("migrations/postgres/0016_claims.sql")),
    (17, "branch models", include_str!("migrations/postgres/0017_branch_models.sql")),
    (18, "test columns", include_str!("migrations/postgres/0018_test_columns.sql")),
];

/// The versions as `sqlx` takes them. Its macro would do the same, and have the database drivers built twice.
#[derive(Debug)]
struct Versions(Vec<Version>);

type Resolved<'s> = Pin<Box<dyn Future<Output = Result<Vec<Migration>, BoxDynError>> + Send + 's>>;

impl<'s> MigrationSource<'s> for Versions {
    fn resolve(self) -> Resolved<'s> {
        let migration = |&(version, name, statements): &Version| {
            let statements = statements.into_sql_str();
            Migration::new(version, Cow::Borrowed(name), MigrationType::Simple, statements, false)
        };
        Box::pin(async move { Ok(self.0.iter().map(migration).collect()) })
    }
}

/// Runs the versions that the database does not have yet. Several servers that start at once take turns.
pub(super) async fn bring_up_to_date(database: &Database) -> Result<(), StoreError> {
    let versions = match database.dialect {
        Dialect::Sqlite => SQLITE,
        Dialect::Postgres => POSTGRES,
    };
    // On a connection of its own: a version that has a large store to go through takes longer than anything else may, and
    // another server may wait for it.
    let mut connection = database.pool.acquire().await?.detach();
    if database.dialect == Dialect::Postgres {
        sqlx::raw_sql("SET statement_timeout = 0; SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0")
            .execute(&mut connection)
            .await?;
    }
    run(versions, &mut connection).await?;
    connection.close().await?;
    refuse_breaking(database).await
}

/// Whether a version is known, in one of the databases.
pub(super) fn is_known(version: i64) -> bool {
    SQLITE.iter().chain(POSTGRES).any(|(known, ..)| *known == version)
}

/// Makes the tables as they were at these versions. The first one is only in SQLite, and part of the second elsewhere.
pub(super) async fn bring_to(database: &Database, versions: &[i64]) -> Result<(), StoreError> {
    let known = match database.dialect {
        Dialect::Sqlite => SQLITE,
        Dialect::Postgres => POSTGRES,
    };
    let wanted: Vec<Version> =
        known.iter().filter(|(version, ..)| *version == 1 || versions.contains(version)).copied().collect();
    run(&wanted, &database.pool).await
}

/// Runs those of `versions` that the database does not have yet.
pub(super) async fn run<'a, A>(versions: &[Version], connections: A) -> Result<(), StoreError>
where
    A: Acquire<'a>,
    <A::Connection as Deref>::Target: Migrate,
{
    let mut migrator = Migrator::new(Versions(versions.to_vec())).await.map_err(incompatible)?;
    migrator.set_ignore_missing(true);
    migrator.run(connections).await.map_err(incompatible)
}

/// The newest version of the tables that this program knows; both databases have the same.
pub(super) fn newest() -> i64 {
    SQLITE.iter().map(|(version, ..)| *version).max().unwrap_or_default()
}

/// Refuses tables of a newer version that says that older servers cannot work with it.
async fn refuse_breaking(database: &Database) -> Result<(), StoreError> {
    let breaking = "SELECT MIN(version) AS version FROM _sqlx_migrations
                    WHERE version > $1 AND description LIKE 'breaking%'";
    let row = sqlx::query(breaking).bind(newest()).fetch_one(&database.pool).await?;
    match row.try_get::<Option<i64>, _>("version")? {
        None => Ok(()),
        Some(version) => Err(incompatible(sqlx::migrate::MigrateError::VersionMissing(version))),
    }
}

fn incompatible(error: sqlx::migrate::MigrateError) -> StoreError {
    match error {
        sqlx::migrate::MigrateError::VersionMissing(version) => StoreError::Incompatible {
            reason: format!("they were written by a newer Slipway (version {version} of the tables is unknown here)"),
            help: "start the newer Slipway, or give this one another store",
        },
        sqlx::migrate::MigrateError::Execute(error) => StoreError::Database(error),
        other => StoreError::Incompatible {
            reason: other.to_string(),
            help: "restore the store from a backup, or give this server another one",
        },
    }
}
