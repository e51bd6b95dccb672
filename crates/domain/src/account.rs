//! Who and what a forge names: identifiers that stay, repositories, accounts. Whose part somebody plays is a type, so that
//! the author of a change is never taken for who commented on it.

/// What a forge calls a thing for good, whatever it is renamed to: a number, or a UUID in braces (Bitbucket).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ForgeId(String);

/// A text that no forge would use as an identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected an identifier of 1 to 100 letters, digits, dashes, colons or braces")]
pub struct NotAForgeId;

impl ForgeId {
    /// The identifier as the forge writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<u64> for ForgeId {
    fn from(number: u64) -> Self {
        Self(number.to_string())
    }
}

impl std::str::FromStr for ForgeId {
    type Err = NotAForgeId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b':' | b'{' | b'}');
        let valid = (1..=100).contains(&text.len()) && text.bytes().all(known);
        if valid { Ok(Self(text.to_owned())) } else { Err(NotAForgeId) }
    }
}

impl std::fmt::Display for ForgeId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A repository, as its forge knows it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Repository {
    /// What stays when it is renamed or moved.
    pub id: ForgeId,
    /// Its name with its owner's, such as `team/models`; for people.
    pub full_name: String,
}

/// An account on a forge. Rights hang on the identifier, never on the name: a name that was given up can be taken by
/// somebody else.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Account {
    /// What stays when it is renamed.
    pub id: ForgeId,
    /// Its name, where the forge says; for people.
    pub name: Option<String>,
}

/// Whose doing an event was.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Sender(pub Account);

/// Who opened a change. Not who pushed to it last, nor who commented on it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Author(pub Account);

/// Who wrote a comment. Not who wrote the change it is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Commenter(pub Account);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_numbers_and_uuids_and_nothing_that_could_be_a_path_or_an_option() {
        for text in ["1", "{b89f4b8d-9b1a-4a70-8f6a-2f3c1b4a9d1e}", "557058:c0b72ad0-1cb5-4018-9cdc-0cde8492c443"] {
            assert_eq!(text.parse::<ForgeId>().expect(text).as_str(), text);
        }
        for text in ["", "a b", "../x", "a/b", "ü", &"1".repeat(101)] {
            assert_eq!(text.parse::<ForgeId>(), Err(NotAForgeId), "{text}");
        }
    }
}
