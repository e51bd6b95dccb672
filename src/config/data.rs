//! Settings of data outside of git: the cache on this machine, and what the models of a source may read.

use std::collections::BTreeMap;
use std::path::Path;

use bytesize::ByteSize;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::secret::SecretReference;
use super::{Problems, secret};
use slipway_data::{Access, Store, Stores};

/// The cache of data outside of git. It is the folder `data` in `state`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct DataFile {
    /// Maximum size of the cache. The least recently used files are removed first.
    #[schemars(with = "String")]
    pub(super) cache: ByteSize,
}

impl Default for DataFile {
    fn default() -> Self {
        Self { cache: ByteSize::gib(50) }
    }
}

/// Data of the models of a source outside of git.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SourceDataFile {
    /// Maximum size of all files of one model from outside of git.
    #[schemars(with = "String")]
    pub(super) max_bytes: ByteSize,
    /// The stores whose addresses models may name (`spec.data.train.url`). No other address is contacted.
    pub(super) stores: Vec<StoreSettingsFile>,
}

/// A store of data outside of git.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StoreSettingsFile {
    /// The beginning of the allowed addresses, up to a whole part of their path: `s3://BUCKET/FOLDER`, `gs://BUCKET`,
    /// `az://CONTAINER`, `https://HOST/FOLDER` or `file:///FOLDER`.
    pub(super) url: String,
    /// Options of the store by their names, such as `aws_region`, `aws_endpoint` or `azure_storage_account_name`.
    #[serde(default)]
    pub(super) options: BTreeMap<String, String>,
    /// Options that are secret, such as `aws_secret_access_key`; for https `authorization`, the value of that header.
    #[serde(default)]
    pub(super) secrets: BTreeMap<String, SecretReference>,
}

impl Default for SourceDataFile {
    fn default() -> Self {
        Self { max_bytes: ByteSize::gib(20), stores: Vec::new() }
    }
}

/// Resolves the size of the cache in bytes.
pub(super) fn resolve_cache(file: &DataFile, problems: &mut Problems) -> u64 {
    let DataFile { cache } = file;
    if *cache < ByteSize::mib(1) {
        problems.add("data.cache", format!("{cache} is out of range, expected at least 1 MiB"));
    }
    cache.as_u64()
}

/// Resolves what the models of a source may read, or reports mistakes below `key`.
pub(super) fn resolve_source_data(file: &SourceDataFile, key: &str, folder: &Path, problems: &mut Problems) -> Access {
    let SourceDataFile { max_bytes, stores } = file;
    if *max_bytes < ByteSize::kib(1) {
        problems.add(&format!("{key}.max_bytes"), format!("{max_bytes} is out of range, expected at least 1 KiB"));
    }
    let mut resolved = Vec::new();
    for (index, store) in stores.iter().enumerate() {
        resolved.extend(resolve_store(store, &format!("{key}.stores[{index}]"), folder, problems));
    }
    Access { max_bytes: max_bytes.as_u64(), stores: Stores::new(resolved) }
}

/// Resolves a store, or reports mistakes below `key`.
fn resolve_store(file: &StoreSettingsFile, key: &str, folder: &Path, problems: &mut Problems) -> Option<Store> {
    let StoreSettingsFile { url, options, secrets } = file;
    let mut all = options.clone();
    for (name, reference) in secrets {
        let key = format!("{key}.secrets.{name}");
        let text = problems.take(&key, secret::read(reference, folder))?;
        if all.insert(name.clone(), text).is_some() {
            problems.add(&key, "is among `options` as well, expected one of them");
        }
    }
    problems.take(key, Store::new(url, &all))
}
