//! Writes files: all of them or none, never over a changed file, and with the same result if repeated.

use std::fs::{self, File};
use std::io::{BufReader, Read, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::cli::exit::{self, Failure};

/// Result of writing a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Became {
    /// It did not exist.
    Written,
    /// It existed with other content.
    Replaced,
    /// It existed with the same content.
    Kept,
}

impl Became {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Written => "wrote",
            Self::Replaced => "replaced",
            Self::Kept => "kept",
        }
    }
}

/// Files that are staged in a folder, to be put into another folder under the same paths.
pub(super) struct Ready {
    /// The staging folder.
    from: PathBuf,
    /// The target folder.
    to: PathBuf,
    paths: Vec<String>,
}

impl Ready {
    pub(super) fn new(from: &Path, to: &Path) -> Self {
        Self { from: from.to_owned(), to: to.to_owned(), paths: Vec::new() }
    }

    /// Stages a text.
    pub(super) fn add(&mut self, path: &str, text: &str) -> Result<(), Failure> {
        self.create(path)?.write_all(text.as_bytes()).map_err(|error| failed(&self.from.join(path), &error))
    }

    /// Stages a file for writing.
    pub(super) fn create(&mut self, path: &str) -> Result<File, Failure> {
        let whole = self.from.join(path);
        self.paths.push(path.to_owned());
        let made = whole.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| File::create(&whole));
        made.map_err(|error| failed(&whole, &error))
    }

    pub(super) fn paths(&self) -> &[String] {
        &self.paths
    }

    /// Returns the files that exist with other content, or that are not plain files.
    pub(super) fn conflicts(&self) -> Result<Vec<PathBuf>, Failure> {
        let mut found = Vec::new();
        for path in &self.paths {
            let whole = self.to.join(path);
            if whole.symlink_metadata().is_ok() && !self.is_the_same(path)? {
                found.push(whole);
            }
        }
        Ok(found)
    }

    fn is_the_same(&self, path: &str) -> Result<bool, Failure> {
        let (ready, there) = (self.from.join(path), self.to.join(path));
        let is_plain = there.symlink_metadata().is_ok_and(|found| found.is_file());
        if !is_plain {
            return Ok(false);
        }
        are_equal(&ready, &there).map_err(|error| failed(&there, &error))
    }

    /// Puts the files into the target folder. Each one is complete or does not exist.
    pub(super) fn put(&self) -> Result<Vec<(String, Became)>, Failure> {
        let mut put = Vec::new();
        for path in &self.paths {
            let whole = self.to.join(path);
            let was_there = whole.symlink_metadata().is_ok();
            let became = if was_there && self.is_the_same(path)? {
                Became::Kept
            } else {
                place(&self.from.join(path), &whole).map_err(|error| failed(&whole, &error))?;
                if was_there { Became::Replaced } else { Became::Written }
            };
            put.push((path.clone(), became));
        }
        Ok(put)
    }
}

fn failed(path: &Path, error: &std::io::Error) -> Failure {
    exit::invalid(format!("{}: {error}", path.display()))
}

fn place(ready: &Path, whole: &Path) -> std::io::Result<()> {
    let folder = whole.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut beside = tempfile::Builder::new().prefix(".slipway-").permissions(readable()).tempfile_in(folder)?;
    std::io::copy(&mut File::open(ready)?, beside.as_file_mut())?;
    beside.persist(whole).map_err(|error| error.error)?;
    Ok(())
}

/// Returns the permissions that programs usually request for a new file; the user's umask applies.
fn readable() -> fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o666)
}

fn are_equal(one: &Path, other: &Path) -> std::io::Result<bool> {
    if one.metadata()?.len() != other.metadata()?.len() {
        return Ok(false);
    }
    let (mut one, mut other) = (BufReader::new(File::open(one)?), BufReader::new(File::open(other)?));
    let (mut left, mut right) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        let read = one.read(&mut left)?;
        if read == 0 {
            return Ok(true);
        }
        other.read_exact(&mut right[..read])?;
        if left[..read] != right[..read] {
            return Ok(false);
        }
    }
}

/// Writes a secret that only its owner can read, unless the file exists: what was made with the old secret stays valid.
pub(super) fn keep_secret(path: &Path) -> Result<Became, Failure> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(exit::defect)?;
    match fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(mut file) => {
            writeln!(file, "{}", hex::encode(bytes)).map_err(|error| failed(path, &error))?;
            Ok(Became::Written)
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(Became::Kept),
        Err(error) => Err(failed(path, &error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_somebody_changed_is_found_before_anything_is_written() {
        let (from, to) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let mut ready = Ready::new(from.path(), to.path());
        ready.add("a/b.yaml", "one").expect("ready");
        ready.add("c.yaml", "two").expect("ready");
        assert_eq!(ready.conflicts().expect("read"), [""; 0].map(PathBuf::from));
        let became =
            |ready: &Ready| ready.put().expect("put").into_iter().map(|(_, became)| became).collect::<Vec<_>>();
        assert_eq!(became(&ready), [Became::Written, Became::Written]);
        assert_eq!(became(&ready), [Became::Kept, Became::Kept]);
        fs::write(to.path().join("c.yaml"), "own").expect("written");
        assert_eq!(ready.conflicts().expect("read"), [to.path().join("c.yaml")]);
        assert_eq!(became(&ready), [Became::Kept, Became::Replaced]);
        fs::remove_file(to.path().join("c.yaml")).expect("removed");
        std::os::unix::fs::symlink("/nowhere", to.path().join("c.yaml")).expect("linked");
        assert_eq!(ready.conflicts().expect("read").len(), 1, "a link that leads nowhere is no file of ours");
    }

    #[test]
    fn a_secret_is_made_once_and_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("secret");
        assert_eq!(keep_secret(&path).expect("made"), Became::Written);
        let made = fs::read_to_string(&path).expect("a secret");
        assert_eq!(keep_secret(&path).expect("kept"), Became::Kept);
        assert_eq!(fs::read_to_string(&path).expect("a secret"), made);
        assert_eq!((made.trim().len(), path.metadata().expect("a file").permissions().mode() & 0o777), (64, 0o600));
    }
}
