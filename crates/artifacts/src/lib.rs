//! Seam: where trained weights and what belongs to them are kept, under the weights' SHA-256.

mod copy;
mod folder;
mod magic;
mod object;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use slipway_contract::Digest;

use slipway_domain::Retry;

pub use copy::{CopiedArtifacts, Inclusion, LIST, back_up, restore, verify};
pub use folder::{Removed, StoredFile};

/// Where artifacts are kept.
#[derive(Debug, Clone)]
pub enum Settings {
    /// A folder on this machine.
    Folder {
        /// The folder; made if it is missing.
        path: PathBuf,
        /// Folders of the same form, such as that of a backup: a damaged or missing file is replaced by a good copy from
        /// the first that has one.
        copies: Vec<PathBuf>,
        /// What stands before an artifact's digest in its address, such as `s3://models`: where the cluster reaches
        /// the same files. The folder itself when absent.
        uri: Option<String>,
    },
}

/// Opens the store that `settings` name.
pub fn connect(settings: &Settings) -> Result<Arc<dyn ArtifactStore>, ArtifactError> {
    match settings {
        Settings::Folder { path, copies, uri } => {
            Ok(Arc::new(object::ObjectArtifacts::in_folder(path, copies, uri.as_deref())?))
        }
    }
}

/// Weights and documents about them. What is read back is what was written, or an error.
#[async_trait]
pub trait ArtifactStore: Send + Sync {
    /// Stores a weights file and answers its digest. Only safetensors are taken. Storing the same bytes twice is the
    /// same as storing them once; weights that are there and damaged are replaced.
    async fn put_weights(&self, file: &Path) -> Result<Digest, ArtifactError>;

    /// Writes an artifact's weights to `file`, which exists afterwards only if they have that digest.
    async fn get_weights(&self, artifact: &Digest, file: &Path) -> Result<(), ArtifactError>;

    /// Stores a document beside an artifact's weights and answers the document's own digest.
    async fn put_document(&self, artifact: &Digest, name: &str, content: Vec<u8>) -> Result<Digest, ArtifactError>;

    /// Reads a document, which must have the digest that is expected.
    async fn get_document(&self, artifact: &Digest, name: &str, expected: &Digest) -> Result<Vec<u8>, ArtifactError>;

    /// The address under which a cluster finds the artifact's folder.
    fn uri(&self, artifact: &Digest) -> String;

    /// All artifacts, in no order.
    async fn artifacts(&self) -> Result<Vec<Digest>, ArtifactError>;

    /// The files of an artifact by their names; none if it is not there.
    async fn files(&self, artifact: &Digest) -> Result<Vec<StoredFile>, ArtifactError>;

    /// Removes the documents of an artifact in a folder of its own, such as `evaluations/RUN`.
    async fn remove_documents(&self, artifact: &Digest, below: &str) -> Result<(), ArtifactError>;

    /// Takes an artifact away, whole. Until it is purged it comes back when it is read, or by `restore`.
    async fn move_to_trash(&self, artifact: &Digest, at: Timestamp) -> Result<(), ArtifactError>;

    /// Brings back what was set aside. Says whether there was something.
    async fn restore(&self, artifact: &Digest) -> Result<bool, ArtifactError>;

    /// What was set aside and not purged yet.
    async fn removed(&self) -> Result<Vec<Removed>, ArtifactError>;

    /// Removes for good what was set aside.
    async fn purge(&self, removed: &Removed) -> Result<(), ArtifactError>;

    /// Notes that a store of deliveries and runs, by its identity, keeps its artifacts here. Answers all that do.
    async fn register(&self, store: &str) -> Result<Vec<String>, ArtifactError>;
}

/// Why an artifact could not be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// The file is something else than safetensors.
    #[error(
        "`{file}` is {found}, expected safetensors\n  help: other formats can run code or crash when they are loaded, so they are not taken"
    )]
    NotSafetensors {
        /// The file.
        file: String,
        /// What it looks like.
        found: &'static str,
    },
    /// There is no such artifact or document.
    #[error(
        "{name} of artifact {artifact} is not in the artifact store\n  help: it was removed, or the store's address has changed"
    )]
    Missing {
        /// The artifact.
        artifact: Digest,
        /// What of it.
        name: String,
    },
    /// What was read is not what was stored.
    #[error(
        "{name} of artifact {artifact} is damaged: its digest is {found}, expected {expected}\n  help: it is not used as it is; name a folder with a good copy in `artifacts.copies`, or train the model again"
    )]
    Damaged {
        /// The artifact.
        artifact: Digest,
        /// What of it.
        name: String,
        /// The digest it should have.
        expected: Digest,
        /// The digest it has.
        found: Digest,
    },
    /// A file on this machine could not be read or written.
    #[error("`{file}`: {error}")]
    File {
        /// The file.
        file: String,
        /// Why.
        error: std::io::Error,
    },
    /// The object store refused.
    #[error("the artifact store failed: {0}")]
    Store(#[source] object_store::Error),
}

impl ArtifactError {
    /// Whether the artifact itself is gone or damaged: another attempt finds the same.
    pub fn is_lost(&self) -> bool {
        matches!(self, Self::Missing { .. } | Self::Damaged { .. })
    }

    /// Whether trying again can help.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Store(_) | Self::File { .. } => Retry::Backoff,
            Self::NotSafetensors { .. } | Self::Missing { .. } | Self::Damaged { .. } => Retry::Never,
        }
    }
}
