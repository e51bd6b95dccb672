//! Pace of removals, so that senders of deliveries and workers do not wait for them.

use std::time::{Duration, Instant};

/// The shortest pause; many removals are shorter than that.
const MIN_PAUSE: Duration = Duration::from_millis(1);

/// The start of a removal.
pub(super) struct Pace(Instant);

impl Pace {
    pub(super) fn begin() -> Self {
        Self(Instant::now())
    }

    /// Pauses for as long as the removal took, so that others can use the database.
    pub(super) async fn rest(self) {
        tokio::time::sleep(self.0.elapsed().max(MIN_PAUSE)).await;
    }
}
