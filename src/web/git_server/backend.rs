//! Calls git's `http-backend`: its request, its response, and its error output.

use std::pin::Pin;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody as _};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};

use super::Site;
use slipway_domain::spoken;

/// Size of the pieces in which a response is read, in bytes.
const PIECE: usize = 64 << 10;
/// Maximum length of a line of a CGI header in bytes, and maximum number of lines.
const MAX_LINE_LENGTH: u64 = 8 << 10;
const MAX_LINES: usize = 64;
/// Maximum size of git's error output that is kept, in bytes.
const MAX_SAID: u64 = 4 << 10;
/// Variables that git inherits from this server's environment.
const KEPT: [&str; 4] = ["PATH", "HOME", "LANG", "TMPDIR"];
/// How long to wait for git's error output after git reported a failure.
const STDERR_TIMEOUT: Duration = Duration::from_secs(2);

impl Site {
    /// Forwards a request to git, and git's response to the client. Both bodies are streamed.
    pub(super) async fn carry(&self, request: &Parts, body: Body) -> std::io::Result<Response> {
        let mut child = self.spawn(request)?;
        let (Some(stdin), Some(stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(std::io::Error::other("it has no pipes"));
        };
        let mut feeding = JoinSet::new();
        let progress = Progress::new(self.idle_timeout);
        feeding.spawn(feed(body, stdin, progress.clone()));
        let mut listening = JoinSet::new();
        listening.spawn(listen(stderr));
        let stdout = BufReader::with_capacity(PIECE, stdout);
        let mut output = Output { stdout, progress: progress.clone(), listening, _feeding: feeding, child };
        let (status, headers) = match progress.or_end(output.head()).await {
            Ok(head) => head,
            Err(error) => {
                // A git process that hangs would never close its error output.
                output.child.start_kill().ok();
                return Err(std::io::Error::other(format!(
                    "{error}; it said: {}",
                    stderr_tail(&mut output.listening).await
                )));
            }
        };
        if status.is_server_error() {
            let said = stderr_tail(&mut output.listening).await;
            let path = request.uri.path();
            tracing::warn!(status = status.as_u16(), said, "git answered a request for `{path}` with {status}: {said}");
        }
        let pieces = stream::unfold(output, |mut output| async move {
            let mut piece = Vec::with_capacity(PIECE);
            let progress = output.progress.clone();
            // The timeout does not count until the client accepts the response. The connection limits that time.
            progress.made();
            match progress.or_end(output.stdout.read_buf(&mut piece)).await {
                Ok(0) => None,
                Ok(_) => Some((Ok(Bytes::from(piece)), output)),
                Err(error) => {
                    tracing::warn!(%error, "an answer of git was cut off: {error}");
                    Some((Err(error), output))
                }
            }
        });
        Ok((status, headers, Body::from_stream(pieces)).into_response())
    }

    fn spawn(&self, request: &Parts) -> std::io::Result<Child> {
        let mut command = Command::new(&self.backend);
        // Git gets only the variables that programs need to be found and to run, because hooks are foreign code.
        command.env_clear();
        for name in KEPT {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command
            .env("GATEWAY_INTERFACE", "CGI/1.1")
            .env("GIT_PROJECT_ROOT", &self.settings.folder)
            .env("GIT_HTTP_EXPORT_ALL", "1")
            .env("REQUEST_METHOD", request.method.as_str())
            .env("PATH_INFO", request.uri.path())
            .env("QUERY_STRING", request.uri.query().unwrap_or_default())
            .env("REMOTE_ADDR", self.settings.listen.ip().to_string())
            .env("REMOTE_USER", &self.settings.username);
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

/// Sends the request's body to git. A git process that stops reading has responded already.
async fn feed(mut body: Body, mut stdin: ChildStdin, progress: Progress) {
    while let Some(Ok(frame)) = std::future::poll_fn(|wake| Pin::new(&mut body).poll_frame(wake)).await {
        let Ok(bytes) = frame.into_data() else { continue };
        progress.made();
        if stdin.write_all(&bytes).await.is_err() {
            return;
        }
        progress.made();
    }
}

/// Time of the last progress of a request in either direction. During a push git sends nothing while data arrives, and it reads
/// nothing while it responds.
#[derive(Clone)]
struct Progress {
    last: Arc<Mutex<Instant>>,
    idle_timeout: Duration,
}

impl Progress {
    fn new(idle_timeout: Duration) -> Self {
        Self { last: Arc::new(Mutex::new(Instant::now())), idle_timeout }
    }

    fn made(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn ends_at(&self) -> Instant {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) + self.idle_timeout
    }

    /// Waits for a result, which counts as progress. Returns an error if there is no progress for too long.
    async fn or_end<T>(&self, coming: impl Future<Output = std::io::Result<T>>) -> std::io::Result<T> {
        let mut coming = std::pin::pin!(coming);
        loop {
            let ends_at = self.ends_at();
            if let Ok(came) = timeout_at(ends_at, coming.as_mut()).await {
                self.made();
                return came;
            }
            if self.ends_at() <= ends_at {
                let message = format!("neither the client nor git moved for {}", spoken(self.idle_timeout));
                return Err(std::io::Error::new(std::io::ErrorKind::TimedOut, message));
            }
        }
    }
}

/// Keeps the beginning of git's error output, and reads it to the end: a full pipe would block git.
async fn listen(mut stderr: ChildStderr) -> Vec<u8> {
    let mut said = Vec::new();
    if (&mut stderr).take(MAX_SAID).read_to_end(&mut said).await.is_ok() {
        tokio::io::copy(&mut stderr, &mut tokio::io::sink()).await.ok();
    }
    said
}

/// Returns git's error output on one line.
async fn stderr_tail(listening: &mut JoinSet<Vec<u8>>) -> String {
    let said =
        timeout(STDERR_TIMEOUT, listening.join_next()).await.ok().flatten().and_then(Result::ok).unwrap_or_default();
    let said: String =
        String::from_utf8_lossy(&said).trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if said.is_empty() { "nothing".to_owned() } else { said }
}

/// Git's response. Dropping it ends the process and its input.
struct Output {
    stdout: BufReader<ChildStdout>,
    progress: Progress,
    /// Reads git's error output while the process runs.
    listening: JoinSet<Vec<u8>>,
    _feeding: JoinSet<()>,
    child: Child,
}

impl Output {
    /// Reads the CGI header: lines up to an empty line. `Status` is the status of the response.
    async fn head(&mut self) -> std::io::Result<(StatusCode, HeaderMap)> {
        let unusual = |line: &str| std::io::Error::other(format!("`{line}` is no CGI header"));
        let (mut status, mut headers) = (StatusCode::OK, HeaderMap::new());
        for _ in 0..MAX_LINES {
            let mut line = String::new();
            if (&mut self.stdout).take(MAX_LINE_LENGTH).read_line(&mut line).await? == 0 {
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use http_body_util::BodyExt as _;

    use super::*;
    use crate::web::git_server::{GitServerSettings, TIMEOUT};

    /// A site with a shell script in place of git.
    fn site(folder: &std::path::Path, script: &str, idle_timeout: Duration) -> Site {
        let backend = folder.join("backend");
        std::fs::write(&backend, format!("#!/bin/sh\n{script}\n")).expect("written");
        std::fs::set_permissions(&backend, std::fs::Permissions::from_mode(0o755)).expect("allowed");
        let settings = GitServerSettings {
            folder: folder.to_owned(),
            listen: "127.0.0.1:8421".parse().expect("an address"),
            username: "slipway".to_owned(),
            password: "secret".to_owned(),
        };
        Site { settings, backend, admitted: [0; 32], idle_timeout }
    }

    async fn carried(
        script: &str,
        body: Body,
        idle_timeout: Duration,
    ) -> Result<(StatusCode, Result<String, String>), String> {
        let folder = tempfile::tempdir().expect("a folder");
        let site = site(folder.path(), script, idle_timeout);
        let (parts, ()) =
            axum::http::Request::post("/m.git/git-receive-pack").body(()).expect("a request").into_parts();
        let response = site.carry(&parts, body).await.map_err(|error| error.to_string())?;
        let status = response.status();
        let body = response.into_body().collect().await.map_err(|error| error.to_string());
        Ok((status, body.map(|body| String::from_utf8_lossy(&body.to_bytes()).into_owned())))
    }

    #[tokio::test]
    async fn git_gets_nothing_of_the_environment_but_what_it_needs() {
        let script = "printf 'Content-Type: text/plain\\r\\n\\r\\n'; env";
        let (_, said) = carried(script, Body::empty(), TIMEOUT).await.expect("an answer");
        let said = said.expect("a body");
        let mut names: Vec<&str> = said.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect();
        // Shells set these variables themselves.
        names.retain(|name| !matches!(*name, "PWD" | "SHLVL" | "_" | "OLDPWD") && !KEPT.contains(name));
        names.sort_unstable();
        assert_eq!(
            names,
            [
                "GATEWAY_INTERFACE",
                "GIT_HTTP_EXPORT_ALL",
                "GIT_PROJECT_ROOT",
                "PATH_INFO",
                "QUERY_STRING",
                "REMOTE_ADDR",
                "REMOTE_USER",
                "REQUEST_METHOD",
            ]
        );
        assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some() && said.contains("PATH="));
    }

    #[tokio::test]
    async fn a_request_that_does_not_move_is_ended() {
        let idle_timeout = Duration::from_millis(100);
        let never = || Body::from_stream(stream::pending::<std::io::Result<Bytes>>());
        let hangs = carried("exec cat", never(), idle_timeout).await.expect_err("nothing came");
        assert!(hangs.contains("neither the client nor git moved for"), "{hangs}");
        let script = "printf 'Content-Type: text/plain\\r\\n\\r\\nbegun'; exec cat";
        let (status, cut) = carried(script, never(), idle_timeout).await.expect("a head");
        assert!(status == StatusCode::OK && cut.is_err(), "{cut:?}");
        let (_, whole) = carried(script, Body::from(" and ended"), TIMEOUT).await.expect("a head");
        assert_eq!(whole.as_deref(), Ok("begun and ended"));
    }

    #[tokio::test]
    async fn a_push_that_arrives_slowly_is_not_ended() {
        let idle_timeout = Duration::from_millis(400);
        // The total is longer than the timeout; a piece arrives in each tenth of it.
        let pieces = stream::unfold(0, |piece| async move {
            tokio::time::timeout(Duration::from_millis(40), std::future::pending::<()>()).await.ok();
            (piece < 20).then(|| (Ok::<_, std::io::Error>(Bytes::from_static(b"x")), piece + 1))
        });
        let script = "read all; printf 'Content-Type: text/plain\\r\\n\\r\\n%s' \"$all\"";
        let (_, said) = carried(script, Body::from_stream(pieces), idle_timeout).await.expect("an answer");
        assert_eq!(said, Ok("x".repeat(20)));
    }

    #[tokio::test]
    async fn of_what_git_says_the_beginning_is_kept() {
        let script = "i=0; while [ $i -lt 20000 ]; do echo 'all is lost' >&2; i=$((i+1)); done";
        let message = carried(script, Body::empty(), TIMEOUT).await.expect_err("no answer");
        assert!(message.starts_with("it ended without an answer; it said: all is lost all is"), "{message}");
        assert!(message.len() < 5_000, "{}", message.len());
    }
}
