//! Our own fetch of commits over smart HTTP (gitprotocol-http(5), gitprotocol-pack(5)): one request where libgit2 makes
//! two, for what the server has just named.

use std::collections::BTreeSet;
use std::io::Write as _;

use git2::{Oid, Repository};

use crate::GitError;
use crate::fault::Fault;
use crate::http::{Connection, MAX_ANSWER_BYTES, Program, drain};
use crate::packet;
use crate::packet::{FLUSH, Packet, Packets};

/// How far back the commits lie that the server is told of, in case that the branch was rewound: 0, 1, 2, 4, …
const MAX_DISTANCE: usize = 64;

/// Fetches what is `wanted` and what leads to it from `known`. `false`: the server does not want it done in this way, and
/// nothing was fetched.
pub(super) fn fetch(
    repository: &Repository,
    connection: &Connection,
    known: Oid,
    wanted: &BTreeSet<Oid>,
) -> Result<bool, Fault> {
    let mut request = Vec::new();
    let mut capabilities =
        concat!(" ofs-delta thin-pack side-band-64k no-progress agent=slipway/", env!("CARGO_PKG_VERSION"));
    for wanted in wanted {
        packet::write(&mut request, format!("want {wanted}{capabilities}\n").as_bytes());
        capabilities = "";
    }
    request.extend_from_slice(FLUSH);
    for have in steps_back(repository, known)? {
        packet::write(&mut request, format!("have {have}\n").as_bytes());
    }
    packet::write(&mut request, b"done\n");
    let mut answer = match connection.exchange(Program::UploadPack, &request) {
        Ok(answer) => answer,
        // Servers that need more capabilities than these say so in this way.
        Err(GitError::UnexpectedAnswer { .. }) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    let mut packets = Packets::new(&mut answer, MAX_ANSWER_BYTES);
    let unread = |error| Fault::Final(connection.unread(error));
    let objects = repository.odb()?;
    let mut pack = objects.packwriter()?;
    let mut acknowledged = false;
    // What libgit2 could not write says only that: why, such as a full disk, is what it noted last.
    while let Some(Packet::Data(bytes)) = packets.next().map_err(unread)? {
        match bytes.split_first() {
            // One for each commit that both have, before the pack.
            Some((b'A', _)) if bytes.starts_with(b"ACK ") => acknowledged = true,
            Some((1, bytes)) if acknowledged => pack.write_all(bytes).map_err(|_| git2::Error::last_error(-1))?,
            Some((2, _)) => {}
            // Nothing in common, the tip moved on, or another reason: to be talked about at length.
            _ => return Ok(false),
        }
    }
    pack.commit()?;
    drop(pack);
    drain(answer);
    Ok(true)
}

/// A commit and some of those before it, by first parents.
fn steps_back(repository: &Repository, from: Oid) -> Result<Vec<Oid>, git2::Error> {
    let mut steps = vec![from];
    let mut commit = repository.find_commit(from)?;
    for step in 1..=MAX_DISTANCE {
        let Some(parent) = commit.parents().next() else { break };
        if step.is_power_of_two() {
            steps.push(parent.id());
        }
        commit = parent;
    }
    Ok(steps)
}
