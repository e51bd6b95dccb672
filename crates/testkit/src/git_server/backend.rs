//! One request carried to `git http-backend` and back, as CGI (RFC 3875) asks; bodies are streamed both ways.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::process::Stdio;
use std::task::{Context as Wake, Poll};

use anyhow::{Context as _, Result};
use axum::body::{Body, HttpBody as _};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWriteExt as _, BufReader, ReadBuf};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::task::JoinSet;
use tokio_util::io::ReaderStream;

use super::Answer;
use crate::git;

/// What `git http-backend` must know beside the request.
pub(super) struct Backend<'a> {
    pub(super) program: &'a Path,
    pub(super) root: &'a Path,
    pub(super) user: Option<&'a str>,
}

impl Backend<'_> {
    pub(super) async fn answer(&self, request: &Parts, body: Body) -> Result<Answer> {
        let mut child = self.spawn(request)?;
        let stdin = child.stdin.take().context("git http-backend has no standard input")?;
        let stdout = child.stdout.take().context("git http-backend has no standard output")?;
        let mut feeding = JoinSet::new();
        feeding.spawn(feed(body, stdin));
        let mut output = Output { stdout: BufReader::new(stdout), _feeding: feeding, _child: child };
        let mut response = output.read_head().await?;
        *response.body_mut() = Body::from_stream(ReaderStream::with_capacity(output, 64 * 1024));
        Ok(response)
    }

    fn spawn(&self, request: &Parts) -> Result<Child> {
        let mut command = git::isolated(self.program);
        command
            .env("GIT_PROJECT_ROOT", self.root)
            .env("GIT_HTTP_EXPORT_ALL", "1")
            .env("REQUEST_METHOD", request.method.as_str())
            .env("PATH_INFO", request.uri.path())
            .env("QUERY_STRING", request.uri.query().unwrap_or_default())
            .env("REMOTE_ADDR", "127.0.0.1")
            .env_remove("CONTENT_LENGTH");
        if let Some(user) = self.user {
            command.env("REMOTE_USER", user);
        }
        let variables = [
            (header::CONTENT_TYPE, "CONTENT_TYPE"),
            (header::CONTENT_LENGTH, "CONTENT_LENGTH"),
            (header::CONTENT_ENCODING, "HTTP_CONTENT_ENCODING"),
            (header::ACCEPT_ENCODING, "HTTP_ACCEPT_ENCODING"),
            (header::USER_AGENT, "HTTP_USER_AGENT"),
            (HeaderName::from_static("git-protocol"), "GIT_PROTOCOL"),
        ];
        for (name, variable) in variables {
            if let Some(value) = request.headers.get(name).and_then(|value| value.to_str().ok()) {
                command.env(variable, value);
            }
        }
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("{} did not start", self.program.display()))
    }
}

/// Hands the request's body to git; a git that stopped reading has answered already, and a client that left ends it.
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
    async fn read_head(&mut self) -> Result<Answer> {
        let mut response = Response::new(Body::empty());
        loop {
            let mut line = String::new();
            let read = self.stdout.read_line(&mut line).await?;
            anyhow::ensure!(read > 0, "git http-backend ended without an answer");
            let line = line.trim_end();
            if line.is_empty() {
                return Ok(response);
            }
            let (name, value) = line.split_once(':').with_context(|| format!("`{line}` is not a CGI header"))?;
            let value = value.trim();
            if name.eq_ignore_ascii_case("status") {
                let code = value.split(' ').next().unwrap_or_default();
                *response.status_mut() = StatusCode::from_bytes(code.as_bytes())?;
            } else {
                let name = HeaderName::from_bytes(name.as_bytes())?;
                response.headers_mut().append(name, HeaderValue::from_str(value)?);
            }
        }
    }
}

impl AsyncRead for Output {
    fn poll_read(mut self: Pin<&mut Self>, wake: &mut Wake<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stdout).poll_read(wake, into)
    }
}
