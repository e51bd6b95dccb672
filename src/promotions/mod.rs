//! Promotions: their blocking rules, the commit or promotion request that writes one, the history of an environment, people's
//! decisions, and follow-ups in other environments.

mod actions;
pub(crate) mod contributors;
mod downstream;
mod earlier_promotion;
mod follow_up;
mod history;
mod owners;
mod promote;
mod request;
mod rollback;
mod rules;
mod ruling;

use std::sync::Arc;

use crate::context::Context;

pub use actions::Reason;
pub use actions::{ActionError, Approved};
pub use downstream::FirstPromotion;
pub(crate) use promote::TRAILER;
pub(crate) use promote::held_up;

/// Writes promotions, and evaluates their blocking rules.
pub struct Promotions {
    context: Arc<Context>,
}

impl Promotions {
    /// Creates it from the shared context.
    pub fn new(context: Arc<Context>) -> Self {
        Self { context }
    }
}
