//! The stores that the server's settings allow, each for the addresses below one prefix. Nothing else is contacted.

mod address;
mod cloud;
mod http;
mod transport;

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use object_store::ObjectStore;
use ureq::Agent;

use super::DataError;
use address::Address;

pub use address::NotAnAddress;

/// A store that the settings allow.
#[derive(Clone)]
pub struct Store {
    prefix: Address,
    kind: Kind,
}

/// How a store is read.
#[derive(Clone)]
enum Kind {
    /// S3, GCS or Azure.
    Cloud(Arc<dyn ObjectStore>),
    /// GET requests, with headers of the login.
    Http { agent: Agent, headers: BTreeMap<String, String> },
    /// A folder of this machine.
    Folder,
}

/// Why the settings of a store cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAStore {
    /// The address cannot be used.
    #[error(transparent)]
    Address(#[from] NotAnAddress),
    /// An option is unknown or has an invalid value.
    #[error("{0}")]
    Options(String),
}

impl Store {
    /// Checks the settings of a store: the prefix of its addresses, and its options. Nothing is contacted.
    pub fn new(prefix: &str, options: &BTreeMap<String, String>) -> Result<Self, NotAStore> {
        Self::with(Address::parse(prefix)?, |prefix| match prefix.scheme.as_str() {
            "file" if options.is_empty() => Ok(Kind::Folder),
            "file" => Err(NotAStore::Options("a folder has no options".to_owned())),
            "http" | "https" => http::kind(options),
            _ => cloud::connect(prefix, options).map(Kind::Cloud),
        })
    }

    /// The store of an address with the login of the user on this machine, from the variables of the environment that the tools of
    /// each cloud use. It is the whole host, bucket or container, so that redirects within it are followed.
    pub fn of_user(address: &str) -> Result<Self, NotAStore> {
        Self::with(Address::parse(address)?.root(), |address| match address.scheme.as_str() {
            "file" => Ok(Kind::Folder),
            "http" | "https" => http::kind(&BTreeMap::new()),
            _ => cloud::connect_as_user(address).map(Kind::Cloud),
        })
    }

    fn with(prefix: Address, kind: impl FnOnce(&Address) -> Result<Kind, NotAStore>) -> Result<Self, NotAStore> {
        Ok(Self { kind: kind(&prefix)?, prefix })
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Headers and options can contain secrets.
        let Self { prefix, kind: _ } = self;
        f.debug_struct("Store").field("prefix", &prefix.to_string()).finish_non_exhaustive()
    }
}

/// The stores that a source may read.
#[derive(Debug, Clone, Default)]
pub struct Stores(Vec<Store>);

impl Stores {
    /// These stores and no other ones.
    pub fn new(stores: Vec<Store>) -> Self {
        Self(stores)
    }

    /// Whether an address is below the prefix of a store.
    pub fn allow(&self, url: &str) -> bool {
        Address::parse(url).is_ok_and(|address| self.of(&address).is_some())
    }

    /// Opens a file at an address, whose `path` in the repository is for messages. The bytes are neither verified nor limited.
    pub fn open(&self, path: &str, url: &str) -> Result<Box<dyn Read>, DataError> {
        let address = Address::parse(url).map_err(|error| DataError::refused(path, error.to_string()))?;
        let Some(store) = self.of(&address) else { return Err(self.not_allowed(path, &address)) };
        match &store.kind {
            Kind::Cloud(objects) => cloud::open(objects, path, &address),
            Kind::Http { .. } => http::open(self, path, address),
            Kind::Folder => open_file(store, path, &address),
        }
    }

    /// The store with the longest prefix of an address.
    fn of(&self, address: &Address) -> Option<&Store> {
        let fitting = self.0.iter().filter(|store| address.is_below(&store.prefix));
        fitting.max_by_key(|store| store.prefix.path.len())
    }

    fn not_allowed(&self, path: &str, address: &Address) -> DataError {
        let prefixes: Vec<String> = self.0.iter().map(|store| format!("`{}`", store.prefix)).collect();
        let allowed = if prefixes.is_empty() { "no address".to_owned() } else { prefixes.join(", ") };
        DataError::refused(
            path,
            format!("`{address}` is not allowed by the settings of this source, which allow {allowed}"),
        )
    }
}

/// Opens a regular file below the folder of a store. A link that leads out of it is refused.
fn open_file(store: &Store, path: &str, address: &Address) -> Result<Box<dyn Read>, DataError> {
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => DataError::missing(path, address),
        _ => DataError::File { file: address.path.clone(), error },
    };
    let root = Path::new(&store.prefix.path).canonicalize().map_err(failed)?;
    let file = Path::new(&address.path).canonicalize().map_err(failed)?;
    if !file.starts_with(&root) {
        return Err(DataError::refused(path, format!("`{address}` leads out of `{}`", store.prefix)));
    }
    if !file.is_file() {
        return Err(DataError::refused(path, format!("`{address}` is not a regular file")));
    }
    Ok(Box::new(File::open(&file).map_err(failed)?))
}

#[cfg(test)]
mod tests;
