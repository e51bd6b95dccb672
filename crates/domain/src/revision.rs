//! A commit in the notation of a forge, full or abbreviated.

use super::CommitSha;

/// A commit in the notation of a forge.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Revision {
    /// The full digest.
    Full(CommitSha),
    /// The first 7 to 39 digits, which is all that Bitbucket reports for a pull request. An attacker can create another commit
    /// with the same first digits. The commit must therefore be looked up on the pull request's own branch, and no decision may
    /// rest on the digits alone.
    Abbreviated(String),
}

/// Error: the text is not a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a commit: 7 to 40 lower-case hexadecimal digits")]
pub struct NotARevision;

impl Revision {
    /// The full commit, if this is one.
    pub fn full(&self) -> Option<&CommitSha> {
        match self {
            Self::Full(sha) => Some(sha),
            Self::Abbreviated(_) => None,
        }
    }

    /// Whether this revision can stand for the commit.
    pub fn fits(&self, sha: &CommitSha) -> bool {
        match self {
            Self::Full(full) => full == sha,
            Self::Abbreviated(digits) => sha.as_str().starts_with(digits),
        }
    }
}

impl std::str::FromStr for Revision {
    type Err = NotARevision;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(sha) = text.parse() {
            return Ok(Self::Full(sha));
        }
        let digits = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if digits && (7..40).contains(&text.len()) { Ok(Self::Abbreviated(text.to_owned())) } else { Err(NotARevision) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA: &str = "0123456789abcdef0123456789abcdef01234567";

    #[test]
    fn a_shortened_commit_is_never_taken_for_a_whole_one() {
        let whole: Revision = SHA.parse().expect("a commit");
        let short: Revision = SHA[..12].parse().expect("the start of a commit");
        assert_eq!(whole.full().map(CommitSha::as_str), Some(SHA));
        assert_eq!(short.full(), None);
        let commit = SHA.parse().expect("a commit");
        assert!(whole.fits(&commit) && short.fits(&commit));
        assert!(!"0123456789ac".parse::<Revision>().expect("digits").fits(&commit));
        for text in ["", "012345", "0123456789ABCDEF", &format!("{SHA}0"), "main", "--upload-pack"] {
            assert_eq!(text.parse::<Revision>(), Err(NotARevision), "{text}");
        }
    }
}
