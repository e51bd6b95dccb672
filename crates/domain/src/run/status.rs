//! The status of a run: its state, and the attempts of its current step.

use jiff::Timestamp;

use crate::{Diagnostic, RunState};

/// The state of a run, and the attempts of its current step.
#[derive(Debug, Clone, PartialEq)]
pub struct RunStatus {
    /// The state.
    pub state: RunState,
    /// Why the run ended or waits, as plain text.
    pub reason: Option<String>,
    /// Mistakes in files of the source repository, with their positions.
    pub diagnostics: Vec<Diagnostic>,
    /// Whether the run waits for a person, because another attempt alone would not help.
    pub stalled: bool,
    /// Whether the run waits until its environment is fixed, so that the model is not at fault; only together with `stalled`.
    pub awaits_environment: bool,
    /// Whether the run failed because it exceeded its deadline.
    pub timed_out: bool,
    /// Number of attempts of the current step.
    pub attempts: u32,
    /// Number of those attempts that an external kill or a panic interrupted.
    pub interruptions: u32,
    /// Time of the last transition.
    pub updated_at: Timestamp,
}

impl RunStatus {
    /// The status of a run that enters a state without any attempt.
    pub(super) fn new(state: RunState, now: Timestamp) -> Self {
        Self {
            state,
            reason: None,
            diagnostics: Vec::new(),
            stalled: false,
            awaits_environment: false,
            timed_out: false,
            attempts: 0,
            interruptions: 0,
            updated_at: now,
        }
    }
}
