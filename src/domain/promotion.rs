//! One commit that makes an environment name an artifact.

use jiff::Timestamp;
use slipway_contract::{Digest, ModelName};

use super::{RunId, SourceName};

/// What is to be written where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promotion {
    /// The run that made the artifact.
    pub run: RunId,
    /// The model.
    pub model: ModelName,
    /// The environment that is to name the artifact.
    pub environment: SourceName,
    /// The artifact.
    pub artifact: Digest,
}

impl Promotion {
    /// The promotion's identifier: the same run, environment and artifact always have the same one, so that a
    /// promotion found in a branch's history is known not to be due again.
    pub fn id(&self) -> Digest {
        let Self { run, model, environment, artifact } = self;
        Digest::of(format!("{run}\n{model}\n{environment}\n{artifact}\n").as_bytes())
    }
}

/// A short name of an artifact: the day of its run and twelve digits of its digest, such as `20261124-3f9a1c2b7d10`.
/// It is a valid Kubernetes label and OCI tag, and the same however often it is computed.
pub fn version_of(created_at: Timestamp, artifact: &Digest) -> String {
    format!("{}-{}", created_at.strftime("%Y%m%d"), artifact.short())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_can_stand_in_a_label() {
        let at: Timestamp = "2026-11-24T23:59:59Z".parse().expect("a time");
        assert_eq!(version_of(at, &Digest::of(b"")), "20261124-e3b0c44298fc");
    }
}
