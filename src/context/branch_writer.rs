//! The single writer of an environment's branch. Promotions that wait for it are tasks. The task that holds the lock lands all
//! waiting promotions with one push, on the only thread that waits for the server.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::{Mutex as Line, oneshot};

use super::remotes::Remotes;
use super::step::StepError;
use slipway_domain::BlockingRule;
use slipway_git::{AcquireLock, GitError, Mirror, Outcome, PendingPromotion, PromotionBranchOutcome, Writer};
use slipway_store::{BranchLock, Store};

/// The writer of one branch. Environments on the same branch share it, so that their waiting promotions share pushes.
#[derive(Clone)]
pub struct BranchWriter(Arc<Shared>);

struct Shared {
    writer: Writer<Declined>,
    waiting: Mutex<Vec<Waiting>>,
    line: Arc<Line<()>>,
}

struct Waiting {
    pending_promotion: PendingPromotion<Declined>,
    answer: oneshot::Sender<Result<Outcome, Declined>>,
}

/// The lock among servers. It is released when the thread that acquired it has finished its work.
struct Held {
    branch_lock: Option<BranchLock>,
    asynchronous: Handle,
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(branch_lock) = self.branch_lock.take() {
            self.asynchronous.block_on(branch_lock.release());
        }
    }
}

impl BranchWriter {
    /// Creates the writer of the mirrored branch. Servers that share the store acquire its lock one after the other. Must be
    /// called within the runtime that queries the store.
    pub fn new(mirror: Mirror, store: Arc<Store>) -> Self {
        let (asynchronous, remote) = (Handle::current(), mirror.remote().clone());
        let take: AcquireLock = Box::new(move || {
            let branch_lock = asynchronous.block_on(store.lock_branch(remote.url(), remote.branch()));
            let branch_lock = branch_lock.map_err(|error| error.to_string())?;
            Ok(Box::new(Held { branch_lock: Some(branch_lock), asynchronous: asynchronous.clone() }))
        });
        let writer = Writer::new(mirror).with_lock(take);
        Self(Arc::new(Shared { writer, waiting: Mutex::default(), line: Arc::default() }))
    }

    /// The mirror of the branch.
    pub fn mirror(&self) -> &Mirror {
        self.0.writer.mirror()
    }

    /// Lands one promotion, together with those that are queued before it acquires the lock.
    pub(crate) async fn write(
        &self,
        remotes: &Remotes,
        pending_promotion: PendingPromotion<Declined>,
    ) -> Result<Result<Outcome, Declined>, StepError> {
        let (answer, mut answered) = oneshot::channel();
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(Waiting { pending_promotion, answer });
        let branch_lock = self.0.line.clone().lock_owned().await;
        match answered.try_recv() {
            Ok(outcome) => return Ok(outcome),
            Err(oneshot::error::TryRecvError::Closed) => return Ok(Err(self.stopped())),
            Err(oneshot::error::TryRecvError::Empty) => {}
        }
        let shared = self.0.clone();
        remotes
            .call(self.mirror(), move || {
                let _line_guard = branch_lock;
                shared.land();
            })
            .await?;
        Ok(answered.await.unwrap_or_else(|_| Err(self.stopped())))
    }

    /// Pushes a promotion to its promotion branch: see [`Writer::push_promotion_branch`].
    pub(crate) async fn push_promotion_branch(
        &self,
        remotes: &Remotes,
        branch: String,
        pending_promotion: PendingPromotion<Declined>,
    ) -> Result<Result<PromotionBranchOutcome, Declined>, StepError> {
        let shared = self.0.clone();
        remotes.call(self.mirror(), move || shared.writer.push_promotion_branch(&branch, pending_promotion)).await
    }

    fn stopped(&self) -> Declined {
        let remote = self.mirror().remote();
        GitError::WriterStopped { repository: remote.url().to_owned(), branch: remote.branch().to_owned() }.into()
    }
}

impl Shared {
    /// Lands all waiting promotions. Promotions of cancelled runs are left out.
    fn land(&self) {
        let waiting = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        let wanted = waiting.into_iter().filter(|waiting| !waiting.answer.is_closed());
        let (pending_promotions, answers): (Vec<_>, Vec<_>) =
            wanted.map(|Waiting { pending_promotion, answer }| (pending_promotion, answer)).unzip();
        for (answer, outcome) in answers.into_iter().zip(self.writer.write_all(pending_promotions)) {
            // A caller that was cancelled in between needs no answer.
            let _ = answer.send(outcome);
        }
    }
}

/// Reason why no commit was proposed.
#[derive(Debug)]
pub(crate) enum Declined {
    /// The manifests cannot be edited.
    Step(StepError),
    /// The manifests name a champion other than the one that the candidate was compared with.
    ChampionMoved(String),
    /// Blocking rules make the promotion wait.
    HeldBack(Vec<BlockingRule>),
    /// The artifact is rejected.
    Rejected(String),
}

impl From<GitError> for Declined {
    fn from(error: GitError) -> Self {
        Self::Step(error.into())
    }
}
