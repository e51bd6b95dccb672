//! Reconcilers: compare the actual with the desired state to find what no event reported, and remove what is no longer needed.

mod due;
mod environments;
mod first_runs;
mod garbage_collection;
pub(crate) mod missed_pushes;
mod resume;
mod sweep;

use std::sync::Arc;

use crate::context::Context;
use crate::intake::Intake;
use crate::promotions::Promotions;
use crate::runs::Runs;
use slipway_store::StoreError;

pub use garbage_collection::GarbageCollection;
pub use sweep::ArtifactRetention;
pub use sweep::DeployedArtifacts;
pub use sweep::SweepError;
pub use sweep::{Swept, remove_documents, sweep};

/// Closes the gaps that missing events leave.
pub struct Reconciler {
    context: Arc<Context>,
    promotions: Arc<Promotions>,
    runs: Arc<Runs>,
    intake: Arc<Intake>,
}

impl Reconciler {
    /// Creates it from the activities that it uses.
    pub fn new(context: Arc<Context>, promotions: Arc<Promotions>, runs: Arc<Runs>, intake: Arc<Intake>) -> Self {
        Self { context, promotions, runs, intake }
    }

    /// Retries a row that could not be read. Returns the reason if it is still unreadable; `None` if it is in use again.
    pub async fn retry_quarantined(&self, kind: &str, key: &str) -> Result<Option<String>, StoreError> {
        let reason = self.context.store.retry_quarantined(kind, key).await?;
        if reason.is_none() {
            self.context.due.notify_one();
            self.context.promotable.notify_waiters();
            for source in self.context.settings.sources.values() {
                source.arrived.notify_one();
            }
        }
        Ok(reason)
    }
}
