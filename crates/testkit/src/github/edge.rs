//! Where requests come in: they are noted, delayed and refused here, and their answers lost, before GitHub's API as it is
//! described sees them. What no description names (limits, outages, logins that ended) happens here alone.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Result;
use axum::Router;
use axum::extract::{Request as Incoming, State as Shared};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::Response;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::contract::{self, Contract};
use super::guard::Caller;
use super::server::{self, refused};
use super::tags::Condition;
use super::{Site, app};
use crate::double::{Request, listen};

/// What is served while the double runs.
pub(super) struct Serving {
    pub(super) address: SocketAddr,
    pub(super) parts: JoinSet<()>,
}

/// Serves the API, through GitHub's description of it if that was asked for.
pub(super) async fn serve(site: &Arc<Site>, stop: &CancellationToken) -> Result<Serving> {
    let mut parts = JoinSet::new();
    let api = server::router(Arc::clone(site));
    let inside = match contract::folder() {
        None => api,
        Some(folder) => {
            let upstream = listen(api, stop, &mut parts).await?;
            let contract = Arc::new(Contract::start(&folder, upstream).await?);
            let site = Arc::clone(site);
            Router::new().fallback(move |request: Incoming| carry(contract, site, request))
        }
    };
    let outside = inside.layer(middleware::from_fn_with_state(Arc::clone(site), admit));
    let address = listen(outside, stop, &mut parts).await?;
    Ok(Serving { address, parts })
}

/// A violation ends the test: it is noted, and whoever waits for something is told.
async fn carry(contract: Arc<Contract>, site: Arc<Site>, request: Incoming) -> Response {
    match contract.carry(request).await {
        Ok(answer) => answer,
        Err(violation) => {
            site.lock().violations.push(format!("{violation:#}"));
            refused(StatusCode::INTERNAL_SERVER_ERROR, "this is not as GitHub describes it")
        }
    }
}

async fn admit(Shared(site): Shared<Arc<Site>>, request: Incoming, next: Next) -> Response {
    let (method, path) = (request.method().to_string(), request.uri().to_string());
    // What an App asks for itself has limits of its own.
    let only_app = path == "/app" || path.starts_with("/app/") || path.ends_with("/installation");
    let is_free = only_app || path == "/rate_limit";
    let (delay, limited) = {
        let mut state = site.lock();
        state.guard.requests.push(Request { method: method.clone(), path: path.clone() });
        let limited = match &mut state.guard.limits {
            Some(limits) if !is_free => limits.begin(request.method(), request.uri().path()),
            _ => None,
        };
        (state.guard.delay, limited)
    };
    if let Some(refusal) = limited {
        return refusal;
    }
    let _under_way = UnderWay { site: &site, counts: !is_free };
    if let Some(delay) = delay {
        tokio::time::sleep(delay).await;
    }
    let caller = {
        let mut state = site.lock();
        if let Some(refusal) = state.guard.refusal() {
            site.answered.notify_waiters();
            return refusal;
        }
        if state.guard.is_closed(&method, &path) {
            site.answered.notify_waiters();
            return refused(StatusCode::BAD_GATEWAY, "it is not done");
        }
        state.guard.caller(request.headers())
    };
    let rejection = match caller {
        // A code is all that is asked for.
        None if path.starts_with("/app-manifests/") => None,
        None => Some("Bad credentials"),
        Some(caller) => ((caller == Caller::App) != only_app).then_some("A JSON web token could not be decoded"),
    };
    if let Some(message) = rejection {
        let mut refusal = refused(StatusCode::UNAUTHORIZED, message);
        refusal.headers_mut().extend(app::headers(&site.lock().setup, caller));
        return refusal;
    }
    let condition = Condition::of(&request);
    let mut answer = condition.apply(next.run(request).await).await;
    site.answered.notify_waiters();
    let mut state = site.lock();
    answer.headers_mut().extend(app::headers(&state.setup, caller));
    if state.guard.losses.take(&method) {
        return refused(StatusCode::BAD_GATEWAY, "the answer is lost");
    }
    if let Some(limits) = &mut state.guard.limits {
        if answer.status() == StatusCode::NOT_MODIFIED && !is_free {
            limits.unchanged();
        }
        answer.headers_mut().extend(limits.headers());
    }
    answer
}

/// A call that counts as under way until it is answered, or whoever made it has gone.
struct UnderWay<'a> {
    site: &'a Site,
    counts: bool,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if self.counts
            && let Some(limits) = &mut self.site.lock().guard.limits
        {
            limits.end();
        }
    }
}
