//! The fields of a model that a marked place can contain: address, digest, version, run.

use std::fmt;

/// A property of an artifact that a manifest may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Field {
    /// The address of the artifact.
    Uri,
    /// The digest of the artifact.
    Digest,
    /// The version of the model.
    Version,
    /// The run that created the artifact.
    Run,
}

/// The values of one model, by field.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Values {
    /// The value of [`Field::Uri`].
    pub uri: String,
    /// The value of [`Field::Digest`].
    pub digest: String,
    /// The value of [`Field::Version`].
    pub version: String,
    /// The value of [`Field::Run`].
    pub run: String,
}

impl Field {
    /// Every field, in the order of the documentation.
    pub const ALL: [Self; 4] = [Self::Uri, Self::Digest, Self::Version, Self::Run];

    /// The field's name in a marker.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Uri => "uri",
            Self::Digest => "digest",
            Self::Version => "version",
            Self::Run => "run",
        }
    }

    /// The field with this name.
    pub(super) fn from_name(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.as_str() == word)
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Values {
    /// The value of a field.
    pub fn of(&self, field: Field) -> &str {
        match field {
            Field::Uri => &self.uri,
            Field::Digest => &self.digest,
            Field::Version => &self.version,
            Field::Run => &self.run,
        }
    }
}
