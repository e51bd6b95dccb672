//! From revisions to runs: the current head of a branch or a pull request, the models that it touches, and whether they are
//! judged.

mod branch;
mod fork;
mod merge_group;
pub(crate) mod pull_request;
mod revision;
mod start;
mod touched;

use std::sync::Arc;

use crate::context::Context;

pub(crate) use branch::Announced;

/// Finds the runs for revisions.
pub struct Revisions {
    context: Arc<Context>,
}

impl Revisions {
    /// Creates it from the shared context.
    pub fn new(context: Arc<Context>) -> Self {
        Self { context }
    }
}
