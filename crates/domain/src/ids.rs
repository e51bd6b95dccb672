//! Identifiers as types: text is validated once at the boundary and trusted afterwards.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A commit in git's notation: forty lower-case hexadecimal digits (SHA-1 repositories).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CommitSha(String);

/// Error: the text is not a commit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a commit: expected 40 lower-case hexadecimal digits")]
pub struct NotACommitSha {
    text: String,
}

impl CommitSha {
    /// All forty digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first twelve digits, for display.
    pub fn short(&self) -> &str {
        &self.0[..12]
    }

    /// Whether this is git's value for "no commit": forty zeros.
    pub fn is_zero(&self) -> bool {
        self.0.bytes().all(|byte| byte == b'0')
    }
}

impl FromStr for CommitSha {
    type Err = NotACommitSha;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let valid = text.len() == 40 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if valid { Ok(Self(text.to_owned())) } else { Err(NotACommitSha { text: text.chars().take(80).collect() }) }
    }
}

impl TryFrom<String> for CommitSha {
    type Error = NotACommitSha;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<CommitSha> for String {
    fn from(sha: CommitSha) -> Self {
        sha.0
    }
}

impl fmt::Display for CommitSha {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A run's identifier: a UUID of version 7 (RFC 9562), so that runs sort by the time of their creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(uuid::Uuid);

impl RunId {
    /// Creates a new, unique identifier.
    #[expect(clippy::new_without_default, reason = "a default identifier would be a new one each time")]
    pub fn new() -> Self {
        Self(uuid::Uuid::now_v7())
    }

    /// The identifier as a UUID.
    pub fn as_uuid(self) -> uuid::Uuid {
        self.0
    }
}

impl FromStr for RunId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The name of a source or environment in the server's settings. The address of a source's webhook contains it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SourceName(slipway_contract::ModelName);

impl SourceName {
    /// The name.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl TryFrom<String> for SourceName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self).map_err(|_| {
            format!(
                "`{text}` is not a valid name of a source or environment: expected 1 to 63 lower-case letters, digits \
                 or dashes"
            )
        })
    }
}

impl From<SourceName> for String {
    fn from(name: SourceName) -> Self {
        name.0.into()
    }
}

impl fmt::Display for SourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_forty_lower_case_digits_are_a_commit() {
        let good = "0123456789abcdef0123456789abcdef01234567";
        assert_eq!(good.parse::<CommitSha>().expect("a commit").short(), "0123456789ab");
        for text in [
            "",
            "main",
            &good[1..],
            &good.to_uppercase(),
            &format!("{good}0"),
            "../../../../../../../../../etc/passwd0000000",
        ] {
            let error = text.parse::<CommitSha>().expect_err(text).to_string();
            assert!(error.ends_with("is not a commit: expected 40 lower-case hexadecimal digits"), "{error}");
        }
    }
}
