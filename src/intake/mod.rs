//! Intake: stores deliveries, parses them into events, and starts runs or commands.

mod command_queue;
mod deliveries;
mod identity;
mod intent;
pub(crate) mod missed_push;

use std::sync::Arc;

use crate::commands::Commands;
use crate::context::Context;
use crate::revisions::Revisions;
use slipway_domain::{Delivery, Receipt, SourceName};
use slipway_store::{StoreError, StoredDelivery};

/// Stores deliveries, and processes them.
pub struct Intake {
    context: Arc<Context>,
    revisions: Arc<Revisions>,
    commands: Arc<Commands>,
}

impl Intake {
    /// Creates it from the activities that it uses.
    pub fn new(context: Arc<Context>, revisions: Arc<Revisions>, commands: Arc<Commands>) -> Self {
        Self { context, revisions, commands }
    }

    /// Stores a delivery on disk, then wakes its reader.
    pub async fn accept(&self, delivery: &Delivery) -> Result<Receipt, StoreError> {
        let intake = self.context.store.record_delivery(delivery).await?;
        if intake == Receipt::Stored {
            self.context.wake(&delivery.source);
        }
        Ok(intake)
    }

    /// Requeues a handled delivery, so that it is read again.
    pub async fn replay(&self, source: &SourceName, id: &str) -> Result<StoredDelivery, StoreError> {
        let delivery = self.context.store.replay_delivery(source, id).await?;
        self.context.wake(source);
        Ok(delivery)
    }
}
