//! Identifiers as types: text becomes one of these at the edge, and is trusted from there on.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A commit as git names it: forty lower-case hexadecimal digits (SHA-1 repositories).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CommitSha(String);

/// A text that is not a commit.
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

    /// The first twelve digits, for people.
    pub fn short(&self) -> &str {
        &self.0[..12]
    }

    /// Whether this is git's word for "no commit": forty zeros.
    pub fn is_zero(&self) -> bool {
        self.0.bytes().all(|byte| byte == b'0')
    }
}

impl FromStr for CommitSha {
    type Err = NotACommitSha;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let valid = text.len() == 40 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotACommitSha {
                text: text.chars().take(80).collect(),
            })
        }
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
