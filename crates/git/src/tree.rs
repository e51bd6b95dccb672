//! Walks and reads trees of an open repository within limits. A walk stops at entries with unsafe names.

use git2::{ErrorCode, ObjectType, Oid, Repository, Tree};

use slipway_domain::CommitSha;

use super::GitError;
use super::fault::Fault;
use super::mirror::id_of;

/// Maximum number of entries in a walk. A few kilobytes of nested trees can describe billions of files.
const MAX_ENTRIES: u64 = 1_000_000;

/// Maximum depth of folders in a walk, for the same reason.
const DEEPEST: usize = 128;

/// The kind of a tree entry, according to its mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A regular file, or an executable one.
    File {
        executable: bool,
    },
    Symlink,
    /// A commit of another repository.
    Submodule,
    Folder,
}

impl Kind {
    /// The kind for a mode; unusual modes count as regular files, as in git.
    pub(super) fn of(mode: i32) -> Self {
        match mode {
            0o040_000 => Self::Folder,
            0o120_000 => Self::Symlink,
            0o160_000 => Self::Submodule,
            other => Self::File { executable: other & 0o100 != 0 },
        }
    }
}

/// An entry that is not a folder.
pub(super) struct Entry {
    /// The path from the start folder of the walk.
    pub(super) path: String,
    /// Its kind.
    pub(super) kind: Kind,
    /// Its blob, or a submodule's commit.
    pub(super) id: Oid,
    /// Whether the path is valid UTF-8 in the tree.
    pub(super) exact: bool,
}

/// The tree of a commit, or the error of `missing`.
pub(super) fn of_commit<'r>(
    repository: &'r Repository,
    commit: &CommitSha,
    missing: impl FnOnce() -> Fault,
) -> Result<Tree<'r>, Fault> {
    match repository.find_commit(id_of(commit)) {
        Ok(commit) => Ok(commit.tree()?),
        Err(error) if error.code() == ErrorCode::NotFound => Err(missing()),
        Err(error) => Err(error.into()),
    }
}

/// Visits every entry that is not a folder, in git's order within each folder.
pub(super) fn walk(
    repository: &Repository,
    name: &str,
    tree: &Tree<'_>,
    visit: &mut dyn FnMut(Entry) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut pending = vec![(String::new(), true, 0, tree.id())];
    let mut seen = 0;
    while let Some((folder, folder_exact, depth, id)) = pending.pop() {
        let tree = repository.find_tree(id)?;
        for entry in &tree {
            seen += 1;
            if seen > MAX_ENTRIES || depth > DEEPEST {
                return Err(too_large(name));
            }
            let part = String::from_utf8_lossy(entry.name_bytes());
            let exact = folder_exact && matches!(part, std::borrow::Cow::Borrowed(_));
            let path = if folder.is_empty() { part.to_string() } else { format!("{folder}/{part}") };
            if matches!(&*part, "" | "." | "..") || part.contains('/') {
                return Err(Fault::Final(unusable(
                    name,
                    &path,
                    "is not a path that git allows",
                    "create the commit again with git",
                )));
            }
            match Kind::of(entry.filemode()) {
                Kind::Folder => pending.push((path, exact, depth + 1, entry.id())),
                kind => visit(Entry { path, kind, id: entry.id(), exact })?,
            }
        }
    }
    Ok(())
}

fn too_large(repository: &str) -> Fault {
    Fault::Final(GitError::LimitExceeded {
        repository: repository.to_owned(),
        what: "the whole tree of the commit".to_owned(),
        limit: MAX_ENTRIES,
        unit: "entries",
    })
}

/// The entry at a path, if there is one.
pub(super) fn entry_at(tree: &Tree<'_>, path: &str) -> Result<Option<(Kind, Oid)>, git2::Error> {
    match tree.get_path(std::path::Path::new(path)) {
        Ok(entry) => Ok(Some((Kind::of(entry.filemode()), entry.id()))),
        Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// A regular file's bytes; `None` if there is no entry at the path, an error for any other kind.
pub(super) fn read_file(
    repository: &Repository,
    name: &str,
    tree: &Tree<'_>,
    path: &str,
    max_bytes: u64,
) -> Result<Option<Vec<u8>>, Fault> {
    check_path(name, path)?;
    let id = match entry_at(tree, path)? {
        None => return Ok(None),
        Some((Kind::File { .. }, id)) => id,
        Some((kind, _)) => {
            let problem = format!("is {}, expected a regular file", article(kind));
            return Err(Fault::Final(unusable(name, path, &problem, "use a regular file")));
        }
    };
    if blob_size(repository, id)? > max_bytes {
        return Err(Fault::Final(GitError::LimitExceeded {
            repository: name.to_owned(),
            what: format!("`{path}`"),
            limit: max_bytes,
            unit: "bytes",
        }));
    }
    Ok(Some(repository.find_blob(id)?.content().to_vec()))
}

/// A blob's size, without reading its bytes.
pub(super) fn blob_size(repository: &Repository, id: Oid) -> Result<u64, git2::Error> {
    match repository.odb()?.read_header(id)? {
        (size, ObjectType::Blob) => Ok(size as u64),
        (_, other) => Err(git2::Error::from_str(&format!("expected a blob, found a {other}"))),
    }
}

/// The bytes of a file that was found in a tree.
pub(super) fn read_blob(repository: &Repository, file: &super::TreeFile) -> Result<Vec<u8>, Fault> {
    Ok(repository.find_blob(Oid::from_str(&file.blob)?)?.content().to_vec())
}

/// Validates a path of the caller: relative, without `.`, `..`, `.git`, empty parts or control characters.
pub(super) fn check_path(name: &str, path: &str) -> Result<(), GitError> {
    let bad_part = |part: &str| matches!(part, "" | "." | "..") || part.eq_ignore_ascii_case(".git");
    if path.split('/').any(bad_part) || path.chars().any(char::is_control) {
        return Err(unusable(
            name,
            path,
            "is not a plain relative path: no `..`, `.git`, leading or double `/`, or control characters",
            "write the path as `git ls-files` shows it",
        ));
    }
    Ok(())
}

/// The kind as a phrase for messages.
pub(super) fn article(kind: Kind) -> &'static str {
    match kind {
        Kind::File { .. } => "a file",
        Kind::Symlink => "a symbolic link",
        Kind::Submodule => "a submodule",
        Kind::Folder => "a folder",
    }
}

/// The error for an unusable path; the path is shown without control characters.
pub(super) fn unusable(repository: &str, path: &str, problem: &str, help: &str) -> GitError {
    GitError::UnusablePath {
        repository: repository.to_owned(),
        path: path.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).take(300).collect(),
        problem: problem.to_owned(),
        help: help.to_owned(),
    }
}
