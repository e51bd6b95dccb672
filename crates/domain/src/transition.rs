//! One move of a run: when, why, and who made it.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Account, RunState, SourceName};

/// Who did something.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Actor(String);

impl Actor {
    /// Slipway itself, following its rules.
    pub fn controller() -> Self {
        Self("controller".to_owned())
    }

    /// Whoever can reach the server, where no token is asked for.
    pub fn anyone() -> Self {
        Self("anyone".to_owned())
    }

    /// The holder of an API token, by the token's name.
    pub fn token(name: &str) -> Self {
        Self(format!("token {name}"))
    }

    /// An account at a source's forge: `account github:583231 (kim) at models`. What counts is the forge and the
    /// identifier; the name may be anything, and another's tomorrow.
    pub fn account(forge: &str, source: &SourceName, account: &Account) -> Self {
        let name: String =
            account.name.iter().flat_map(|name| name.chars()).filter(|c| !c.is_control()).take(100).collect();
        Self(format!("account {forge}:{} ({name}) at {source}", account.id))
    }

    /// Somebody at a command line beside the store.
    pub fn command_line() -> Self {
        Self("command line".to_owned())
    }

    /// An actor as the store kept it.
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One move of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    /// Where it stood; `None` for the first.
    pub from: Option<RunState>,
    /// Where it stands since.
    pub to: RunState,
    /// When.
    pub at: Timestamp,
    /// Why, in words.
    pub cause: String,
    /// Who made it.
    pub actor: Actor,
}
