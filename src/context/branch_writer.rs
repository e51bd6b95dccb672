//! The one writer of an environment's branch: promotions that wait for it are tasks, and whoever has the turn lands all of them
//! with one push, on the one thread that waits for the server.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::{Mutex as Line, oneshot};

use super::remotes::Remotes;
use super::step::StepError;
use slipway_domain::BlockingRule;
use slipway_git::{AcquireLock, GitError, Mirror, Outcome, PendingPromotion, PromotionBranchOutcome, Writer};
use slipway_store::{BranchLock, Store};

/// The writer of one branch. Environments on the same branch share it, so that what waits for them shares pushes.
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

/// A turn among servers, given back at the end of the thread's work that took it.
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
    /// The writer of the branch that is mirrored; servers that share the store take turns. Called within the runtime that
    /// asks the store.
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

    /// The branch.
    pub fn mirror(&self) -> &Mirror {
        self.0.writer.mirror()
    }

    /// Lands one promotion, together with those that come before it is this one's turn.
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

    /// Puts a promotion on a branch of its own: see [`Writer::offer`].
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
    /// Lands all that wait. A run that was called off meanwhile is not waited for, and is left out.
    fn land(&self) {
        let waiting = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        let wanted = waiting.into_iter().filter(|waiting| !waiting.answer.is_closed());
        let (pending_promotions, answers): (Vec<_>, Vec<_>) =
            wanted.map(|Waiting { pending_promotion, answer }| (pending_promotion, answer)).unzip();
        for (answer, outcome) in answers.into_iter().zip(self.writer.write_all(pending_promotions)) {
            // Whoever was called off in between needs no answer.
            let _ = answer.send(outcome);
        }
    }
}

/// Why no commit was proposed.
#[derive(Debug)]
pub(crate) enum Declined {
    /// The manifests cannot be edited.
    Step(StepError),
    /// They name another champion than the one the candidate was compared with.
    ChampionMoved(String),
    /// A rule holds the promotion back.
    HeldBack(Vec<BlockingRule>),
    /// Nobody is to promote the artifact.
    Rejected(String),
}

impl From<GitError> for Declined {
    fn from(error: GitError) -> Self {
        Self::Step(error.into())
    }
}
