//! The folder behind the artifact store: what is in it, and how artifacts leave it and come back. An artifact is a folder
//! of its own (`sha256/<hex>`), so that it is taken away and brought back by one rename.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use jiff::Timestamp;
use slipway_contract::Digest;

/// Where artifacts are, within the folder.
const ARTIFACTS: &str = "sha256";
/// Where artifacts wait that retention took away: `removed/<milliseconds>/<hex>`.
const REMOVED: &str = "removed";
/// Where damaged files are kept: `damaged/<milliseconds>-<hex>-<name>`.
const DAMAGED: &str = "damaged";
/// Names of the stores whose artifacts are here.
const STORES: &str = "stores";
/// Ends the name of what is being removed for good.
const GOING: &str = ".going";

/// A file of an artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFile {
    /// Its name below the artifact's folder, such as `evidence/RUN.json`.
    pub name: String,
    /// Its size, in bytes.
    pub bytes: u64,
    /// When it was written.
    pub written_at: Timestamp,
}

/// An artifact that was set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// The artifact.
    pub artifact: Digest,
    /// When it was set aside.
    pub at: Timestamp,
}

/// The folder.
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

    /// Where a file of an artifact is.
    pub(super) fn file(&self, artifact: &Digest, name: &str) -> PathBuf {
        self.of(artifact).join(name)
    }

    /// Artifacts that are there. Other names in the folder are none of ours.
    pub(super) fn artifacts(&self) -> io::Result<Vec<Digest>> {
        let names = names_in(&self.root.join(ARTIFACTS))?;
        Ok(names.iter().filter_map(|name| format!("sha256:{name}").parse().ok()).collect())
    }

    /// Files of an artifact, by name.
    pub(super) fn files(&self, artifact: &Digest) -> io::Result<Vec<StoredFile>> {
        let mut files = Vec::new();
        let root = self.of(artifact);
        let mut open = vec![root.clone()];
        while let Some(folder) = open.pop() {
            for entry in entries_in(&folder)? {
                // What is gone by now is no file any more.
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

    /// Notes that a file is in use now.
    pub(super) fn touch(&self, artifact: &Digest, name: &str) -> io::Result<()> {
        fs::File::options().append(true).open(self.file(artifact, name))?.set_modified(SystemTime::now())
    }

    pub(super) fn remove_documents(&self, artifact: &Digest, below: &str) -> io::Result<()> {
        unless_missing(fs::remove_dir_all(self.of(artifact).join(below))).map(|_| ())
    }

    /// Moves an artifact to where nothing is read, under the time.
    pub(super) fn move_to_trash(&self, artifact: &Digest, at: Timestamp) -> io::Result<()> {
        let place = self.root.join(REMOVED).join(at.as_millisecond().to_string());
        fs::create_dir_all(&place)?;
        unless_missing(fs::rename(self.of(artifact), place.join(artifact.hex())))?;
        Ok(())
    }

    /// Moves an artifact back. Where it has been written again meanwhile, what is there now stays, and the rest of its files
    /// comes back.
    pub(super) fn restore(&self, artifact: &Digest) -> io::Result<bool> {
        let mut found = false;
        for removed in self.removed()?.into_iter().filter(|removed| removed.artifact == *artifact) {
            found |= merge(&self.place_of(&removed), &self.of(artifact))?;
            // Empty by now, unless others were removed at the same moment.
            let _ = fs::remove_dir(self.root.join(REMOVED).join(removed.at.as_millisecond().to_string()));
        }
        Ok(found)
    }

    fn place_of(&self, removed: &Removed) -> PathBuf {
        self.root.join(REMOVED).join(removed.at.as_millisecond().to_string()).join(removed.artifact.hex())
    }

    /// What was set aside, oldest first.
    pub(super) fn removed(&self) -> io::Result<Vec<Removed>> {
        let mut removed = Vec::new();
        for time in names_in(&self.root.join(REMOVED))? {
            let Some(at) = time.parse().ok().and_then(|millis| Timestamp::from_millisecond(millis).ok()) else {
                continue;
            };
            for name in names_in(&self.root.join(REMOVED).join(&time))? {
                // A purge that was interrupted is seen to by the next.
                let hex = name.strip_suffix(GOING).unwrap_or(&name);
                if let Ok(artifact) = format!("sha256:{hex}").parse() {
                    removed.push(Removed { artifact, at });
                }
            }
        }
        removed.sort_by(|a, b| (a.at, &a.artifact).cmp(&(b.at, &b.artifact)));
        Ok(removed)
    }

    /// Removes for good. The name changes first, so that nothing half removed is brought back.
    pub(super) fn purge(&self, removed: &Removed) -> io::Result<()> {
        let place = self.place_of(removed);
        let going = place.with_extension(&GOING[1..]);
        unless_missing(fs::rename(&place, &going))?;
        unless_missing(fs::remove_dir_all(&going))?;
        if let Some(folder) = place.parent() {
            let _ = fs::remove_dir(folder); // not empty as long as others of the same moment are in it
        }
        Ok(())
    }

    /// Moves a damaged file to where nothing is read, and says where. `None` if it is gone.
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

    /// Notes a store, and answers all that are noted.
    pub(super) fn register(&self, store: &str) -> io::Result<Vec<String>> {
        let folder = self.root.join(STORES);
        fs::create_dir_all(&folder)?;
        fs::File::options().create(true).append(true).open(folder.join(store))?;
        names_in(&folder)
    }
}

/// `None` for what is not there.
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

/// Moves `from` to `to`, or what of it `to` does not have. Says whether `from` was there.
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
