//! A bare mirror of one branch, used as a cache: recreating it fixes any damage.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::{Arc, MutexGuard};

use git2::{Oid, Repository};

use slipway_domain::CommitSha;

use super::GitError;
use super::Remote;
use super::fault::Fault;
use super::fetch::{self, Fetched};
use super::folder::{CacheFolder, Generation};
use super::history::Memory;
use super::holding::Holdings;
use super::http::Connection;
use super::message::single_line;
use super::repack::repack;

/// Maximum number of packs before a repack, because many packs make every lookup slow (measured: 0.7 ms per tree edit with 1
/// pack, 7 ms with 500).
const MAX_PACKS: usize = 50;

/// Maximum number of loose objects before a repack, because each uses an inode. Every promotion leaves a few.
const MAX_LOOSE: usize = 20_000;

/// A bare mirror of one branch of one repository. Cheap to clone; safe to use from many threads at once.
#[derive(Clone)]
pub struct Mirror {
    remote: Remote,
    connection: Arc<Connection>,
    folder: Arc<CacheFolder>,
}

impl Mirror {
    /// Opens or prepares the mirror's folder under `root`, without a fetch.
    ///
    /// Only one process may use the root at a time; within it, mirrors of the same branch share one folder.
    pub fn open(root: &Path, remote: Remote) -> Result<Self, GitError> {
        let folder = CacheFolder::open(root, &remote).map_err(|error| GitError::Mirror {
            repository: remote.url().to_owned(),
            folder: root.display().to_string(),
            problem: error.to_string(),
        })?;
        Ok(Self { connection: Arc::new(Connection::new(remote.clone())), remote, folder })
    }

    /// The mirrored branch.
    pub fn remote(&self) -> &Remote {
        &self.remote
    }

    /// Brings the mirror up to date and returns the tip of the branch.
    pub fn fetch(&self) -> Result<CommitSha, GitError> {
        self.update(&BTreeSet::new()).map(|fetched| name_of(fetched.tip))
    }

    /// Brings the mirror up to date, including the targets of the references in `beside`.
    pub(super) fn update(&self, beside: &BTreeSet<String>) -> Result<Fetched, GitError> {
        let _guard = self.folder.fetching();
        let Some(generation) = self.folder.current() else {
            return self.remake(beside);
        };
        match fetch::update(generation.path(), &self.remote, &self.connection, beside) {
            Ok(fetched) => {
                self.tidy(&generation, beside);
                Ok(fetched)
            }
            Err(Fault::Final(error)) => Err(error),
            Err(Fault::Damaged(damage)) if is_local(&damage) => Err(self.beyond_repair(Fault::Damaged(damage))),
            Err(Fault::Damaged(damage)) => {
                self.log_damage(&damage);
                self.remake(beside)
            }
        }
    }

    /// The target of a reference of the server, without a fetch.
    pub(super) fn target_of(&self, reference: &str) -> Result<Option<Oid>, GitError> {
        fetch::target_of(&self.remote, &self.connection, reference).map_err(|fault| self.beyond_repair(fault))
    }

    /// The branch's tip as the server reports it, without a fetch.
    pub(super) fn named_tip(&self) -> Result<Oid, GitError> {
        fetch::probe(&self.remote, &self.connection).map_err(|fault| self.beyond_repair(fault))
    }

    /// Like [`Self::fetch`], if the server has just reported the tip: with one request less. If this fails, for example because
    /// the branch has moved on, it falls back to a full fetch.
    pub(super) fn catch_up(&self, tip: Oid) -> Result<CommitSha, GitError> {
        let guard = self.folder.fetching();
        if let Some(generation) = self.folder.current() {
            match fetch::catch_up(generation.path(), &self.remote, &self.connection, tip) {
                Ok(Some(tip)) => {
                    self.tidy(&generation, &BTreeSet::new());
                    return Ok(name_of(tip));
                }
                // The following fetch detects and recreates a damaged mirror.
                Ok(None) | Err(Fault::Damaged(_)) => {}
                Err(Fault::Final(error)) => return Err(error),
            }
        }
        drop(guard);
        self.fetch()
    }

    /// The tip of the last fetch or push, without a request to the server.
    pub fn known_tip(&self) -> Option<CommitSha> {
        let generation = self.folder.current()?;
        fetch::known_tip(generation.path(), &self.remote).map(name_of)
    }

    /// Runs read-only work on the mirror. A damaged mirror is recreated once, and the work is repeated.
    pub(super) fn reading<T>(&self, mut work: impl FnMut(&Repository) -> Result<T, Fault>) -> Result<T, GitError> {
        self.ensure()?;
        match self.attempt(&mut work) {
            Ok(result) => Ok(result),
            Err(Fault::Final(error)) => Err(error),
            Err(Fault::Damaged(damage)) => {
                self.heal(&damage)?;
                self.attempt(&mut work).map_err(|fault| self.beyond_repair(fault))
            }
        }
    }

    /// Fetches for the first time, unless that was done before.
    fn ensure(&self) -> Result<(), GitError> {
        if self.folder.current().is_none() {
            let _guard = self.folder.fetching();
            if self.folder.current().is_none() {
                self.remake(&BTreeSet::new())?;
            }
        }
        Ok(())
    }

    /// Recreates the mirror after damage. An error of this machine's disk is not damage: a new mirror would need even more space,
    /// and the existing one works again once there is space.
    pub(super) fn heal(&self, damage: &git2::Error) -> Result<(), GitError> {
        if is_local(damage) {
            return Err(self.unusable(damage));
        }
        let _guard = self.folder.fetching();
        self.log_damage(damage);
        self.remake(&BTreeSet::new()).map(|_| ())
    }

    /// Runs work on the current mirror; during the work the files of its generation are kept.
    pub(super) fn attempt<T>(&self, work: impl FnOnce(&Repository) -> Result<T, Fault>) -> Result<T, Fault> {
        let Some(generation) = self.folder.current() else {
            return Err(git2::Error::from_str("the mirror does not exist yet").into());
        };
        let repository = fetch::open(generation.path(), &self.remote)?;
        work(&repository)
    }

    /// The error for damage that recreating the mirror did not fix.
    pub(super) fn beyond_repair(&self, fault: Fault) -> GitError {
        match fault {
            Fault::Final(error) => error,
            Fault::Damaged(damage) => self.unusable(&damage),
        }
    }

    fn unusable(&self, damage: &git2::Error) -> GitError {
        GitError::Mirror {
            repository: self.remote.url().to_owned(),
            folder: self.folder.path().display().to_string(),
            problem: single_line(damage.message()),
        }
    }

    /// The connection to the server.
    pub(super) fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }

    /// The lock for writing this branch: one writer at a time in this process.
    pub(super) fn writing(&self) -> MutexGuard<'_, ()> {
        self.folder.writing()
    }

    /// The remembered trailers of the branch's history.
    pub(super) fn memory(&self) -> MutexGuard<'_, Memory> {
        self.folder.memory()
    }

    /// The remembered search results for files of the branch.
    pub(super) fn holdings(&self) -> MutexGuard<'_, Holdings> {
        self.folder.holdings()
    }

    /// Fetches everything into a new folder and makes it current. The caller holds the lock of fetches.
    fn remake(&self, beside: &BTreeSet<String>) -> Result<Fetched, GitError> {
        let generation = self.folder.next();
        let fetched = fetch::create(generation.path(), &self.remote)
            .map_err(Fault::from)
            .and_then(|()| fetch::update(generation.path(), &self.remote, &self.connection, beside))
            .map_err(|fault| self.beyond_repair(fault))?;
        self.folder.replace(generation);
        Ok(fetched)
    }

    /// Repacks if necessary after a push, because a push is not followed by a fetch.
    pub(super) fn tidy_after_push(&self) {
        let _guard = self.folder.fetching();
        if let Some(generation) = self.folder.current() {
            self.tidy(&generation, &BTreeSet::new());
        }
    }

    /// Repacks a full mirror, or recreates it with the references in `beside` if it cannot be repacked. A full mirror still
    /// works: after a failure this is tried again after the next fetch.
    fn tidy(&self, generation: &Generation, beside: &BTreeSet<String>) {
        if packs(generation) <= MAX_PACKS && loose_objects(generation) <= MAX_LOOSE {
            return;
        }
        let smaller = self.folder.next();
        match repack(generation.path(), smaller.path(), &self.remote) {
            Ok(()) => drop(self.folder.replace(smaller)),
            // An object is unreadable; the server still has it.
            Err(error) => {
                tracing::warn!(
                    repository = %self.remote.url(), %error,
                    "a mirror with too many files could not be repacked"
                );
                self.remake_for_speed(beside);
            }
        }
    }

    fn remake_for_speed(&self, beside: &BTreeSet<String>) {
        if let Err(error) = self.remake(beside) {
            tracing::warn!(
                repository = %self.remote.url(), %error,
                "a mirror with too many files could not be cloned again"
            );
        }
    }

    fn log_damage(&self, damage: &git2::Error) {
        let problem = single_line(damage.message());
        tracing::warn!(repository = %self.remote.url(), %problem, "the mirror is damaged and is cloned again");
    }
}

impl fmt::Debug for Mirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { remote, connection: _, folder } = self;
        f.debug_struct("Mirror").field("remote", remote).field("folder", &folder.path()).finish()
    }
}

/// Whether an error comes from this machine and not from the mirror: a full or read-only disk, or too many open files. libgit2
/// returns the system's messages for them.
fn is_local(error: &git2::Error) -> bool {
    let message =
        ["No space left", "Disk quota exceeded", "Read-only file system", "Permission denied", "Too many open"];
    message.iter().any(|word| error.message().contains(word))
}

/// Number of packs in a generation; a folder that cannot be read counts as zero and is handled by the next fetch.
fn packs(generation: &Generation) -> usize {
    fs::read_dir(generation.path().join("objects/pack")).map_or(0, |entries| {
        entries
            .filter_map(Result::ok)
            .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "pack"))
            .count()
    })
}

/// Estimated number of loose objects in a generation: like git, it counts one of their 256 folders.
fn loose_objects(generation: &Generation) -> usize {
    fs::read_dir(generation.path().join("objects/17")).map_or(0, |entries| entries.count() * 256)
}

/// Converts a commit id of libgit2.
pub(super) fn name_of(id: Oid) -> CommitSha {
    id.to_string().parse().expect("libgit2 prints forty lower-case hexadecimal digits")
}

/// Converts a commit id to libgit2.
pub(super) fn id_of(commit: &CommitSha) -> Oid {
    Oid::from_str(commit.as_str()).expect("a commit's name is forty hexadecimal digits")
}
