//! Files of data at an address outside of git.

use crate::{DataSpec, Digest, Model, TableFile};

/// The schemes of addresses that are read.
pub const SCHEMES: [&str; 6] = ["s3", "gs", "az", "https", "http", "file"];

/// A file of a model at an address outside of git.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileAddress {
    /// The path of its key, such as `spec.data.train.file`.
    pub key: &'static str,
    /// The path under which the model reads it, relative to the folder of `slipway.yaml`.
    pub file: String,
    /// The address.
    pub url: String,
    /// The digest of its bytes.
    pub sha256: Digest,
}

impl Model {
    /// The files at an address outside of git. A model without mistakes has a digest for each.
    pub fn addresses(&self) -> Vec<FileAddress> {
        let files = self.spec.data.table_files().into_iter();
        let addressed = files.filter_map(|(key, TableFile { file, url, sha256 })| {
            let sha256 = Digest::of_hex(sha256.as_ref()?).ok()?;
            Some(FileAddress { key, file: file.clone(), url: url.clone()?, sha256 })
        });
        addressed.collect()
    }

    /// The same model without the addresses of its files. What a job receives, and what decides the result of a training: the place
    /// of a file does not, and its digest is part of the manifest of the data.
    #[must_use]
    pub fn without_addresses(mut self) -> Self {
        if let Some(table) = self.spec.data.table_mut() {
            let files = [&mut table.train, &mut table.test, &mut table.rows, &mut table.recent];
            for TableFile { file: _, url, sha256 } in files.into_iter().flatten() {
                (*url, *sha256) = (None, None);
            }
        }
        self
    }
}

impl DataSpec {
    /// The tables that are named, each with the path of the key of its file.
    pub(crate) fn table_files(&self) -> Vec<(&'static str, &TableFile)> {
        let Some(table) = self.table() else { return Vec::new() };
        let files = [
            ("spec.data.train.file", &table.train),
            ("spec.data.test.file", &table.test),
            ("spec.data.rows.file", &table.rows),
            ("spec.data.recent.file", &table.recent),
        ];
        files.into_iter().filter_map(|(key, file)| Some((key, file.as_ref()?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_without_its_addresses_is_the_model_with_files_in_git() {
        let model = |train: serde_json::Value| -> Model {
            serde_json::from_value(serde_json::json!({
                "apiVersion": crate::API_VERSION, "kind": "Model", "metadata": {"name": "churn"},
                "spec": {
                    "paths": ["slipway.yaml"], "task": "classification", "policy": "policy.yaml",
                    "data": {"format": "csv", "train": train, "test": {"file": "b.csv"}, "label": "y"},
                    "model": {"sequential": [{"linear": 3}]},
                }
            }))
            .expect("a model")
        };
        let sha256 = "a".repeat(64);
        let addressed = model(serde_json::json!({"file": "a.csv", "url": "s3://rows/a.csv", "sha256": sha256}));
        let [FileAddress { key, file, url, sha256: digest }] = &addressed.addresses()[..] else {
            panic!("one address")
        };
        assert_eq!(
            (*key, file.as_str(), url.as_str(), digest.hex()),
            ("spec.data.train.file", "a.csv", "s3://rows/a.csv", sha256.as_str())
        );
        let plain = model(serde_json::json!({"file": "a.csv"}));
        assert_eq!(addressed.without_addresses(), plain);
        assert_eq!(plain.addresses(), []);
    }
}
