//! What people decide about promotions: approvals, holds, rejections; and who is who.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use slipway_contract::Digest;

use super::{Actor, SourceName};

/// A person, by all the names under which they act. An approval counts for the person, whichever name it came under.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Person {
    /// Their name in the settings.
    pub name: String,
    /// Names of their API tokens.
    pub tokens: BTreeSet<String>,
    /// Their accounts on forges, `FORGE:IDENTIFIER`.
    pub accounts: BTreeSet<String>,
    /// The addresses under which they commit, in lower case; asked where no forge knows an account for one.
    pub emails: BTreeSet<String>,
}

/// Everybody the settings name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct People(Vec<Person>);

impl People {
    /// The people of the settings.
    pub fn new(people: Vec<Person>) -> Self {
        Self(people)
    }

    /// Who acts: the person of the settings, or the actor's own name if the settings do not know them.
    pub fn behind(&self, actor: &Actor) -> String {
        let text = actor.as_str();
        let mut words = text.split(' ');
        let (kind, name) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let known = |person: &&Person| match kind {
            "token" => person.tokens.contains(name),
            "account" => person.accounts.contains(name),
            _ => false,
        };
        // Of an account no more than its identifier: who renames it is still the same person.
        let own = || if kind == "account" { format!("account {name}") } else { text.to_owned() };
        self.0.iter().find(known).map_or_else(own, |person| person.name.clone())
    }

    /// The person of the settings who commits under an address.
    pub(super) fn writer_behind(&self, email: &str) -> Option<&str> {
        let email = email.to_lowercase();
        self.0.iter().find(|person| person.emails.contains(&email)).map(|person| person.name.as_str())
    }

    /// The person of the settings whose account this is, written `FORGE:IDENTIFIER`.
    pub(super) fn owner_of(&self, account: &str) -> Option<&str> {
        self.0.iter().find(|person| person.accounts.contains(account)).map(|person| person.name.as_str())
    }

    /// Whether the settings name an account at a forge for a person.
    pub(super) fn has_account_at(&self, name: &str, forge: &str) -> bool {
        let is_there = |account: &String| account.split_once(':').is_some_and(|(its, _)| its == forge);
        self.0.iter().any(|person| person.name == name && person.accounts.iter().any(is_there))
    }

    /// Whether the settings name this person.
    pub fn knows(&self, name: &str) -> bool {
        self.0.iter().any(|person| person.name == name)
    }
}

/// Somebody agreed that an environment names an artifact. It belongs to that artifact in that environment and to no
/// other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// The environment.
    pub environment: SourceName,
    /// The model.
    pub model: String,
    /// The artifact.
    pub artifact: Digest,
    /// Who, as a person.
    pub person: String,
    /// Under which name they acted.
    pub actor: Actor,
    /// When.
    pub at: Timestamp,
}

/// Somebody keeps promotions away from an environment, until they release it or it expires.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// The environment.
    pub environment: SourceName,
    /// The model; all models of the environment if `None`.
    pub model: Option<String>,
    /// Who.
    pub actor: Actor,
    /// Why.
    pub reason: String,
    /// When it began.
    pub at: Timestamp,
    /// When it ends by itself.
    pub until: Option<Timestamp>,
}

impl Hold {
    /// Whether it holds at a time.
    pub fn holds_at(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// Somebody decided that nobody promotes an artifact again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    /// The source whose model it is; every source's, if an earlier version wrote it.
    #[serde(default)]
    pub source: Option<SourceName>,
    /// The model.
    pub model: String,
    /// The artifact.
    pub artifact: Digest,
    /// Who.
    pub actor: Actor,
    /// Why.
    pub reason: String,
    /// When.
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
