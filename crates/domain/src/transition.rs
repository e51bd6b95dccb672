//! Transitions of a run: time, cause and actor.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Account, RunState, SourceName};

/// The actor of an action.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Actor(String);

impl Actor {
    /// Slipway itself, according to its rules.
    pub fn controller() -> Self {
        Self("controller".to_owned())
    }

    /// Any client that can reach the server, if the server requires no token.
    pub fn anyone() -> Self {
        Self("anyone".to_owned())
    }

    /// The holder of an API token, by the token's name.
    pub fn token(name: &str) -> Self {
        Self(format!("token {name}"))
    }

    /// An account at a source's forge: `account github:583231 (kim) at models`. The forge and the identifier are significant. The
    /// name is arbitrary and can change.
    pub fn account(forge: &str, source: &SourceName, account: &Account) -> Self {
        let name: String =
            account.name.iter().flat_map(|name| name.chars()).filter(|c| !c.is_control()).take(100).collect();
        Self(format!("account {forge}:{} ({name}) at {source}", account.id))
    }

    /// A user of the command line with direct access to the store.
    pub fn command_line() -> Self {
        Self("command line".to_owned())
    }

    /// Restores an actor from the store.
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

/// One transition of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    /// The state before; `None` for the first transition.
    pub from: Option<RunState>,
    /// The state after.
    pub to: RunState,
    /// The time.
    pub at: Timestamp,
    /// The cause as plain text.
    pub cause: String,
    /// The actor.
    pub actor: Actor,
}
