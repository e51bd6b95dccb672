//! Native push over smart HTTP (gitprotocol-http(5), gitprotocol-pack(5)): it sends only the new objects and the expected old id,
//! and its cost does not depend on the number of files in the repository.

use std::cell::RefCell;
use std::io::{Read, Write};

use git2::{Oid, Repository};

use super::pack::pack;
use super::{MAX_SERVER_MESSAGE_BYTES, New, PushEnd, Update, is_final, no_result_error, rejected, spoken};
use crate::GitError;
use crate::fault::Fault;
use crate::http::{Answer, Connection, Program, drain};
use crate::message::single_line;
use crate::packet;
use crate::packet::{FLUSH, Packet, PacketError, Packets};
use crate::ssh;

/// Maximum number of bytes of a reference list: a million branches.
const MAX_ADVERTISEMENT_BYTES: u64 = 64 * 1024 * 1024;

/// Maximum number of bytes of an answer to a push: its report and messages of hooks.
const MAX_ANSWER_BYTES: u64 = 16 * 1024 * 1024;

/// Maximum number of bytes of a report about one branch.
const MAX_REPORT_BYTES: usize = 64 * 1024;

const EXPECTED: PacketError = PacketError::Malformed("a response that is not a list of branches");

/// The answer of a server before a push.
pub(crate) struct Advertisement {
    tips: Vec<(String, Oid)>,
    capabilities: Vec<String>,
    /// Over SSH: the program that sent this, and waits for the push.
    stream: RefCell<Option<ssh::Stream>>,
}

impl Advertisement {
    /// Queries the server. It always lists all branches, so they are read and dropped one by one, except the requested ones.
    pub(crate) fn read(connection: &Connection, references: &[&str]) -> Result<Self, GitError> {
        let read = if let Some(stream) = connection.stream(Program::ReceivePack) {
            let mut stream = stream?;
            let read = Self::parse(&mut Packets::new(&mut stream, MAX_ADVERTISEMENT_BYTES), references);
            Self { stream: RefCell::new(Some(stream)), ..read.map_err(|error| connection.unread(error))? }
        } else {
            let mut answer = connection.advertisement(Program::ReceivePack)?;
            let read = Self::parse_service(&mut answer, references).map_err(|error| connection.unread(error))?;
            drain(answer);
            read
        };
        if read.value_of("object-format").is_some_and(|format| format != "sha1") {
            let problem = format!("object format {}", single_line(read.value_of("object-format").unwrap_or_default()));
            return Err(GitError::UnsupportedRepository { repository: connection.url().to_owned(), problem });
        }
        Ok(read)
    }

    /// The target of a requested branch; `None` if it does not exist.
    pub(crate) fn tip_of(&self, reference: &str) -> Option<Oid> {
        self.tips.iter().find(|(name, _)| name == reference).map(|(_, tip)| *tip)
    }

    /// Over HTTP: a line with the program's name, then the list.
    fn parse_service(answer: &mut Answer, references: &[&str]) -> Result<Self, PacketError> {
        let mut packets = Packets::new(answer, MAX_ADVERTISEMENT_BYTES);
        match packets.next()? {
            Some(Packet::Data(line)) if line.trim_ascii_end() == b"# service=git-receive-pack" => {}
            _ => return Err(EXPECTED),
        }
        if packets.next()? != Some(Packet::Flush) {
            return Err(EXPECTED);
        }
        Self::parse(&mut packets, references)
    }

    fn parse<R: Read>(packets: &mut Packets<R>, references: &[&str]) -> Result<Self, PacketError> {
        let mut read = Self { tips: Vec::new(), capabilities: Vec::new(), stream: RefCell::new(None) };
        while let Some(Packet::Data(line)) = packets.next()? {
            let (line, capabilities) = match line.iter().position(|byte| *byte == 0) {
                Some(at) => (&line[..at], &line[at + 1..]),
                None => (line, &b""[..]),
            };
            if !capabilities.is_empty() {
                let text = String::from_utf8_lossy(capabilities);
                read.capabilities = text.split_whitespace().map(str::to_owned).collect();
            }
            let line = line.trim_ascii_end();
            if line.len() > 41
                && line[40] == b' '
                && let Some(reference) = references.iter().find(|reference| reference.as_bytes() == &line[41..])
            {
                let id = std::str::from_utf8(&line[..40]).ok().and_then(|id| Oid::from_str(id).ok());
                read.tips.push(((*reference).to_owned(), id.ok_or(EXPECTED)?));
            }
        }
        Ok(read)
    }

    /// Whether the server can report the result of a push; without a report the result is unknown.
    pub(super) fn reports(&self) -> bool {
        self.has("report-status")
    }

    /// Whether branches can be deleted.
    pub(crate) fn deletes(&self) -> bool {
        self.has("delete-refs")
    }

    fn has(&self, capability: &str) -> bool {
        self.capabilities.iter().any(|has| has == capability)
    }

    fn value_of(&self, capability: &str) -> Option<&str> {
        self.capabilities.iter().find_map(|has| has.strip_prefix(capability)?.strip_prefix('='))
    }

    /// The capabilities that this push requests, among those of the server.
    fn wanted(&self) -> String {
        let known = ["report-status", "side-band-64k", "atomic", "object-format=sha1"];
        let mut wanted: Vec<&str> = known.into_iter().filter(|capability| self.has(capability)).collect();
        if self.value_of("agent").is_some() {
            wanted.push(concat!("agent=slipway/", env!("CARGO_PKG_VERSION")));
        }
        wanted.join(" ")
    }
}

/// Sends the objects of an update and reads the server's result. An error means that nothing landed.
pub(super) fn push(
    repository: &Repository,
    connection: &Connection,
    advertisement: &Advertisement,
    update: &Update<'_>,
) -> Result<PushEnd, Fault> {
    let Update { reference, old, new } = *update;
    let (old, named) = (old.unwrap_or(Oid::ZERO_SHA1), new.map_or(Oid::ZERO_SHA1, |new| new.commit));
    let mut request = Vec::new();
    packet::write(&mut request, format!("{old} {named} {reference}\0 {}\n", advertisement.wanted()).as_bytes());
    request.extend_from_slice(FLUSH);
    if let Some(New { base, commit }) = new {
        request.extend_from_slice(&pack(repository, base, commit)?);
    }
    let exchanged = match advertisement.stream.take() {
        Some(mut stream) => match stream.write_all(&request) {
            Ok(()) => Ok(Box::new(stream) as Answer),
            Err(error) => Err(connection.read_failed(error)),
        },
        None => connection.exchange(Program::ReceivePack, &request),
    };
    let mut answer = match exchanged {
        Ok(answer) => answer,
        Err(error) if is_final(&error) => return Err(Fault::Final(error)),
        Err(cause) => return Ok(PushEnd::Unknown { cause }),
    };
    let mut heard = Heard::default();
    let read = if advertisement.has("side-band-64k") {
        heard.read_bands(&mut answer)
    } else {
        let mut answer = (&mut answer).take(MAX_REPORT_BYTES as u64);
        answer.read_to_end(&mut heard.report).map(drop).map_err(PacketError::Broken)
    };
    drain(answer);
    Ok(heard.end(connection, reference, read.err()))
}

/// The answer to a push.
#[derive(Default)]
struct Heard {
    report: Vec<u8>,
    speech: Vec<u8>,
    fatal: Vec<u8>,
}

impl Heard {
    /// Splits the three bands: the report, messages of hooks, and a fatal message.
    fn read_bands(&mut self, answer: &mut Answer) -> Result<(), PacketError> {
        let mut packets = Packets::new(answer, MAX_ANSWER_BYTES);
        while let Some(Packet::Data(bytes)) = packets.next()? {
            let (into, most) = match bytes.first() {
                Some(1) => (&mut self.report, MAX_REPORT_BYTES),
                Some(2) => (&mut self.speech, MAX_SERVER_MESSAGE_BYTES),
                Some(3) => (&mut self.fatal, MAX_SERVER_MESSAGE_BYTES),
                _ => return Err(PacketError::Malformed("a packet of an unknown band")),
            };
            let room = most.saturating_sub(into.len());
            into.extend_from_slice(&bytes[1..bytes.len().min(room + 1)]);
        }
        Ok(())
    }

    /// The server's result for the branch; a connection error after that result has no effect.
    fn end(&self, connection: &Connection, reference: &str, broken: Option<PacketError>) -> PushEnd {
        let message = spoken(&[&self.speech[..], &self.fatal[..]].join(&b'\n'));
        let mut packets = Packets::new(&self.report[..], MAX_REPORT_BYTES as u64);
        let mut unpacked = String::new();
        while let Ok(Some(Packet::Data(line))) = packets.next() {
            let line = String::from_utf8_lossy(line);
            let line = line.trim_end();
            if let Some(state) = line.strip_prefix("unpack ") {
                state.clone_into(&mut unpacked);
            } else if line.strip_prefix("ok ") == Some(reference) {
                return PushEnd::Landed { server_messages: message };
            } else if let Some((name, refusal)) = line.strip_prefix("ng ").and_then(|line| line.split_once(' '))
                && name == reference
            {
                let refusal = single_line(refusal);
                let unpacked = if unpacked == "ok" { String::new() } else { format!(" ({})", single_line(&unpacked)) };
                return rejected(&format!("{refusal}{unpacked}"), &message);
            }
        }
        let cause = broken
            .map_or_else(|| no_result_error(connection.url(), reference, &message), |error| connection.unread(error));
        PushEnd::Unknown { cause }
    }
}
