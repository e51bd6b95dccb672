//! The only writer of a branch: it pushes one promotion, or all waiting promotions in one push.

use std::fmt;
use std::sync::mpsc;
use std::sync::{Mutex, MutexGuard, PoisonError};

use slipway_domain::CommitSha;

use super::GitError;
use super::Mirror;
use super::Snapshot;
use super::batch;
use super::push_promotion_branch;
use super::push_promotion_branch::PromotionBranchOutcome;
use super::request::{Outcome, Proposal, WriteRequest};
use super::round::Job;

/// A promotion that waits to be written.
pub struct PendingPromotion<E> {
    /// The fixed properties of its commit.
    pub request: WriteRequest,
    /// Proposes its change; called again for every tip on which it is built.
    pub propose: Propose<E>,
    /// Called with every built commit before it is pushed; nothing is pushed if it fails.
    pub built: Built<E>,
}

impl<E> PendingPromotion<E> {
    /// A promotion without a callback for built commits.
    pub fn new(request: WriteRequest, propose: Propose<E>) -> Self {
        Self { request, propose, built: Box::new(|_| Ok(())) }
    }
}

/// A callback that receives a commit before it is pushed.
pub type Built<E> = Box<dyn FnMut(&CommitSha) -> Result<(), E> + Send>;

/// Reads a tip and proposes the change on it.
pub type Propose<E> = Box<dyn FnMut(&Snapshot<'_>) -> Result<Proposal, E> + Send>;

/// The writer of one branch. The thread with the lock writes all waiting promotions, one commit each, in one push.
///
/// A promotion whose trailer is in the history is not pushed again, and after a push without an answer the server is queried
/// before anything is repeated. Calls block until their promotion is decided. One thread with the lock lands all promotions that
/// wait when it starts. The order is kept.
pub struct Writer<E> {
    mirror: Mirror,
    waiting: Mutex<Vec<Waiting<E>>>,
    write_lock: Mutex<()>,
    among_servers: Option<AcquireLock>,
}

/// Waits for the lock among servers that write the same branch; dropping the result releases the lock. The error is a text for
/// users.
pub type AcquireLock = Box<dyn Fn() -> Result<Box<dyn Send>, String> + Send + Sync>;

struct Waiting<E> {
    pending_promotion: PendingPromotion<E>,
    answer: mpsc::Sender<Result<Outcome, E>>,
}

impl<E: From<GitError>> Writer<E> {
    /// A writer of the mirrored branch. A process must use one writer for all promotions to that branch.
    pub fn new(mirror: Mirror) -> Self {
        Self { mirror, waiting: Mutex::default(), write_lock: Mutex::new(()), among_servers: None }
    }

    /// Returns the writer with a lock among servers, so that they do not compete.
    #[must_use]
    pub fn with_lock(mut self, take: AcquireLock) -> Self {
        self.among_servers = Some(take);
        self
    }

    /// The mirror of the branch.
    pub fn mirror(&self) -> &Mirror {
        &self.mirror
    }

    /// Lands one promotion, together with those that other threads queue in the meantime.
    pub fn write(&self, pending_promotion: PendingPromotion<E>) -> Result<Outcome, E> {
        self.write_all(vec![pending_promotion]).pop().expect("one promotion has one result")
    }

    /// Lands several promotions; returns results in their order.
    pub fn write_all(&self, pending_promotions: Vec<PendingPromotion<E>>) -> Vec<Result<Outcome, E>> {
        let answers: Vec<mpsc::Receiver<Result<Outcome, E>>> =
            pending_promotions.into_iter().map(|pending_promotion| self.queue(pending_promotion)).collect();
        let write_lock = lock(&self.write_lock);
        // Another thread with the lock may already have written these promotions.
        if !lock(&self.waiting).is_empty() {
            self.write_waiting();
        }
        drop(write_lock);
        // A missing result was lost with the thread that held the lock.
        answers.iter().map(|answer| answer.try_recv().unwrap_or_else(|_| Err(self.stopped().into()))).collect()
    }

    /// Builds the commit of a promotion on the newest tip, and pushes it to its own branch beside the target branch. The branch
    /// `slipway/…` is created if it is missing, and replaced if it has not changed since it was read.
    ///
    /// The target branch stays unchanged. After a push without an answer the server is queried before anything is repeated.
    pub fn push_promotion_branch(
        &self,
        branch: &str,
        mut pending_promotion: PendingPromotion<E>,
    ) -> Result<PromotionBranchOutcome, E> {
        let PendingPromotion { request, propose, built } = &mut pending_promotion;
        push_promotion_branch::place(
            &self.mirror,
            branch,
            Job { request, propose: &mut **propose, built: &mut **built },
        )
    }

    /// Takes the lock among servers, then writes all waiting promotions.
    fn write_waiting(&self) {
        let write_lock = self.among_servers.as_ref().map(|take| take()).transpose();
        let waiting = std::mem::take(&mut *lock(&self.waiting));
        match write_lock {
            Ok(write_lock) => {
                self.land(waiting);
                drop(write_lock);
            }
            Err(problem) => {
                let remote = self.mirror.remote();
                let (repository, branch) = (remote.url().to_owned(), remote.branch().to_owned());
                let error = GitError::LockNotAcquired { repository, branch, problem };
                for Waiting { answer, .. } in waiting {
                    let _ = answer.send(Err(error.clone().into()));
                }
            }
        }
    }

    fn queue(&self, pending_promotion: PendingPromotion<E>) -> mpsc::Receiver<Result<Outcome, E>> {
        let (answer, answered) = mpsc::channel();
        lock(&self.waiting).push(Waiting { pending_promotion, answer });
        answered
    }

    fn land(&self, mut waiting: Vec<Waiting<E>>) {
        let jobs = waiting.iter_mut().map(|waiting| {
            let PendingPromotion { request, propose, built } = &mut waiting.pending_promotion;
            Job { request, propose: &mut **propose, built: &mut **built }
        });
        let results = batch::land(&self.mirror, jobs.collect());
        for (Waiting { answer, .. }, result) in waiting.into_iter().zip(results) {
            // The receiver reads its result after it gets the lock; a result for a panicked thread is dropped.
            let _ = answer.send(result);
        }
    }

    fn stopped(&self) -> GitError {
        let remote = self.mirror.remote();
        GitError::WriterStopped { repository: remote.url().to_owned(), branch: remote.branch().to_owned() }
    }
}

impl<E> fmt::Debug for Writer<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mirror, waiting, write_lock: _, among_servers: _ } = self;
        f.debug_struct("Writer").field("mirror", mirror).field("waiting", &lock(waiting).len()).finish()
    }
}

/// Ignores poisoning: a panicked thread leaves no inconsistent state, and its pending callers receive
/// [`GitError::WriterStopped`].
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
