//! Native fetch of commits over smart HTTP (gitprotocol-http(5), gitprotocol-pack(5)). It needs one request where libgit2 needs
//! two, for commits that the server has just reported.

use std::collections::BTreeSet;
use std::io::Write as _;

use git2::{Oid, Repository};

use crate::GitError;
use crate::fault::Fault;
use crate::http::{Connection, MAX_ANSWER_BYTES, Program, drain};
use crate::packet;
use crate::packet::{FLUSH, Packet, Packets};

/// Maximum distance of the ancestors that are sent to the server as `have` (0, 1, 2, 4, …), in case the branch was rewound.
const MAX_DISTANCE: usize = 64;

/// Fetches the `wanted` commits with their ancestors back to `known`. `false`: the server does not support this method, and
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
        // Servers that require more capabilities answer like this.
        Err(GitError::UnexpectedAnswer { .. }) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    let mut packets = Packets::new(&mut answer, MAX_ANSWER_BYTES);
    let unread = |error| Fault::Final(connection.unread(error));
    let objects = repository.odb()?;
    let mut pack = objects.packwriter()?;
    let mut acknowledged = false;
    // A write error of libgit2 has no cause; the cause, such as a full disk, is its last recorded error.
    while let Some(Packet::Data(bytes)) = packets.next().map_err(unread)? {
        match bytes.split_first() {
            // One line for each common commit, before the pack.
            Some((b'A', _)) if bytes.starts_with(b"ACK ") => acknowledged = true,
            Some((1, bytes)) if acknowledged => pack.write_all(bytes).map_err(|_| git2::Error::last_error(-1))?,
            Some((2, _)) => {}
            // No common commit, a moved tip, or another reason: this requires the full negotiation.
            _ => return Ok(false),
        }
    }
    pack.commit()?;
    drop(pack);
    drain(answer);
    Ok(true)
}

/// A commit and some of its ancestors by first parents.
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
