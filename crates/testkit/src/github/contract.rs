//! GitHub's own description of its API between what calls the double and the double: Prism lets through what is as
//! described, in both directions, and says what is not. Only where `SLIPWAY_CONTRACT` names the folder that
//! `scripts/check_contract.py` filled.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, TRANSFER_ENCODING};
use axum::response::Response;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How long Prism may take to read the description, on a machine that is busy with other tests.
const TIMEOUT: Duration = Duration::from_mins(2);
/// The largest body that is carried.
const MAX_BYTES: usize = 8 << 20;
/// What Prism's own answers are, and no answer of GitHub's.
const OF_PRISM: &str = "application/problem+json";

/// Whether every call of this process goes through GitHub's description.
pub fn is_checked() -> bool {
    folder().is_some()
}

/// The folder that holds Prism and the description, if the tests are to run with them.
pub(super) fn folder() -> Option<PathBuf> {
    std::env::var_os("SLIPWAY_CONTRACT").map(PathBuf::from)
}

/// A running Prism; ended when it is dropped.
#[derive(Debug)]
pub(super) struct Contract {
    url: String,
    calls: PathBuf,
    agent: ureq::Agent,
    _prism: Child,
    _readers: JoinSet<()>,
}

impl Contract {
    /// Starts Prism before the double at `upstream`.
    pub(super) async fn start(folder: &Path, upstream: SocketAddr) -> Result<Self> {
        let mut prism = Command::new("node")
            .arg(folder.join("node_modules/@stoplight/prism-cli/dist/index.js"))
            .args(["proxy", "--errors", "--multiprocess=false", "-h", "127.0.0.1", "-p", "0"])
            .arg(folder.join("github.json"))
            .arg(format!("http://{upstream}"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("Prism does not start")?;
        let stdout = prism.stdout.take().context("standard output is a pipe")?;
        let mut lines = BufReader::new(stdout).lines();
        let url = timeout(TIMEOUT, address_in(&mut lines)).await.context("Prism does not listen in time")??;
        let mut readers = JoinSet::new();
        // What it says of each call is in its answers as well; but it has to be read, or Prism stands still.
        readers.spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let agent = ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0).build().into();
        Ok(Self { url, calls: folder.join("calls"), agent, _prism: prism, _readers: readers })
    }

    /// Carries a request to the double and its answer back. A violation is an error that says what is not as described.
    pub(super) async fn carry(&self, request: Request) -> Result<Response> {
        let (mut parts, body) = request.into_parts();
        let body = to_bytes(body, MAX_BYTES).await?;
        let asked = format!("{} {}", parts.method, parts.uri);
        let mut calls = OpenOptions::new().append(true).create(true).open(&self.calls)?;
        calls.write_all(format!("{asked}\n").as_bytes())?;
        parts.uri = format!("{}{}", self.url, parts.uri).parse()?;
        for name in [HOST, CONTENT_LENGTH, CONNECTION, TRANSFER_ENCODING] {
            parts.headers.remove(name);
        }
        let (agent, sent) = (self.agent.clone(), body.clone());
        let answered = tokio::task::spawn_blocking(move || {
            let answer = if sent.is_empty() {
                agent.run(ureq::http::Request::from_parts(parts, ()))?
            } else {
                agent.run(ureq::http::Request::from_parts(parts, sent.to_vec()))?
            };
            let (mut parts, mut body) = answer.into_parts();
            for name in [CONTENT_LENGTH, CONNECTION, TRANSFER_ENCODING] {
                parts.headers.remove(name);
            }
            Ok::<_, ureq::Error>((parts, body.read_to_vec()?))
        });
        let (parts, answer) = answered.await?.context("Prism does not answer")?;
        if parts.headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(OF_PRISM.as_bytes())) {
            let (answer, body) = (String::from_utf8_lossy(&answer), String::from_utf8_lossy(&body));
            bail!("`{asked}` is not as GitHub describes it: {answer}\nthe request was {body}");
        }
        Ok(Response::from_parts(parts, Body::from(answer)))
    }
}

async fn address_in(lines: &mut Lines<BufReader<ChildStdout>>) -> Result<String> {
    while let Some(line) = lines.next_line().await? {
        if let Some((_, address)) = line.split_once("Prism is listening on ") {
            return Ok(address.trim().to_owned());
        }
    }
    bail!("Prism ends before it listens\n  help: make test-contract")
}
