//! Where an environment's files are read: at a revision in a mirror, or on the tip on which a promotion is built.

use slipway_domain::CommitSha;
use slipway_git::{GitError, Held, Mirror, Snapshot, TreeFile};

/// A revision of an environment, as far as the search for marks needs it.
pub(crate) trait Manifests {
    /// The files that may hold marks.
    fn files(&self, held: &Held) -> Result<Vec<TreeFile>, GitError>;
    /// A file's bytes.
    fn read(&self, file: &TreeFile) -> Result<Vec<u8>, GitError>;
    /// Checks that no filter would change the file's bytes on a write. The writer checks this again.
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
