//! Both databases behind one connection pool, and their few differences.

use std::io::Read as _;
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

/// Connections to SQLite: readers beside its one writer. An idle connection uses about 100 KiB.
const SQLITE_CONNECTIONS: u32 = 4;
/// The first bytes of a database (<https://www.sqlite.org/fileformat.html>, section 1.3).
const SQLITE_HEADER: &[u8] = b"SQLite format 3\0";
/// Connections of one server to PostgreSQL.
const POSTGRES_CONNECTIONS: u32 = 8;
/// How long a step waits for a connection or a lock before it fails.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);

/// Settings of every SQLite connection: a write-ahead log, a sync to disk at every commit, a wait of ten seconds for another
/// process, and a checkpoint once the log has 16 MB.
const SQLITE_SETTINGS: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
                               PRAGMA busy_timeout = 10000; PRAGMA wal_autocheckpoint = 4000;";
/// Settings of every PostgreSQL connection. A commit is complete only when it is on disk, independent of the server's default. A
/// hanging statement or transaction is ended, so that it cannot hold a lock for ever.
const POSTGRES_SETTINGS: &str = "SET synchronous_commit = on; SET statement_timeout = '30s';
                                 SET idle_in_transaction_session_timeout = '30s'; SET lock_timeout = '10s';";

/// The kind of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Sqlite,
    Postgres,
}

/// Operations that only one server at a time performs. SQLite has one writer anyway. PostgreSQL uses these numbers as advisory
/// locks until the end of the transaction.
#[derive(Debug, Clone, Copy)]
pub(super) enum AdvisoryLock {
    /// Claim of a run: limits and the order of a concurrency group are exact.
    Claim = 0x510,
    /// Insertion of a transition: sequence numbers become visible in order.
    Transition = 0x511,
    /// Insertion into the audit log: each entry follows the previous one.
    Audit = 0x512,
    /// Opening of a run that may already exist: two concurrent checks would both find no run. This lock is taken before all
    /// others.
    Open = 0x513,
    /// Count of a use of a test set: numbers are in order, and new rows are inserted once.
    TestSet = 0x514,
}

/// A connection pool.
#[derive(Clone)]
pub(super) struct Database {
    pub(super) pool: AnyPool,
    pub(super) dialect: Dialect,
    /// Holder of the branch locks; `None` if the database is not shared.
    pub(super) branch_locks: Option<BranchLocks>,
    /// Lock for writing to SQLite, which has one writer at a time. A connection that finds SQLite busy sleeps for milliseconds
    /// before it retries; a wait for this mutex ends as soon as the other writer is done.
    writing: Arc<Mutex<()>>,
}

/// A write transaction; dropping it before the commit rolls it back.
pub(super) struct Writing {
    // Dropped before the guard.
    transaction: Transaction<'static, Any>,
    _guard: Option<OwnedMutexGuard<()>>,
}

impl Writing {
    /// Commits the transaction.
    pub(super) async fn commit(self) -> Result<(), StoreError> {
        Ok(self.transaction.commit().await?)
    }
}

/// A connection for one write statement, which is its own transaction.
pub(super) struct Autocommit {
    // Dropped before the guard.
    connection: PoolConnection<Any>,
    _guard: Option<OwnedMutexGuard<()>>,
}

impl Autocommit {
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

/// Checks that an existing file can be a database: the pool would only report that it waited in vain for a connection.
fn check_file(file: &Path) -> Result<(), StoreError> {
    let refuse = |problem: String| StoreError::Incompatible {
        reason: format!("`{}` {problem}", file.display()),
        help: "name another file by `store.sqlite.file` or another folder by `state`, or take this one away",
    };
    let mut header = Vec::new();
    match std::fs::OpenOptions::new().read(true).write(true).open(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(refuse(format!("cannot be opened: {error}"))),
        Ok(opened) => match opened.take(SQLITE_HEADER.len() as u64).read_to_end(&mut header) {
            Err(error) => Err(refuse(format!("cannot be read: {error}"))),
            Ok(0) => Ok(()),
            Ok(_) if header == SQLITE_HEADER => Ok(()),
            Ok(_) => Err(refuse("is no database of SQLite".to_owned())),
        },
    }
}

impl Database {
    /// Connects; creates the SQLite file if it is missing.
    pub(super) async fn open(settings: &Settings) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let (dialect, url, connections, statements) = match settings {
            Settings::Sqlite { file } => {
                check_file(file)?;
                (Dialect::Sqlite, sqlite_url(file)?, SQLITE_CONNECTIONS, SQLITE_SETTINGS)
            }
            Settings::Postgres { url: PostgresUrl(url) } => {
                (Dialect::Postgres, url.clone(), POSTGRES_CONNECTIONS, POSTGRES_SETTINGS)
            }
        };
        let options = AnyPoolOptions::new().max_connections(connections).acquire_timeout(TIMEOUT).after_connect(
            move |connection, _| {
                Box::pin(async move { sqlx::raw_sql(statements).execute(connection).await.map(|_| ()) })
            },
        );
        // SQLite ends a transaction by itself when the disk is full, but the connection's own transaction count does not change.
        // Such a connection could not begin another transaction, so the pool drops it.
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

    /// Refuses a PostgreSQL database whose encoding cannot store every text.
    async fn demand_unicode(&self) -> Result<(), StoreError> {
        if self.dialect == Dialect::Sqlite {
            return Ok(());
        }
        let encoding: String = sqlx::query("SHOW server_encoding").fetch_one(&self.pool).await?.try_get(0)?;
        if encoding == "UTF8" {
            return Ok(());
        }
        let reason = format!("the database's encoding is `{encoding}`, expected `UTF8`");
        Err(StoreError::Incompatible { reason, help: "create the database with `CREATE DATABASE … ENCODING 'UTF8'`" })
    }

    /// Whether several servers may share the database.
    pub(super) fn is_shared(&self) -> bool {
        self.dialect == Dialect::Postgres
    }

    /// Begins a write transaction. In SQLite it takes the write lock at once, so that two transactions never wait for each other.
    pub(super) async fn begin(&self) -> Result<Writing, StoreError> {
        let (begin, lock) = match self.dialect {
            Dialect::Sqlite => ("BEGIN IMMEDIATE", Some(self.writing.clone().lock_owned().await)),
            Dialect::Postgres => ("BEGIN", None),
        };
        Ok(Writing { transaction: self.pool.begin_with(begin).await?, _guard: lock })
    }

    /// A connection for one write statement that commits by itself: it saves two round trips compared with a transaction.
    pub(super) async fn autocommit(&self) -> Result<Autocommit, StoreError> {
        let guard = match self.dialect {
            Dialect::Sqlite => Some(self.writing.clone().lock_owned().await),
            Dialect::Postgres => None,
        };
        Ok(Autocommit { connection: self.pool.acquire().await?, _guard: guard })
    }

    /// Begins a transaction that moves runs. It takes its lock before it locks any row. Otherwise a transaction with a row lock
    /// could wait for the holder of this lock, while the holder waits for that row.
    pub(super) async fn begin_moving(&self) -> Result<Writing, StoreError> {
        let mut transaction = self.begin().await?;
        self.acquire_lock(&mut transaction, AdvisoryLock::Transition).await?;
        Ok(transaction)
    }

    /// Begins a transaction that opens runs that may already exist, and moves other runs.
    pub(super) async fn begin_opening(&self) -> Result<Writing, StoreError> {
        let mut transaction = self.begin().await?;
        self.acquire_lock(&mut transaction, AdvisoryLock::Open).await?;
        self.acquire_lock(&mut transaction, AdvisoryLock::Transition).await?;
        Ok(transaction)
    }

    /// Waits for the lock, which this transaction then holds.
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

    /// Makes this transaction read rows in index order with nested loops, instead of reading all rows and sorting or hashing
    /// them. PostgreSQL plans by statistics, which are older than the rows when many runs start at once, and plans prepared
    /// statements without their values: it would then read every waiting run for each claim. JIT compilation is off because the
    /// cost of the disabled methods would trigger it. SQLite uses index order anyway.
    pub(super) async fn read_in_order(&self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        if self.dialect == Dialect::Postgres {
            let others = "SELECT set_config(name, 'off', true) FROM unnest(ARRAY[
                              'enable_bitmapscan', 'enable_hashjoin', 'enable_mergejoin', 'enable_seqscan', 'enable_sort',
                              'jit']) AS name";
            sqlx::query(others).execute(connection).await?;
        }
        Ok(())
    }

    /// The condition that a list of names (`,a,b,`) contains a name. It is evaluated for every source at each claim, and `LIKE`
    /// takes several times as long.
    pub(super) fn is_listed(&self, list: &str, name: &str) -> String {
        let find = match self.dialect {
            Dialect::Sqlite => "instr",
            Dialect::Postgres => "strpos",
        };
        format!("{find}({list}, ',' || {name} || ',') > 0")
    }

    /// Suffix of a `SELECT` that locks its rows until the transaction ends. SQLite has one writer anyway.
    pub(super) fn locked(&self) -> &'static str {
        match self.dialect {
            Dialect::Sqlite => "",
            Dialect::Postgres => " FOR UPDATE",
        }
    }

    /// The same suffix, but rows that another transaction has locked are skipped.
    pub(super) fn locked_or_skipped(&self) -> &'static str {
        match self.dialect {
            Dialect::Sqlite => "",
            Dialect::Postgres => " FOR UPDATE SKIP LOCKED",
        }
    }
}

/// Every byte of a path except slashes and the unreserved characters of RFC 3986, section 2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The file as a URL; reserved characters are written as `%XX`.
fn sqlite_url(file: &Path) -> Result<String, StoreError> {
    let path = file.to_str().ok_or_else(|| {
        let reason = format!("the path `{}` is not UTF-8", file.display());
        StoreError::Incompatible { reason, help: "set another `state` folder" }
    })?;
    Ok(format!("sqlite://{}?mode=rwc", percent_encoding::utf8_percent_encode(path, RESERVED)))
}

/// A time as stored: milliseconds since 1970-01-01 UTC.
pub(super) fn millis(at: Timestamp) -> i64 {
    at.as_millisecond()
}

/// Parses a stored time.
pub(super) fn timestamp(millis: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_millisecond(millis).map_err(|error| StoreError::Unreadable(error.to_string()))
}

/// A column with a time.
pub(super) fn time_of(row: &AnyRow, column: &str) -> Result<Timestamp, StoreError> {
    timestamp(row.try_get(column)?)
}

/// A column with a count.
pub(super) fn count_of(row: &AnyRow, column: &str) -> Result<u64, StoreError> {
    Ok(row.try_get::<i64, _>(column)?.unsigned_abs())
}

/// A number as stored; a value that is too large becomes the maximum.
pub(super) fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Numbers of rows, or of identifiers, in one statement. Each number is a prepared statement of each connection, which takes memory,
/// so there are only these.
const STEPS: [usize; 4] = [64, 16, 4, 1];

/// Splits a slice into pieces of these sizes.
pub(super) fn in_steps<T>(mut rest: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let step = STEPS.into_iter().find(|step| *step <= rest.len())?;
        let (now, later) = rest.split_at(step);
        rest = later;
        Some(now)
    })
}

/// The placeholders from `$first` on, for `count` values, in brackets.
pub(super) fn places(first: usize, count: usize) -> String {
    let places: Vec<String> = (first..first + count).map(|place| format!("${place}")).collect();
    format!("({})", places.join(", "))
}
