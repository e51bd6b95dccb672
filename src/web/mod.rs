//! The HTTP side: webhooks in, the API, health and metrics. It knows no database and no git, only the pipeline.

mod api;
mod body;
mod connections;
mod health;
mod panics;
mod problem;
mod refusal;
mod webhook;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use body::Budget;

pub use body::BodyLimits;
pub use connections::ConnectionLimits;

use crate::domain::SourceName;
use crate::forge::{Forge, Secret};
use crate::pipeline::Pipeline;
use crate::store::Store;

/// What the HTTP side is set up with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where to listen.
    pub listen: SocketAddr,
    /// How much of deliveries' bodies is held in memory. GitHub and GitLab send at most 25 MiB.
    pub bodies: BodyLimits,
    /// How many connections are served.
    pub connections: ConnectionLimits,
    /// Bearer token for the API; without one the API is open to whoever reaches the port.
    pub api_token: Option<Secret>,
}

/// A source's webhook.
#[derive(Clone)]
pub struct Hook {
    /// Verifies its deliveries.
    pub forge: Arc<dyn Forge>,
    /// Its secrets: the current one, then the previous one while it is rotated.
    pub secrets: Vec<Secret>,
}

/// What every handler shares.
pub struct Shared {
    pipeline: Arc<Pipeline>,
    store: Arc<Store>,
    hooks: BTreeMap<SourceName, (Hook, Budget)>,
    settings: Settings,
    render_metrics: Arc<dyn Fn() -> String + Send + Sync>,
    bodies: Budget,
}

impl Shared {
    /// The shared part of all handlers.
    pub fn new(
        pipeline: Arc<Pipeline>,
        store: Arc<Store>,
        hooks: BTreeMap<SourceName, Hook>,
        settings: Settings,
        render_metrics: Arc<dyn Fn() -> String + Send + Sync>,
    ) -> Self {
        let BodyLimits { largest: _, each_source, all } = settings.bodies;
        let hooks = hooks.into_iter().map(|(name, hook)| (name, (hook, Budget::of(each_source)))).collect();
        Self { pipeline, store, hooks, settings, render_metrics, bodies: Budget::of(all) }
    }
}

fn router(shared: Arc<Shared>) -> Router {
    let api = Router::new()
        .route("/runs", get(api::list_runs))
        .route("/runs/{id}", get(api::show_run))
        .route("/runs/{id}/log", get(api::show_log))
        .route("/runs/{id}/cancel", post(api::cancel_run))
        .route("/runs/{id}/retry", post(api::retry_run))
        .route_layer(from_fn_with_state(shared.clone(), api::authorize));
    Router::new()
        .nest("/api/v1", api)
        .route("/webhooks/{source}", post(webhook::receive))
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .fallback(problem::no_such_page)
        .layer(panics::caught())
        .with_state(shared)
}

/// Serves until `stop`, then lets requests in flight end.
pub async fn serve(listener: TcpListener, shared: Arc<Shared>, stop: CancellationToken) -> std::io::Result<()> {
    let limits = shared.settings.connections;
    connections::serve(listener, router(shared), limits, stop).await;
    Ok(())
}
