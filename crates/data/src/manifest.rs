//! The manifest of the files that a model received from outside of git.

use serde::{Deserialize, Serialize};
use slipway_contract::Digest;

/// The files of one training from outside of git. Equal manifests mean equal data.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataManifest {
    /// The files, sorted by path.
    pub files: Vec<ManifestFile>,
}

/// One file from outside of git.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestFile {
    /// Its path relative to the model's folder.
    pub path: String,
    /// Size in bytes.
    pub size: u64,
    /// SHA-256 of its bytes.
    pub sha256: Digest,
}

impl DataManifest {
    /// The manifest of some files.
    pub fn new(mut files: Vec<ManifestFile>) -> Self {
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Self { files }
    }

    /// Whether no file comes from outside of git.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// The document that is stored beside an artifact.
    pub fn document(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a manifest holds only texts and numbers")
    }

    /// The digest that decides whether two trainings had the same data. It does not depend on where the files were stored.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.document())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_follows_paths_and_bytes_and_not_the_order() {
        let file = |path: &str, bytes: &[u8]| ManifestFile {
            path: path.to_owned(),
            size: bytes.len() as u64,
            sha256: Digest::of(bytes),
        };
        let one = DataManifest::new(vec![file("b.csv", b"2"), file("a.csv", b"1")]);
        let same = DataManifest::new(vec![file("a.csv", b"1"), file("b.csv", b"2")]);
        assert_eq!((one.digest(), one.files[0].path.as_str()), (same.digest(), "a.csv"));
        let moved = DataManifest::new(vec![file("a.csv", b"1"), file("b.csv", b"3")]);
        let renamed = DataManifest::new(vec![file("a.csv", b"1"), file("c.csv", b"2")]);
        assert!(one.digest() != moved.digest() && one.digest() != renamed.digest());
        let read: DataManifest = serde_json::from_slice(&one.document()).expect("a manifest");
        assert_eq!(read, one);
    }
}
