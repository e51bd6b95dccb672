//! The HTTP side: webhooks in, the API, health and metrics. What steers runs goes through the activities;
//! what only reads asks the store.

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

pub use api::description as openapi;
pub use refusals::write_refusals;
pub use registration::{Registration, wait_for_code};

/// The name of the token that stands in the server's settings.
pub const SETTINGS_TOKEN: &str = "settings";

/// What the HTTP side is set up with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Where people reach it, if somebody said so.
    pub public_url: Option<String>,
    /// How much of deliveries' bodies is held in memory. GitHub and GitLab send at most 25 MiB.
    pub bodies: BodyLimits,
    /// How many connections are served.
    pub connections: ConnectionLimits,
    /// The proxies that say who asks through them.
    pub trusted_proxies: TrustedProxies,
    /// Bearer token of an administrator, beside those in the store.
    pub api_token: Option<Secret>,
    /// Who may read the metrics.
    pub metrics: MetricsAccess,
    /// Requests to the API that one token may make in a second, lastingly.
    pub requests_per_second: u32,
}

/// Who may read the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricsAccess {
    /// Whoever reaches the port.
    Open,
    /// Whoever has a token.
    Token,
}

/// A webhook: that of a source, or one that several sources share.
#[derive(Clone)]
pub struct Hook {
    /// Verifies its deliveries.
    pub forge: Arc<dyn Forge>,
    /// Its secrets: the current one, then the previous one while it is rotated.
    pub secrets: Vec<Secret>,
    /// Whether several sources share it: each delivery goes to those that are the repository it names.
    pub is_shared: bool,
}

/// How many times a second's requests a token may make at once.
const AT_ONCE: u32 = 4;
/// Requests without a good token that one peer may make in a second, lastingly and at once. Beyond them it is told to
/// wait, whatever it sends.
const UNAUTHENTICATED_PER_SECOND: u32 = 5;
const UNAUTHENTICATED_BURST: u32 = 100;

/// Pages of runs that one peer may open in a second, lastingly and at once, whether the link is good or not.
const PAGES_PER_SECOND: u32 = 10;
const PAGES_AT_ONCE: u32 = 100;

/// Callers who may follow events and logs at the same time.
const MAX_FOLLOWERS: usize = 64;

/// What every handler shares.
pub struct Shared {
    activities: Activities,
    store: Arc<Store>,
    hooks: BTreeMap<SourceName, (Hook, Budget)>,
    /// By which secrets links to the pages of a source's runs are made.
    page_secrets: BTreeMap<SourceName, Vec<Secret>>,
    settings: Settings,
    render_metrics: Arc<dyn Fn() -> String + Send + Sync>,
    bodies: Budget,
    /// Requests of tokens, by their names.
    callers: Buckets,
    /// Requests without a good token, by where they come from.
    unauthenticated_callers: Buckets,
    /// Look-ups of secrets that are not remembered, by where they come from: whoever repeats a bad one takes none of them.
    token_lookups: Buckets,
    /// Pages of runs, by where they are opened.
    visitors: Buckets,
    /// Secrets that were looked up lately.
    known: KnownSecrets,
    refusals: Refusals,
    /// Answers that follow what happens.
    followers: Arc<Semaphore>,
    /// Senders that wait for what becomes of their deliveries.
    waiters: Semaphore,
    /// Ends them.
    stop: CancellationToken,
}

impl Shared {
    /// The shared part of all handlers.
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
    /// What is served with this shared part.
    pub fn with(shared: Arc<Shared>) -> Self {
        let (limits, proxies) = (shared.settings.connections, shared.settings.trusted_proxies.clone());
        Self { router: router(shared), limits, proxies }
    }
}

/// Serves what `served` holds, until `stop`; then lets requests in flight end.
pub async fn serve(listener: TcpListener, served: watch::Receiver<Served>, stop: CancellationToken) {
    connections::serve(listener, served, stop).await;
}
