//! Where an environment's files are read: at a revision in a mirror, or on the tip that a promotion is built on.

use slipway_domain::CommitSha;
use slipway_git::{GitError, Held, Mirror, Snapshot, TreeFile};

/// A revision of an environment, as far as marks are looked for in it.
pub(crate) trait Manifests {
    /// The files that may hold marks.
    fn files(&self, held: &Held) -> Result<Vec<TreeFile>, GitError>;
    /// A file's bytes.
    fn read(&self, file: &TreeFile) -> Result<Vec<u8>, GitError>;
    /// Whether the file could be written as its bytes are; where it is written that is asked again.
    fn check_unfiltered(&self, _file: &TreeFile) -> Result<(), GitError> {
        Ok(())
    }
}

impl Manifests for Snapshot<'_> {
    fn files(&self, held: &Held) -> Result<Vec<TreeFile>, GitError> {
        self.files_holding(held)
    }

    fn read(&self, file: &TreeFile) -> Result<Vec<u8>, GitError> {
        self.read_found(file)
    }
}

impl Manifests for (&Mirror, &CommitSha) {
    fn files(&self, held: &Held) -> Result<Vec<TreeFile>, GitError> {
        self.0.files_holding(self.1, held)
    }

    fn read(&self, file: &TreeFile) -> Result<Vec<u8>, GitError> {
        self.0.read_found(file)
    }

    fn check_unfiltered(&self, file: &TreeFile) -> Result<(), GitError> {
        self.0.check_unfiltered(self.1, &file.path)
    }
}
