//! Reports progress on standard output, one JSON object for each line. A closed output does not stop the work.

use std::io::Write as _;
use std::time::{Duration, Instant};

use slipway_contract::Progress;

/// The shortest time between two reports of steps.
const STEP_PAUSE: Duration = Duration::from_millis(250);

/// Reports progress, and stores when it last reported a step.
pub(crate) struct Reporter {
    last_step: Option<Instant>,
}

impl Reporter {
    pub(crate) fn new() -> Self {
        Self { last_step: None }
    }

    /// Reports one event. A write error is ignored, so a reader that ended does not stop the work.
    pub(crate) fn say(progress: &Progress) {
        let mut output = std::io::stdout().lock();
        let _ = writeln!(output, "{}", progress.to_line()).and_then(|()| output.flush());
    }

    pub(crate) fn stage(text: &str) {
        Self::say(&Progress::Stage { text: text.to_owned() });
    }

    /// Reports a step, unless one was reported less than [`STEP_PAUSE`] ago.
    pub(crate) fn step(&mut self, epoch: u32, epochs: u32, step: u64, steps: u64) {
        if self.last_step.is_none_or(|last| last.elapsed() >= STEP_PAUSE) {
            self.last_step = Some(Instant::now());
            Self::say(&Progress::Step { epoch, epochs, step, steps });
        }
    }
}
