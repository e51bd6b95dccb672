//! The connection to one repository: a pooled HTTP agent with credentials and the interpretation of its answers, or a stream over
//! SSH. It does not depend on libgit2.

use std::io;
use std::io::Read;
use std::sync::OnceLock;
use std::time::Duration;

use ureq::http::Response;
use ureq::http::header;
use ureq::tls::TlsConfig;
use ureq::typestate::{WithBody, WithoutBody};
use ureq::{Agent, Body, RequestBuilder};

use super::GitError;
use super::Remote;
use super::message::single_line;
use super::packet::PacketError;
use super::ssh;

/// Maximum size of an answer: the largest pack that a controller mirrors for configuration and model sources. A server that sends
/// more is broken or hostile, and would fill the disk.
pub(super) const MAX_ANSWER_BYTES: u64 = 1024 * 1024 * 1024;

/// Maximum number of bytes that are read to reach the end of an answer, so that its connection can be reused.
const MAX_DRAIN: u64 = 64 * 1024;

/// Maximum number of bytes of an error page that are read before it is shortened.
const MAX_ERROR_PAGE_BYTES: u64 = 16 * 1024;

/// Size of the write buffer, half the size of the read buffer, and maximum size of the response headers, which must fit into the
/// read buffer. An idle connection keeps both buffers, and there is one per repository.
const BUFFER: usize = 16 * 1024;

/// Pause after a 429 answer without `Retry-After`.
const DEFAULT_RETRY_AFTER: Duration = Duration::from_mins(1);

/// Maximum pause that a server can request: a longer one would block a promotion for too long.
const MAX_PAUSE: Duration = Duration::from_hours(1);

/// The service of a git server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Program {
    /// Reads.
    UploadPack,
    /// Writes.
    ReceivePack,
}

impl Program {
    fn name(self) -> &'static str {
        match self {
            Self::UploadPack => "git-upload-pack",
            Self::ReceivePack => "git-receive-pack",
        }
    }
}

/// The header and its value that request version 2 of the protocol (gitprotocol-http(5)).
const VERSION_2: (&str, &str) = ("git-protocol", "version=2");

/// The program that returns a login for Git LFS (git-lfs/docs/api/authentication.md), and its operation.
const LFS_LOGIN: (&str, &str) = ("git-lfs-authenticate", " download");

/// A connection pool of one repository, with only the credentials of that repository.
pub(super) struct Connection {
    agent: Agent,
    remote: Remote,
    authorization: Option<String>,
    /// Whether the server lists references by name, once that is known.
    pub(super) lists_by_name: OnceLock<bool>,
}

impl Connection {
    /// Sends nothing before the first request.
    pub(super) fn new(remote: Remote) -> Self {
        let deadlines = remote.deadlines();
        let mut tls = TlsConfig::builder();
        if let Some(authorities) = remote.authorities() {
            tls = tls.root_certs(authorities.root_certificates());
        }
        let config = Agent::config_builder()
            .tls_config(tls.build())
            .user_agent(concat!("git/2.0 (slipway ", env!("CARGO_PKG_VERSION"), ")"))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .no_delay(true)
            .input_buffer_size(2 * BUFFER)
            .max_response_header_size(BUFFER)
            .output_buffer_size(BUFFER)
            .timeout_resolve(Some(deadlines.connect))
            .timeout_connect(Some(deadlines.connect))
            .timeout_per_read(Some(deadlines.read))
            .timeout_per_write(Some(deadlines.read))
            .timeout_global(Some(deadlines.overall))
            .build();
        let authorization = remote.credentials().map(super::Credentials::basic_header);
        Self { agent: config.into(), authorization, remote, lists_by_name: OnceLock::new() }
    }

    /// The agent with the authorities and deadlines of the remote. It adds no credentials.
    pub(super) fn agent(&self) -> &Agent {
        &self.agent
    }

    /// The login over HTTP: the value of an `Authorization` header.
    pub(super) fn authorization(&self) -> Option<&str> {
        self.authorization.as_deref()
    }

    /// The time limit of a whole request.
    pub(super) fn overall(&self) -> Duration {
        self.remote.deadlines().overall
    }

    /// The started program that returns a login for downloads of Git LFS; `None` for HTTP.
    pub(super) fn lfs_login(&self) -> Option<Result<ssh::Stream, GitError>> {
        let (login, address) = self.remote.ssh()?;
        Some(ssh::Stream::open(&self.remote, login, address, LFS_LOGIN))
    }

    /// A started program over SSH: first its advertisement is read, then the request is written. `None` for HTTP.
    pub(super) fn stream(&self, program: Program) -> Option<Result<ssh::Stream, GitError>> {
        let (login, address) = self.remote.ssh()?;
        Some(ssh::Stream::open(&self.remote, login, address, (program.name(), "")))
    }

    /// Whether the remote uses SSH.
    pub(super) fn is_ssh(&self) -> bool {
        self.remote.ssh().is_some()
    }

    /// The reference advertisement of a program.
    pub(super) fn advertisement(&self, program: Program) -> Result<Answer, GitError> {
        self.advertised(program, self.get(program))
    }

    /// The capabilities of a server with version 2 of the protocol (gitprotocol-v2(5)). An older server answers with its
    /// references.
    pub(super) fn capabilities(&self) -> Result<Answer, GitError> {
        let program = Program::UploadPack;
        self.advertised(program, self.get(program).header(VERSION_2.0, VERSION_2.1))
    }

    /// One exchange with a program.
    pub(super) fn exchange(&self, program: Program, body: &[u8]) -> Result<Answer, GitError> {
        self.exchanged(program, self.post(program), body)
    }

    /// One command of version 2 of the protocol.
    pub(super) fn command(&self, body: &[u8]) -> Result<Answer, GitError> {
        let program = Program::UploadPack;
        self.exchanged(program, self.post(program).header(VERSION_2.0, VERSION_2.1), body)
    }

    fn get(&self, program: Program) -> RequestBuilder<WithoutBody> {
        let url = format!("{}/info/refs?service={}", self.remote.url(), program.name());
        let request = self.agent.get(url);
        match &self.authorization {
            Some(authorization) => request.header(header::AUTHORIZATION, authorization),
            None => request,
        }
    }

    fn post(&self, program: Program) -> RequestBuilder<WithBody> {
        let name = program.name();
        let request = self
            .agent
            .post(format!("{}/{name}", self.remote.url()))
            .header(header::CONTENT_TYPE, format!("application/x-{name}-request"))
            .header(header::ACCEPT, format!("application/x-{name}-result"));
        match &self.authorization {
            Some(authorization) => request.header(header::AUTHORIZATION, authorization),
            None => request,
        }
    }

    fn advertised(&self, program: Program, request: RequestBuilder<WithoutBody>) -> Result<Answer, GitError> {
        let answer = request.call().map_err(|error| self.failed(error))?;
        self.accepted(answer, &format!("application/x-{}-advertisement", program.name()))
    }

    fn exchanged(&self, program: Program, request: RequestBuilder<WithBody>, body: &[u8]) -> Result<Answer, GitError> {
        let answer = request.send(body).map_err(|error| self.failed(error))?;
        self.accepted(answer, &format!("application/x-{}-result", program.name()))
    }

    /// The repository, as shown in messages.
    pub(super) fn url(&self) -> &str {
        self.remote.url()
    }

    /// Converts an error of packets.
    pub(super) fn unread(&self, error: PacketError) -> GitError {
        match error {
            PacketError::Broken(error) => self.read_failed(error),
            PacketError::Malformed(problem) => self.unexpected(problem.to_owned()),
            PacketError::TooMuch(limit) => GitError::LimitExceeded {
                repository: self.url().to_owned(),
                what: "the response of the server".to_owned(),
                limit,
                unit: "bytes",
            },
        }
    }

    /// Converts a read error of an answer.
    pub(super) fn read_failed(&self, error: io::Error) -> GitError {
        let error = match error.downcast::<GitError>() {
            Ok(advertised) => return advertised,
            Err(error) => error,
        };
        self.failed(ureq::Error::from(error))
    }

    fn accepted(&self, mut answer: Response<Body>, expected: &str) -> Result<Answer, GitError> {
        if answer.status().as_u16() != 200 {
            return Err(self.refusal(&mut answer));
        }
        let kind = header_text(&answer, &header::CONTENT_TYPE);
        if kind.split(';').next().map(str::trim) != Some(expected) {
            return Err(self.unexpected(format!("a page of type `{}`", single_line(&kind))));
        }
        Ok(Box::new(answer.into_body().into_with_config().limit(MAX_ANSWER_BYTES).reader()))
    }

    pub(super) fn refusal(&self, answer: &mut Response<Body>) -> GitError {
        let repository = self.remote.url().to_owned();
        let status = answer.status().as_u16();
        match status {
            401 => GitError::Unauthorized { repository, with_credentials: self.authorization.is_some() },
            403 => GitError::Forbidden { repository, message: error_page(answer) },
            404 | 410 => GitError::RepositoryMissing { repository },
            429 => GitError::Throttled { repository, pause: pause(answer) },
            300..=399 => {
                let target = header_text(answer, &header::LOCATION);
                let target = target.split(['?', '#']).next().unwrap_or_default();
                let target = target.rsplit_once('@').map_or(target, |(_, rest)| rest);
                self.unexpected(format!(
                    "a redirect (HTTP {status}) to `{}`, which Slipway does not follow because it would send the \
                     credentials",
                    single_line(target)
                ))
            }
            500..=599 => GitError::ServerFault { repository, status, message: error_page(answer) },
            _ => {
                let message = error_page(answer);
                self.unexpected(format!("HTTP {status}: {message}"))
            }
        }
    }

    pub(super) fn unexpected(&self, problem: String) -> GitError {
        GitError::UnexpectedAnswer { repository: self.remote.url().to_owned(), problem }
    }

    pub(super) fn failed(&self, error: ureq::Error) -> GitError {
        let repository = self.remote.url().to_owned();
        let deadlines = self.remote.deadlines();
        match error {
            ureq::Error::Timeout(ureq::Timeout::Resolve | ureq::Timeout::Connect) => {
                GitError::TimedOut { repository, deadline: deadlines.connect }
            }
            ureq::Error::Timeout(ureq::Timeout::Global) => {
                GitError::TimedOut { repository, deadline: deadlines.overall }
            }
            ureq::Error::Timeout(_) => GitError::TimedOut { repository, deadline: deadlines.read },
            ureq::Error::BodyExceedsLimit(limit) => GitError::LimitExceeded {
                repository,
                what: "the response of the server".to_owned(),
                limit,
                unit: "bytes",
            },
            other => GitError::Unreachable { repository, problem: single_line(&other.to_string()) },
        }
    }
}

/// The body of a successful answer, limited in size.
pub(super) type Answer = Box<dyn Read + Send>;

/// Reads the rest of an answer, so that its connection can be reused.
pub(super) fn drain(answer: impl Read) {
    if let Err(error) = io::copy(&mut answer.take(MAX_DRAIN), &mut io::sink()) {
        tracing::debug!(%error, "the end of a response could not be read; the connection is closed");
    }
}

pub(super) fn header_text(answer: &Response<Body>, name: &header::HeaderName) -> String {
    answer.headers().get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).unwrap_or_default()
}

/// The beginning of an error page; an unreadable page adds nothing to the status.
fn error_page(answer: &mut Response<Body>) -> String {
    let mut page = Vec::new();
    let read = answer.body_mut().as_reader().take(MAX_ERROR_PAGE_BYTES).read_to_end(&mut page);
    if read.is_err() && page.is_empty() {
        return "(the response could not be read)".to_owned();
    }
    single_line(&String::from_utf8_lossy(&page))
}

fn pause(answer: &Response<Body>) -> Duration {
    header_text(answer, &header::RETRY_AFTER)
        .trim()
        .parse()
        .map_or(DEFAULT_RETRY_AFTER, Duration::from_secs)
        .min(MAX_PAUSE)
}
