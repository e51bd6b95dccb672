//! One run of a git program on an SSH server: its input and output, with the deadlines of the remote at every step.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::io::{Read, Write};
use std::pin::pin;
use std::time::{Duration, Instant};

use bytes::Bytes;
use russh::client::{Handle, Msg};
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Disconnect};
use tokio::runtime::{Builder, Runtime};

use super::session;
use super::session::Guard;
use super::{Address, SshLogin};
use crate::GitError;
use crate::http::MAX_ANSWER_BYTES;
use crate::message::single_line;
use crate::remote::{Deadlines, Remote};

/// Number of bytes that are sent within one deadline.
const PIECE: usize = 64 * 1024;

/// Maximum number of bytes of a program's messages beside its answer.
const MAX_SERVER_MESSAGE_BYTES: usize = 4 * 1024;

/// Maximum duration of a disconnect.
const GOODBYE: Duration = Duration::from_millis(200);

/// A program that runs on the server; dropping this value disconnects.
pub(crate) struct Stream {
    remote: Remote,
    until: Instant,
    session: Handle<Guard>,
    reader: ChannelReadHalf,
    writer: ChannelWriteHalf<Msg>,
    arrived: Arrived,
    /// The last field, so that everything that needs it is dropped before.
    clock: Clock,
}

/// Drives the session during waits, and measures the time.
struct Clock(Option<Runtime>);

impl Clock {
    fn new() -> io::Result<Self> {
        Builder::new_current_thread().enable_all().build().map(|runtime| Self(Some(runtime)))
    }

    /// The result of work within a time limit; `None` after a timeout.
    fn within<T>(&self, time: Duration, work: impl Future<Output = T>) -> Option<T> {
        let runtime = self.0.as_ref().expect("there until it is dropped");
        runtime.block_on(async { tokio::time::timeout(time, work).await.ok() })
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        // Does not wait for a pending name resolution.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Received data that was not read yet.
#[derive(Default)]
struct Arrived {
    data: VecDeque<Bytes>,
    bytes: u64,
    speech: Vec<u8>,
    refused: bool,
    ended: bool,
}

impl Stream {
    /// Connects, checks the server's host key, logs in once, and starts a program for the repository. The program has a name, and
    /// arguments behind the repository's path.
    pub(crate) fn open(
        remote: &Remote,
        login: &SshLogin,
        address: &Address,
        program: (&str, &str),
    ) -> Result<Self, GitError> {
        let Deadlines { connect, read: _, overall } = remote.deadlines();
        let until = Instant::now() + overall;
        let clock = Clock::new().map_err(|error| unreachable(remote, &error))?;
        let opened = clock.within(connect, session::open(remote, login, address, program));
        let (session, channel) = match opened {
            Some(opened) => opened?,
            None => return Err(timed_out(remote, connect)),
        };
        let (reader, writer) = channel.split();
        Ok(Self { remote: remote.clone(), until, session, reader, writer, arrived: Arrived::default(), clock })
    }

    /// The time limit of the next step: the read deadline, or the rest of the overall deadline if it is shorter.
    fn time_left(&self) -> Result<Duration, GitError> {
        let Deadlines { connect: _, read, overall } = self.remote.deadlines();
        match self.until.saturating_duration_since(Instant::now()) {
            Duration::ZERO => Err(timed_out(&self.remote, overall)),
            left => Ok(read.min(left)),
        }
    }

    fn wait(&mut self) -> Result<(), GitError> {
        let time_left = self.time_left()?;
        match self.clock.within(time_left, self.reader.wait()) {
            Some(message) => self.arrived.take(message, &self.remote),
            None => Err(timed_out(&self.remote, time_left)),
        }
    }

    /// Sends a part of the input. Data that arrives in the meantime is buffered, so that neither side blocks the other.
    fn send(&mut self, piece: &[u8]) -> Result<(), GitError> {
        let time_left = self.time_left()?;
        let piece = Bytes::copy_from_slice(piece);
        let Self { remote, reader, writer, arrived, clock, .. } = self;
        let sent = clock.within(time_left, async {
            let mut sending = pin!(writer.data_bytes(piece));
            loop {
                tokio::select! {
                    biased;
                    sent = &mut sending => return sent.map_err(|error| unreachable(remote, &error)),
                    message = reader.wait() => {
                        arrived.take(message, remote)?;
                        if arrived.ended {
                            return Err(arrived.end_error(remote));
                        }
                    }
                }
            }
        });
        sent.unwrap_or_else(|| Err(timed_out(&self.remote, time_left)))
    }

    fn next(&mut self, buffer: &mut [u8]) -> Result<usize, GitError> {
        while self.arrived.data.is_empty() {
            if self.arrived.ended && self.arrived.bytes == 0 {
                return Err(self.arrived.end_error(&self.remote));
            }
            if self.arrived.ended {
                return Ok(0);
            }
            self.wait()?;
        }
        let Some(front) = self.arrived.data.front_mut() else { return Ok(0) };
        let taken = front.split_to(front.len().min(buffer.len()));
        buffer[..taken.len()].copy_from_slice(&taken);
        if front.is_empty() {
            self.arrived.data.pop_front();
        }
        Ok(taken.len())
    }
}

impl Arrived {
    fn take(&mut self, message: Option<ChannelMsg>, remote: &Remote) -> Result<(), GitError> {
        match message {
            Some(ChannelMsg::Data { data }) => {
                self.bytes += data.len() as u64;
                if self.bytes > MAX_ANSWER_BYTES {
                    return Err(GitError::LimitExceeded {
                        repository: remote.url().to_owned(),
                        what: "the response of the server".to_owned(),
                        limit: MAX_ANSWER_BYTES,
                        unit: "bytes",
                    });
                }
                if !data.is_empty() {
                    self.data.push_back(data);
                }
            }
            Some(ChannelMsg::ExtendedData { data, ext: _ }) => {
                let room = MAX_SERVER_MESSAGE_BYTES.saturating_sub(self.speech.len());
                self.speech.extend_from_slice(&data[..data.len().min(room)]);
            }
            Some(ChannelMsg::Failure | ChannelMsg::OpenFailure(_)) => (self.refused, self.ended) = (true, true),
            Some(ChannelMsg::Close) | None => self.ended = true,
            Some(_) => {}
        }
        Ok(())
    }

    /// Why a program ended before it sent anything.
    fn end_error(&self, remote: &Remote) -> GitError {
        let message = single_line(&String::from_utf8_lossy(&self.speech));
        let message =
            if self.refused { format!("the server does not start git's programs: {message}") } else { message };
        GitError::ProgramEnded { repository: remote.url().to_owned(), message }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.next(buffer).map_err(io::Error::other)
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = &bytes[..bytes.len().min(PIECE)];
        self.send(piece).map(|()| piece.len()).map_err(io::Error::other)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // Without a disconnect the server would notice the end only later.
        let _ = self.clock.within(GOODBYE, self.session.disconnect(Disconnect::ByApplication, "", ""));
    }
}

pub(super) fn unreachable(remote: &Remote, error: &dyn std::error::Error) -> GitError {
    GitError::Unreachable { repository: remote.url().to_owned(), problem: single_line(&error.to_string()) }
}

fn timed_out(remote: &Remote, deadline: Duration) -> GitError {
    GitError::TimedOut { repository: remote.url().to_owned(), deadline }
}
