//! A git server for one machine: the bare repositories of a folder over smart HTTP, so that Slipway can be tried without a
//! forge. It is no forge: it listens on loopback alone, knows one login, and leaves everything to git's own `http-backend`
//! (git-http-backend(1)), which is called as CGI (RFC 3875).

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::Stdio;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::stream;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::connections::{self, ConnectionLimits, Served};
use super::peer::TrustedProxies;

/// Connections at a time: each costs a process of git. Slipway makes four at most to one repository.
const CONNECTIONS: usize = 64;
/// How much of an answer is read at a time, in bytes.
const PIECE: usize = 64 << 10;
/// The longest line of a CGI head that is read, in bytes, and the most lines.
const LONGEST_LINE: u64 = 8 << 10;
const MOST_LINES: usize = 64;

/// What the git server is set up with.
#[derive(Clone, PartialEq, Eq)]
pub struct GitServerSettings {
    /// The folder whose bare repositories are served.
    pub folder: PathBuf,
    /// Where to listen: a loopback address.
    pub listen: SocketAddr,
    /// Who is let in.
    pub username: String,
    /// The password: never printed.
    pub password: String,
}

impl fmt::Debug for GitServerSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { folder, listen, username, password: _ } = self;
        let mut shown = f.debug_struct("GitServerSettings");
        shown.field("folder", folder).field("listen", listen).field("username", username).finish_non_exhaustive()
    }
}

/// Git's `http-backend` on this machine, or why it cannot be called.
pub async fn find_http_backend() -> Result<PathBuf, String> {
    let help = "install git with its `http-backend` (the package `git`), or leave `git_server` out";
    let said = Command::new("git").arg("--exec-path").stdin(Stdio::null()).output().await;
    let said = said.map_err(|error| format!("`git` cannot be started: {error}\n  help: {help}"))?;
    let program = PathBuf::from(String::from_utf8_lossy(&said.stdout).trim()).join("git-http-backend");
    if program.is_file() { Ok(program) } else { Err(format!("git has no `http-backend`\n  help: {help}")) }
}

/// Serves the repositories until `stop`. `backend` is what [`find_http_backend`] found.
pub async fn serve_repositories(
    listener: TcpListener,
    settings: GitServerSettings,
    backend: PathBuf,
    stop: CancellationToken,
) {
    let limits = ConnectionLimits { all: CONNECTIONS, each_address: CONNECTIONS };
    let site = Arc::new(Site { admitted: admission(&settings), settings, backend });
    let router = Router::new().fallback(answer).with_state(site);
    // Nothing is ever served but this: the sender only keeps the channel open.
    let (_door, served) = watch::channel(Served { router, limits, proxies: TrustedProxies::default() });
    connections::serve(listener, served, stop).await;
}

/// What a request needs to be answered.
struct Site {
    settings: GitServerSettings,
    backend: PathBuf,
    /// Digest of the one good `Authorization` header: comparing digests takes as long whatever was sent.
    admitted: [u8; 32],
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

impl Site {
    /// Carries a request to git, and its answer back; both bodies are streamed.
    async fn carry(&self, request: &Parts, body: Body) -> std::io::Result<Response> {
        let mut child = self.spawn(request)?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(std::io::Error::other("it has no pipes"));
        };
        let mut feeding = JoinSet::new();
        feeding.spawn(feed(body, stdin));
        let mut output = Output { stdout: BufReader::with_capacity(PIECE, stdout), _feeding: feeding, _child: child };
        let (status, headers) = output.head().await?;
        let pieces = stream::unfold(output, |mut output| async move {
            let mut piece = Vec::with_capacity(PIECE);
            match output.stdout.read_buf(&mut piece).await {
                Ok(0) => None,
                Ok(_) => Some((Ok(Bytes::from(piece)), output)),
                Err(error) => Some((Err(error), output)),
            }
        });
        Ok((status, headers, Body::from_stream(pieces)).into_response())
    }

    fn spawn(&self, request: &Parts) -> std::io::Result<Child> {
        let mut command = Command::new(&self.backend);
        // Nothing of a git process that this server may have been started by.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"GIT_")) {
            command.env_remove(name);
        }
        command
            .env("GIT_PROJECT_ROOT", &self.settings.folder)
            .env("GIT_HTTP_EXPORT_ALL", "1")
            .env("REQUEST_METHOD", request.method.as_str())
            .env("PATH_INFO", request.uri.path())
            .env("QUERY_STRING", request.uri.query().unwrap_or_default())
            .env("REMOTE_ADDR", self.settings.listen.ip().to_string())
            .env("REMOTE_USER", &self.settings.username)
            .env_remove("CONTENT_LENGTH");
        let variables = [
            (header::CONTENT_TYPE, "CONTENT_TYPE"),
            (header::CONTENT_LENGTH, "CONTENT_LENGTH"),
            (header::CONTENT_ENCODING, "HTTP_CONTENT_ENCODING"),
            (header::ACCEPT_ENCODING, "HTTP_ACCEPT_ENCODING"),
            (HeaderName::from_static("git-protocol"), "GIT_PROTOCOL"),
        ];
        for (name, variable) in variables {
            if let Some(value) = request.headers.get(name).and_then(|value| value.to_str().ok()) {
                command.env(variable, value);
            }
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true).spawn()
    }
}

/// Hands the request's body to git. A git that stopped reading has answered already.
async fn feed(mut body: Body, mut stdin: ChildStdin) {
    while let Some(Ok(frame)) = std::future::poll_fn(|wake| Pin::new(&mut body).poll_frame(wake)).await {
        let Ok(bytes) = frame.into_data() else { continue };
        if stdin.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

/// What git answers; dropping it ends the child and what feeds it.
struct Output {
    stdout: BufReader<ChildStdout>,
    _feeding: JoinSet<()>,
    _child: Child,
}

impl Output {
    /// The CGI head: headers, of which `Status` is the answer's status, up to an empty line.
    async fn head(&mut self) -> std::io::Result<(StatusCode, HeaderMap)> {
        let unusual = |line: &str| std::io::Error::other(format!("`{line}` is no CGI header"));
        let (mut status, mut headers) = (StatusCode::OK, HeaderMap::new());
        for _ in 0..MOST_LINES {
            let mut line = String::new();
            if (&mut self.stdout).take(LONGEST_LINE).read_line(&mut line).await? == 0 {
                break;
            }
            let line = line.trim_end();
            if line.is_empty() {
                return Ok((status, headers));
            }
            let (name, value) = line.split_once(':').ok_or_else(|| unusual(line))?;
            let value = value.trim();
            if name.eq_ignore_ascii_case("status") {
                let code = value.split(' ').next().unwrap_or_default();
                status = StatusCode::from_bytes(code.as_bytes()).map_err(|_| unusual(line))?;
            } else {
                let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| unusual(line))?;
                headers.append(name, HeaderValue::from_str(value).map_err(|_| unusual(line))?);
            }
        }
        Err(std::io::Error::other("it ended without an answer"))
    }
}
