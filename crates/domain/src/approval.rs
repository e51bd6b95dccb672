//! Decisions of people about promotions (approvals, holds, rejections), and the mapping from actors to people.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use slipway_contract::Digest;

use super::{Actor, SourceName};

/// A person with all names under which they act. An approval counts for the person, independent of the name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Person {
    /// Name in the settings.
    pub name: String,
    /// Names of the person's API tokens.
    pub tokens: BTreeSet<String>,
    /// The person's accounts on forges, as `FORGE:IDENTIFIER`.
    pub accounts: BTreeSet<String>,
    /// Addresses of the person's commits, in lower case. They are used only where no forge reports an account for a commit.
    pub emails: BTreeSet<String>,
}

/// All people in the settings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct People(Vec<Person>);

impl People {
    /// Creates the list from the people in the settings.
    pub fn new(people: Vec<Person>) -> Self {
        Self(people)
    }

    /// The name of the acting person in the settings. Without such a person: the actor's own name.
    pub fn behind(&self, actor: &Actor) -> String {
        let text = actor.as_str();
        let mut words = text.split(' ');
        let (kind, name) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let known = |person: &&Person| match kind {
            "token" => person.tokens.contains(name),
            "account" => person.accounts.contains(name),
            _ => false,
        };
        // Only the identifier of an account counts: a rename does not change the person.
        let own = || if kind == "account" { format!("account {name}") } else { text.to_owned() };
        self.0.iter().find(known).map_or_else(own, |person| person.name.clone())
    }

    /// The person in the settings with this commit address.
    pub(super) fn writer_behind(&self, email: &str) -> Option<&str> {
        let email = email.to_lowercase();
        self.0.iter().find(|person| person.emails.contains(&email)).map(|person| person.name.as_str())
    }

    /// The person in the settings who owns this account, written as `FORGE:IDENTIFIER`.
    pub(super) fn owner_of(&self, account: &str) -> Option<&str> {
        self.0.iter().find(|person| person.accounts.contains(account)).map(|person| person.name.as_str())
    }

    /// Whether the settings list an account at this forge for the person.
    pub(super) fn has_account_at(&self, name: &str, forge: &str) -> bool {
        let is_there = |account: &String| account.split_once(':').is_some_and(|(its, _)| its == forge);
        self.0.iter().any(|person| person.name == name && person.accounts.iter().any(is_there))
    }

    /// Whether the settings contain this person.
    pub fn knows(&self, name: &str) -> bool {
        self.0.iter().any(|person| person.name == name)
    }
}

/// A person's agreement that an environment names an artifact. It is valid only for this artifact in this environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// The environment.
    pub environment: SourceName,
    /// The model.
    pub model: String,
    /// The artifact.
    pub artifact: Digest,
    /// The name of the approving person.
    pub person: String,
    /// The actor that recorded the approval.
    pub actor: Actor,
    /// Time of the approval.
    pub at: Timestamp,
}

/// A stop of promotions to an environment by a person, until its release or its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// The environment.
    pub environment: SourceName,
    /// The model; `None` means all models of the environment.
    pub model: Option<String>,
    /// The actor who set the hold.
    pub actor: Actor,
    /// The reason.
    pub reason: String,
    /// Time of the start.
    pub at: Timestamp,
    /// Time of the automatic end.
    pub until: Option<Timestamp>,
}

impl Hold {
    /// Whether the hold is in force at a time.
    pub fn holds_at(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// A decision that an artifact must not be promoted again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    /// The source of the model. `None` means all sources: an earlier version wrote the rejection.
    #[serde(default)]
    pub source: Option<SourceName>,
    /// The model.
    pub model: String,
    /// The artifact.
    pub artifact: Digest,
    /// The actor who rejected the artifact.
    pub actor: Actor,
    /// The reason.
    pub reason: String,
    /// Time of the rejection.
    pub at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_the_same_under_every_name_and_others_go_by_their_own() {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let kim = Person {
            name: "kim".to_owned(),
            tokens: set(&["kim-laptop"]),
            accounts: set(&["github:583231"]),
            emails: set(&["kim@example.com"]),
        };
        let people = People::new(vec![kim]);
        let account = |name: &str| Actor::stored(format!("account github:583231 ({name}) at models"));
        for actor in [Actor::token("kim-laptop"), account("kim"), account("renamed")] {
            assert_eq!(people.behind(&actor), "kim");
        }
        assert_eq!(people.writer_behind("Kim@Example.com"), Some("kim"));
        assert_eq!(people.owner_of("github:583231"), Some("kim"));
        assert!(people.has_account_at("kim", "github") && !people.has_account_at("kim", "git"));
        let unknown_person = Actor::stored("account github:1 (github:583231) at models".to_owned());
        assert_eq!(people.behind(&unknown_person), "account github:1");
        assert_eq!(people.behind(&Actor::token("kim")), "token kim", "a token's name is not a person's");
        assert_eq!(people.writer_behind("lee@example.com"), None);
        assert!(people.knows("kim") && !people.knows("lee"));
    }
}
