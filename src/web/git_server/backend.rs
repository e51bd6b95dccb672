//! A call of git's `http-backend`: its request, its answer, and what it says when it fails.

use std::pin::Pin;
use std::process::Stdio;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody as _};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use super::Site;

/// How much of an answer is read at a time, in bytes.
const PIECE: usize = 64 << 10;
/// The longest line of a CGI head that is read, in bytes, and the most lines.
const LONGEST_LINE: u64 = 8 << 10;
const MOST_LINES: usize = 64;
/// How much is kept of what git says beside its answer, in bytes.
const MOST_SAID: u64 = 4 << 10;
/// How long git may take to end once it has answered that it failed.
const LAST_WORDS: Duration = Duration::from_secs(2);

impl Site {
    /// Carries a request to git, and its answer back; both bodies are streamed.
    pub(super) async fn carry(&self, request: &Parts, body: Body) -> std::io::Result<Response> {
        let mut child = self.spawn(request)?;
        let (Some(stdin), Some(stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(std::io::Error::other("it has no pipes"));
        };
        let mut feeding = JoinSet::new();
        feeding.spawn(feed(body, stdin));
        let mut said = tokio::spawn(listen(stderr));
        let mut output = Output { stdout: BufReader::with_capacity(PIECE, stdout), _feeding: feeding, _child: child };
        let (status, headers) = match output.head().await {
            Ok(head) => head,
            Err(error) => return Err(std::io::Error::other(format!("{error}; it said: {}", last_words(&mut said).await))),
        };
        if status.is_server_error() {
            let said = last_words(&mut said).await;
            let path = request.uri.path();
            tracing::warn!(status = status.as_u16(), said, "git answered a request for `{path}` with {status}: {said}");
        }
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
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).spawn()
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

/// Keeps the beginning of what git says, and reads on to its end: a full pipe would hold git up.
async fn listen(mut stderr: ChildStderr) -> Vec<u8> {
    let mut said = Vec::new();
    if (&mut stderr).take(MOST_SAID).read_to_end(&mut said).await.is_ok() {
        tokio::io::copy(&mut stderr, &mut tokio::io::sink()).await.ok();
    }
    said
}

/// What git said, on one line.
async fn last_words(said: &mut JoinHandle<Vec<u8>>) -> String {
    let said = timeout(LAST_WORDS, said).await.ok().and_then(Result::ok).unwrap_or_default();
    let said: String = String::from_utf8_lossy(&said).trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if said.is_empty() { "nothing".to_owned() } else { said }
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
