//! Runs: the steps from a revision to a verdict, and the loops that move runs through all of their steps.

mod data;
mod evaluate;
pub(crate) mod explain;
mod fresh_rows;
mod gate;
mod job_log;
mod plan;
mod policies;
mod program;
mod promoter;
pub(crate) mod proposed;
mod publish;
mod seed_runs;
mod test_set;
mod train;
mod warnings;
mod worker;

use std::sync::Arc;

use slipway_executor::Executor;

use crate::context::Context;
use crate::promotions::Promotions;
use slipway_domain::{Actor, Run, RunEvent, RunId};
use slipway_store::StoreError;

pub(crate) use policies::with_broken_policy;

pub use explain::{CacheKeyPart, Explanation};

/// Moves runs from one step to the next.
pub struct Runs {
    context: Arc<Context>,
    executor: Arc<dyn Executor>,
    promotions: Arc<Promotions>,
}

impl Runs {
    /// Creates it from the parts that it uses.
    pub fn new(context: Arc<Context>, executor: Arc<dyn Executor>, promotions: Arc<Promotions>) -> Self {
        Self { context, executor, promotions }
    }

    /// Cancels a run that has not begun to change its environment.
    pub async fn cancel(&self, run: RunId, actor: &Actor) -> Result<Run, StoreError> {
        let run =
            self.context.store.terminate(run, RunEvent::Cancelled, &format!("cancelled by {actor}"), actor).await?;
        self.promotions.withdraw_request(&run).await;
        self.context.notify_changed(&run.cause.source);
        Ok(run)
    }

    /// Makes a stalled run due again.
    pub async fn retry(&self, run: RunId, actor: &Actor) -> Result<Run, StoreError> {
        let run = self.context.store.retry_run(run, &format!("retried by {actor}"), actor).await?;
        self.context.due.notify_one();
        self.context.promotable.notify_waiters();
        self.context.notify_changed(&run.cause.source);
        Ok(run)
    }
}
