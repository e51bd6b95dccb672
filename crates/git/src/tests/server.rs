//! A git server for tests: smart HTTP through git's own `git-http-backend`, with faults on request.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use rustls::ServerConfig;

use super::tls;
use super::tls::Stream;
use super::world::isolated;

/// The kind of a client's request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RequestKind {
    /// Whether the server supports version 2 of the protocol.
    Capabilities,
    /// Some references, by version 2.
    List,
    /// All references.
    FetchRefs,
    Fetch,
    PushRefs,
    Push,
}

/// A fault instead of an answer or around it.
pub(super) enum Fault {
    /// This status and this page.
    Status(u16, &'static str),
    /// The request is executed, and the connection is cut before the answer.
    CutAfter,
    /// The connection is cut, and nothing is executed.
    CutBefore,
    /// The connection is cut in the middle of the request's body.
    CutWithin,
    /// The request is executed, and the connection is cut in the middle of the answer.
    CutWithinAnswer,
    /// The connection is closed without notice after the answer.
    CloseAfter,
    /// There is no answer.
    Silence,
    /// This function runs first; then the request is answered as usual.
    First(Box<dyn FnOnce() + Send>),
    /// This content type and this body, independent of the request.
    Body(&'static str, Vec<u8>),
}

#[derive(Default)]
struct Shared {
    faults: Mutex<VecDeque<(RequestKind, Fault)>>,
    received: Mutex<Vec<RequestKind>>,
    sent: AtomicUsize,
    is_old: AtomicBool,
    password: Mutex<Option<String>>,
    silent: Mutex<Vec<Stream>>,
}

impl Shared {
    /// Takes the next fault for this kind of request, if the caller handles it.
    fn take(&self, ask: RequestKind, is_mine: impl Fn(&Fault) -> bool) -> Option<Fault> {
        let mut faults = self.faults.lock().unwrap();
        let at = faults.iter().position(|(wanted, _)| *wanted == ask)?;
        let at = is_mine(&faults[at].1).then_some(at)?;
        faults.remove(at).map(|(_, fault)| fault)
    }
}

/// The queued faults for a server's requests.
pub(super) struct Faults(Arc<Shared>);

impl Faults {
    pub(super) fn next(&self, ask: RequestKind, fault: Fault) {
        self.0.faults.lock().unwrap().push_back((ask, fault));
    }
}

/// The server; it ends with the test process.
pub(super) struct Server {
    scheme: &'static str,
    port: u16,
    shared: Arc<Shared>,
}

impl Server {
    pub(super) fn start(root: &Path) -> Self {
        Self::start_with(root, None)
    }

    /// A server with TLS and a certificate of the authority in `tls/authority.pem`.
    pub(super) fn start_with_tls(root: &Path) -> Self {
        Self::start_with(root, Some(tls::configuration()))
    }

    fn start_with(root: &Path, tls: Option<Arc<ServerConfig>>) -> Self {
        let scheme = if tls.is_some() { "https" } else { "http" };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared::default());
        let (root, for_thread) = (root.to_owned(), Arc::clone(&shared));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (root, shared) = (root.clone(), Arc::clone(&for_thread));
                let stream = tls::accept(stream.unwrap(), tls.as_ref());
                thread::spawn(move || serve(stream, &root, &shared));
            }
        });
        Self { scheme, port, shared }
    }

    pub(super) fn url(&self, repository: &str) -> String {
        format!("{}://127.0.0.1:{}/{repository}", self.scheme, self.port)
    }

    /// The next request of this kind has this fault.
    pub(super) fn next(&self, ask: RequestKind, fault: Fault) {
        self.faults().next(ask, fault);
    }

    /// The queue of faults, for a fault that causes another one.
    pub(super) fn faults(&self) -> Faults {
        Faults(Arc::clone(&self.shared))
    }

    /// Answers only requests with this `Authorization` header.
    pub(super) fn require(&self, authorization: &str) {
        *self.shared.password.lock().unwrap() = Some(authorization.to_owned());
    }

    /// From now on, supports only version 0 of the protocol.
    pub(super) fn grow_old(&self) {
        self.shared.is_old.store(true, Ordering::Relaxed);
    }

    /// Number of bytes of answers since the last call.
    pub(super) fn sent(&self) -> usize {
        self.shared.sent.swap(0, Ordering::Relaxed)
    }

    /// The requests since the last call.
    pub(super) fn received(&self) -> Vec<RequestKind> {
        std::mem::take(&mut self.shared.received.lock().unwrap())
    }
}

struct Request {
    method: String,
    path: String,
    query: String,
    content_type: String,
    authorization: String,
    protocol: String,
    length: usize,
    body: Vec<u8>,
}

impl Request {
    /// Reads everything except the body.
    fn read_head(reader: &mut impl BufRead) -> Option<Self> {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let mut words = line.split_whitespace();
        let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
        let (mut length, mut content_type, mut authorization, mut protocol) =
            (0, String::new(), String::new(), String::new());
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).ok()?;
            let Some((name, value)) = header.trim_end().split_once(": ") else {
                break;
            };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().ok()?,
                "content-type" => value.clone_into(&mut content_type),
                "authorization" => value.clone_into(&mut authorization),
                "git-protocol" => value.clone_into(&mut protocol),
                _ => {}
            }
        }
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let (path, query) = (path.to_owned(), query.to_owned());
        Some(Self { method, path, query, content_type, authorization, protocol, length, body: Vec::new() })
    }

    fn read_body(&mut self, reader: &mut impl BufRead) -> Option<()> {
        self.body.resize(self.length, 0);
        reader.read_exact(&mut self.body).ok()
    }

    fn ask(&self) -> RequestKind {
        match (self.path.ends_with("/info/refs"), self.query.as_str(), self.path.ends_with("upload-pack")) {
            (true, "service=git-receive-pack", _) => RequestKind::PushRefs,
            (true, _, _) if self.protocol.is_empty() => RequestKind::FetchRefs,
            (true, _, _) => RequestKind::Capabilities,
            (false, _, true) if self.protocol.is_empty() => RequestKind::Fetch,
            (false, _, true) => RequestKind::List,
            (false, _, false) => RequestKind::Push,
        }
    }
}

fn serve(stream: Stream, root: &Path, shared: &Shared) {
    let mut reader = BufReader::new(stream);
    while let Some(mut request) = Request::read_head(&mut reader) {
        let ask = request.ask();
        shared.received.lock().unwrap().push(ask);
        if shared.take(ask, |fault| matches!(fault, Fault::CutWithin)).is_some() {
            request.length /= 2;
            let _ = request.read_body(&mut reader);
            return;
        }
        if request.read_body(&mut reader).is_none() {
            return;
        }
        if shared.is_old.load(Ordering::Relaxed) {
            request.protocol.clear();
        }
        let stream = reader.get_mut();
        let expected = shared.password.lock().unwrap().clone();
        if expected.is_some_and(|expected| expected != request.authorization) {
            answer(stream, 401, "text/plain", b"who are you?");
            continue;
        }
        match shared.take(ask, |_| true) {
            Some(Fault::Status(status, page)) => answer(stream, status, "text/html", page.as_bytes()),
            Some(Fault::CutBefore | Fault::CutWithin) => return,
            Some(Fault::CutWithinAnswer) => {
                let output = backend(root, &request);
                let _ = stream.write_all(b"HTTP/1.1 200 Test\r\nContent-Type: application/x-git-receive-pack-result\r\nContent-Length: 500\r\n\r\n");
                let _ = stream.write_all(&output[output.len() - 10..]);
                return;
            }
            Some(Fault::CutAfter) => {
                backend(root, &request);
                return;
            }
            Some(Fault::CloseAfter) => {
                shared.sent.fetch_add(forward(stream, root, &request), Ordering::Relaxed);
                return;
            }
            Some(Fault::Silence) => {
                shared.silent.lock().unwrap().push(reader.into_inner());
                return;
            }
            Some(Fault::Body(kind, body)) => answer(stream, 200, kind, &body),
            Some(Fault::First(work)) => {
                work();
                shared.sent.fetch_add(forward(stream, root, &request), Ordering::Relaxed);
            }
            None => {
                shared.sent.fetch_add(forward(stream, root, &request), Ordering::Relaxed);
            }
        }
    }
}

/// Forwards a request to the backend and returns the number of bytes of the answer.
fn forward(stream: &mut Stream, root: &Path, request: &Request) -> usize {
    let output = backend(root, request);
    let at = output.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let (head, body) = (String::from_utf8_lossy(&output[..at]).into_owned(), &output[at + 4..]);
    let header =
        |name: &str| head.lines().find_map(|line| line.strip_prefix(name).map(|value| value.trim().to_owned()));
    let status = header("Status: ").map_or(200, |status| status[..3].parse().unwrap());
    answer(stream, status, &header("Content-Type: ").unwrap_or_default(), body);
    body.len()
}

fn answer(stream: &mut Stream, status: u16, kind: &str, body: &[u8]) {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} Test\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nLocation: http://user:secret@elsewhere/?token=1\r\nRetry-After: 7\r\n\r\n"
    );
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
}

fn backend(root: &Path, request: &Request) -> Vec<u8> {
    let mut child = isolated(Command::new(http_backend()), root)
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REQUEST_METHOD", &request.method)
        .env("PATH_INFO", &request.path)
        .env("QUERY_STRING", &request.query)
        .env("CONTENT_TYPE", &request.content_type)
        .env("CONTENT_LENGTH", request.body.len().to_string())
        .env("REMOTE_ADDR", "127.0.0.1")
        .env("GIT_PROTOCOL", &request.protocol)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let body = request.body.clone();
    let writer = thread::spawn(move || input.write_all(&body));
    let mut output = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut output).unwrap();
    let _ = writer.join().unwrap();
    child.wait().unwrap();
    output
}

fn http_backend() -> PathBuf {
    let path = Command::new("git").arg("--exec-path").output().unwrap().stdout;
    PathBuf::from(String::from_utf8(path).unwrap().trim()).join("git-http-backend")
}
