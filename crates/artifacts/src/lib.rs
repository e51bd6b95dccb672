//! Artifact store, as a replaceable part: trained weights and their documents, under the SHA-256 of the weights.

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

/// The location of the artifacts.
#[derive(Debug, Clone)]
pub enum Settings {
    /// A folder on this machine.
    Folder {
        /// The folder; created if it is missing.
        path: PathBuf,
        /// Folders with the same format, such as that of a backup. The first folder with an intact copy replaces a damaged or
        /// missing file.
        copies: Vec<PathBuf>,
        /// The prefix of an artifact's digest in its address, such as `s3://models`, at which the cluster reaches the same files.
        /// Default: the folder itself.
        uri: Option<String>,
    },
}

/// Opens the store in `settings`.
pub fn connect(settings: &Settings) -> Result<Arc<dyn ArtifactStore>, ArtifactError> {
    match settings {
        Settings::Folder { path, copies, uri } => {
            Ok(Arc::new(object::ObjectArtifacts::in_folder(path, copies, uri.as_deref())?))
        }
    }
}

/// Stores weights and their documents. A read returns the written bytes or an error.
#[async_trait]
pub trait ArtifactStore: Send + Sync {
    /// Stores a weights file and returns its digest. Only safetensors are accepted. The operation is idempotent; it replaces
    /// damaged weights of the same digest.
    async fn put_weights(&self, file: &Path) -> Result<Digest, ArtifactError>;

    /// Stores the model of a program, a file of any format, and returns its digest. The operation is idempotent; it replaces a
    /// damaged file of the same digest.
    async fn put_program_model(&self, file: &Path) -> Result<Digest, ArtifactError>;

    /// Writes an artifact's weights, or the model of a program, to `file`. The file exists afterwards only if the digest is correct.
    async fn get_weights(&self, artifact: &Digest, file: &Path) -> Result<(), ArtifactError>;

    /// Stores a document beside an artifact's weights and returns the document's own digest.
    async fn put_document(&self, artifact: &Digest, name: &str, content: Vec<u8>) -> Result<Digest, ArtifactError>;

    /// Reads a document, which must have the expected digest.
    async fn get_document(&self, artifact: &Digest, name: &str, expected: &Digest) -> Result<Vec<u8>, ArtifactError>;

    /// The address of the artifact's folder for a cluster.
    fn uri(&self, artifact: &Digest) -> String;

    /// All artifacts, in arbitrary order.
    async fn artifacts(&self) -> Result<Vec<Digest>, ArtifactError>;

    /// The files of an artifact, sorted by name; none if the artifact does not exist.
    async fn files(&self, artifact: &Digest) -> Result<Vec<StoredFile>, ArtifactError>;

    /// Removes the documents in a subfolder of an artifact, such as `evaluations/RUN`.
    async fn remove_documents(&self, artifact: &Digest, below: &str) -> Result<(), ArtifactError>;

    /// Moves a whole artifact to the trash. Until its purge, a read or `restore` brings it back.
    async fn move_to_trash(&self, artifact: &Digest, at: Timestamp) -> Result<(), ArtifactError>;

    /// Restores an artifact from the trash. Returns whether it was there.
    async fn restore(&self, artifact: &Digest) -> Result<bool, ArtifactError>;

    /// Artifacts in the trash.
    async fn removed(&self) -> Result<Vec<Removed>, ArtifactError>;

    /// Deletes an artifact from the trash.
    async fn purge(&self, removed: &Removed) -> Result<(), ArtifactError>;

    /// Registers a store of deliveries and runs, by its identity, as a user of this artifact store. Returns all registered
    /// stores.
    async fn register(&self, store: &str) -> Result<Vec<String>, ArtifactError>;
}

/// Why an artifact could not be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// The file is not safetensors.
    #[error(
        "`{file}` is {found}, expected safetensors\n  help: save the weights as safetensors; other formats can run code or crash when they are loaded"
    )]
    NotSafetensors {
        /// The file.
        file: String,
        /// The detected format.
        found: &'static str,
    },
    /// There is no such artifact or document.
    #[error(
        "{name} of artifact {artifact} is not in the artifact store\n  help: check whether the file was removed or the store's address changed; then restore it, or train the model again"
    )]
    Missing {
        /// The artifact.
        artifact: Digest,
        /// The missing file of the artifact.
        name: String,
    },
    /// The read bytes differ from the stored bytes.
    #[error(
        "{name} of artifact {artifact} is damaged and was not used: its digest is {found}, expected {expected}\n  help: set `artifacts.copies` to a folder with an intact copy, or train the model again"
    )]
    Damaged {
        /// The artifact.
        artifact: Digest,
        /// The damaged file of the artifact.
        name: String,
        /// The expected digest.
        expected: Digest,
        /// The actual digest.
        found: Digest,
    },
    /// A file on this machine could not be read or written.
    #[error("`{file}`: {error}")]
    File {
        /// The file.
        file: String,
        /// The reason.
        error: std::io::Error,
    },
    /// The object store failed.
    #[error("the artifact store failed: {0}")]
    Store(#[source] object_store::Error),
}

impl ArtifactError {
    /// Whether the artifact itself is missing or damaged, so that another attempt has the same result.
    pub fn is_lost(&self) -> bool {
        matches!(self, Self::Missing { .. } | Self::Damaged { .. })
    }

    /// Whether another attempt can help.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Store(_) | Self::File { .. } => Retry::Backoff,
            Self::NotSafetensors { .. } | Self::Missing { .. } | Self::Damaged { .. } => Retry::Never,
        }
    }
}
