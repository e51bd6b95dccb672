//! The files of one state of a repository, a revision or a folder on disk. What is checked against files is checked through
//! this, so that `slipway check` and the runs of a server say the same.

use std::fmt;

use slipway_domain::CommitSha;
use slipway_git::{GitError, Mirror};

/// What stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    /// A regular file.
    File,
    /// A regular file that git keeps out of commits.
    Ignored,
    /// Anything else, as messages call it: `a folder`.
    Other(&'static str),
}

/// The files of one state of a repository. Paths begin at its top, with `/` between their parts.
pub(crate) trait Files {
    /// Why they cannot be read.
    type Error: fmt::Display;

    /// How messages call the state: `at 1a2b3c4d`.
    fn place(&self) -> String;
    /// A path as messages call it.
    fn shown(&self, path: &str) -> String {
        path.to_owned()
    }
    /// What stands at a path; `None` where nothing does. Links are not followed.
    fn entry(&self, path: &str) -> Result<Option<Entry>, Self::Error>;
    /// The bytes of a regular file, `None` where nothing is; more than so many are an error.
    fn read(&self, path: &str, most: u64) -> Result<Option<Vec<u8>>, Self::Error>;
    /// The paths of regular files that are wanted, sorted.
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
        let found = self.mirror.entry(self.commit, path)?;
        Ok(found.map(|(name, is_file)| if is_file { Entry::File } else { Entry::Other(name) }))
    }

    fn read(&self, path: &str, most: u64) -> Result<Option<Vec<u8>>, GitError> {
        self.mirror.read_file(self.commit, path, most)
    }

    fn find(&self, is_wanted: &dyn Fn(&str) -> bool) -> Result<Vec<String>, GitError> {
        Ok(self.mirror.find_files(self.commit, is_wanted)?.into_iter().map(|file| file.path).collect())
    }
}
