//! Identifiers, repositories and accounts of forges. Each role of an account is a type, so that the author of a pull request
//! cannot be mistaken for the author of a comment.

/// A forge's permanent identifier of an object: a number, or a UUID in braces (Bitbucket). A rename does not change it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ForgeId(String);

/// Error: the text is not a valid identifier of a forge.
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

/// A repository at its forge.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Repository {
    /// Its permanent identifier, which a rename or a move does not change.
    pub id: ForgeId,
    /// Its name with the owner's name, such as `team/models`; for display.
    pub full_name: String,
}

/// An account on a forge. Rights depend on the identifier, never on the name: another user can take a name that was given up.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Account {
    /// Its permanent identifier, which a rename does not change.
    pub id: ForgeId,
    /// Its name, if the forge reports it; for display.
    pub name: Option<String>,
}

/// The account that caused an event.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Sender(pub Account);

/// The account that opened a pull request. It can differ from the last pusher and from a commenter.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Author(pub Account);

/// The account that wrote a comment. It can differ from the author of the pull request.
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
