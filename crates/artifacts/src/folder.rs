//! The folder of the artifact store: its content, and the removal and return of artifacts. An artifact is its own folder
//! (`sha256/<hex>`), so that one rename removes it or brings it back.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use jiff::Timestamp;
use slipway_contract::Digest;

/// Subfolder of the artifacts.
const ARTIFACTS: &str = "sha256";
/// Subfolder of artifacts that retention removed: `removed/<milliseconds>/<hex>`.
const REMOVED: &str = "removed";
/// Subfolder of damaged files: `damaged/<milliseconds>-<hex>-<name>`, with the first twelve digits of the artifact.
const DAMAGED: &str = "damaged";
/// Subfolder with the names of the stores whose artifacts are here.
const STORES: &str = "stores";
/// Suffix of a folder that is being deleted.
const GOING: &str = ".going";

/// A file of an artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFile {
    /// Its name below the artifact's folder, such as `evidence/RUN.json`.
    pub name: String,
    /// Size in bytes.
    pub bytes: u64,
    /// Time of the last write.
    pub written_at: Timestamp,
}

/// An artifact in the trash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// The artifact.
    pub artifact: Digest,
    /// Time of the move to the trash.
    pub at: Timestamp,
}

/// The folder of the artifact store.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    root: PathBuf,
}

impl Folder {
    pub(super) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    fn of(&self, artifact: &Digest) -> PathBuf {
        self.root.join(ARTIFACTS).join(artifact.hex())
    }

    /// Path of a file of an artifact.
    pub(super) fn file(&self, artifact: &Digest, name: &str) -> PathBuf {
        self.of(artifact).join(name)
    }

    /// All artifacts. Other names in the folder are ignored.
    pub(super) fn artifacts(&self) -> io::Result<Vec<Digest>> {
        let names = names_in(&self.root.join(ARTIFACTS))?;
        Ok(names.iter().filter_map(|name| Digest::of_hex(name).ok()).collect())
    }

    /// Files of an artifact, sorted by name.
    pub(super) fn files(&self, artifact: &Digest) -> io::Result<Vec<StoredFile>> {
        let mut files = Vec::new();
        let root = self.of(artifact);
        let mut open = vec![root.clone()];
        while let Some(folder) = open.pop() {
            for entry in entries_in(&folder)? {
                // The file was removed in the meantime.
                let Ok(meta) = entry.metadata() else { continue };
                let path = entry.path();
                if meta.is_dir() {
                    open.push(path);
                } else if let Some(name) = path.strip_prefix(&root).ok().and_then(Path::to_str) {
                    let written_at = Timestamp::try_from(meta.modified()?).unwrap_or(Timestamp::UNIX_EPOCH);
                    files.push(StoredFile { name: name.to_owned(), bytes: meta.len(), written_at });
                }
            }
        }
        files.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(files)
    }

    /// Sets the modification time of a file to now, which marks the file as used.
    pub(super) fn touch(&self, artifact: &Digest, name: &str) -> io::Result<()> {
        fs::File::options().append(true).open(self.file(artifact, name))?.set_modified(SystemTime::now())
    }

    pub(super) fn remove_documents(&self, artifact: &Digest, below: &str) -> io::Result<()> {
        unless_missing(fs::remove_dir_all(self.of(artifact).join(below))).map(|_| ())
    }

    /// Moves an artifact to the trash, below the time.
    pub(super) fn move_to_trash(&self, artifact: &Digest, at: Timestamp) -> io::Result<()> {
        let place = self.root.join(REMOVED).join(at.as_millisecond().to_string());
        fs::create_dir_all(&place)?;
        unless_missing(fs::rename(self.of(artifact), place.join(artifact.hex())))?;
        Ok(())
    }

    /// Moves an artifact back from the trash. Files that were written again in the meantime stay; the other files return.
    pub(super) fn restore(&self, artifact: &Digest) -> io::Result<bool> {
        let mut found = false;
        for removed in self.removed()?.into_iter().filter(|removed| removed.artifact == *artifact) {
            found |= merge(&self.place_of(&removed), &self.of(artifact))?;
            // The folder is empty now, unless other artifacts were removed at the same millisecond.
            let _ = fs::remove_dir(self.root.join(REMOVED).join(removed.at.as_millisecond().to_string()));
        }
        Ok(found)
    }

    fn place_of(&self, removed: &Removed) -> PathBuf {
        self.root.join(REMOVED).join(removed.at.as_millisecond().to_string()).join(removed.artifact.hex())
    }

    /// Artifacts in the trash, oldest first.
    pub(super) fn removed(&self) -> io::Result<Vec<Removed>> {
        let mut removed = Vec::new();
        for time in names_in(&self.root.join(REMOVED))? {
            let Some(at) = time.parse().ok().and_then(|millis| Timestamp::from_millisecond(millis).ok()) else {
                continue;
            };
            for name in names_in(&self.root.join(REMOVED).join(&time))? {
                // The next purge completes an interrupted one.
                let hex = name.strip_suffix(GOING).unwrap_or(&name);
                if let Ok(artifact) = Digest::of_hex(hex) {
                    removed.push(Removed { artifact, at });
                }
            }
        }
        removed.sort_by(|a, b| (a.at, &a.artifact).cmp(&(b.at, &b.artifact)));
        Ok(removed)
    }

    /// Deletes an artifact from the trash. The folder is renamed first, so that a partly deleted artifact is never restored.
    pub(super) fn purge(&self, removed: &Removed) -> io::Result<()> {
        let place = self.place_of(removed);
        let going = place.with_extension(&GOING[1..]);
        unless_missing(fs::rename(&place, &going))?;
        unless_missing(fs::remove_dir_all(&going))?;
        if let Some(folder) = place.parent() {
            let _ = fs::remove_dir(folder); // not empty while it contains other artifacts of the same millisecond
        }
        Ok(())
    }

    /// Moves a damaged file out of the readable folders and returns its new path; `None` if the file does not exist.
    pub(super) fn set_damaged_aside(
        &self,
        artifact: &Digest,
        name: &str,
        at: Timestamp,
    ) -> io::Result<Option<PathBuf>> {
        let folder = self.root.join(DAMAGED);
        fs::create_dir_all(&folder)?;
        let kept = folder.join(format!("{}-{}-{}", at.as_millisecond(), artifact.short(), name.replace('/', "-")));
        Ok(unless_missing(fs::rename(self.file(artifact, name), &kept))?.map(|()| kept))
    }

    /// Registers a store and returns all registered stores.
    pub(super) fn register(&self, store: &str) -> io::Result<Vec<String>> {
        let folder = self.root.join(STORES);
        fs::create_dir_all(&folder)?;
        fs::File::options().create(true).append(true).open(folder.join(store))?;
        names_in(&folder)
    }
}

/// `None` if the file does not exist.
fn unless_missing<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn entries_in(folder: &Path) -> io::Result<Vec<fs::DirEntry>> {
    unless_missing(fs::read_dir(folder))?.map_or_else(|| Ok(Vec::new()), Iterator::collect)
}

fn names_in(folder: &Path) -> io::Result<Vec<String>> {
    Ok(entries_in(folder)?.into_iter().filter_map(|entry| entry.file_name().into_string().ok()).collect())
}

/// Moves `from` to `to`, or only the files that `to` does not have. Returns whether `from` existed.
fn merge(from: &Path, to: &Path) -> io::Result<bool> {
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent)?;
    }
    if to.is_file() {
        unless_missing(fs::remove_file(from))?;
        return Ok(true);
    }
    match fs::rename(from, to) {
        Ok(()) => return Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(_) if to.is_dir() => {}
        Err(error) => return Err(error),
    }
    for entry in entries_in(from)? {
        merge(&entry.path(), &to.join(entry.file_name()))?;
    }
    unless_missing(fs::remove_dir(from))?;
    Ok(true)
}
