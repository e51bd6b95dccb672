//! A cache of files on disk, addressed by their SHA-256 (`sha256/ab/<hex>`), with a size limit: the least recently used files are
//! removed first.
//!
//! A file becomes visible only after its bytes were verified, and every use verifies them again. Files are copied to their
//! readers, never linked, so that a job cannot change the cache.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use sha2::{Digest as _, Sha256};
use slipway_contract::Digest;

use super::DataError;

/// Subfolder of verified files.
const FILES: &str = "sha256";
/// Subfolder of files that arrive. Its content is removed when the cache is opened.
const INCOMING: &str = "incoming";
/// Bytes that are read at a time.
const CHUNK: usize = 1 << 20;

/// A file that a model needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Its path in the repository, for messages.
    pub path: String,
    /// The digest of its bytes.
    pub sha256: Digest,
    /// Its size, if the repository names it.
    pub size: Option<u64>,
    /// Maximum size in bytes.
    pub limit: u64,
}

/// The cache. Several threads may use it; each process needs its own folder.
#[derive(Debug)]
pub struct Cache {
    folder: PathBuf,
    limit: u64,
    sweeping: Mutex<()>,
}

impl Cache {
    /// Opens the cache in a folder. It keeps at most `limit` bytes, and the last file in any case.
    pub fn open(folder: &Path, limit: u64) -> Result<Self, DataError> {
        let incoming = folder.join(INCOMING);
        if incoming.exists() {
            fs::remove_dir_all(&incoming).map_err(of_file(&incoming))?;
        }
        for made in [incoming, folder.join(FILES)] {
            fs::create_dir_all(&made).map_err(of_file(&made))?;
        }
        let cache = Self { folder: folder.to_owned(), limit, sweeping: Mutex::default() };
        cache.sweep(None)?;
        Ok(cache)
    }

    /// Writes a cached file to `into`, and returns its size; `None` if the cache does not have it. A damaged file is removed from
    /// the cache and counts as missing.
    pub fn copy(&self, sha256: &Digest, into: &Path) -> Result<Option<u64>, DataError> {
        let path = self.path_of(sha256);
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file.map_err(of_file(&path))?,
        };
        // The time of the last use decides which files are removed first.
        if let Err(error) = file.set_modified(SystemTime::now()) {
            tracing::warn!(file = %path.display(), %error, "the time of the last use cannot be recorded");
        }
        let mut target = File::create(into).map_err(of_file(into))?;
        let (found, size) = copy_hashed(&mut &file, &mut target).map_err(|failed| match failed {
            Failed::Read(error) => of_file(&path)(error),
            Failed::Write(error) => of_file(into)(error),
        })?;
        if found == *sha256 {
            return Ok(Some(size));
        }
        tracing::warn!(digest = %sha256, "a file of the data cache is damaged and is fetched again");
        remove(&path)?;
        fs::remove_file(into).map_err(of_file(into))?;
        Ok(None)
    }

    /// Reads a file from its source, verifies it, writes it to `into`, and keeps it. Returns its size.
    pub fn fill(&self, wanted: &Wanted, source: &mut dyn Read, into: &Path) -> Result<u64, DataError> {
        let incoming = self.folder.join(INCOMING).join(uuid::Uuid::now_v7().to_string());
        let filled = self.receive(wanted, source, &incoming, into);
        if filled.is_err() {
            remove(&incoming)?;
        }
        filled
    }

    fn receive(&self, wanted: &Wanted, source: &mut dyn Read, incoming: &Path, into: &Path) -> Result<u64, DataError> {
        let Wanted { path, sha256, size, limit } = wanted;
        let most = size.unwrap_or(*limit).min(*limit);
        let mut file = OpenOptions::new().write(true).create_new(true).open(incoming).map_err(of_file(incoming))?;
        // One byte more shows that the source sends too much.
        let mut bounded = source.take(most.saturating_add(1));
        let (found, received) = copy_hashed(&mut bounded, &mut file).map_err(|failed| match failed {
            Failed::Read(error) => DataError::Interrupted { path: path.clone(), problem: error.to_string() },
            Failed::Write(error) => of_file(incoming)(error),
        })?;
        if received > most {
            return Err(match size {
                Some(size) if size <= limit => DataError::OtherBytes {
                    path: path.clone(),
                    expected: format!("{size} bytes"),
                    found: "more".to_owned(),
                },
                _ => DataError::TooLarge { path: path.clone(), limit: *limit },
            });
        }
        if size.is_some_and(|size| size != received) {
            return Err(DataError::OtherBytes {
                path: path.clone(),
                expected: format!("{} bytes", size.unwrap_or_default()),
                found: format!("{received} bytes"),
            });
        }
        if found != *sha256 {
            return Err(DataError::other_digest(path, sha256, &found));
        }
        drop(file);
        // Copied before the cache can remove the file again.
        fs::copy(incoming, into).map_err(of_file(into))?;
        let kept = self.path_of(sha256);
        if let Some(folder) = kept.parent() {
            fs::create_dir_all(folder).map_err(of_file(folder))?;
        }
        fs::rename(incoming, &kept).map_err(of_file(&kept))?;
        self.sweep(Some(&kept))?;
        Ok(received)
    }

    /// Removes the least recently used files until the limit is kept. `newest` stays.
    fn sweep(&self, newest: Option<&Path>) -> Result<(), DataError> {
        let _guard = self.sweeping.lock().unwrap_or_else(PoisonError::into_inner);
        let mut files = self.files()?;
        let mut bytes: u64 = files.iter().map(|(_, size, _)| size).sum();
        files.sort_by_key(|(used, ..)| *used);
        for (_, size, path) in files {
            if bytes <= self.limit {
                break;
            }
            if newest != Some(path.as_path()) {
                remove(&path)?;
                bytes -= size;
            }
        }
        Ok(())
    }

    /// The files with the time of their last use and their size.
    fn files(&self) -> Result<Vec<(SystemTime, u64, PathBuf)>, DataError> {
        let mut files = Vec::new();
        let mut open = vec![self.folder.join(FILES)];
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(&folder).map_err(of_file(&folder))? {
                let entry = entry.map_err(of_file(&folder))?;
                // The file was removed in the meantime.
                let Ok(meta) = entry.metadata() else { continue };
                if meta.is_dir() {
                    open.push(entry.path());
                } else {
                    files.push((meta.modified().map_err(of_file(&entry.path()))?, meta.len(), entry.path()));
                }
            }
        }
        Ok(files)
    }

    fn path_of(&self, sha256: &Digest) -> PathBuf {
        let hex = sha256.hex();
        self.folder.join(FILES).join(&hex[..2]).join(hex)
    }
}

/// Which side of a copy failed.
enum Failed {
    Read(io::Error),
    Write(io::Error),
}

/// Copies bytes, and returns their digest and their number.
fn copy_hashed(source: &mut dyn Read, target: &mut dyn Write) -> Result<(Digest, u64), Failed> {
    let (mut hasher, mut chunk, mut bytes) = (Sha256::new(), vec![0; CHUNK], 0);
    loop {
        let read = match source.read(&mut chunk) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read.map_err(Failed::Read)?,
        };
        if read == 0 {
            return Ok((Digest::of_hasher(hasher), bytes));
        }
        hasher.update(&chunk[..read]);
        target.write_all(&chunk[..read]).map_err(Failed::Write)?;
        bytes += read as u64;
    }
}

fn remove(path: &Path) -> Result<(), DataError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(of_file(path)(error)),
        _ => Ok(()),
    }
}

fn of_file(path: &Path) -> impl Fn(io::Error) -> DataError {
    let file = path.display().to_string();
    move |error| DataError::File { file: file.clone(), error }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use slipway_domain::Retry;
    use tempfile::TempDir;

    use super::*;

    fn wanted(bytes: &[u8]) -> Wanted {
        let (path, limit) = ("data/train.csv".to_owned(), 100);
        Wanted { path, sha256: Digest::of(bytes), size: Some(bytes.len() as u64), limit }
    }

    fn world(limit: u64) -> (TempDir, Cache, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = Cache::open(&folder.path().join("cache"), limit).expect("a cache");
        let into = folder.path().join("train.csv");
        (folder, cache, into)
    }

    fn names_in(folder: &TempDir, below: &str) -> usize {
        fs::read_dir(folder.path().join("cache").join(below)).expect("a folder").count()
    }

    #[test]
    fn a_file_is_fetched_once_and_then_copied() {
        let (folder, cache, into) = world(100);
        let wanted = wanted(b"x,y\n");
        assert_eq!(cache.copy(&wanted.sha256, &into).expect("asked"), None);
        assert_eq!(cache.fill(&wanted, &mut b"x,y\n".as_slice(), &into).expect("filled"), 4);
        assert_eq!(fs::read(&into).expect("a file"), b"x,y\n");
        fs::write(&into, "changed by a job").expect("written");
        assert_eq!(cache.copy(&wanted.sha256, &into).expect("asked"), Some(4));
        assert_eq!(fs::read(&into).expect("a file"), b"x,y\n", "the job had a copy");
        assert_eq!(names_in(&folder, INCOMING), 0);
    }

    #[test]
    fn other_bytes_are_refused_and_leave_nothing_behind() {
        let (folder, cache, into) = world(100);
        let wanted = wanted(b"good");
        let large = Wanted { size: None, limit: 3, ..wanted.clone() };
        let unsized_one = Wanted { size: None, ..wanted.clone() };
        for (wanted, sent, words) in [
            (&wanted, "evil", "expected sha256:"),
            (&unsized_one, "evil!", "expected sha256:"),
            (&wanted, "goo", "expected 4 bytes, found 3 bytes"),
            (&wanted, "goods", "expected 4 bytes, found more"),
            (&large, "good", "expected at most 3 bytes"),
        ] {
            let error = cache.fill(wanted, &mut sent.as_bytes(), &into).expect_err("refused");
            assert!(error.to_string().contains(words), "{error}");
            assert_eq!(error.retry(), Retry::Never);
        }
        assert!(!into.exists() && cache.copy(&wanted.sha256, &into).expect("asked").is_none());
        assert_eq!((names_in(&folder, INCOMING), names_in(&folder, FILES)), (0, 0));
    }

    #[test]
    fn an_interrupted_transfer_is_tried_again_later() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::new(io::ErrorKind::ConnectionReset, "reset by peer"))
            }
        }
        let (folder, cache, into) = world(100);
        let error = cache.fill(&wanted(b"good"), &mut b"go".chain(Broken), &into).expect_err("interrupted");
        assert_eq!(error.retry(), Retry::Backoff, "{error}");
        assert_eq!(names_in(&folder, INCOMING), 0);
    }

    #[test]
    fn a_damaged_file_counts_as_missing() {
        let (_folder, cache, into) = world(100);
        let wanted = wanted(b"good");
        cache.fill(&wanted, &mut b"good".as_slice(), &into).expect("filled");
        fs::write(cache.path_of(&wanted.sha256), "gone").expect("written");
        assert_eq!(cache.copy(&wanted.sha256, &into).expect("asked"), None);
        assert!(!into.exists() && !cache.path_of(&wanted.sha256).exists());
    }

    #[test]
    fn the_least_recently_used_files_are_removed_first() {
        let (folder, cache, into) = world(10);
        let files: Vec<Wanted> = [b"aaaa", b"bbbb", b"cccc"].iter().map(|bytes| wanted(bytes.as_slice())).collect();
        let used = |wanted: &Wanted, ago: u64| {
            let file = File::options().write(true).open(cache.path_of(&wanted.sha256)).expect("a file");
            file.set_modified(SystemTime::now() - Duration::from_secs(ago)).expect("set");
        };
        for (wanted, bytes) in files[..2].iter().zip([b"aaaa", b"bbbb"]) {
            cache.fill(wanted, &mut bytes.as_slice(), &into).expect("filled");
        }
        used(&files[0], 200);
        used(&files[1], 100);
        // A use of the older one makes it the newer one.
        assert_eq!(cache.copy(&files[0].sha256, &into).expect("asked"), Some(4));
        cache.fill(&files[2], &mut b"cccc".as_slice(), &into).expect("filled");
        let kept = files.iter().map(|wanted| cache.path_of(&wanted.sha256).exists());
        assert_eq!(kept.collect::<Vec<_>>(), [true, false, true]);
        // A file above the limit is provided, and kept until the next one.
        let large = wanted(b"twelve bytes");
        cache.fill(&large, &mut b"twelve bytes".as_slice(), &into).expect("filled");
        assert_eq!(cache.files().expect("files").len(), 1);
        fs::write(folder.path().join("cache").join(INCOMING).join("left"), "x").expect("written");
        let reopened = Cache::open(&folder.path().join("cache"), 1).expect("a cache");
        assert_eq!((names_in(&folder, INCOMING), reopened.files().expect("files").len()), (0, 0));
    }
}
