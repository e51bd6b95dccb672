//! Targets of a few references, by version 2 of the protocol (gitprotocol-v2(5), `ls-refs`): a server of this version sends only
//! these references, while earlier versions send all references of a repository.

use std::collections::BTreeMap;
use std::io::Read;

use git2::Oid;

use crate::GitError;
use crate::http::{Connection, drain};
use crate::packet::{self, DELIMITER, FLUSH, Packet, PacketError, Packets};

/// Maximum number of bytes of a server's capabilities, and of its list: a prefix can match more references than the requested
/// one.
const MAX_CAPABILITIES_BYTES: u64 = 64 * 1024;
const MAX_LIST_BYTES: u64 = 64 * 1024 * 1024;

/// The targets of these references; references that the server does not have are missing. `None`: the server, or a proxy, does
/// not support the list by name, so the caller must use the general method.
pub(super) fn heads(connection: &Connection, names: &[&str]) -> Result<Option<BTreeMap<String, Oid>>, GitError> {
    if !lists_by_name(connection)? {
        return Ok(None);
    }
    let mut request = Vec::new();
    packet::write(&mut request, b"command=ls-refs\n");
    packet::write(&mut request, concat!("agent=slipway/", env!("CARGO_PKG_VERSION"), "\n").as_bytes());
    request.extend_from_slice(DELIMITER);
    for name in names {
        packet::write(&mut request, format!("ref-prefix {name}\n").as_bytes());
    }
    request.extend_from_slice(FLUSH);
    let mut answer = match connection.command(&request) {
        Ok(answer) => answer,
        // A proxy can remove the header with the version.
        Err(GitError::UnexpectedAnswer { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut packets = Packets::new(&mut answer, MAX_LIST_BYTES);
    let mut heads = BTreeMap::new();
    while let Some(Packet::Data(line)) = match packets.next() {
        Err(PacketError::Malformed(_)) => return Ok(None),
        next => next.map_err(|error| connection.unread(error))?,
    } {
        // `OID NAME`, followed by further attributes after another space.
        let line = String::from_utf8_lossy(line);
        let mut words = line.trim_end().split(' ');
        let (Some(Ok(head)), Some(name)) = (words.next().map(Oid::from_str), words.next()) else { return Ok(None) };
        if names.contains(&name) {
            heads.insert(name.to_owned(), head);
        }
    }
    drain(answer);
    Ok(Some(heads))
}

/// Whether the server lists references by name; the server is queried only once.
fn lists_by_name(connection: &Connection) -> Result<bool, GitError> {
    if let Some(known) = connection.lists_by_name.get() {
        return Ok(*known);
    }
    let answer = connection.capabilities()?;
    let lists = says_so(answer).map_err(|error| connection.unread(error))?;
    Ok(*connection.lists_by_name.get_or_init(|| lists))
}

/// Whether an answer offers `ls-refs` of version 2, for a repository with SHA-1 objects.
fn says_so(mut answer: impl Read) -> Result<bool, PacketError> {
    let mut packets = Packets::new(&mut answer, MAX_CAPABILITIES_BYTES);
    let (mut version, mut lists, mut sha1) = (false, false, true);
    loop {
        match packets.next() {
            // It follows the line with the service name, which some servers omit.
            Ok(Some(Packet::Flush)) if !version => {}
            Ok(Some(Packet::Flush) | None) => break,
            Ok(Some(Packet::Data(line))) => match line.trim_ascii_end() {
                line if line.starts_with(b"# service=") => {}
                b"version 2" => version = true,
                // Version 0 or 1: all references follow, and are not read.
                _ if !version => return Ok(false),
                line if line == b"ls-refs" || line.starts_with(b"ls-refs=") => lists = true,
                line if line.starts_with(b"object-format=") => sha1 = line == b"object-format=sha1",
                _ => {}
            },
            // This is not a capability list of a git server; the general method reports the error.
            Err(PacketError::TooMuch(_) | PacketError::Malformed(_)) => return Ok(false),
            Err(error) => return Err(error),
        }
    }
    drain(answer);
    Ok(version && lists && sha1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packets(lines: &[&str]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for line in lines {
            if line.is_empty() { bytes.extend_from_slice(FLUSH) } else { packet::write(&mut bytes, line.as_bytes()) }
        }
        bytes
    }

    #[test]
    fn only_a_server_of_version_2_that_lists_sha1_references_is_asked_for_some_of_them() {
        let service = "# service=git-upload-pack\n";
        for (lines, expected) in [
            (&[service, "", "version 2\n", "agent=git/2\n", "ls-refs=unborn\n", "fetch\n", ""][..], true),
            (&["version 2\n", "ls-refs\n", "object-format=sha1\n", ""], true),
            (&["version 2\n", "ls-refs\n", "object-format=sha256\n", ""], false),
            (&["version 2\n", "fetch\n", ""], false),
            (&[service, "", "95d09f2b10159347eece71399a7e2e907ea3df4f HEAD\0ofs-delta\n", ""], false),
            (&[service, ""], false),
            (&[], false),
        ] {
            assert_eq!(says_so(&*packets(lines)).expect("read"), expected, "{lines:?}");
        }
        assert!(!says_so(&b"<html>"[..]).expect("read"));
        assert!(says_so(&packets(&["version 2\n"])[..8]).is_err(), "cut");
    }
}
