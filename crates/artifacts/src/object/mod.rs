//! Artifacts in an object store: `sha256/<hex>/model.safetensors` or, from a program, `model.bin`, and documents beside it. Every read verifies the digest; an
//! intact copy, if there is one, replaces a damaged or missing file.

use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use object_store::buffered::BufWriter;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _, PutPayload};
use sha2::{Digest as _, Sha256};
use slipway_contract::Digest;
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::folder::{Folder, Removed, StoredFile};
use super::{ArtifactError, ArtifactStore, magic};

/// File name of the weights.
pub(super) const WEIGHTS: &str = "model.safetensors";
/// File name of the model of a program, which can have any format.
pub(super) const PROGRAM_MODEL: &str = "model.bin";
/// Bytes read at a time.
const CHUNK: usize = 1 << 20;

/// Artifacts in any object store.
pub(super) struct ObjectArtifacts {
    store: Arc<dyn ObjectStore>,
    folder: Folder,
    /// Folders with the same format that can contain intact copies.
    copies: Vec<PathBuf>,
    uri: String,
}

impl ObjectArtifacts {
    /// Opens a folder of this machine as a store; every file is synced to disk.
    pub(super) fn in_folder(folder: &FilePath, copies: &[PathBuf], uri: Option<&str>) -> Result<Self, ArtifactError> {
        let file_error = |error| ArtifactError::File { file: folder.display().to_string(), error };
        std::fs::create_dir_all(folder).map_err(file_error)?;
        let folder = folder.canonicalize().map_err(file_error)?;
        let store = LocalFileSystem::new_with_prefix(&folder).map_err(ArtifactError::Store)?.with_fsync(true);
        let uri =
            uri.map_or_else(|| format!("file://{}", folder.display()), |uri| uri.trim_end_matches('/').to_owned());
        Ok(Self { store: Arc::new(store), folder: Folder::new(folder), copies: copies.to_vec(), uri })
    }

    fn path(artifact: &Digest, name: &str) -> Path {
        Path::from(relative(artifact, name))
    }

    /// Whether the store contains the file that is the artifact, without damage. Sets a damaged one aside.
    async fn holds(&self, artifact: &Digest, name: &'static str) -> Result<bool, ArtifactError> {
        let stored = self.folder.file(artifact, name);
        let found = if name == WEIGHTS { digest_of(&stored).await } else { of_any(&stored).await };
        match found {
            Ok(found) if found == *artifact => {
                let (folder, artifact) = (self.folder.clone(), artifact.clone());
                self.in_background(move || folder.touch(&artifact, name)).await?;
                Ok(true)
            }
            Ok(_) | Err(ArtifactError::NotSafetensors { .. }) => {
                self.set_damaged_aside(artifact, name).await?;
                Ok(false)
            }
            Err(_) if !stored.exists() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Writes a file of this machine into the store, completely or not at all.
    async fn write(&self, file: &FilePath, path: Path) -> Result<(), ArtifactError> {
        let failed = of_file(file);
        let mut reader = File::open(file).await.map_err(&failed)?;
        let mut writer = BufWriter::new(self.store.clone(), path);
        tokio::io::copy(&mut reader, &mut writer).await.map_err(&failed)?;
        writer.shutdown().await.map_err(&failed)
    }

    /// Moves a damaged file to a folder that is not read, for a later examination by a person.
    async fn set_damaged_aside(&self, artifact: &Digest, name: &str) -> Result<(), ArtifactError> {
        let (folder, of, file) = (self.folder.clone(), artifact.clone(), name.to_owned());
        if let Some(kept) = self.in_background(move || folder.set_damaged_aside(&of, &file, Timestamp::now())).await? {
            tracing::error!(%artifact, file = name, "the file is damaged and was moved to `{}`", kept.display());
        }
        Ok(())
    }

    /// Replaces a damaged or missing file by an intact copy. Returns whether there was one.
    async fn heal(&self, artifact: &Digest, name: &str, expected: &Digest) -> Result<bool, ArtifactError> {
        if self.restore(artifact).await? {
            let back = plain_digest(&self.folder.file(artifact, name)).await;
            if back.is_ok_and(|found| found == *expected) {
                return Ok(true);
            }
        }
        for copy in &self.copies {
            let copy = copy.join(relative(artifact, name));
            match plain_digest(&copy).await {
                Ok(found) if found == *expected => {}
                Ok(_) => {
                    tracing::warn!(%artifact, "the copy `{}` is damaged as well", copy.display());
                    continue;
                }
                Err(_) => continue,
            }
            self.set_damaged_aside(artifact, name).await?;
            self.write(&copy, Self::path(artifact, name)).await?;
            metrics::counter!("slipway_artifacts_healed_total").increment(1);
            tracing::warn!(%artifact, file = name, "the file was replaced by the intact copy `{}`", copy.display());
            return Ok(true);
        }
        Ok(false)
    }

    /// Runs work on the folder in a thread for blocking operations.
    async fn in_background<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
    ) -> Result<T, ArtifactError> {
        let failed = |error| ArtifactError::File { file: self.folder.root().display().to_string(), error };
        tokio::task::spawn_blocking(work).await.map_err(|error| failed(std::io::Error::other(error)))?.map_err(failed)
    }

    /// The name of the file that is the artifact.
    async fn name_of(&self, artifact: &Digest) -> Result<&'static str, ArtifactError> {
        match self.store.head(&Self::path(artifact, PROGRAM_MODEL)).await {
            Ok(_) => Ok(PROGRAM_MODEL),
            Err(object_store::Error::NotFound { .. }) => Ok(WEIGHTS),
            Err(error) => Err(ArtifactError::Store(error)),
        }
    }

    async fn read_weights(&self, artifact: &Digest, name: &str, file: &FilePath) -> Result<(), ArtifactError> {
        let path = Self::path(artifact, name);
        let length = self.store.head(&path).await.map_err(missing(artifact, name))?.size;
        let failed = of_file(file);
        let partial = file.with_extension("partial");
        let mut writer = File::create(&partial).await.map_err(&failed)?;
        let mut hasher = Sha256::new();
        let mut at = 0;
        while at < length {
            let end = length.min(at + CHUNK as u64);
            let bytes = self.store.get_range(&path, at..end).await.map_err(missing(artifact, name))?;
            hasher.update(&bytes);
            writer.write_all(&bytes).await.map_err(&failed)?;
            at = end;
        }
        writer.flush().await.map_err(&failed)?;
        let found = Digest::of_hasher(hasher);
        if found != *artifact {
            tokio::fs::remove_file(&partial).await.map_err(&failed)?;
            let (artifact, expected, name) = (artifact.clone(), artifact.clone(), name.to_owned());
            return Err(ArtifactError::Damaged { artifact, name, expected, found });
        }
        tokio::fs::rename(&partial, file).await.map_err(&failed)
    }

    async fn read_document(&self, artifact: &Digest, name: &str, expected: &Digest) -> Result<Vec<u8>, ArtifactError> {
        let found = self.store.get(&Self::path(artifact, name)).await.map_err(missing(artifact, name))?;
        let bytes = found.bytes().await.map_err(missing(artifact, name))?.to_vec();
        let digest = Digest::of(&bytes);
        if digest == *expected {
            return Ok(bytes);
        }
        let (artifact, expected, name) = (artifact.clone(), expected.clone(), name.to_owned());
        Err(ArtifactError::Damaged { artifact, name, expected, found: digest })
    }
}

/// The path of an artifact's file, in the store and in every copy of it.
fn relative(artifact: &Digest, name: &str) -> String {
    format!("sha256/{}/{name}", artifact.hex())
}

fn of_file(file: &FilePath) -> impl Fn(std::io::Error) -> ArtifactError {
    let file = file.display().to_string();
    move |error| ArtifactError::File { file: file.clone(), error }
}

fn missing(artifact: &Digest, name: &str) -> impl Fn(object_store::Error) -> ArtifactError {
    let (artifact, name) = (artifact.clone(), name.to_owned());
    move |error| match error {
        object_store::Error::NotFound { .. } => {
            ArtifactError::Missing { artifact: artifact.clone(), name: name.clone() }
        }
        error => ArtifactError::Store(error),
    }
}

/// The digest of a file that must be safetensors, read in chunks.
async fn digest_of(file: &FilePath) -> Result<Digest, ArtifactError> {
    let failed = of_file(file);
    let mut reader = File::open(file).await.map_err(&failed)?;
    let length = reader.metadata().await.map_err(&failed)?.len();
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    let mut first = true;
    loop {
        let read = reader.read(&mut chunk).await.map_err(&failed)?;
        if std::mem::take(&mut first)
            && let Some(found) = magic::not_safetensors(&chunk[..read], length)
        {
            return Err(ArtifactError::NotSafetensors { file: file.display().to_string(), found });
        }
        if read == 0 {
            return Ok(Digest::of_hasher(hasher));
        }
        hasher.update(&chunk[..read]);
    }
}

/// The digest of a file of any format.
async fn of_any(file: &FilePath) -> Result<Digest, ArtifactError> {
    plain_digest(file).await.map_err(of_file(file))
}

/// The digest of any file.
async fn plain_digest(file: &FilePath) -> std::io::Result<Digest> {
    let mut reader = File::open(file).await?;
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    loop {
        match reader.read(&mut chunk).await? {
            0 => return Ok(Digest::of_hasher(hasher)),
            read => hasher.update(&chunk[..read]),
        }
    }
}

#[async_trait]
impl ArtifactStore for ObjectArtifacts {
    async fn put_weights(&self, file: &FilePath) -> Result<Digest, ArtifactError> {
        let artifact = digest_of(file).await?;
        if !self.holds(&artifact, WEIGHTS).await? {
            self.write(file, Self::path(&artifact, WEIGHTS)).await?;
        }
        Ok(artifact)
    }

    async fn put_program_model(&self, file: &FilePath) -> Result<Digest, ArtifactError> {
        let artifact = of_any(file).await?;
        if !self.holds(&artifact, PROGRAM_MODEL).await? {
            self.write(file, Self::path(&artifact, PROGRAM_MODEL)).await?;
        }
        Ok(artifact)
    }

    async fn get_weights(&self, artifact: &Digest, file: &FilePath) -> Result<(), ArtifactError> {
        let name = self.name_of(artifact).await?;
        match self.read_weights(artifact, name, file).await {
            Err(error) if error.is_lost() => {
                if self.restore(artifact).await? {
                    let name = self.name_of(artifact).await?;
                    if self.read_weights(artifact, name, file).await.is_ok() {
                        return Ok(());
                    }
                }
                // A lost file does not say which of the two it was.
                for name in [WEIGHTS, PROGRAM_MODEL] {
                    if self.heal(artifact, name, artifact).await? {
                        return self.read_weights(artifact, name, file).await;
                    }
                }
                Err(error)
            }
            read => read,
        }
    }

    async fn put_document(&self, artifact: &Digest, name: &str, content: Vec<u8>) -> Result<Digest, ArtifactError> {
        let digest = Digest::of(&content);
        let payload = PutPayload::from(content);
        self.store.put(&Self::path(artifact, name), payload).await.map_err(ArtifactError::Store)?;
        Ok(digest)
    }

    async fn get_document(&self, artifact: &Digest, name: &str, expected: &Digest) -> Result<Vec<u8>, ArtifactError> {
        match self.read_document(artifact, name, expected).await {
            Err(error) if error.is_lost() && self.heal(artifact, name, expected).await? => {
                self.read_document(artifact, name, expected).await
            }
            read => read,
        }
    }

    fn uri(&self, artifact: &Digest) -> String {
        format!("{}/sha256/{}", self.uri, artifact.hex())
    }

    async fn artifacts(&self) -> Result<Vec<Digest>, ArtifactError> {
        let folder = self.folder.clone();
        self.in_background(move || folder.artifacts()).await
    }

    async fn files(&self, artifact: &Digest) -> Result<Vec<StoredFile>, ArtifactError> {
        let (folder, artifact) = (self.folder.clone(), artifact.clone());
        self.in_background(move || folder.files(&artifact)).await
    }

    async fn remove_documents(&self, artifact: &Digest, below: &str) -> Result<(), ArtifactError> {
        let (folder, artifact, below) = (self.folder.clone(), artifact.clone(), below.to_owned());
        self.in_background(move || folder.remove_documents(&artifact, &below)).await
    }

    async fn move_to_trash(&self, artifact: &Digest, at: Timestamp) -> Result<(), ArtifactError> {
        let (folder, artifact) = (self.folder.clone(), artifact.clone());
        self.in_background(move || folder.move_to_trash(&artifact, at)).await
    }

    async fn restore(&self, artifact: &Digest) -> Result<bool, ArtifactError> {
        let (folder, artifact) = (self.folder.clone(), artifact.clone());
        self.in_background(move || folder.restore(&artifact)).await
    }

    async fn removed(&self) -> Result<Vec<Removed>, ArtifactError> {
        let folder = self.folder.clone();
        self.in_background(move || folder.removed()).await
    }

    async fn purge(&self, removed: &Removed) -> Result<(), ArtifactError> {
        let (folder, removed) = (self.folder.clone(), removed.clone());
        self.in_background(move || folder.purge(&removed)).await
    }

    async fn register(&self, store: &str) -> Result<Vec<String>, ArtifactError> {
        let (folder, store) = (self.folder.clone(), store.to_owned());
        self.in_background(move || folder.register(&store)).await
    }
}

#[cfg(test)]
mod tests;
