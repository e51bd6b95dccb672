//! The files of one state of a repository: a revision, or a folder on disk. Checks read files only through this trait, so that
//! `slipway check` and the runs of a server report the same.

use std::fmt;

use slipway_contract::table::glob_matches;
use slipway_domain::{CommitSha, Diagnostic};
use slipway_git::{BareBranch, GitError, Mirror};

/// The entry at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    /// A regular file.
    File,
    /// A regular file that git ignores.
    Ignored,
    /// Any other entry, as messages name it: `a folder`.
    Other(&'static str),
}

/// The files of one state of a repository. Paths begin at its root, with `/` between their parts.
pub(crate) trait Files {
    /// Why the files cannot be read.
    type Error: fmt::Display;

    /// Name of the state in messages: `at 1a2b3c4d`.
    fn place(&self) -> String;
    /// Whether every file is that of a commit.
    fn is_commit(&self) -> bool {
        true
    }
    /// A path as messages show it.
    fn shown(&self, path: &str) -> String {
        path.to_owned()
    }
    /// The entry at a path; `None` if there is none. Links are not followed.
    fn entry(&self, path: &str) -> Result<Option<Entry>, Self::Error>;
    /// The bytes of a regular file; `None` if there is none. More than `most` bytes are an error.
    fn read(&self, path: &str, most: u64) -> Result<Option<Vec<u8>>, Self::Error>;
    /// The mistake in the file itself that an error of `read` with the same arguments means; `None` if the files cannot be read.
    fn mistake(path: &str, most: u64, error: &Self::Error) -> Option<Diagnostic>;
    /// The entries that a glob of data files matches, sorted: also those that git ignores, and those that are no regular files.
    fn matching(&self, glob: &str) -> Result<Vec<String>, Self::Error> {
        self.find(&|path| glob_matches(glob, path))
    }
    /// The paths of the wanted regular files, sorted.
    fn find(&self, is_wanted: &dyn Fn(&str) -> bool) -> Result<Vec<String>, Self::Error>;
}

/// A revision in a mirror.
pub(crate) struct Revision<'a> {
    pub(crate) mirror: &'a Mirror,
    pub(crate) commit: &'a CommitSha,
}

impl Files for Revision<'_> {
    type Error = GitError;

    fn place(&self) -> String {
        format!("at {}", self.commit.short())
    }

    fn entry(&self, path: &str) -> Result<Option<Entry>, GitError> {
        Ok(self.mirror.entry(self.commit, path)?.map(entry_of))
    }

    fn read(&self, path: &str, most: u64) -> Result<Option<Vec<u8>>, GitError> {
        self.mirror.read_file(self.commit, path, most)
    }

    fn mistake(path: &str, most: u64, error: &GitError) -> Option<Diagnostic> {
        mistake_in_git(path, most, error)
    }

    fn find(&self, is_wanted: &dyn Fn(&str) -> bool) -> Result<Vec<String>, GitError> {
        Ok(self.mirror.find_files(self.commit, is_wanted)?.into_iter().map(|file| file.path).collect())
    }
}

impl Files for BareBranch {
    type Error = GitError;

    fn place(&self) -> String {
        format!("at {}", self.tip().short())
    }

    fn entry(&self, path: &str) -> Result<Option<Entry>, GitError> {
        Ok(Self::entry(self, path)?.map(entry_of))
    }

    fn read(&self, path: &str, most: u64) -> Result<Option<Vec<u8>>, GitError> {
        self.read_file(path, most)
    }

    fn mistake(path: &str, most: u64, error: &GitError) -> Option<Diagnostic> {
        mistake_in_git(path, most, error)
    }

    fn find(&self, is_wanted: &dyn Fn(&str) -> bool) -> Result<Vec<String>, GitError> {
        Ok(self.find_files(is_wanted)?.into_iter().map(|file| file.path).collect())
    }
}

fn entry_of((name, is_file): (&'static str, bool)) -> Entry {
    if is_file { Entry::File } else { Entry::Other(name) }
}

fn mistake_in_git(path: &str, most: u64, error: &GitError) -> Option<Diagnostic> {
    match error {
        GitError::LimitExceeded { .. } => Some(too_large(path, most)),
        GitError::UnusablePath { problem, .. } => {
            Some(Diagnostic::new(path, format!("this {problem}")).help("commit the file itself"))
        }
        _ => None,
    }
}

/// The mistake of a file with more than `most` bytes.
pub(super) fn too_large(path: &str, most: u64) -> Diagnostic {
    let message = format!("the file has more than {} KiB, expected fewer", most >> 10);
    Diagnostic::new(path, message).help("store data in separate files")
}
