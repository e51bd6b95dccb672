//! Moments at which a test ends the process abruptly.

use std::str::FromStr;

use slipway_domain::RunState;

/// A moment at which the process ends as if it were killed: right after a run entered a state, or right before that
/// was recorded. Tests of crashes set it; nobody else has a reason to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CrashPoint {
    pub(super) state: RunState,
    pub(super) recorded: bool,
}

impl FromStr for CrashPoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (moment, word) = text.split_once(':').ok_or("expected `before:STATE` or `after:STATE`")?;
        let state = RunState::named(word).ok_or_else(|| format!("`{word}` is not a state of a run"))?;
        match moment {
            "before" => Ok(Self { state, recorded: false }),
            "after" => Ok(Self { state, recorded: true }),
            _ => Err(format!("`{moment}` is not a moment, expected `before` or `after`")),
        }
    }
}
