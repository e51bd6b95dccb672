//! From revisions to runs: where a branch or a pull request is now, which models it touches, and whether they are to be judged.

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

/// Finds the runs that follow from revisions.
pub struct Revisions {
    context: Arc<Context>,
}

impl Revisions {
    /// Over what it works with.
    pub fn new(context: Arc<Context>) -> Self {
        Self { context }
    }
}
