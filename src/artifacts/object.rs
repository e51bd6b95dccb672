//! Artifacts in an object store: `sha256/<hex>/model.safetensors`, and documents beside it.

use std::path::Path as FilePath;
use std::sync::Arc;

use async_trait::async_trait;
use object_store::buffered::BufWriter;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _, PutPayload};
use sha2::{Digest as _, Sha256};
use slipway_contract::Digest;
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{ArtifactError, ArtifactStore, magic};

/// Name of the weights beside their documents.
const WEIGHTS: &str = "model.safetensors";
/// Bytes read at a time.
const CHUNK: usize = 1 << 20;

/// Artifacts in any object store.
pub(super) struct ObjectArtifacts {
    store: Arc<dyn ObjectStore>,
    uri: String,
}

impl ObjectArtifacts {
    /// Artifacts in a folder of this machine, every file synced to disk.
    pub(super) fn in_folder(folder: &FilePath, uri: Option<&str>) -> Result<Self, ArtifactError> {
        let file_error = |error| ArtifactError::File { file: folder.display().to_string(), error };
        std::fs::create_dir_all(folder).map_err(file_error)?;
        let folder = folder.canonicalize().map_err(file_error)?;
        let store = LocalFileSystem::new_with_prefix(&folder).map_err(ArtifactError::Store)?.with_fsync(true);
        let uri =
            uri.map_or_else(|| format!("file://{}", folder.display()), |uri| uri.trim_end_matches('/').to_owned());
        Ok(Self { store: Arc::new(store), uri })
    }

    fn path(artifact: &Digest, name: &str) -> Path {
        Path::from(format!("sha256/{}/{name}", artifact.hex()))
    }

    /// Whether the weights are there already, whole.
    async fn holds(&self, path: &Path, length: u64) -> bool {
        self.store.head(path).await.is_ok_and(|meta| meta.size == length)
    }
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

/// Reads a file to its end, chunk by chunk, and answers its digest.
async fn digest_of(file: &FilePath) -> Result<(Digest, u64), ArtifactError> {
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
            return Ok((Digest::of_hasher(hasher), length));
        }
        hasher.update(&chunk[..read]);
    }
}

#[async_trait]
impl ArtifactStore for ObjectArtifacts {
    async fn put_weights(&self, file: &FilePath) -> Result<Digest, ArtifactError> {
        let (artifact, length) = digest_of(file).await?;
        let path = Self::path(&artifact, WEIGHTS);
        if self.holds(&path, length).await {
            return Ok(artifact);
        }
        let failed = of_file(file);
        let mut reader = File::open(file).await.map_err(&failed)?;
        let mut writer = BufWriter::new(self.store.clone(), path);
        tokio::io::copy(&mut reader, &mut writer).await.map_err(&failed)?;
        writer.shutdown().await.map_err(&failed)?;
        Ok(artifact)
    }

    async fn get_weights(&self, artifact: &Digest, file: &FilePath) -> Result<(), ArtifactError> {
        let path = Self::path(artifact, WEIGHTS);
        let length = self.store.head(&path).await.map_err(missing(artifact, WEIGHTS))?.size;
        let failed = of_file(file);
        let partial = file.with_extension("partial");
        let mut writer = File::create(&partial).await.map_err(&failed)?;
        let mut hasher = Sha256::new();
        let mut at = 0;
        while at < length {
            let end = length.min(at + CHUNK as u64);
            let bytes = self.store.get_range(&path, at..end).await.map_err(missing(artifact, WEIGHTS))?;
            hasher.update(&bytes);
            writer.write_all(&bytes).await.map_err(&failed)?;
            at = end;
        }
        writer.flush().await.map_err(&failed)?;
        let found = Digest::of_hasher(hasher);
        if found != *artifact {
            tokio::fs::remove_file(&partial).await.map_err(&failed)?;
            let (artifact, expected, name) = (artifact.clone(), artifact.clone(), WEIGHTS.to_owned());
            return Err(ArtifactError::Damaged { artifact, name, expected, found });
        }
        tokio::fs::rename(&partial, file).await.map_err(&failed)
    }

    async fn put_document(&self, artifact: &Digest, name: &str, content: Vec<u8>) -> Result<Digest, ArtifactError> {
        let digest = Digest::of(&content);
        let payload = PutPayload::from(content);
        self.store.put(&Self::path(artifact, name), payload).await.map_err(ArtifactError::Store)?;
        Ok(digest)
    }

    async fn get_document(&self, artifact: &Digest, name: &str, expected: &Digest) -> Result<Vec<u8>, ArtifactError> {
        let found = self.store.get(&Self::path(artifact, name)).await.map_err(missing(artifact, name))?;
        let bytes = found.bytes().await.map_err(missing(artifact, name))?.to_vec();
        let digest = Digest::of(&bytes);
        if digest == *expected {
            return Ok(bytes);
        }
        let (artifact, expected, name) = (artifact.clone(), expected.clone(), name.to_owned());
        Err(ArtifactError::Damaged { artifact, name, expected, found: digest })
    }

    fn uri(&self, artifact: &Digest) -> String {
        format!("{}/sha256/{}", self.uri, artifact.hex())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weights() -> Vec<u8> {
        [&2_u64.to_le_bytes()[..], b"{}", &vec![7; 3 << 20]].concat()
    }

    struct World {
        folder: tempfile::TempDir,
        artifacts: ObjectArtifacts,
    }

    impl World {
        fn new() -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            let artifacts =
                ObjectArtifacts::in_folder(&folder.path().join("store"), Some("s3://models/")).expect("a store");
            Self { folder, artifacts }
        }

        fn file(&self, name: &str, content: &[u8]) -> std::path::PathBuf {
            let path = self.folder.path().join(name);
            std::fs::write(&path, content).expect("written");
            path
        }

        fn stored(&self, artifact: &Digest) -> std::path::PathBuf {
            self.folder.path().join("store/sha256").join(artifact.hex()).join(WEIGHTS)
        }
    }

    #[tokio::test]
    async fn weights_come_back_as_they_were_stored_however_often() {
        let world = World::new();
        let file = world.file("weights", &weights());
        let artifact = world.artifacts.put_weights(&file).await.expect("stored");
        assert_eq!(artifact, Digest::of(&weights()));
        assert_eq!(world.artifacts.put_weights(&file).await.expect("stored again"), artifact);
        let back = world.folder.path().join("back");
        world.artifacts.get_weights(&artifact, &back).await.expect("read");
        assert_eq!(std::fs::read(back).expect("a file"), weights());
        assert_eq!(world.artifacts.uri(&artifact), format!("s3://models/sha256/{}", artifact.hex()));
    }

    #[tokio::test]
    async fn damaged_weights_are_not_handed_out() {
        let world = World::new();
        let artifact = world.artifacts.put_weights(&world.file("weights", &weights())).await.expect("stored");
        let mut damaged = weights();
        *damaged.last_mut().expect("bytes") = 8;
        std::fs::write(world.stored(&artifact), damaged).expect("written");
        let back = world.folder.path().join("back");
        let error = world.artifacts.get_weights(&artifact, &back).await.expect_err("damaged");
        assert!(matches!(error, ArtifactError::Damaged { .. }), "{error}");
        assert!(!back.exists() && !back.with_extension("partial").exists());
    }

    #[tokio::test]
    async fn a_half_written_file_is_written_again() {
        let world = World::new();
        let file = world.file("weights", &weights());
        let artifact = world.artifacts.put_weights(&file).await.expect("stored");
        std::fs::write(world.stored(&artifact), &weights()[..1000]).expect("cut");
        world.artifacts.put_weights(&file).await.expect("stored again");
        assert_eq!(std::fs::read(world.stored(&artifact)).expect("a file"), weights());
    }

    #[tokio::test]
    async fn missing_weights_and_foreign_formats_are_named() {
        let world = World::new();
        let nothing = Digest::of(b"nothing");
        let error = world.artifacts.get_weights(&nothing, &world.folder.path().join("x")).await.expect_err("missing");
        assert!(matches!(error, ArtifactError::Missing { .. }), "{error}");
        let pickle = world.file("model.safetensors", b"\x80\x02}q\x00.");
        let error = world.artifacts.put_weights(&pickle).await.expect_err("a pickle").to_string();
        assert!(error.contains("is a Python pickle, expected safetensors"), "{error}");
    }

    #[tokio::test]
    async fn a_document_with_another_digest_is_refused() {
        let world = World::new();
        let artifact = Digest::of(b"weights");
        let digest = world.artifacts.put_document(&artifact, "evidence.json", b"{}".to_vec()).await.expect("stored");
        let read = world.artifacts.get_document(&artifact, "evidence.json", &digest).await;
        assert_eq!(read.expect("read"), b"{}");
        let other = world.artifacts.get_document(&artifact, "evidence.json", &artifact).await;
        assert!(matches!(other, Err(ArtifactError::Damaged { .. })));
    }
}
