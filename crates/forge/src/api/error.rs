//! Why a forge did not do what it was asked.

use std::time::Duration;

use slipway_domain::{Retry, spoken};

/// What a refusal is about: it says what would have to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalOf {
    /// Who asks: the login is wrong or has ended (401). It is given another one.
    Login,
    /// What who asks may do (403). It is given more rights.
    Permission,
    /// Where it is asked: the settings name another place.
    Settings,
    /// How things stand there now.
    State,
    /// What is asked: it is not possible, or what it is about was deleted.
    Content,
}

/// Why a forge did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// The forge did not answer, or failed.
    #[error("the forge cannot be reached: {reason}")]
    Unreachable {
        /// What happened.
        reason: String,
    },
    /// The forge asks to wait.
    #[error("the forge asks to wait {}", spoken(*pause))]
    Throttled {
        /// How long.
        pause: Duration,
    },
    /// The forge refuses, and would refuse again.
    #[error("the forge refuses: {reason}\n  help: {help}")]
    Refused {
        /// What the refusal is about.
        of: RefusalOf,
        /// Its answer.
        reason: String,
        /// What to change.
        help: &'static str,
    },
    /// What was asked for is not there.
    #[error("the forge has no such thing: {reason}\n  help: {help}")]
    Missing {
        /// Its answer.
        reason: String,
        /// What to change.
        help: &'static str,
    },
    /// The head of a request to merge is not what it was thought to be, or cannot be merged as it is now.
    #[error("the request to merge is not what it was: {reason}")]
    Moved {
        /// Its answer.
        reason: String,
    },
    /// This forge, or this login, has no such thing.
    #[error("this forge offers no {what} to this source")]
    Unsupported {
        /// What was wanted.
        what: &'static str,
    },
}

impl ApiError {
    /// Whether the forge refuses for how things stand there (409, 405), not for who asks.
    pub(super) fn is_about_state(&self) -> bool {
        match self {
            Self::Moved { .. } => true,
            Self::Refused { of, .. } => *of == RefusalOf::State,
            _ => false,
        }
    }

    /// Whether the forge would refuse for ever: whatever login it is shown, and whenever.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Refused { of: RefusalOf::Content, .. } | Self::Unsupported { .. })
    }

    /// The same failure as one of the login: whoever refuses it a token refuses everything that it would be used for.
    pub(super) fn of_login(self) -> Self {
        match self {
            Self::Refused { reason, help, .. } | Self::Missing { reason, help } => {
                Self::Refused { of: RefusalOf::Login, reason, help }
            }
            other => other,
        }
    }

    /// Whether, and when, trying again can help. After [`ApiError::Moved`], look first where the request stands now.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Unreachable { .. } => Retry::Backoff,
            Self::Throttled { pause } => Retry::After(*pause),
            Self::Refused { .. } | Self::Missing { .. } | Self::Moved { .. } | Self::Unsupported { .. } => Retry::Never,
        }
    }
}
