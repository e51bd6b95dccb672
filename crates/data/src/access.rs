//! What the models of a source may read from outside of git.

use super::Stores;

/// What the models of a source may read from outside of git.
#[derive(Debug, Clone)]
pub struct Access {
    /// Maximum number of bytes of all files of one model together.
    pub max_bytes: u64,
    /// The stores whose addresses they may name.
    pub stores: Stores,
}
