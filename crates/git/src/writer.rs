//! The single place that writes to a branch: one promotion, or everything that waits for its turn in one push.

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

/// A promotion that waits for its turn.
pub struct PendingPromotion<E> {
    /// What is fixed about its commit.
    pub request: WriteRequest,
    /// What it changes; asked again for every tip it is built on.
    pub propose: Propose<E>,
    /// Told of every commit that was built, before it is pushed; nothing is pushed if that fails.
    pub built: Built<E>,
}

impl<E> PendingPromotion<E> {
    /// An order whose commits nobody is told of.
    pub fn new(request: WriteRequest, propose: Propose<E>) -> Self {
        Self { request, propose, built: Box::new(|_| Ok(())) }
    }
}

/// Hears of a commit before it is pushed.
pub type Built<E> = Box<dyn FnMut(&CommitSha) -> Result<(), E> + Send>;

/// Reads a tip and says what is to be committed on it.
pub type Propose<E> = Box<dyn FnMut(&Snapshot<'_>) -> Result<Proposal, E> + Send>;

/// The writer of one branch: whoever has the turn takes along all that wait, a commit each, in one push.
///
/// A promotion whose trailer is in the history is not pushed again, and a push that ends without an answer is looked up
/// on the server before anything is repeated. Calls block until their promotion is decided; one turn serves all that came before it ended. Order is kept.
pub struct Writer<E> {
    mirror: Mirror,
    waiting: Mutex<Vec<Waiting<E>>>,
    write_lock: Mutex<()>,
    among_servers: Option<AcquireLock>,
}

/// Waits for the turn among servers that write the same branch; the turn ends when the answer is dropped. An error is told
/// in words.
pub type AcquireLock = Box<dyn Fn() -> Result<Box<dyn Send>, String> + Send + Sync>;

struct Waiting<E> {
    pending_promotion: PendingPromotion<E>,
    answer: mpsc::Sender<Result<Outcome, E>>,
}

impl<E: From<GitError>> Writer<E> {
    /// A writer of the branch that is mirrored; all promotions of a process to that branch belong to one.
    pub fn new(mirror: Mirror) -> Self {
        Self { mirror, waiting: Mutex::default(), write_lock: Mutex::new(()), among_servers: None }
    }

    /// The same writer, which takes turns with those of other servers, so that they do not race each other.
    #[must_use]
    pub fn with_lock(mut self, take: AcquireLock) -> Self {
        self.among_servers = Some(take);
        self
    }

    /// The branch.
    pub fn mirror(&self) -> &Mirror {
        &self.mirror
    }

    /// Lands one promotion, together with those that other threads hand in meanwhile.
    pub fn write(&self, pending_promotion: PendingPromotion<E>) -> Result<Outcome, E> {
        self.write_all(vec![pending_promotion]).pop().expect("one order has one result")
    }

    /// Lands several promotions; answers in their order.
    pub fn write_all(&self, pending_promotions: Vec<PendingPromotion<E>>) -> Vec<Result<Outcome, E>> {
        let answers: Vec<mpsc::Receiver<Result<Outcome, E>>> =
            pending_promotions.into_iter().map(|pending_promotion| self.queue(pending_promotion)).collect();
        let write_lock = lock(&self.write_lock);
        // What came while another thread had the turn is done already.
        if !lock(&self.waiting).is_empty() {
            self.write_waiting();
        }
        drop(write_lock);
        // An answer that does not come was lost with the thread that had the turn.
        answers.iter().map(|answer| answer.try_recv().unwrap_or_else(|_| Err(self.stopped().into()))).collect()
    }

    /// Builds the commit of a promotion on the newest tip, and puts it on a branch of its own beside the writer's:
    /// `slipway/…`, made if it is missing, replaced if it is still what it was when it was read.
    ///
    /// The writer's branch stays as it is. A push that ends without an answer is looked up before anything is repeated.
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

    /// Takes along all that wait when it is this server's turn.
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
            // Whoever asked waits for its turn to look; a thread that died in between needs no answer.
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

/// A thread that died with a lock leaves nothing half-done behind it: what it took along is answered as stopped.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
