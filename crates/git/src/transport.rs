//! Carries libgit2's smart protocol over this crate's HTTP connections and SSH streams. Only this module uses libgit2's C
//! registry of transports.
//!
//! Every operation opens a [`Channel`]. libgit2 receives only the channel's address (`slipway://channel/7`), never the
//! repository's URL or its credentials, so two remotes cannot be confused. HTTP errors are stored in the channel, because libgit2
//! reduces errors to one text.

use std::collections::HashMap;
use std::io;
use std::io::{Read, Write};
use std::mem;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use git2::transport::{Service, SmartSubtransport, SmartSubtransportStream, Transport};

use super::GitError;
use super::http::{Answer, Connection, Program, drain};
use super::packet::{FLUSH, PacketError};
use super::ssh;

/// The scheme under which libgit2 finds this transport.
const SCHEME: &str = "slipway";

/// The open channels by number.
static OPEN: Mutex<Option<HashMap<u64, Arc<State>>>> = Mutex::new(None);

/// The state that one operation shares with libgit2's streams.
struct State {
    connection: Arc<Connection>,
    failure: Mutex<Option<GitError>>,
    pack_sent: AtomicBool,
}

impl State {
    /// Stores the failure for the operation, and returns an error that stops libgit2.
    fn fail(&self, failure: GitError) -> io::Error {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
        channel_failed()
    }
}

/// One operation's connection to the server; closed when dropped.
pub(super) struct Channel {
    number: u64,
    state: Arc<State>,
}

impl Channel {
    /// Opens a channel for one fetch or one push.
    pub(super) fn open(connection: &Arc<Connection>) -> Result<Self, git2::Error> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        static REGISTERED: OnceLock<Result<(), String>> = OnceLock::new();
        REGISTERED
            .get_or_init(|| register().map_err(|error| error.message().to_owned()))
            .as_ref()
            .map_err(|problem| git2::Error::from_str(problem))?;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let state = Arc::new(State {
            connection: Arc::clone(connection),
            failure: Mutex::new(None),
            pack_sent: AtomicBool::new(false),
        });
        with_open(|open| open.insert(number, Arc::clone(&state)));
        Ok(Self { number, state })
    }

    /// The URL of this channel for libgit2.
    pub(super) fn address(&self) -> String {
        format!("{SCHEME}://channel/{}", self.number)
    }

    /// The error of the connection, if it failed; `None` means another cause.
    pub(super) fn failure(&self) -> Option<GitError> {
        self.state.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether a pack was sent, so that it can have landed independent of the answer.
    pub(super) fn pack_sent(&self) -> bool {
        self.state.pack_sent.load(Ordering::SeqCst)
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        with_open(|open| open.remove(&self.number));
    }
}

fn with_open<T>(work: impl FnOnce(&mut HashMap<u64, Arc<State>>) -> T) -> T {
    let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    work(open.get_or_insert_default())
}

#[expect(unsafe_code, reason = "libgit2's table of transports is a global of C; git2 offers no safe way into it")]
fn register() -> Result<(), git2::Error> {
    // SAFETY: `register` must not run concurrently with other uses of the transport table. It runs once, inside a `OnceLock`,
    // before the first channel exists; no other code of the product registers a transport or uses one without a channel.
    unsafe {
        git2::transport::register(SCHEME, |remote| {
            let state = remote
                .url()?
                .rsplit_once('/')
                .and_then(|(_, number)| number.parse().ok())
                .and_then(|number: u64| with_open(|open| open.get(&number).map(Arc::clone)))
                .ok_or_else(|| git2::Error::from_str("the channel is closed"))?;
            let asks_anew = !state.connection.is_ssh();
            Transport::smart(remote, asks_anew, Wire { state })
        })
    }
}

/// libgit2's handle of a channel.
struct Wire {
    state: Arc<State>,
}

impl SmartSubtransport for Wire {
    fn action(&self, _address: &str, service: Service) -> Result<Box<dyn SmartSubtransportStream>, git2::Error> {
        let (program, advertisement) = match service {
            Service::UploadPackLs => (Program::UploadPack, true),
            Service::UploadPack => (Program::UploadPack, false),
            Service::ReceivePackLs => (Program::ReceivePack, true),
            Service::ReceivePack => (Program::ReceivePack, false),
        };
        if self.state.connection.is_ssh() {
            return Ok(Box::new(Run { state: Arc::clone(&self.state), program, stream: None }));
        }
        Ok(Box::new(Exchange {
            state: Arc::clone(&self.state),
            program,
            advertisement,
            phase: Phase::Request(Vec::new()),
        }))
    }

    fn close(&self) -> Result<(), git2::Error> {
        Ok(())
    }
}

/// A program's run over SSH; libgit2 holds it from the reference advertisement to the end.
struct Run {
    state: Arc<State>,
    program: Program,
    stream: Option<ssh::Stream>,
}

impl Run {
    fn stream(&mut self) -> Result<&mut ssh::Stream, GitError> {
        if self.stream.is_none() {
            self.stream = self.state.connection.stream(self.program).transpose()?;
        }
        self.stream.as_mut().ok_or_else(|| self.state.connection.unread(PacketError::Malformed("no stream")))
    }

    fn doing(&mut self, work: impl FnOnce(&mut ssh::Stream) -> io::Result<usize>) -> io::Result<usize> {
        let done = match self.stream() {
            Ok(stream) => work(stream).map_err(|error| self.state.connection.read_failed(error)),
            Err(failure) => Err(failure),
        };
        done.map_err(|failure| self.state.fail(failure))
    }
}

impl Read for Run {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.doing(|stream| stream.read(buffer))
    }
}

impl Write for Run {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.program == Program::ReceivePack && bytes != FLUSH {
            self.state.pack_sent.store(true, Ordering::SeqCst);
        }
        self.doing(|stream| stream.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One request and its answer: the request is buffered, and sent at the first read.
struct Exchange {
    state: Arc<State>,
    program: Program,
    advertisement: bool,
    phase: Phase,
}

enum Phase {
    /// libgit2 writes the request.
    Request(Vec<u8>),
    /// libgit2 reads the answer.
    Answer(Answer),
    /// The exchange failed: nothing is sent twice, and no further answer is awaited.
    Failed,
}

impl Exchange {
    fn send(&self, request: &[u8]) -> Result<Answer, GitError> {
        if self.advertisement {
            return self.state.connection.advertisement(self.program);
        }
        if self.program == Program::ReceivePack {
            self.state.pack_sent.store(true, Ordering::SeqCst);
        }
        self.state.connection.exchange(self.program, request)
    }
}

/// libgit2 receives only a general error; the channel has the cause.
fn channel_failed() -> io::Error {
    io::Error::other("the response of the git server could not be read")
}

impl Read for Exchange {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut answer = match mem::replace(&mut self.phase, Phase::Failed) {
            Phase::Request(request) => self.send(&request).map_err(|failure| self.state.fail(failure))?,
            Phase::Answer(answer) => answer,
            Phase::Failed => return Err(channel_failed()),
        };
        let read = answer.read(buffer).map_err(|error| self.state.fail(self.state.connection.read_failed(error)))?;
        self.phase = Phase::Answer(answer);
        Ok(read)
    }
}

impl Write for Exchange {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Phase::Request(request) = &mut self.phase else {
            return Err(channel_failed());
        };
        request.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Exchange {
    /// libgit2 stops at the last packet, before the end of the answer; reading the rest allows reuse of the connection.
    fn drop(&mut self) {
        if let Phase::Answer(answer) = &mut self.phase {
            drain(answer);
        }
    }
}
