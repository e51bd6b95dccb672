//! A git server over smart HTTP on this machine: git's own `http-backend` behind an axum route.
//!
//! It is a server like any other to its clients, and can be told to misbehave ([`Faults`]).

mod backend;
mod faults;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::git;
pub use faults::{Faults, Login};

/// How often a request that gets no answer looks whether it does now.
const SILENCE_POLL_INTERVAL: Duration = Duration::from_millis(20);
/// Requests that are still under way when the server is told to stop may take this long.
const DRAIN: Duration = Duration::from_secs(5);

/// A running git server; it ends with its value.
#[derive(Debug)]
pub struct GitServer {
    address: SocketAddr,
    site: Arc<Site>,
    stop: CancellationToken,
    parts: JoinSet<()>,
}

/// One request as it was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedRequest {
    /// `GET` or `POST`.
    pub method: String,
    /// For example `/models.git/git-receive-pack`.
    pub path: String,
    /// What follows the question mark, or nothing.
    pub query: String,
    /// The status the client was given; a cut connection is logged with the status it would have had.
    pub status: u16,
}

/// What a request needs to be answered.
#[derive(Debug)]
struct Site {
    root: PathBuf,
    backend: PathBuf,
    faults: Mutex<Faults>,
    log: Mutex<Vec<LoggedRequest>>,
}

impl GitServer {
    /// Serves every bare repository in `folder` on a free port of the loopback address.
    pub async fn start(folder: impl Into<PathBuf>) -> Result<Self> {
        Self::start_at(folder, SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    /// As [`Self::start`], at a fixed address: a server that comes back is found where it was.
    pub async fn start_at(folder: impl Into<PathBuf>, address: SocketAddr) -> Result<Self> {
        let root = std::path::absolute(folder.into())?;
        let backend = git::exec_path().await?.join("git-http-backend");
        if !backend.is_file() {
            bail!("git has no `git-http-backend` at {}: install the full `git` package", backend.display());
        }
        let listener =
            TcpListener::bind(address).await.with_context(|| format!("the git server cannot listen on {address}"))?;
        let site = Arc::new(Site { root, backend, faults: Mutex::default(), log: Mutex::default() });
        let stop = CancellationToken::new();
        let mut server = Self { address: listener.local_addr()?, site, stop, parts: JoinSet::new() };
        let router = Router::new().fallback(answer).with_state(Arc::clone(&server.site));
        // As real servers do: else the end of an answer waits up to 40 ms for the client to acknowledge its beginning.
        let listener = listener.tap_io(|stream| {
            stream.set_nodelay(true).ok();
        });
        let serving = axum::serve(listener, router).with_graceful_shutdown(server.stop.clone().cancelled_owned());
        server.parts.spawn(async move {
            // An accept error is not fatal to axum: it goes on, so there is nothing to report at the end.
            serving.await.ok();
        });
        Ok(server)
    }

    /// Serves a folder until standard input ends: what a program does that is a server for another. `say` is told where.
    pub async fn serve_until_input_ends(folder: impl Into<PathBuf>, say: impl FnOnce(SocketAddr)) -> Result<()> {
        let server = Self::start(folder).await.context("the git server did not start")?;
        say(server.address());
        tokio::task::spawn_blocking(|| std::io::read_to_string(std::io::stdin())).await??;
        server.stop().await;
        Ok(())
    }

    /// Where the server listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The clone address of a repository: `url("models.git")`.
    pub fn url(&self, name: &str) -> String {
        format!("http://{}/{name}", self.address)
    }

    /// The folder whose repositories are served.
    pub fn folder(&self) -> &Path {
        &self.site.root
    }

    /// Changes how the server misbehaves, from the next request on.
    pub fn set_faults(&self, change: impl FnOnce(&mut Faults)) {
        change(&mut lock(&self.site.faults));
    }

    /// Every request so far, in the order in which they were answered.
    pub fn requests(&self) -> Vec<LoggedRequest> {
        lock(&self.site.log).clone()
    }

    /// How many requests so far had this method and a path that ends so.
    pub fn count(&self, method: &str, path_end: &str) -> usize {
        let log = lock(&self.site.log);
        log.iter().filter(|request| request.method == method && request.path.ends_with(path_end)).count()
    }

    /// Forgets the requests so far.
    pub fn forget_requests(&self) {
        lock(&self.site.log).clear();
    }

    /// Stops listening, and lets requests under way finish.
    pub async fn stop(mut self) {
        self.stop.cancel();
        let drained = async { while self.parts.join_next().await.is_some() {} };
        if tokio::time::timeout(DRAIN, drained).await.is_err() {
            self.parts.abort_all();
        }
    }
}

impl Drop for GitServer {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A poisoned lock means that a test already failed; the state behind it is still plain data.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn answer(State(site): State<Arc<Site>>, request: Request) -> Response {
    let method = request.method().to_string();
    let path = request.uri().path().to_owned();
    let query = request.uri().query().unwrap_or_default().to_owned();
    let response = site.answer(request).await;
    let status = response.status().as_u16();
    lock(&site.log).push(LoggedRequest { method, path, query, status });
    response
}

impl Site {
    async fn answer(&self, request: Request) -> Response {
        let delay = lock(&self.faults).delay;
        if let Some(delay) = delay {
            tokio::time::sleep(delay).await;
        }
        let mut was_silent = false;
        while lock(&self.faults).is_silent_about(request.uri().path()) {
            was_silent = true;
            tokio::time::sleep(SILENCE_POLL_INTERVAL).await;
        }
        if was_silent {
            return (StatusCode::SERVICE_UNAVAILABLE, "the git server has woken up\n").into_response();
        }
        let (parts, body) = request.into_parts();
        let pushes = parts.uri.path().ends_with("/git-receive-pack");
        let (cut, user) = {
            let mut faults = lock(&self.faults);
            if faults.unavailable {
                return (StatusCode::SERVICE_UNAVAILABLE, "the git server is down for a test\n").into_response();
            }
            match faults.admit(parts.headers.get(header::AUTHORIZATION)) {
                Ok(user) => (pushes && faults.take_cut(), user),
                Err(refused) => return *refused,
            }
        };
        let program = backend::Backend { program: &self.backend, root: &self.root, user: user.as_deref() };
        match program.answer(&parts, body).await {
            Ok(response) if cut => faults::cut_off(response).await,
            Ok(response) => response,
            Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}\n")).into_response(),
        }
    }
}

/// The response's own type, so that the parts of this module agree on it.
type Answer = Response<Body>;
