//! A git server for one machine: serves the bare repositories of a folder over smart HTTP, so that users can try Slipway without
//! a forge. It is not a forge: it listens only on loopback, has one login, and leaves everything else to git's own `http-backend`
//! (git-http-backend(1)), which is called as CGI (RFC 3875).

mod backend;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::connections::{self, ConnectionLimits, Served};
use super::peer::TrustedProxies;

/// Maximum number of connections. Each one needs a process of git. Slipway makes at most four to one repository.
const CONNECTIONS: usize = 64;

/// How long a request may stay without progress in either direction. Git itself sends keep-alives every five seconds while it
/// works (`uploadpack.keepAlive`, `receive.keepAlive`).
const TIMEOUT: Duration = Duration::from_mins(1);

/// Settings of the git server.
#[derive(Clone, PartialEq, Eq)]
pub struct GitServerSettings {
    /// The folder whose bare repositories are served.
    pub folder: PathBuf,
    /// Address to listen on: a loopback address.
    pub listen: SocketAddr,
    /// The username of the login.
    pub username: String,
    /// The password of the login; never printed.
    pub password: String,
}

impl fmt::Debug for GitServerSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { folder, listen, username, password: _ } = self;
        let mut shown = f.debug_struct("GitServerSettings");
        shown.field("folder", folder).field("listen", listen).field("username", username).finish_non_exhaustive()
    }
}

/// Returns git's `http-backend` on this machine, or why it cannot be called.
pub async fn find_http_backend() -> Result<PathBuf, String> {
    let help = "install git with its `http-backend` (the package `git`), or leave `git_server` out";
    let said = Command::new("git").arg("--exec-path").stdin(Stdio::null()).output().await;
    let said = said.map_err(|error| format!("`git` cannot be started: {error}\n  help: {help}"))?;
    let program = PathBuf::from(String::from_utf8_lossy(&said.stdout).trim()).join("git-http-backend");
    if program.is_file() { Ok(program) } else { Err(format!("git has no `http-backend`\n  help: {help}")) }
}

/// Serves the repositories until `stop`. `backend` is the result of [`find_http_backend`].
pub async fn serve_repositories(
    listener: TcpListener,
    settings: GitServerSettings,
    backend: PathBuf,
    stop: CancellationToken,
) {
    let limits = ConnectionLimits { all: CONNECTIONS, each_address: CONNECTIONS };
    let site = Arc::new(Site { admitted: admission(&settings), settings, backend, idle_timeout: TIMEOUT });
    let router = Router::new().fallback(answer).with_state(site);
    // The served content never changes: the sender only keeps the channel open.
    let (_door, served) = watch::channel(Served { router, limits, proxies: TrustedProxies::default() });
    connections::serve(listener, served, stop).await;
}

/// State for handling requests.
struct Site {
    settings: GitServerSettings,
    backend: PathBuf,
    /// Digest of the only valid `Authorization` header. The time to compare digests does not depend on the value sent.
    admitted: [u8; 32],
    /// How long a request may stay without progress.
    idle_timeout: Duration,
}

fn admission(settings: &GitServerSettings) -> [u8; 32] {
    let login = STANDARD.encode(format!("{}:{}", settings.username, settings.password));
    Sha256::digest(format!("Basic {login}")).into()
}

async fn answer(State(site): State<Arc<Site>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let given = parts.headers.get(header::AUTHORIZATION).map(|given| Sha256::digest(given.as_bytes()).into());
    if given != Some(site.admitted) {
        let challenge = [(header::WWW_AUTHENTICATE, "Basic realm=\"git\"")];
        return (StatusCode::UNAUTHORIZED, challenge, "log in first\n").into_response();
    }
    match site.carry(&parts, body).await {
        Ok(response) => response,
        Err(error) => {
            tracing::error!(%error, "git did not answer a request for `{}`: {error}", parts.uri.path());
            (StatusCode::INTERNAL_SERVER_ERROR, "git did not answer\n").into_response()
        }
    }
}
