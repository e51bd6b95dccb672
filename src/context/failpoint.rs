//! Failpoints at which a test kills the process. Only builds with debug assertions contain them, so that a release cannot be
//! killed this way.

use slipway_domain::RunState;

#[cfg(debug_assertions)]
pub use set::{Failpoint, set};

/// Kills the process if a test set this failpoint: directly before the store `recorded` that a run entered a state, or directly
/// after.
pub(crate) fn reach(state: RunState, recorded: bool) {
    #[cfg(debug_assertions)]
    set::reach(set::Failpoint { state, recorded });
    #[cfg(not(debug_assertions))]
    let _ = (state, recorded);
}

#[cfg(debug_assertions)]
mod set {
    use std::str::FromStr;
    use std::sync::OnceLock;

    use slipway_domain::RunState;

    static FAILPOINT: OnceLock<Failpoint> = OnceLock::new();

    /// A point at which the process ends.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct Failpoint {
        pub(crate) state: RunState,
        pub(crate) recorded: bool,
    }

    /// Sets the failpoint. Only the first call has an effect.
    pub fn set(failpoint: Failpoint) {
        let _ = FAILPOINT.set(failpoint);
    }

    pub(crate) fn reach(moment: Failpoint) {
        if FAILPOINT.get() == Some(&moment) {
            let ourselves = rustix::process::getpid();
            let _ = rustix::process::kill_process(ourselves, rustix::process::Signal::KILL);
        }
    }

    impl FromStr for Failpoint {
        type Err = String;

        fn from_str(text: &str) -> Result<Self, Self::Err> {
            let (moment, word) = text.split_once(':').ok_or("expected `before:STATE` or `after:STATE`")?;
            let state = RunState::from_name(word).ok_or_else(|| format!("`{word}` is not a state of a run"))?;
            match moment {
                "before" => Ok(Self { state, recorded: false }),
                "after" => Ok(Self { state, recorded: true }),
                _ => Err(format!("`{moment}` is not a moment, expected `before` or `after`")),
            }
        }
    }
}
