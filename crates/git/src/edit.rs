//! Builds a changed tree and its commit inside the bare mirror, without a checkout; sends nothing.

use std::path::Path;

use git2::build::TreeUpdateBuilder;
use git2::{
    AttrCheckFlags, AttrValue, Commit, FileMode, Index, IndexEntry, IndexTime, Oid, Repository, Signature, Time, Tree,
};
use jiff::Timestamp;

use super::GitError;
use super::Remote;
use super::fault::Fault;
use super::history;
use super::request::{Identity, WriteRequest};
use super::tree;
use super::tree::Kind;

/// Maximum size of a written file: manifests are small, and a larger file is a mistake.
const MAX_FILE_BYTES: usize = 10 * 1024 * 1024;

/// The tree of `base` with new content of these files. Files are changed, never created, and keep their mode.
pub(super) fn changed_tree(
    repository: &Repository,
    name: &str,
    base: &Tree<'_>,
    changes: &[(String, Vec<u8>)],
) -> Result<Oid, Fault> {
    let mut update = TreeUpdateBuilder::new();
    for (path, bytes) in changes {
        let mode = mode_to_keep(name, base, path)?;
        if bytes.len() > MAX_FILE_BYTES {
            return Err(Fault::Final(GitError::LimitExceeded {
                repository: name.to_owned(),
                what: format!("the new `{path}`"),
                limit: MAX_FILE_BYTES as u64,
                unit: "bytes",
            }));
        }
        refuse_filtered(repository, name, base, path)?;
        update.upsert(path.as_str(), repository.blob(bytes)?, mode);
    }
    Ok(update.create_updated(repository, base)?)
}

fn mode_to_keep(name: &str, base: &Tree<'_>, path: &str) -> Result<FileMode, Fault> {
    tree::check_path(name, path)?;
    let problem = match tree::entry_at(base, path)? {
        Some((Kind::File { executable: true }, _)) => return Ok(FileMode::BlobExecutable),
        Some((Kind::File { executable: false }, _)) => return Ok(FileMode::Blob),
        Some((kind, _)) => format!("is {}, expected a regular file", tree::article(kind)),
        None => "does not exist on the branch, expected an existing file: a promotion creates no files".to_owned(),
    };
    Err(tree::unusable(name, path, &problem, "use an existing regular file of the branch").into())
}

/// libgit2 writes blobs without filters, so a file with a filter would be stored incorrectly.
pub(super) fn refuse_filtered(repository: &Repository, name: &str, base: &Tree<'_>, path: &str) -> Result<(), Fault> {
    let mut index = Index::new()?;
    for (at, _) in path.match_indices('/').chain([(0, "")]) {
        let attributes = if at == 0 { ".gitattributes".to_owned() } else { format!("{}/.gitattributes", &path[..at]) };
        if let Some((Kind::File { .. }, id)) = tree::entry_at(base, &attributes)? {
            index.add(&index_entry(attributes, id))?;
        }
    }
    if index.is_empty() {
        return Ok(());
    }
    // A separate handle: libgit2 caches attributes per handle, and the next attempt has another tree.
    let reader = Repository::open_bare(repository.path())?;
    reader.set_index(&mut index)?;
    let flags = AttrCheckFlags::INDEX_ONLY | AttrCheckFlags::NO_SYSTEM;
    let value = reader.get_attr_bytes(Path::new(path), "filter", flags)?;
    match AttrValue::from_bytes(value) {
        AttrValue::Unspecified | AttrValue::False => Ok(()),
        AttrValue::True | AttrValue::String(_) | AttrValue::Bytes(_) => Err(Fault::Final(tree::unusable(
            name,
            path,
            "has a `filter` attribute (Git LFS, git-crypt), which a commit of Slipway would bypass",
            "remove the attribute of this file in .gitattributes",
        ))),
    }
}

fn index_entry(path: String, id: Oid) -> IndexEntry {
    IndexEntry {
        ctime: IndexTime::new(0, 0),
        mtime: IndexTime::new(0, 0),
        dev: 0,
        ino: 0,
        mode: 0o100_644,
        uid: 0,
        gid: 0,
        file_size: 0,
        id,
        flags: 0,
        flags_extended: 0,
        path: path.into_bytes(),
    }
}

/// Writes the commit into the mirror, signed if there is a key; no reference moves.
pub(super) fn commit(
    repository: &Repository,
    remote: &Remote,
    request: &WriteRequest,
    message: &str,
    base: &Commit<'_>,
    tree: Oid,
) -> Result<Oid, Fault> {
    let name = remote.url();
    let author = signature(name, remote.author().unwrap_or(&request.author), request.at)?;
    let committer = signature(name, &request.committer, request.at)?;
    let message = checked_message(name, request, message)?;
    let tree = repository.find_tree(tree)?;
    let Some(key) = remote.signing_key() else {
        return Ok(repository.commit(None, &author, &committer, &message, &tree, &[base])?);
    };
    let content = repository.commit_create_buffer(&author, &committer, &message, &tree, &[base])?;
    let content = String::from_utf8_lossy(&content);
    let signature = key.sign(content.as_bytes()).map_err(|problem| GitError::InvalidCommit {
        repository: name.to_owned(),
        problem: format!("the commit cannot be signed: {problem}"),
        help: "check the signing key of this environment".to_owned(),
    })?;
    Ok(repository.commit_signed(&content, &signature, None)?)
}

/// The signature of an identity at a time.
pub(super) fn signature(name: &str, identity: &Identity, at: Timestamp) -> Result<Signature<'static>, GitError> {
    let Identity { name: person, email } = identity;
    let refuse = || GitError::InvalidCommit {
        repository: name.to_owned(),
        problem: "the author or committer is empty, or contains `<`, `>` or control characters".to_owned(),
        help: "set a plain name and e-mail address in the settings".to_owned(),
    };
    if person.chars().chain(email.chars()).any(char::is_control) {
        return Err(refuse());
    }
    Signature::new(person, email, &Time::new(at.as_second(), 0)).map_err(|_| refuse())
}

/// The message with the promotion's trailer; a message that already contains such a line is refused.
fn checked_message(name: &str, request: &WriteRequest, message: &str) -> Result<String, GitError> {
    let (key, value) = (&request.trailer.key, &request.trailer.value);
    let problem = if message.trim().is_empty() {
        "the message is empty".to_owned()
    } else if message.contains('\0') {
        "the message contains a NUL character".to_owned()
    } else if history::mentions_key(message, key) {
        format!("the message already contains a line `{key}: …`")
    } else {
        let message = history::with_trailer(message, key, value);
        if history::has_trailer(&message, key, value) {
            return Ok(message);
        }
        format!("`{key}: {value}` is not a valid trailer")
    };
    Err(GitError::InvalidCommit {
        repository: name.to_owned(),
        problem,
        help: "change the message: Slipway recognises a promotion by its trailer".to_owned(),
    })
}
