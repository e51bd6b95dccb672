//! What the doubles of forges have in common: they listen, note what came in, lose answers, and let a test wait.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// A request that came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Its method.
    pub method: String,
    /// Its path and query.
    pub path: String,
}

/// Answers that are to be lost: what was asked for is done, and nobody hears of it.
#[derive(Debug, Default)]
pub(crate) struct Losses(Vec<String>);

impl Losses {
    /// Loses the answers to the next requests of a method.
    pub(crate) fn lose(&mut self, method: &str, count: usize) {
        self.0.extend(std::iter::repeat_n(method.to_owned(), count));
    }

    /// Whether the answer to a request of this method is to be lost.
    pub(crate) fn take(&mut self, method: &str) -> bool {
        let found = self.0.iter().position(|lost| lost == method);
        found.map(|index| self.0.remove(index)).is_some()
    }
}

/// Serves a router on a port of its own until `stop`, and answers where.
pub(crate) async fn listen(router: Router, stop: &CancellationToken, parts: &mut JoinSet<()>) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let serving = axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
    parts.spawn(async move {
        // An accept error is not fatal to axum: it goes on, so there is nothing to report at the end.
        serving.await.ok();
    });
    Ok(address)
}

/// Looks after every answer until there is something, and answers it. If there is nothing in time, it says what was asked.
pub(crate) async fn wait_for<T>(
    what: &str,
    deadline: Duration,
    answered: &Notify,
    condition: impl Fn() -> Result<Option<T>>,
    requests: impl Fn() -> Vec<Request>,
) -> Result<T> {
    let polling = async {
        loop {
            let next = answered.notified();
            if let Some(found) = condition()? {
                return Ok(found);
            }
            next.await;
        }
    };
    let found = tokio::time::timeout(deadline, polling).await;
    found.with_context(|| format!("{what} did not happen within {deadline:?}; asked was {:#?}", requests()))?
}
