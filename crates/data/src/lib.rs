//! Data outside of git: a cache on disk, addressed by SHA-256, and the manifest of the files that a model received.
//!
//! Every call blocks; async callers use `spawn_blocking`.

mod access;
mod cache;
mod error;
mod manifest;
mod store;

pub use access::Access;
pub use cache::{Cache, Wanted};
pub use error::DataError;
pub use manifest::{DataManifest, ManifestFile};
pub use store::{NotAStore, NotAnAddress, Store, Stores};
