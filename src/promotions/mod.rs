//! Promotions: whether one may be written now, the commit or the request that writes it, what an environment named since when, what
//! people decide about it, and what follows in other environments.

mod actions;
pub(crate) mod contributors;
mod downstream;
mod earlier_promotion;
mod follow_up;
mod history;
mod owners;
mod promote;
mod request;
mod rules;

use std::sync::Arc;

use crate::context::Context;

pub use actions::Reason;
pub use actions::{ActionError, Approved};
pub use downstream::FirstPromotion;
pub(crate) use promote::TRAILER;
pub(crate) use promote::held_up;

/// Writes promotions, and knows what holds them back.
pub struct Promotions {
    context: Arc<Context>,
}

impl Promotions {
    /// Over what it works with.
    pub fn new(context: Arc<Context>) -> Self {
        Self { context }
    }
}
