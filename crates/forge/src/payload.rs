//! The common parts of several forges' payloads: bounded names, repositories, accounts, and references that moved.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::ForgeError;
use slipway_domain::{Account, CommitSha, EventKind, ForgeId, HeadRepository, Movement, Push, Reference, Repository};

/// The longest name of a branch, a repository or an account, in bytes. Git servers keep references as files, whose paths have at
/// most 4,096 bytes. Names at forges are much shorter.
const MAX_NAME_LENGTH: usize = 1_024;
/// The longest reason why a payload cannot be read, in characters. It quotes the payload.
const MAX_REASON_LENGTH: usize = 300;

/// A name from a payload. It is not empty, bounded in length, and free of control characters, because it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Name(String);

impl Name {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Name {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.is_empty() || text.len() > MAX_NAME_LENGTH || text.chars().any(char::is_control) {
            return Err(format!("expected a name of 1 to {MAX_NAME_LENGTH} bytes without control characters"));
        }
        Ok(Self(text))
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

/// The common fields of all payloads of GitHub, Gitea and Forgejo.
#[derive(Deserialize)]
pub(super) struct Envelope {
    pub(super) action: Option<Name>,
    pub(super) repository: Option<RepositoryBody>,
    pub(super) sender: Option<AccountBody>,
}

/// The part of these payloads that names their repository.
#[derive(Deserialize)]
struct OfRepository {
    repository: Option<RepositoryBody>,
}

/// The repository of a payload of GitHub, Gitea or Forgejo.
pub(super) fn repository_of(body: &[u8]) -> Result<Option<Repository>, ForgeError> {
    Ok(parse::<OfRepository>(body)?.repository.map(Repository::from))
}

/// A repository in the form of GitHub, Gitea and Forgejo.
#[derive(Debug, Deserialize)]
pub(super) struct RepositoryBody {
    id: u64,
    full_name: Name,
}

impl From<RepositoryBody> for Repository {
    fn from(RepositoryBody { id, full_name }: RepositoryBody) -> Self {
        Self { id: id.into(), full_name: full_name.into() }
    }
}

/// An account in the form of GitHub, Gitea and Forgejo.
#[derive(Debug, Deserialize)]
pub(super) struct AccountBody {
    id: i64,
    login: Option<Name>,
}

impl AccountBody {
    pub(super) fn account(self) -> Option<Account> {
        Some(Account { id: account_id(self.id)?, name: self.login.map(String::from) })
    }
}

/// The identifier of an account. Gitea writes -1 for a deleted account and -2 for its own bot.
pub(super) fn account_id(number: i64) -> Option<ForgeId> {
    u64::try_from(number).ok().filter(|number| *number > 0).map(ForgeId::from)
}

/// Parses a payload as `T`. The error contains the path of the mistake.
pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, ForgeError> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let read = serde_path_to_error::deserialize(&mut reader).map_err(|error| match error.path().to_string().as_str() {
        "." => error.into_inner().to_string(),
        path => format!("`{path}`: {}", error.into_inner()),
    });
    read.and_then(|payload| reader.end().map_err(|error| error.to_string()).map(|()| payload)).map_err(unreadable)
}

/// The error for a payload that cannot be read. Shortens the reason.
pub(super) fn unreadable(reason: impl Into<String>) -> ForgeError {
    let reason = reason.into();
    let shown = |c: char| if c.is_control() { ' ' } else { c };
    ForgeError::Unreadable { reason: reason.chars().take(MAX_REASON_LENGTH).map(shown).collect() }
}

/// An event without consequences.
pub(super) fn ignored(reason: impl Into<String>) -> EventKind {
    EventKind::Ignored { reason: reason.into() }
}

/// The event of a moved reference. Forty zeros stand for a reference that did not exist, or does not exist any more.
pub(super) fn push(name: &Name, before: CommitSha, after: CommitSha, forced: bool) -> Result<EventKind, ForgeError> {
    let name = name.as_str();
    let reference = if let Some(branch) = name.strip_prefix("refs/heads/") {
        Reference::Branch(branch.to_owned())
    } else if let Some(tag) = name.strip_prefix("refs/tags/") {
        Reference::Tag(tag.to_owned())
    } else {
        return Ok(ignored(format!("`{name}` is neither a branch nor a tag")));
    };
    let movement = match (before.is_zero(), after.is_zero()) {
        (true, true) => return Err(unreadable("`before` and `after` are both zero")),
        (true, false) => Movement::Created { after },
        (false, true) => Movement::Deleted { before: Some(before) },
        (false, false) if before == after => {
            return Ok(ignored(format!("`{name}` did not move: the push is a test of the webhook")));
        }
        (false, false) if forced => Movement::Forced { before, after },
        (false, false) => Movement::Updated { before, after },
    };
    Ok(EventKind::Push(Push { reference, movement }))
}

/// The repository of a pull request's head, relative to the repository of its base.
pub(super) fn head_repository(head: Option<Repository>, base: &Repository) -> HeadRepository {
    match head {
        None => HeadRepository::Gone,
        Some(head) if head.id == base.id => HeadRepository::Same,
        Some(head) => HeadRepository::Fork(head),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "1111111111111111111111111111111111111111";
    const NEW: &str = "2222222222222222222222222222222222222222";
    const ZERO: &str = "0000000000000000000000000000000000000000";

    fn sha(text: &str) -> CommitSha {
        text.parse().expect("a commit")
    }

    fn pushed(name: &str, before: &str, after: &str, forced: bool) -> Result<EventKind, ForgeError> {
        push(&Name(name.to_owned()), sha(before), sha(after), forced)
    }

    #[test]
    fn zeros_distinguish_created_from_updated_from_deleted() {
        let branch = || Reference::Branch("team/main".to_owned());
        for (before, after, forced, movement) in [
            (ZERO, NEW, false, Movement::Created { after: sha(NEW) }),
            (OLD, NEW, false, Movement::Updated { before: sha(OLD), after: sha(NEW) }),
            (OLD, NEW, true, Movement::Forced { before: sha(OLD), after: sha(NEW) }),
            (OLD, ZERO, true, Movement::Deleted { before: Some(sha(OLD)) }),
        ] {
            let expected = Ok(EventKind::Push(Push { reference: branch(), movement }));
            assert_eq!(pushed("refs/heads/team/main", before, after, forced), expected);
        }
        assert!(pushed("refs/heads/main", ZERO, ZERO, false).is_err());
    }

    #[test]
    fn tags_are_distinguished_from_branches_and_other_references_ask_for_nothing() {
        let tag = Push { reference: Reference::Tag("v1".to_owned()), movement: Movement::Created { after: sha(NEW) } };
        assert_eq!(pushed("refs/tags/v1", ZERO, NEW, false), Ok(EventKind::Push(tag)));
        for name in ["refs/notes/commits", "main", "refs/pull/1/head"] {
            assert!(matches!(pushed(name, OLD, NEW, false), Ok(EventKind::Ignored { .. })), "{name}");
        }
        assert!(matches!(pushed("refs/heads/main", NEW, NEW, false), Ok(EventKind::Ignored { .. })));
    }

    #[test]
    fn a_payload_that_cannot_be_read_says_where_in_few_words() {
        #[derive(Debug, Deserialize)]
        struct Outer {
            #[expect(dead_code, reason = "only its reading matters")]
            repository: RepositoryBody,
        }
        let reason = |body: &str| parse::<Outer>(body.as_bytes()).expect_err(body).to_string();
        assert!(reason(r#"{"repository": {"id": "x"}}"#).contains("`repository.id`: invalid type: string \"x\""));
        assert!(reason(r#"{"repository": {"id": 1, "full_name": "a\u0000b"}}"#).contains("control characters"));
        assert!(reason("{} {}").contains("missing field `repository`"));
        assert!(reason(r#"{"repository": {"id": 1, "full_name": "a/b"}} x"#).contains("trailing characters"));
        assert!(reason(&format!(r#"{{"repository": "{}"}}"#, "y".repeat(10_000))).chars().count() < 400);
    }

    #[test]
    fn accounts_that_are_gone_have_no_identifier() {
        assert_eq!(account_id(-1), None);
        assert_eq!(account_id(0), None);
        assert_eq!(account_id(7), Some(ForgeId::from(7)));
    }
}
