//! Whether doing the same again can help: every error of a seam answers with one of these.

use std::time::Duration;

/// What to do after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// The same again would fail the same way: stop, and show it to a person.
    Never,
    /// It may pass: try again, each time after a longer pause.
    Backoff,
    /// The other side named the pause: try again after it.
    After(Duration),
}
