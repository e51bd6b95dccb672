//! The two databases behind one pool, and the few things in which they differ.

use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};
use sqlx::any::{AnyPoolOptions, AnyRow};
use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyConnection, AnyPool, Connection, Row as _, Transaction};

use tokio::sync::{Mutex, OwnedMutexGuard};

use super::branch_locks::BranchLocks;
use super::{PostgresUrl, Settings, StoreError};

/// Connections: readers beside the one writer that SQLite allows. Each costs about 100 KiB when idle.
const SQLITE_CONNECTIONS: u32 = 4;
/// Connections to PostgreSQL of one server.
const POSTGRES_CONNECTIONS: u32 = 8;
/// How long a step waits for a connection, or for its turn, before it counts as failed.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);

/// What SQLite is told on every connection: a write-ahead log, every commit synced to disk before it counts, ten
/// seconds of waiting for another process, and a log of up to 16 MB before it is worked into the file.
const SQLITE_SETTINGS: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
                               PRAGMA busy_timeout = 10000; PRAGMA wal_autocheckpoint = 4000;";
/// What PostgreSQL is told on every connection. A commit counts when it is on disk, whatever the server's default; a
/// statement or a transaction that hangs is ended, so that it cannot hold a lock for ever.
const POSTGRES_SETTINGS: &str = "SET synchronous_commit = on; SET statement_timeout = '30s';
                                 SET idle_in_transaction_session_timeout = '30s'; SET lock_timeout = '10s';";

/// The kind of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Sqlite,
    Postgres,
}

/// What several servers do one at a time. SQLite has one writer anyway; PostgreSQL locks by these numbers, until the
/// end of the transaction.
#[derive(Debug, Clone, Copy)]
pub(super) enum AdvisoryLock {
    /// Claiming a run: limits and the order of a lane hold exactly.
    Claim = 0x510,
    /// Adding a transition: their numbers become visible in order.
    Transition = 0x511,
    /// Adding to the audit log: each entry follows the one before.
    Audit = 0x512,
    /// Opening a run that may be there already: two who look at once would both find that it is not. Taken before anything
    /// else is locked.
    Open = 0x513,
    /// Counting a use of a test set: numbers are given in order, and rows that are new are added once.
    TestSet = 0x514,
}

/// A pool of connections.
#[derive(Clone)]
pub(super) struct Database {
    pub(super) pool: AnyPool,
    pub(super) dialect: Dialect,
    /// Where turns to write a branch are held; `None` if nobody shares the database.
    pub(super) branch_locks: Option<BranchLocks>,
    /// Who writes to SQLite. It has one writer at a time, and whoever finds it busy sleeps for milliseconds before it
    /// asks again; waiting here ends at the moment the other is done.
    writing: Arc<Mutex<()>>,
}

/// A transaction that writes; undone when it is dropped before it is committed.
pub(super) struct Writing {
    // Dropped before the turn is given on.
    transaction: Transaction<'static, Any>,
    _guard: Option<OwnedMutexGuard<()>>,
}

impl Writing {
    /// Makes it last.
    pub(super) async fn commit(self) -> Result<(), StoreError> {
        Ok(self.transaction.commit().await?)
    }
}

/// A connection for one statement that writes, which is its own transaction.
pub(super) struct Autocommit {
    // Dropped before the turn is given on.
    connection: PoolConnection<Any>,
    _guard: Option<OwnedMutexGuard<()>>,
}

impl Autocommit {
    /// The connection.
    pub(super) fn connection(&mut self) -> &mut AnyConnection {
        &mut self.connection
    }
}

impl Deref for Writing {
    type Target = AnyConnection;

    fn deref(&self) -> &AnyConnection {
        &self.transaction
    }
}

impl DerefMut for Writing {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        &mut self.transaction
    }
}

impl Database {
    /// Connects, making the file of SQLite if it is missing.
    pub(super) async fn open(settings: &Settings) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let (dialect, url, connections, statements) = match settings {
            Settings::Sqlite { file } => (Dialect::Sqlite, sqlite_url(file)?, SQLITE_CONNECTIONS, SQLITE_SETTINGS),
            Settings::Postgres { url: PostgresUrl(url) } => {
                (Dialect::Postgres, url.clone(), POSTGRES_CONNECTIONS, POSTGRES_SETTINGS)
            }
        };
        let options = AnyPoolOptions::new().max_connections(connections).acquire_timeout(TIMEOUT).after_connect(
            move |connection, _| {
                Box::pin(async move { sqlx::raw_sql(statements).execute(connection).await.map(|_| ()) })
            },
        );
        // SQLite ends a transaction by itself when the disk is full, and the connection's own count of transactions does
        // not hear of it: such a connection could begin none again, so it is not given out any more.
        let options = options
            .before_acquire(|connection, _| Box::pin(async move { Ok(!Connection::is_in_transaction(connection)) }));
        let branch_locks = match dialect {
            Dialect::Sqlite => None,
            Dialect::Postgres => Some(BranchLocks::on(&url)?),
        };
        let database = Self { pool: options.connect(&url).await?, dialect, branch_locks, writing: Arc::default() };
        database.demand_unicode().await?;
        Ok(database)
    }

    /// Refuses a PostgreSQL database that could not store every text.
    async fn demand_unicode(&self) -> Result<(), StoreError> {
        if self.dialect == Dialect::Sqlite {
            return Ok(());
        }
        let encoding: String = sqlx::query("SHOW server_encoding").fetch_one(&self.pool).await?.try_get(0)?;
        if encoding == "UTF8" {
            return Ok(());
        }
        let reason = format!("the database's encoding is `{encoding}`, expected `UTF8`");
        Err(StoreError::Incompatible { reason, help: "make it with `CREATE DATABASE … ENCODING 'UTF8'`" })
    }

    /// Whether several servers may share it.
    pub(super) fn is_shared(&self) -> bool {
        self.dialect == Dialect::Postgres
    }

    /// A transaction that writes. In SQLite it takes the write lock at once, so that two never wait for each other.
    pub(super) async fn begin(&self) -> Result<Writing, StoreError> {
        let (begin, lock) = match self.dialect {
            Dialect::Sqlite => ("BEGIN IMMEDIATE", Some(self.writing.clone().lock_owned().await)),
            Dialect::Postgres => ("BEGIN", None),
        };
        Ok(Writing { transaction: self.pool.begin_with(begin).await?, _guard: lock })
    }

    /// A connection for one statement that writes and commits by itself: two round trips fewer than a transaction.
    pub(super) async fn autocommit(&self) -> Result<Autocommit, StoreError> {
        let guard = match self.dialect {
            Dialect::Sqlite => Some(self.writing.clone().lock_owned().await),
            Dialect::Postgres => None,
        };
        Ok(Autocommit { connection: self.pool.acquire().await?, _guard: guard })
    }

    /// A transaction that moves runs. Its turn comes before any row is locked: whoever locked a row first, and then waited for
    /// the turn, would wait for somebody who has the turn and wants that row.
    pub(super) async fn begin_moving(&self) -> Result<Writing, StoreError> {
        let mut transaction = self.begin().await?;
        self.acquire_lock(&mut transaction, AdvisoryLock::Transition).await?;
        Ok(transaction)
    }

    /// A transaction that opens runs that may be there already, and moves others.
    pub(super) async fn begin_opening(&self) -> Result<Writing, StoreError> {
        let mut transaction = self.begin().await?;
        self.acquire_lock(&mut transaction, AdvisoryLock::Open).await?;
        self.acquire_lock(&mut transaction, AdvisoryLock::Transition).await?;
        Ok(transaction)
    }

    /// Waits for this transaction's turn.
    pub(super) async fn acquire_lock(
        &self,
        connection: &mut AnyConnection,
        lock: AdvisoryLock,
    ) -> Result<(), StoreError> {
        if self.dialect == Dialect::Postgres {
            let wait = sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(lock as i64);
            wait.execute(connection).await?;
        }
        Ok(())
    }

    /// Has this transaction read rows in the order of an index, one table for each row of the other, instead of reading all of
    /// them and sorting or hashing. PostgreSQL decides that by statistics, which are older than the rows when many runs begin
    /// at once, and by prepared statements whose values it does not look at: it then reads every waiting run for each claim.
    /// Compilation of statements is switched off because the costs of what is forbidden would call for it. SQLite reads so
    /// anyway.
    pub(super) async fn read_in_order(&self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        if self.dialect == Dialect::Postgres {
            let others = "SELECT set_config(name, 'off', true) FROM unnest(ARRAY[
                              'enable_bitmapscan', 'enable_hashjoin', 'enable_mergejoin', 'enable_seqscan', 'enable_sort',
                              'jit']) AS name";
            sqlx::query(others).execute(connection).await?;
        }
        Ok(())
    }

    /// Ends a `SELECT` whose rows nobody else may change until the transaction ends. SQLite has one writer anyway.
    pub(super) fn locked(&self) -> &'static str {
        match self.dialect {
            Dialect::Sqlite => "",
            Dialect::Postgres => " FOR UPDATE",
        }
    }

    /// The same, passing over rows that somebody else has locked.
    pub(super) fn locked_or_skipped(&self) -> &'static str {
        match self.dialect {
            Dialect::Sqlite => "",
            Dialect::Postgres => " FOR UPDATE SKIP LOCKED",
        }
    }
}

/// Every byte of a path but slashes and the unreserved characters of RFC 3986, section 2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The file as an address: what has a meaning in addresses is written as `%XX`.
fn sqlite_url(file: &Path) -> Result<String, StoreError> {
    let path = file.to_str().ok_or_else(|| {
        let reason = format!("the path `{}` is not UTF-8", file.display());
        StoreError::Incompatible { reason, help: "give the server another `state` folder" }
    })?;
    Ok(format!("sqlite://{}?mode=rwc", percent_encoding::utf8_percent_encode(path, RESERVED)))
}

/// A time as it is stored: milliseconds since 1970-01-01 UTC.
pub(super) fn millis(at: Timestamp) -> i64 {
    at.as_millisecond()
}

/// A time as it was stored.
pub(super) fn timestamp(millis: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_millisecond(millis).map_err(|error| StoreError::Unreadable(error.to_string()))
}

/// A column that holds a time.
pub(super) fn time_of(row: &AnyRow, column: &str) -> Result<Timestamp, StoreError> {
    timestamp(row.try_get(column)?)
}

/// A column that counts something.
pub(super) fn count_of(row: &AnyRow, column: &str) -> Result<u64, StoreError> {
    Ok(row.try_get::<i64, _>(column)?.unsigned_abs())
}

/// A number as it is stored; one that is too large becomes the largest.
pub(super) fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Rows, or identifiers, of one statement. Each number of them is a statement of its own to prepare, so of larger ones there are
/// only these.
const STEPS: [usize; 2] = [256, 64];
/// Up to so many rows are one statement, whatever their number.
pub(super) const ONE_STATEMENT: usize = 16;

/// Cuts a slice into pieces of such numbers.
pub(super) fn in_steps<T>(mut rest: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let step = STEPS.into_iter().find(|step| *step <= rest.len());
        let step = step.unwrap_or_else(|| rest.len().min(ONE_STATEMENT));
        let (now, later) = rest.split_at(step);
        rest = later;
        Some(now)
    })
}

/// The places `$first` and so on of so many values, in brackets.
pub(super) fn places(first: usize, count: usize) -> String {
    let places: Vec<String> = (first..first + count).map(|place| format!("${place}")).collect();
    format!("({})", places.join(", "))
}
