//! Contributors of a revision, and the check that an approver is a different person. An unknown contributor counts as the same
//! person as the approver, because an approval must be a second review.

use serde::{Deserialize, Serialize};

use super::{Actor, CommitSha, People};

/// A person's part in a revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The person pushed the revision.
    Pusher,
    /// The person opened the pull request that contains the revision.
    Opener,
    /// The person wrote a commit of the revision. A part that only a newer version knows also maps to this variant.
    #[serde(other)]
    Author,
}

impl Part {
    /// The name in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pusher => "pusher",
            Self::Opener => "opener",
            Self::Author => "author",
        }
    }

    /// Parses the name in the store.
    pub fn from_name(word: &str) -> Option<Self> {
        [Self::Pusher, Self::Opener, Self::Author].into_iter().find(|part| part.as_str() == word)
    }

    fn did(self) -> &'static str {
        match self {
            Self::Pusher => "pushed",
            Self::Opener => "opened the change of",
            Self::Author => "wrote",
        }
    }
}

/// One contribution to a revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contributor {
    /// The part of the contributor.
    pub part: Part,
    /// The commit that proves the contribution.
    pub commit: CommitSha,
    /// The account, as `FORGE:IDENTIFIER`; `None` if no forge confirms one.
    pub account: Option<String>,
    /// The account's name, or the address in the commit; for display.
    pub name: String,
}

impl Contributor {
    /// A contributor without a known account.
    pub fn unknown(part: Part, commit: CommitSha, name: &str) -> Self {
        Self { part, commit, account: None, name: name.to_owned() }
    }
}

/// The identity of an actor or contributor, as far as the settings and the forges show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// A person in the settings.
    Person(String),
    /// An account, as `FORGE:IDENTIFIER`, that belongs to no person in the settings.
    Account(String),
    /// A name without an identity: a token, an address, or an empty text.
    Unknown(String),
}

impl Identity {
    fn shown(&self) -> String {
        match self {
            Self::Account(account) => format!("account {account}"),
            Self::Unknown(name) if name.is_empty() => "nobody that is known".to_owned(),
            Self::Person(name) | Self::Unknown(name) => name.clone(),
        }
    }
}

/// The forge of an account in the form `FORGE:IDENTIFIER`.
fn forge_of(account: &str) -> &str {
    account.split(':').next().unwrap_or_default()
}

impl People {
    /// The identity of an actor.
    pub fn identity_of(&self, actor: &Actor) -> Identity {
        let name = self.behind(actor);
        match name.strip_prefix("account ") {
            _ if self.knows(&name) => Identity::Person(name),
            Some(account) => Identity::Account(account.to_owned()),
            None => Identity::Unknown(name),
        }
    }

    /// The identity of a contributor. The author of a commit sets the address in the commit. The address is therefore used only
    /// where no forge knows an account, and never to prove that the author and the pusher are different people.
    pub fn identity_behind(&self, contributor: &Contributor) -> Identity {
        let Contributor { account, name, .. } = contributor;
        match account {
            Some(account) => match self.owner_of(account) {
                Some(person) => Identity::Person(person.to_owned()),
                None => Identity::Account(account.clone()),
            },
            None => match self.writer_behind(name) {
                Some(person) => Identity::Person(person.to_owned()),
                None => Identity::Unknown(name.clone()),
            },
        }
    }

    /// Whether two identities certainly differ: two people in the settings; two accounts of one forge; a person with a listed
    /// account at a forge, and another account of that forge.
    pub fn are_different(&self, one: &Identity, other: &Identity) -> bool {
        match (one, other) {
            (Identity::Person(one), Identity::Person(other)) => one != other,
            (Identity::Account(one), Identity::Account(other)) => forge_of(one) == forge_of(other) && one != other,
            (Identity::Person(person), Identity::Account(account))
            | (Identity::Account(account), Identity::Person(person)) => self.has_account_at(person, forge_of(account)),
            (Identity::Unknown(_), _) | (_, Identity::Unknown(_)) => false,
        }
    }

    /// Why the approval of `actor` alone does not count for a revision with these contributors; `None` if it counts.
    pub fn objection(&self, actor: &Actor, contributors: &[Contributor]) -> Option<String> {
        let approver = self.identity_of(actor);
        let same = |contributor: &&Contributor| !self.are_different(&approver, &self.identity_behind(contributor));
        contributors.iter().find(same).map(|contributor| self.why_not(&approver, contributor))
    }

    /// The reason why the approver can be the same person as the contributor, and the remedy.
    pub fn why_not(&self, approver: &Identity, contributor: &Contributor) -> String {
        let Contributor { part, commit, account, name } = contributor;
        let (did, commit) = (part.did(), commit.short());
        let behind = self.identity_behind(contributor);
        let approver_name = approver.shown();
        match (approver, &behind) {
            (Identity::Person(_), Identity::Person(_)) => format!("{approver_name} {did} {commit}"),
            (Identity::Account(one), Identity::Account(other)) if one == other => {
                format!("{approver_name} {did} {commit}")
            }
            (_, Identity::Unknown(_)) if *part == Part::Pusher => format!(
                "who pushed {commit} is not known: no delivery told of it, or the git server does not say who pushes"
            ),
            (_, Identity::Unknown(_)) if name.is_empty() => format!("who {did} {commit} is not known"),
            (_, Identity::Unknown(_)) => {
                format!("who {did} {commit} is not known: add `{name}` to the `emails` of somebody in `people`")
            }
            (Identity::Unknown(_), _) => format!(
                "whether {approver_name} is somebody else than {}, who {did} {commit}, is not known: \
                 add both to `people`",
                behind.shown()
            ),
            (_, behind) => {
                let forge = account.as_deref().map_or("the forge", forge_of);
                format!(
                    "whether {approver_name} is somebody else than {}, who {did} {commit}, is not known: \
                     add their accounts at {forge} to `people`",
                    behind.shown()
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::Person;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn people() -> People {
        let person = |name: &str, tokens: &[&str], accounts: &[&str], emails: &[&str]| Person {
            name: name.to_owned(),
            tokens: set(tokens),
            accounts: set(accounts),
            emails: set(emails),
        };
        People::new(vec![
            person("kim", &["kim"], &["github:1"], &["kim@example.com"]),
            person("lee", &["lee"], &["github:2"], &["lee@example.com"]),
            person("sam", &["sam"], &[], &[]),
        ])
    }

    fn by(part: Part, account: Option<&str>, name: &str) -> Contributor {
        let commit = "1".repeat(40).parse().expect("a commit");
        Contributor { part, commit, account: account.map(str::to_owned), name: name.to_owned() }
    }

    fn account(id: u64) -> Actor {
        Actor::stored(format!("account github:{id} (x) at models"))
    }

    fn objection(actor: &Actor, contributors: &[Contributor]) -> Option<String> {
        people().objection(actor, contributors)
    }

    #[test]
    fn an_approval_is_of_somebody_else_than_everybody_who_had_a_hand_in_it() {
        let pushed = by(Part::Pusher, Some("github:1"), "kim");
        for (actor, counts) in [
            (Actor::token("kim"), false),
            (account(1), false),
            (Actor::token("lee"), true),
            (account(2), true),
            (account(3), true),
        ] {
            assert_eq!(objection(&actor, std::slice::from_ref(&pushed)).is_none(), counts, "{actor}");
        }
        let reason = objection(&Actor::token("kim"), std::slice::from_ref(&pushed)).expect("an objection");
        assert_eq!(reason, "kim pushed 111111111111");
    }

    /// `git -c user.email=kim@example.com`: the author address in a commit does not make its pusher a different person.
    #[test]
    fn who_writes_under_another_address_is_still_who_pushed() {
        for forged in [by(Part::Author, Some("github:1"), "kim"), by(Part::Author, None, "kim@example.com")] {
            let contributors = [by(Part::Pusher, Some("github:2"), "lee"), forged];
            assert!(objection(&Actor::token("lee"), &contributors).is_some());
            assert!(objection(&account(2), &contributors).is_some());
            assert!(objection(&Actor::token("kim"), &contributors).is_some(), "nor is whose address it is");
            assert_eq!(objection(&account(9), &contributors), None);
        }
    }

    #[test]
    fn who_is_not_known_counts_as_the_author_and_the_reason_says_what_to_configure() {
        let reason = |actor: &Actor, contributor: Contributor| objection(actor, &[contributor]).expect("an objection");
        let unknown = by(Part::Author, None, "x@example.com");
        assert!(reason(&Actor::token("lee"), unknown).contains("add `x@example.com` to the `emails` of somebody"));
        assert!(
            reason(&Actor::token("lee"), by(Part::Pusher, None, "")).contains("who pushed 111111111111 is not known")
        );
        // A token of no person in the settings can belong to anyone.
        let pushed = || by(Part::Pusher, Some("github:1"), "kim");
        assert!(reason(&Actor::token("robot"), pushed()).contains("whether token robot is somebody else than kim"));
        // A person without a listed account can own any account.
        let unknown_person = || by(Part::Pusher, Some("github:3"), "x");
        assert!(reason(&Actor::token("sam"), unknown_person()).contains("add their accounts at github to `people`"));
        assert!(
            reason(&Actor::stored("account gitlab:7 (x) at models".to_owned()), unknown_person()).contains("gitlab:7")
        );
        assert_eq!(objection(&Actor::token("sam"), &[pushed()]), None, "two people of the settings are two");
    }

    #[test]
    fn parts_are_known_again_by_their_words() {
        for part in [Part::Pusher, Part::Opener, Part::Author] {
            assert_eq!(Part::from_name(part.as_str()), Some(part));
        }
        assert_eq!(Part::from_name("x"), None);
    }
}
