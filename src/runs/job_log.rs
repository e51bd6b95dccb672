//! Writes what a trainer says into its run's log. A store that fails for a while neither ends the job nor makes it be done again.

use tokio::sync::mpsc::Receiver;

use super::Runs;
use crate::context::jitter;
use slipway_domain::{Retry, RunId, backoff};

/// Lines that may wait to be written; what comes beyond is lost.
pub(super) const MAX_UNWRITTEN: usize = 4096;
/// Attempts at the next line once the job has ended: its result is worth more than its log.
const LAST_ATTEMPTS: u32 = 3;

impl Runs {
    /// Writes lines until whoever says them has ended and all are written, or the store does not take them.
    pub(super) async fn write_log(&self, run: RunId, mut said: Receiver<String>) {
        while let Some(line) = said.recv().await {
            let mut attempts = 0;
            let mut written = self.context.store.append_log(run, &line).await;
            while let Err(error) = written {
                attempts += 1;
                if error.retry() == Retry::Never || (said.is_closed() && attempts > LAST_ATTEMPTS) {
                    tracing::warn!(run.id = %run, %error, "the log of run {run} ends early: {error}");
                    return;
                }
                tokio::time::sleep(backoff(attempts, jitter())).await;
                // Perhaps only the answer was lost.
                written = self.context.store.append_log_again(run, &line).await;
            }
        }
    }
}
