//! Writes selected files of a commit into a new folder, as regular files only, within limits.

use std::fs;
use std::io;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use git2::{Oid, Repository};
use sha2::{Digest, Sha256};

use slipway_domain::CommitSha;

use super::GitError;
use super::Mirror;
use super::TreeFile;
use super::fault::Fault;
use super::lfs::{LfsFile, LfsPointer};
use super::tree;
use super::tree::{Entry, Kind};

/// Maximum size of a Git LFS pointer according to its specification.
const MAX_POINTER_BYTES: u64 = 1024;

/// Limits of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExportLimits {
    /// Maximum number of files.
    pub files: u64,
    /// Maximum number of bytes of all files together.
    pub bytes: u64,
}

impl Default for ExportLimits {
    /// Sufficient for a model's sources with a small data set, and acceptable for a controller's disk.
    fn default() -> Self {
        Self { files: 10_000, bytes: 2 * 1024 * 1024 * 1024 }
    }
}

/// The result of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceTree {
    /// SHA-256 over the sorted paths, modes and blob ids: equal digests mean equal sources.
    pub digest: String,
    /// The files, sorted by path, relative to the exported folder.
    pub files: Vec<TreeFile>,
    /// The files that are Git LFS pointers. Their pointers are written, and their objects are not downloaded.
    pub pointers: Vec<LfsFile>,
    /// Bytes of all files together.
    pub bytes: u64,
}

struct Chosen {
    file: TreeFile,
    id: Oid,
    executable: bool,
}

impl Mirror {
    /// Writes the files of `folder` (empty: the whole repository) that the matcher accepts into `into`.
    ///
    /// The matcher receives paths relative to `folder`. A symbolic link or a submodule that the matcher accepts, or whose inside
    /// it would accept, is refused, because its content is not part of this commit. `into` must be new or empty; after an error
    /// the written files are removed.
    pub fn export(
        &self,
        commit: &CommitSha,
        folder: &str,
        matcher: &dyn Fn(&str) -> bool,
        into: &Path,
        limits: ExportLimits,
    ) -> Result<SourceTree, GitError> {
        let name = self.remote().url();
        if !folder.is_empty() {
            tree::check_path(name, folder)?;
        }
        self.reading(|repository| {
            let top = tree::of_commit(repository, commit, || self.missing(repository, commit))?;
            let start = match folder {
                "" => top,
                folder => match tree::entry_at(&top, folder)? {
                    Some((Kind::Folder, id)) => repository.find_tree(id)?,
                    Some((kind, _)) => {
                        let problem = format!("is {}, expected a folder", tree::article(kind));
                        return Err(tree::unusable(name, folder, &problem, "set the path to the model's folder").into());
                    }
                    None => {
                        let problem = format!("is not in commit {}", commit.short());
                        return Err(tree::unusable(name, folder, &problem, "set the path to the model's folder").into());
                    }
                },
            };
            let chosen = choose(repository, name, &start, matcher, limits)?;
            let pointers = write_all(repository, name, &chosen, into)?;
            Ok(source_tree(chosen, pointers))
        })
    }
}

impl Mirror {
    /// The Git LFS pointers at a commit among the regular files whose path the predicate accepts, with their paths from the root of
    /// the repository. Broken pointers are left out.
    pub fn lfs_pointers(&self, commit: &CommitSha, predicate: &dyn Fn(&str) -> bool) -> Result<Vec<LfsFile>, GitError> {
        let files = self.find_files(commit, predicate)?;
        let mut pointers = Vec::new();
        for file in files.into_iter().filter(|file| file.size <= MAX_POINTER_BYTES) {
            let content = self.read_found(&file)?;
            if let Some(Ok(pointer)) = LfsPointer::read(&content) {
                pointers.push(LfsFile { path: file.path, pointer });
            }
        }
        Ok(pointers)
    }
}

fn choose(
    repository: &Repository,
    name: &str,
    start: &git2::Tree<'_>,
    matcher: &dyn Fn(&str) -> bool,
    limits: ExportLimits,
) -> Result<Vec<Chosen>, Fault> {
    let mut chosen = Vec::new();
    let mut bytes = 0_u64;
    let over = |limit, unit| GitError::LimitExceeded {
        repository: name.to_owned(),
        what: "the files to export".to_owned(),
        limit,
        unit,
    };
    tree::walk(repository, name, start, &mut |entry| {
        let Some(executable) = exportable(name, &entry, matcher)? else {
            return Ok(());
        };
        let size = tree::blob_size(repository, entry.id)?;
        bytes = bytes.saturating_add(size);
        if bytes > limits.bytes {
            return Err(over(limits.bytes, "bytes").into());
        }
        if chosen.len() as u64 >= limits.files {
            return Err(over(limits.files, "files").into());
        }
        let file = TreeFile { path: entry.path, blob: entry.id.to_string(), size };
        chosen.push(Chosen { file, id: entry.id, executable });
        Ok(())
    })?;
    chosen.sort_by(|a, b| a.file.path.cmp(&b.file.path));
    Ok(chosen)
}

/// Whether the entry must be written, and if so, whether it is executable.
fn exportable(name: &str, entry: &Entry, matcher: &dyn Fn(&str) -> bool) -> Result<Option<bool>, GitError> {
    let refuse = |problem: &str, help: &str| Err(tree::unusable(name, &entry.path, problem, help));
    match entry.kind {
        Kind::Folder => Ok(None),
        Kind::File { .. } if !matcher(&entry.path) => Ok(None),
        Kind::Symlink | Kind::Submodule if !matcher(&entry.path) && !matcher(&format!("{}/file", entry.path)) => {
            Ok(None)
        }
        Kind::Symlink => refuse("is a symbolic link, expected a regular file", "commit the file itself"),
        Kind::Submodule => refuse(
            "is a submodule, expected files of this repository",
            "commit the files to this repository, or exclude the submodule from the model's paths",
        ),
        Kind::File { executable } => {
            if !entry.exact {
                return refuse("has a name that is not UTF-8", "rename the file");
            }
            tree::check_path(name, &entry.path)?;
            Ok(Some(executable))
        }
    }
}

/// Writes the files, and returns those that are Git LFS pointers.
fn write_all(repository: &Repository, name: &str, chosen: &[Chosen], into: &Path) -> Result<Vec<LfsFile>, Fault> {
    let failed = |error: &io::Error| GitError::Export {
        repository: name.to_owned(),
        folder: into.display().to_string(),
        problem: error.to_string(),
    };
    fs::create_dir_all(into).map_err(|error| failed(&error))?;
    let mut entries = fs::read_dir(into).map_err(|error| failed(&error))?;
    if entries.next().is_some() {
        return Err(failed(&io::Error::other("the folder is not empty")).into());
    }
    let mut pointers = Vec::new();
    let written = chosen.iter().try_for_each(|one| {
        let blob = repository.find_blob(one.id)?;
        pointers.extend(pointer_of(name, &one.file.path, blob.content())?);
        write_file(&into.join(&one.file.path), blob.content(), one.executable).map_err(|error| failed(&error).into())
    });
    if written.is_err()
        && let Err(error) = fs::remove_dir_all(into)
    {
        tracing::warn!(folder = %into.display(), %error, "the files of a failed export could not be removed");
    }
    written.map(|()| pointers)
}

/// The file as a Git LFS pointer, if its content is one.
fn pointer_of(name: &str, path: &str, content: &[u8]) -> Result<Option<LfsFile>, GitError> {
    match LfsPointer::read(content) {
        None => Ok(None),
        Some(Ok(pointer)) => Ok(Some(LfsFile { path: path.to_owned(), pointer })),
        Some(Err(problem)) => {
            let problem = format!("is a Git LFS pointer that cannot be used: {problem}");
            Err(tree::unusable(name, path, &problem, "add the file again with `git lfs` (`git lfs track`, `git add`)"))
        }
    }
}

fn write_file(path: &Path, bytes: &[u8], executable: bool) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mode = if executable { 0o755 } else { 0o644 };
    fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?.write_all(bytes)
}

fn source_tree(chosen: Vec<Chosen>, pointers: Vec<LfsFile>) -> SourceTree {
    let mut digest = Sha256::new();
    for one in &chosen {
        let mode = if one.executable { "100755" } else { "100644" };
        digest.update(format!("{mode} {} {}\0", one.file.blob, one.file.path));
    }
    let files: Vec<TreeFile> = chosen.into_iter().map(|one| one.file).collect();
    SourceTree {
        digest: hex::encode(digest.finalize()),
        bytes: files.iter().map(|file| file.size).sum(),
        files,
        pointers,
    }
}
