//! Locks for writing a branch, among servers that share a store.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::any::AnyPoolOptions;
use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyPool, Row as _};

use super::database::TIMEOUT;
use super::written::text;
use super::{Store, StoreError};

/// The pause between attempts to take a lock that another server holds; it doubles from the first value to the second.
const MIN_POLL_INTERVAL: Duration = Duration::from_millis(5);
const MAX_POLL_INTERVAL: Duration = Duration::from_millis(80);

/// Settings of the PostgreSQL session that holds the locks. TCP keepalives detect a vanished machine within half a minute, and
/// its locks become free.
const SETTINGS: &str = "SET statement_timeout = '10s'; SET tcp_keepalives_idle = 10;
                        SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3;";

/// The one session that holds all branch locks of this server. A long wait for a git server under a lock therefore occupies no
/// other connection and no transaction.
#[derive(Clone)]
pub(super) struct BranchLocks(Arc<Shared>);

struct Shared {
    pool: AnyPool,
    session: tokio::sync::Mutex<Session>,
    /// Locks that were dropped without a release.
    dropped: Mutex<Vec<String>>,
}

#[derive(Default)]
struct Session {
    connection: Option<PoolConnection<Any>>,
    held: BTreeSet<String>,
    /// Whether a query was sent whose result was not read. The state of the session is then unknown.
    query_pending: bool,
}

/// The right to write a branch.
///
/// It is an advisory lock of a PostgreSQL session. It does not depend on a clock, and it ends with the server that holds it. A
/// writer must still state the expected previous commit of the branch: the lock only avoids conflicts between servers and does
/// not guarantee correctness.
#[must_use]
pub struct BranchLock {
    /// `None`: the store is not shared.
    held: Option<(BranchLocks, String)>,
}

impl BranchLock {
    /// Releases the lock for a waiting server. A lock that is only dropped is released when this server takes the next lock.
    pub async fn release(mut self) {
        let Some((branch_locks, branch)) = self.held.take() else { return };
        if let Err(error) = branch_locks.release(&branch).await {
            tracing::warn!(%error, "the lock of {branch} was not released and ends with its session: {error}");
        }
    }
}

impl Drop for BranchLock {
    fn drop(&mut self) {
        if let Some((BranchLocks(shared), branch)) = self.held.take() {
            shared.dropped.lock().unwrap_or_else(PoisonError::into_inner).push(branch);
        }
    }
}

impl BranchLocks {
    /// Connects lazily, at the first lock.
    pub(super) fn on(url: &str) -> Result<Self, StoreError> {
        let options =
            AnyPoolOptions::new().max_connections(1).acquire_timeout(TIMEOUT).after_connect(|connection, _| {
                Box::pin(async move { sqlx::raw_sql(SETTINGS).execute(connection).await.map(|_| ()) })
            });
        let pool = options.connect_lazy(url)?;
        Ok(Self(Arc::new(Shared { pool, session: tokio::sync::Mutex::default(), dropped: Mutex::default() })))
    }

    /// Ends the session and releases all locks.
    pub(super) async fn close(&self) {
        self.0.session.lock().await.end();
        self.0.pool.close().await;
    }

    async fn take(&self, branch: &str) -> Result<bool, StoreError> {
        let mut session = self.0.session.lock().await;
        let dropped = std::mem::take(&mut *self.0.dropped.lock().unwrap_or_else(PoisonError::into_inner));
        for branch in dropped {
            session.query(&self.0.pool, "SELECT pg_advisory_unlock(hashtextextended($1, 0)) AS done", &branch).await?;
            session.held.remove(&branch);
        }
        if session.held.contains(branch) {
            return Ok(false);
        }
        let take = "SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS done";
        let taken = session.query(&self.0.pool, take, branch).await?;
        if taken {
            session.held.insert(branch.to_owned());
        }
        Ok(taken)
    }

    async fn release(&self, branch: &str) -> Result<(), StoreError> {
        let mut session = self.0.session.lock().await;
        // If the session was replaced in the meantime, the lock ended with the old session.
        if session.held.remove(branch) {
            session.query(&self.0.pool, "SELECT pg_advisory_unlock(hashtextextended($1, 0)) AS done", branch).await?;
        }
        Ok(())
    }
}

impl Session {
    fn end(&mut self) {
        // A detached connection is closed and not reused: PostgreSQL releases its locks.
        drop(self.connection.take().map(PoolConnection::detach));
        self.held.clear();
        self.query_pending = false;
    }

    /// Sends a query about a branch. A session with an error or an unread result is ended. A lost lock is harmless, but a lock
    /// that no server tracks would block all servers.
    async fn query(&mut self, pool: &AnyPool, question: &'static str, branch: &str) -> Result<bool, StoreError> {
        if self.query_pending {
            self.end();
        }
        for last in [false, true] {
            let connection = match &mut self.connection {
                Some(connection) => connection,
                none => none.insert(pool.acquire().await?),
            };
            self.query_pending = true;
            let answer = sqlx::query(question).bind(text(branch)).fetch_one(&mut **connection).await;
            match answer.and_then(|row| row.try_get("done")) {
                Ok(done) => {
                    self.query_pending = false;
                    return Ok(done);
                }
                Err(error) => {
                    self.end();
                    if last {
                        return Err(error.into());
                    }
                }
            }
        }
        unreachable!("the last attempt returns")
    }
}

impl Store {
    /// Waits, ten seconds at most, until no other server that shares this store holds the lock for `branch` of `repository`.
    pub async fn lock_branch(&self, repository: &str, branch: &str) -> Result<BranchLock, StoreError> {
        let Some(branch_locks) = &self.database.branch_locks else { return Ok(BranchLock { held: None }) };
        let branch = format!("{repository} {branch}");
        let (begun, mut pause) = (Instant::now(), MIN_POLL_INTERVAL);
        while !branch_locks.take(&branch).await? {
            if begun.elapsed() > TIMEOUT {
                return Err(StoreError::BranchLocked { branch });
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(MAX_POLL_INTERVAL);
        }
        Ok(BranchLock { held: Some((branch_locks.clone(), branch)) })
    }
}
