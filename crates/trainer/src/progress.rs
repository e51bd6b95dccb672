//! Progress on standard output, a JSON object a line; the same with nothing listening.

use std::io::Write as _;
use std::time::{Duration, Instant};

use slipway_contract::Progress;

/// The shortest pause between two reports of steps.
const STEP_PAUSE: Duration = Duration::from_millis(250);

/// Says how the work goes; remembers when it last reported a step.
pub(crate) struct Reporter {
    last_step: Option<Instant>,
}

impl Reporter {
    pub(crate) fn new() -> Self {
        Self { last_step: None }
    }

    /// Says it, whoever listens: a reader that went away does not stop the work.
    pub(crate) fn say(progress: &Progress) {
        let mut output = std::io::stdout().lock();
        let _ = writeln!(output, "{}", progress.to_line()).and_then(|()| output.flush());
    }

    pub(crate) fn stage(text: &str) {
        Self::say(&Progress::Stage { text: text.to_owned() });
    }

    /// Reports a step, unless one was reported a moment ago.
    pub(crate) fn step(&mut self, epoch: u32, epochs: u32, step: u64, steps: u64) {
        if self.last_step.is_none_or(|last| last.elapsed() >= STEP_PAUSE) {
            self.last_step = Some(Instant::now());
            Self::say(&Progress::Step { epoch, epochs, step, steps });
        }
    }
}
