//! Commands: what people ask for in comments and by buttons of checks, if the forge says that they may.

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
    /// Over what it works with.
    pub fn new(context: Arc<Context>, promotions: Arc<Promotions>, runs: Arc<Runs>, revisions: Arc<Revisions>) -> Self {
        Self { context, promotions, runs, revisions }
    }
}
