//! How fast things are removed: nobody who delivers, and no worker, waits long behind what can wait.

use std::time::{Duration, Instant};

/// The shortest rest; many removals are shorter than that.
const MIN_PAUSE: Duration = Duration::from_millis(1);

/// A removal that has begun.
pub(super) struct Pace(Instant);

impl Pace {
    pub(super) fn begin() -> Self {
        Self(Instant::now())
    }

    /// Leaves the database to others for as long as the removal took.
    pub(super) async fn rest(self) {
        tokio::time::sleep(self.0.elapsed().max(MIN_PAUSE)).await;
    }
}
