//! The errors of a call of a forge's API.

use std::time::Duration;

use slipway_domain::{Retry, spoken};

/// The subject of a refusal: what has to change before the call can succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalOf {
    /// The login is wrong or has expired (401). It needs a new login.
    Login,
    /// The login lacks a permission (403). It needs more permissions.
    Permission,
    /// The settings name another address.
    Settings,
    /// The current state of the repository or the pull request forbids the call.
    State,
    /// The content of the call: it is not possible, or its subject was deleted.
    Content,
}

/// Why a call of a forge's API failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// The forge did not respond, or it failed.
    #[error("the forge cannot be reached: {reason}")]
    Unreachable {
        /// What happened.
        reason: String,
    },
    /// The forge requests a wait.
    #[error("the forge limits requests: the next attempt follows in {}", spoken(*pause))]
    Throttled {
        /// How long to wait.
        pause: Duration,
    },
    /// The forge refuses the call, and would refuse it again.
    #[error("the forge refused the call: {reason}\n  help: {help}")]
    Refused {
        /// The subject of the refusal.
        of: RefusalOf,
        /// The forge's response.
        reason: String,
        /// What the user should change.
        help: &'static str,
    },
    /// The resource does not exist at the forge, or the login cannot see it.
    #[error("the forge did not find the resource: {reason}\n  help: {help}")]
    Missing {
        /// The forge's response.
        reason: String,
        /// What the user should change.
        help: &'static str,
    },
    /// The head of a pull request is not the expected commit, or the pull request cannot be merged in its current state.
    #[error("the pull request changed or cannot be merged now: {reason}")]
    Moved {
        /// The forge's response.
        reason: String,
    },
    /// This forge, or this login, does not support the call.
    #[error("this forge, or this login, does not support {what}")]
    Unsupported {
        /// The missing capability.
        what: &'static str,
    },
}

impl ApiError {
    /// Whether the forge refuses because of the current state (409, 405) and not because of the login.
    pub(super) fn is_about_state(&self) -> bool {
        match self {
            Self::Moved { .. } => true,
            Self::Refused { of, .. } => *of == RefusalOf::State,
            _ => false,
        }
    }

    /// Whether the forge would refuse this call with every login and at every later time.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Refused { of: RefusalOf::Content, .. } | Self::Unsupported { .. })
    }

    /// Converts the failure of a request for a token into a refusal of the login. Without the token, every call that needs it
    /// would be refused too.
    pub(super) fn of_login(self) -> Self {
        match self {
            Self::Refused { reason, help, .. } | Self::Missing { reason, help } => {
                Self::Refused { of: RefusalOf::Login, reason, help }
            }
            other => other,
        }
    }

    /// Whether, and when, a retry can help. After [`ApiError::Moved`], the caller has to read the pull request's current state
    /// first.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Unreachable { .. } => Retry::Backoff,
            Self::Throttled { pause } => Retry::After(*pause),
            Self::Refused { .. } | Self::Missing { .. } | Self::Moved { .. } | Self::Unsupported { .. } => Retry::Never,
        }
    }
}
