//! The HTTP client of commands that talk to a server.

use std::time::Duration;

/// A client that waits so long for a whole answer, follows no redirects (they could carry a token elsewhere), and takes
/// every status for an answer.
pub(super) fn agent(patience: Duration) -> ureq::Agent {
    ureq::Agent::config_builder()
        .timeout_global(Some(patience))
        .max_redirects(0)
        .http_status_as_error(false)
        .build()
        .into()
}
