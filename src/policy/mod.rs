//! Judges a candidate by a policy file: every check by the bounds of an interval, never by a bare estimate.
//!
//! A check passes only if its whole interval lies on the right side of its threshold, and nothing that is missing, broken or
//! not comparable ever passes. Reading evaluations is the business of `evaluation`; what a verdict leads to, of `pipeline`.

mod bootstrap;
mod checks;
mod figure;
mod file;
mod jackknife;
mod judge;
mod newcombe;
mod normal;
mod random;
pub mod render;
mod sentence;
mod wilson;

#[cfg(test)]
mod tests;

use slipway_contract::{Digest, ModelName};

use checks::Check;

pub use file::schema;
pub use judge::Champion;

/// A policy file that has been read: its checks are sound, and each remembers its line.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    name: ModelName,
    file: String,
    digest: Digest,
    confidence: f64,
    checks: Vec<Check>,
}

impl Policy {
    /// The name in its metadata.
    pub fn name(&self) -> &ModelName {
        &self.name
    }

    /// SHA-256 of the file's text.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }
}
