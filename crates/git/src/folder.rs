//! Folders of mirrors on disk: one cache folder per branch, with one generation that is replaced as a whole.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::Remote;
use super::history::Memory;
use super::holding::Holdings;

/// The cache folders in use by this process: two mirrors of one branch share one.
static IN_USE: Mutex<Option<HashMap<PathBuf, Weak<CacheFolder>>>> = Mutex::new(None);

/// The cache folder of one branch of one repository.
pub(super) struct CacheFolder {
    path: PathBuf,
    current: Mutex<Option<Arc<Generation>>>,
    fetching: Mutex<()>,
    writing: Mutex<()>,
    memory: Mutex<Memory>,
    holdings: Mutex<Holdings>,
}

impl CacheFolder {
    /// The folder for this remote under a root; created if it is missing.
    pub(super) fn open(root: &Path, remote: &Remote) -> io::Result<Arc<Self>> {
        let digest = hex::encode(Sha256::digest(format!("{}\n{}", remote.url(), remote.branch())));
        let path = root.join(&digest[..32]);
        fs::create_dir_all(&path)?;
        let path = path.canonicalize()?;
        let mut in_use = IN_USE.lock().unwrap_or_else(PoisonError::into_inner);
        let in_use = in_use.get_or_insert_default();
        if let Some(folder) = in_use.get(&path).and_then(Weak::upgrade) {
            return Ok(folder);
        }
        let current = newest_generation(&path)?;
        let folder = Arc::new(Self {
            path: path.clone(),
            current: Mutex::new(current.map(|path| Arc::new(Generation::new(path)))),
            fetching: Mutex::new(()),
            writing: Mutex::new(()),
            memory: Mutex::default(),
            holdings: Mutex::default(),
        });
        in_use.retain(|_, folder| folder.strong_count() > 0);
        in_use.insert(path, Arc::downgrade(&folder));
        Ok(folder)
    }

    /// Its path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The current generation; a reader that holds it keeps its files.
    pub(super) fn current(&self) -> Option<Arc<Generation>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A new generation; its folder is removed unless `replace` makes it the current one.
    pub(super) fn next(&self) -> Generation {
        let generation = Generation::new(self.path.join(format!("{}.git", Uuid::now_v7().simple())));
        generation.retire();
        generation
    }

    /// Makes a generation the current one; the previous one is removed after its last reader.
    pub(super) fn replace(&self, generation: Generation) -> Arc<Generation> {
        generation.keep();
        let generation = Arc::new(generation);
        let before = self.current.lock().unwrap_or_else(PoisonError::into_inner).replace(Arc::clone(&generation));
        if let Some(before) = before {
            before.retire();
        }
        generation
    }

    /// The lock of fetches.
    pub(super) fn fetching(&self) -> MutexGuard<'_, ()> {
        self.fetching.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The remembered trailers of the branch's history.
    pub(super) fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The remembered search results for files of the branch.
    pub(super) fn holdings(&self) -> MutexGuard<'_, Holdings> {
        self.holdings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lock of writers: writers of one process never compete for a branch.
    pub(super) fn writing(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One bare repository on disk.
pub(super) struct Generation {
    path: PathBuf,
    retired: AtomicBool,
}

impl Generation {
    fn new(path: PathBuf) -> Self {
        Self { path, retired: AtomicBool::new(false) }
    }

    /// Its path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn retire(&self) {
        self.retired.store(true, Ordering::SeqCst);
    }

    fn keep(&self) {
        self.retired.store(false, Ordering::SeqCst);
    }
}

impl Drop for Generation {
    fn drop(&mut self) {
        if self.retired.load(Ordering::SeqCst) {
            remove(&self.path);
        }
    }
}

/// The newest generation on disk; older ones are remains of a crash and are removed.
fn newest_generation(folder: &Path) -> io::Result<Option<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        found.push(entry?.path());
    }
    found.sort();
    let newest = found.pop();
    for path in &found {
        remove(path);
    }
    Ok(newest)
}

/// Removes a folder or a file of the cache; a failure is only logged, because it costs only disk space.
fn remove(path: &Path) {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(path = %path.display(), %error, "a retired mirror could not be removed");
        }
        _ => {}
    }
}
