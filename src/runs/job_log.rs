//! Writes the output of a trainer into its run's log. A store that fails for a while neither ends the job nor repeats it.

use tokio::sync::mpsc::Receiver;

use super::Runs;
use crate::context::jitter;
use slipway_domain::{Retry, RunId, backoff};

/// Maximum number of lines that wait to be written. Further lines are lost.
pub(super) const MAX_UNWRITTEN: usize = 4096;
/// Maximum number of failed attempts at a line once the job has ended, because its result is worth more than its log.
const LAST_ATTEMPTS: u32 = 3;

impl Runs {
    /// Writes lines until the sender has ended and all are written, or until the store refuses them.
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
                // The line may have been written, and only the response was lost.
                written = self.context.store.append_log_again(run, &line).await;
            }
        }
    }
}
