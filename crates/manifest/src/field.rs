//! What a marked place can hold of a model: where it is, what it is, which version, from which run.

use std::fmt;

/// A property of an artifact that a manifest may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Field {
    /// Where the artifact can be fetched.
    Uri,
    /// The digest of the artifact.
    Digest,
    /// The version of the model.
    Version,
    /// The run that made the artifact.
    Run,
}

/// The values that all markers of one model get.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Values {
    /// For [`Field::Uri`].
    pub uri: String,
    /// For [`Field::Digest`].
    pub digest: String,
    /// For [`Field::Version`].
    pub version: String,
    /// For [`Field::Run`].
    pub run: String,
}

impl Field {
    /// Every field, in the order of the documentation.
    pub const ALL: [Self; 4] = [Self::Uri, Self::Digest, Self::Version, Self::Run];

    /// The word for it in a marker.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Uri => "uri",
            Self::Digest => "digest",
            Self::Version => "version",
            Self::Run => "run",
        }
    }

    /// The field with this word.
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
    /// The value for a field.
    pub fn of(&self, field: Field) -> &str {
        match field {
            Field::Uri => &self.uri,
            Field::Digest => &self.digest,
            Field::Version => &self.version,
            Field::Run => &self.run,
        }
    }
}
