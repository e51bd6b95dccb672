//! Opens the data files of a model: only inside its folder, decompressed if they are gzip, within a size limit.

use std::fs::File;
use std::io::{BufReader, Read, Seek as _};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use sha2::{Digest as _, Sha256};
use slipway_contract::table::{self, LFS_POINTER};
use slipway_contract::{Fault, FaultKind};

/// A model's folder.
pub(super) struct Source {
    folder: PathBuf,
}

/// An open data file.
pub(super) struct DataFile {
    /// Its bytes, decompressed.
    pub(super) reader: Box<dyn Read>,
    /// Its size on disk.
    pub(super) size: u64,
    /// Whether it is compressed. Its size then differs from the size of its content.
    pub(super) packed: bool,
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
        let what = if self.packed { "the gzip stream is broken" } else { "the file cannot be read" };
        self.fault(format!("{what} at unpacked byte {at}: {error}"))
    }
}

impl Source {
    /// Opens the model's folder, which must exist.
    pub(super) fn open(folder: &Path) -> Result<Self, Fault> {
        let folder = folder.canonicalize().map_err(|error| crate::failure::of_file(folder, &error))?;
        Ok(Self { folder })
    }

    /// A file that the specification names under `key`. Rejects links and everything else that is not a regular file.
    fn find(&self, key: &str, path: &str) -> Result<(File, u64), Fault> {
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
        let packed = start.starts_with(&table::GZIP);
        file.rewind().map_err(|error| Fault::new(FaultKind::Data, error.to_string()).file(path))?;
        let file = BufReader::with_capacity(1 << 16, file);
        let reader: Box<dyn Read> = if packed { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
        Ok(DataFile { reader, size, packed, name: path.to_owned() })
    }

    /// Adds a file's bytes, as stored on disk, to a digest.
    pub(super) fn hash(&self, key: &str, path: &str, hasher: &mut Sha256) -> Result<(), Fault> {
        let (mut file, _) = self.find(key, path)?;
        let mut chunk = vec![0; 1 << 20];
        loop {
            match file.read(&mut chunk) {
                Ok(0) => return Ok(()),
                Ok(read) => hasher.update(&chunk[..read]),
                Err(error) => return Err(Fault::new(FaultKind::Data, error.to_string()).file(path)),
            }
        }
    }
}
