//! Commands: people's requests in comments and by buttons of checks, executed if the forge grants the permission.

pub(crate) mod command;
mod command_effects;
mod command_requests;

use std::sync::Arc;

use crate::context::Context;
use crate::promotions::Promotions;
use crate::revisions::Revisions;
use crate::runs::Runs;

/// Executes the commands of people at a forge.
pub struct Commands {
    context: Arc<Context>,
    promotions: Arc<Promotions>,
    runs: Arc<Runs>,
    revisions: Arc<Revisions>,
}

impl Commands {
    /// Creates it from the activities that it uses.
    pub fn new(context: Arc<Context>, promotions: Arc<Promotions>, runs: Arc<Runs>, revisions: Arc<Revisions>) -> Self {
        Self { context, promotions, runs, revisions }
    }
}
