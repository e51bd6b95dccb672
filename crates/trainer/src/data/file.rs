//! Opens the data files of a model: only inside its folder, decompressed if they are compressed, within a size limit.

use std::cell::OnceCell;
use std::fs::File;
use std::io::{Read, Seek as _};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use sha2::{Digest as _, Sha256};
use slipway_contract::table::{self, LFS_POINTER};
use slipway_contract::{Fault, FaultKind};
use slipway_tables::{Compression, unpack};

use super::parts::Part;

/// The most files of one table.
const MAX_FILES: usize = 10_000;

/// A model's folder.
pub(super) struct Source {
    folder: PathBuf,
    /// The part of each row of a table that is split, once it is known.
    pub(super) parts: OnceCell<Result<Rc<[Part]>, Vec<Fault>>>,
}

/// An open data file.
pub(super) struct DataFile {
    /// Its bytes, decompressed.
    pub(super) reader: Box<dyn Read>,
    /// Its size on disk.
    pub(super) size: u64,
    /// Its compression. Its size then differs from the size of its content.
    pub(super) compression: Option<Compression>,
    /// Its path in the specification.
    pub(super) name: String,
}

impl DataFile {
    /// A fault of this file's content.
    pub(super) fn fault(&self, message: impl Into<String>) -> Fault {
        Fault::new(FaultKind::Data, message).file(&self.name)
    }

    /// The fault for a read error.
    pub(super) fn read_fault(&self, at: u64, error: &std::io::Error) -> Fault {
        let what = match self.compression {
            Some(compression) => format!("the {} stream is broken", compression.name()),
            None => "the file cannot be read".to_owned(),
        };
        self.fault(format!("{what} at unpacked byte {at}: {error}"))
    }
}

impl Source {
    /// Opens the model's folder, which must exist.
    pub(super) fn open(folder: &Path) -> Result<Self, Fault> {
        let folder = folder.canonicalize().map_err(|error| crate::failure::of_file(folder, &error))?;
        Ok(Self { folder, parts: OnceCell::new() })
    }

    /// The files of a table that the specification names under `key`: the file itself, or those that a glob matches, in the order
    /// of their names.
    pub(super) fn files_of(&self, key: &str, path: &str) -> Result<Vec<String>, Fault> {
        if !table::is_glob(path) {
            return Ok(vec![path.to_owned()]);
        }
        let fault = |message: String| Fault::new(FaultKind::Specification, message).key(key);
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let unreadable = |error: std::io::Error| fault(format!("the folder `{folder}` cannot be read: {error}"));
        let mut files = Vec::new();
        for entry in std::fs::read_dir(self.folder.join(folder)).map_err(unreadable)? {
            let Ok(name) = entry.map_err(unreadable)?.file_name().into_string() else { continue };
            let file = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            if table::glob_matches(path, &file) {
                files.push(file);
            }
            if files.len() > MAX_FILES {
                return Err(fault(format!("`{path}` matches more than {MAX_FILES} files, expected fewer")));
            }
        }
        if files.is_empty() {
            return Err(fault(format!("`{path}` matches no file, expected at least one")));
        }
        files.sort();
        Ok(files)
    }

    /// A copy for a reader of several files.
    pub(super) fn again(&self) -> Self {
        Self { folder: self.folder.clone(), parts: OnceCell::new() }
    }

    /// A file that the specification names under `key`. Rejects links and everything else that is not a regular file.
    pub(super) fn find(&self, key: &str, path: &str) -> Result<(File, u64), Fault> {
        let fault = |message: String| Fault::new(FaultKind::Specification, message).key(key);
        let whole = self.folder.join(path);
        let found = whole.symlink_metadata().map_err(|error| fault(format!("`{path}` cannot be read: {error}")))?;
        let inside = whole.canonicalize().is_ok_and(|real| real.starts_with(&self.folder));
        if !found.is_file() || !inside {
            return Err(fault(format!("`{path}` is not a plain file in the model's folder")));
        }
        let file = File::open(&whole).map_err(|error| fault(format!("`{path}` cannot be read: {error}")))?;
        Ok((file, found.len()))
    }

    /// Opens a file for reading, decompressed.
    pub(super) fn read(&self, key: &str, path: &str) -> Result<DataFile, Fault> {
        let (mut file, size) = self.find(key, path)?;
        let mut start = Vec::with_capacity(LFS_POINTER.len());
        let read = (&mut file).take(LFS_POINTER.len() as u64).read_to_end(&mut start);
        read.map_err(|error| Fault::new(FaultKind::Data, error.to_string()).file(path))?;
        if start == LFS_POINTER {
            return Err(table::lfs_pointer(path));
        }
        file.rewind().map_err(|error| Fault::new(FaultKind::Data, error.to_string()).file(path))?;
        let compression = Compression::of(&start);
        Ok(DataFile { reader: unpack(file, size, compression), size, compression, name: path.to_owned() })
    }

    /// Adds the bytes of the files of a path or glob, as stored on disk, to a digest.
    pub(super) fn hash(&self, key: &str, path: &str, hasher: &mut Sha256) -> Result<(), Fault> {
        let mut chunk = vec![0; 1 << 20];
        for path in self.files_of(key, path)? {
            let (mut file, _) = self.find(key, &path)?;
            loop {
                match file.read(&mut chunk) {
                    Ok(0) => break,
                    Ok(read) => hasher.update(&chunk[..read]),
                    Err(error) => return Err(Fault::new(FaultKind::Data, error.to_string()).file(path)),
                }
            }
        }
        Ok(())
    }
}
