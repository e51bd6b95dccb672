//! The HTTP server: webhooks, the API, health and metrics. Actions on runs go through the activities; reads query the store.

mod access;
mod api;
mod audit;
mod body;
mod connections;
mod git_server;
mod health;
mod known;
mod measure;
mod outcome;
mod pages;
mod panics;
mod peer;
mod problem;
mod rate;
mod refusal;
mod refusals;
mod registration;
mod webhook;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use body::Budget;

pub use body::BodyLimits;
pub use connections::{ConnectionLimits, Served};
pub use git_server::{GitServerSettings, find_http_backend, serve_repositories};
pub use peer::{ForwardedHeader, Network, TrustedProxies};

use crate::activities::Activities;
use known::KnownSecrets;
use rate::Buckets;
use refusals::Refusals;
use slipway_domain::SourceName;
use slipway_forge::{Forge, Secret};
use slipway_store::Store;

pub use api::{description as openapi, schemas};
pub use refusals::write_refusals;
pub use registration::{Registration, wait_for_code};

/// The name of the token in the server's settings.
pub const SETTINGS_TOKEN: &str = "settings";

/// Settings of the HTTP server.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// URL at which people reach the server, if it is set.
    pub public_url: Option<String>,
    /// Limits on the memory for deliveries' bodies. GitHub and GitLab send at most 25 MiB.
    pub bodies: BodyLimits,
    /// Limits on the number of connections.
    pub connections: ConnectionLimits,
    /// Proxies that are trusted to report the client's address.
    pub trusted_proxies: TrustedProxies,
    /// Bearer token of an administrator, in addition to those in the store.
    pub api_token: Option<Secret>,
    /// Who may read the metrics.
    pub metrics: MetricsAccess,
    /// Sustained rate of requests to the API that one token may make, per second.
    pub requests_per_second: u32,
}

/// Who may read the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricsAccess {
    /// Every client that reaches the port.
    Open,
    /// Every caller with a token.
    Token,
}

/// The webhook of one source, or one that several sources share.
#[derive(Clone)]
pub struct Hook {
    /// Verifies its deliveries.
    pub forge: Arc<dyn Forge>,
    /// Its secrets: the current one, then the previous one during a rotation.
    pub secrets: Vec<Secret>,
    /// Whether several sources share it. Each delivery goes to the sources whose repository it names.
    pub is_shared: bool,
}

/// Size of a token's burst, as a multiple of its requests per second.
const AT_ONCE: u32 = 4;
/// Requests without a valid token that one peer may make: sustained rate per second, and burst. The status of further ones is 429
/// (too many requests). The same limits apply to lookups of unknown secrets. Secrets that were valid before are exempt.
const UNAUTHENTICATED_PER_SECOND: u32 = 5;
const UNAUTHENTICATED_BURST: u32 = 100;

/// Pages of runs that one peer may open: sustained rate per second, and burst. Invalid links count as well.
const PAGES_PER_SECOND: u32 = 10;
const PAGES_AT_ONCE: u32 = 100;

/// Maximum number of callers that follow events and logs at the same time.
const MAX_FOLLOWERS: usize = 64;

/// State that all handlers share.
pub struct Shared {
    activities: Activities,
    store: Arc<Store>,
    hooks: BTreeMap<SourceName, (Hook, Budget)>,
    /// Secrets that sign the links to the pages of a source's runs.
    page_secrets: BTreeMap<SourceName, Vec<Secret>>,
    settings: Settings,
    render_metrics: Arc<dyn Fn() -> String + Send + Sync>,
    bodies: Budget,
    /// Rate limits of tokens, by their names.
    callers: Buckets,
    /// Rate limits of requests without a valid token, by peer.
    unauthenticated_callers: Buckets,
    /// Rate limits of lookups of secrets that are not remembered, by peer. Repetitions of a bad secret need no lookup.
    token_lookups: Buckets,
    /// Rate limits of pages of runs, by peer.
    visitors: Buckets,
    /// Secrets that were looked up recently.
    known: KnownSecrets,
    refusals: Refusals,
    /// Permits of responses that follow events and logs.
    followers: Arc<Semaphore>,
    /// Permits of senders that wait for the result of their deliveries.
    waiters: Semaphore,
    /// Ends responses that follow, and senders' waits.
    stop: CancellationToken,
}

impl Shared {
    /// Creates the state that all handlers share.
    pub fn new(
        activities: Activities,
        store: Arc<Store>,
        hooks: BTreeMap<SourceName, Hook>,
        page_secrets: BTreeMap<SourceName, Vec<Secret>>,
        settings: Settings,
        render_metrics: Arc<dyn Fn() -> String + Send + Sync>,
        stop: CancellationToken,
    ) -> Self {
        let BodyLimits { largest: _, each_source, all } = settings.bodies;
        let hooks = hooks.into_iter().map(|(name, hook)| (name, (hook, Budget::of(each_source)))).collect();
        let (now, per_second) = (Instant::now(), settings.requests_per_second);
        Self {
            activities,
            store,
            hooks,
            page_secrets,
            settings,
            render_metrics,
            bodies: Budget::of(all),
            callers: Buckets::new(per_second, per_second.saturating_mul(AT_ONCE), now),
            unauthenticated_callers: Buckets::new(UNAUTHENTICATED_PER_SECOND, UNAUTHENTICATED_BURST, now),
            token_lookups: Buckets::new(UNAUTHENTICATED_PER_SECOND, UNAUTHENTICATED_BURST, now),
            visitors: Buckets::new(PAGES_PER_SECOND, PAGES_AT_ONCE, now),
            known: KnownSecrets::default(),
            refusals: Refusals::default(),
            followers: Arc::new(Semaphore::new(MAX_FOLLOWERS)),
            waiters: Semaphore::new(outcome::WAITERS),
            stop,
        }
    }
}

fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .nest("/api/v1", api::router(shared.clone()))
        .route("/webhooks/{source}", post(webhook::receive))
        .route("/runs/{id}", get(pages::show))
        .route("/runs/{id}/verdict.svg", get(pages::picture))
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .fallback(problem::no_such_page)
        .layer(panics::caught())
        .method_not_allowed_fallback(problem::no_such_method)
        .layer(from_fn_with_state(shared.clone(), peer::find_client))
        .layer(from_fn(measure::measure))
        .with_state(shared)
}

impl Served {
    /// Returns the router and limits that belong to a shared state.
    pub fn with(shared: Arc<Shared>) -> Self {
        let (limits, proxies) = (shared.settings.connections, shared.settings.trusted_proxies.clone());
        Self { router: router(shared), limits, proxies }
    }
}

/// Serves the content of `served` until `stop`, then waits for requests in flight.
pub async fn serve(listener: TcpListener, served: watch::Receiver<Served>, stop: CancellationToken) {
    connections::serve(listener, served, stop).await;
}
