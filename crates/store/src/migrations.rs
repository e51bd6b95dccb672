//! Versions of the tables. A released version never changes; a new version is appended.
//!
//! Versions only add tables, indexes, and columns with a default. A server can therefore start on tables of a newer version, as a
//! rolling update and its rollback require, and leaves unknown parts alone. A version that is incompatible with older servers has
//! a name that begins with `breaking`, and older servers refuse its tables. Servers up to version 6 refuse every unknown version
//! when they start; servers that already run continue.

use std::borrow::Cow;
use std::ops::Deref;
use std::pin::Pin;

use sqlx::error::BoxDynError;
use sqlx::migrate::{Migrate, Migration, MigrationSource, MigrationType, Migrator};
use sqlx::{Acquire, Connection as _, Row as _, SqlSafeStr as _};

use super::StoreError;
use super::database::{Database, Dialect};

/// A version: its number, name and statements.
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

/// The versions as a source of `sqlx`. The macro of `sqlx` does the same, but it requires the database drivers to be built twice.
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

/// Applies the versions that the database does not have yet. Several servers that start at the same time do this one after the
/// other.
pub(super) async fn bring_up_to_date(database: &Database) -> Result<(), StoreError> {
    let versions = match database.dialect {
        Dialect::Sqlite => SQLITE,
        Dialect::Postgres => POSTGRES,
    };
    // The migration uses its own connection. A version that processes a large store takes longer than the timeouts of other
    // statements allow, and another server may wait for it.
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

/// Whether a version is known, in one of the two databases.
pub(super) fn is_known(version: i64) -> bool {
    SQLITE.iter().chain(POSTGRES).any(|(known, ..)| *known == version)
}

/// Creates the tables of these versions. The first version exists only in SQLite; in PostgreSQL it is part of the second version.
pub(super) async fn bring_to(database: &Database, versions: &[i64]) -> Result<(), StoreError> {
    let known = match database.dialect {
        Dialect::Sqlite => SQLITE,
        Dialect::Postgres => POSTGRES,
    };
    let wanted: Vec<Version> =
        known.iter().filter(|(version, ..)| *version == 1 || versions.contains(version)).copied().collect();
    run(&wanted, &database.pool).await
}

/// Applies those of `versions` that the database does not have yet.
pub(super) async fn run<'a, A>(versions: &[Version], connections: A) -> Result<(), StoreError>
where
    A: Acquire<'a>,
    <A::Connection as Deref>::Target: Migrate,
{
    let mut migrator = Migrator::new(Versions(versions.to_vec())).await.map_err(incompatible)?;
    migrator.set_ignore_missing(true);
    migrator.run(connections).await.map_err(incompatible)
}

/// The newest version of the tables that this program knows; it is the same for both databases.
pub(super) fn newest() -> i64 {
    SQLITE.iter().map(|(version, ..)| *version).max().unwrap_or_default()
}

/// Refuses tables of a newer version that is incompatible with older servers.
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
            reason: format!(
                "they were written by a newer Slipway (version {version} of the tables is not known to this one)"
            ),
            help: "start the newer Slipway, or set another store for this one",
        },
        sqlx::migrate::MigrateError::Execute(error) => StoreError::Database(error),
        other => StoreError::Incompatible {
            reason: other.to_string(),
            help: "restore the store from a backup, or set another store for this server",
        },
    }
}
