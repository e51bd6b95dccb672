//! `--watch` for responses that have no end: a response is shown, and shown again after every change, until the user interrupts
//! the command or the output is closed. The output never moves the cursor, on a terminal or elsewhere. As text, each change shows
//! the new lines; as JSON, each response is one document on one line.

use std::collections::HashSet;
use std::time::Duration;

use clap::Args;
use serde_json::Value;

use super::client::Server;
use super::exit::{Exit, Failure};
use super::form::Width;
use super::output;

/// Pause before the next request.
const PAUSE: Duration = Duration::from_secs(2);
/// Maximum number of failed requests in a row. A server that restarts is available again by then.
const MAX_ATTEMPTS: u32 = 30;

/// Whether a response is watched.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(super) struct Watch {
    /// Show the response again after every change, until interrupted
    #[arg(long)]
    watch: bool,
}

impl Server {
    /// Prints a response once, or after every change.
    pub(super) fn show_or_watch(
        &self,
        watch: Watch,
        call: impl Fn() -> Result<Value, Failure>,
        as_text: impl Fn(&Value, Width) -> String,
    ) -> Result<(), Failure> {
        if !watch.watch {
            return self.show_wide(&call()?, as_text);
        }
        let mut shown = Shown::default();
        let mut attempts = 0;
        while !output::nobody_reads() {
            match call() {
                Ok(answer) => {
                    attempts = 0;
                    if shown.differs_from(&answer) {
                        self.show_next_wide(&answer, |answer, width| shown.new_lines(&as_text(answer, width)))?;
                        shown.answer = Some(answer);
                    }
                }
                // A server that responded once may be temporarily unreachable. A failure of the first request is a mistake.
                Err(failure) if shown.answer.is_none() || failure.code() != Exit::Unreachable => return Err(failure),
                Err(failure) if attempts >= MAX_ATTEMPTS => return Err(failure),
                Err(_) => attempts += 1,
            }
            std::thread::sleep(PAUSE);
        }
        Ok(())
    }
}

/// The response that was shown last.
#[derive(Default)]
struct Shown {
    answer: Option<Value>,
    lines: HashSet<String>,
}

impl Shown {
    fn differs_from(&self, answer: &Value) -> bool {
        self.answer.as_ref() != Some(answer)
    }

    /// Returns the lines of a text that the previous text did not contain; all lines of the first text.
    fn new_lines(&mut self, text: &str) -> String {
        let lines: Vec<&str> = text.lines().filter(|line| !self.lines.contains(*line)).collect();
        let new = lines.join("\n");
        self.lines = text.lines().map(str::to_owned).collect();
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_new_is_shown_again() {
        let mut shown = Shown::default();
        assert_eq!(shown.new_lines("NAME STATE\na done\nb queued"), "NAME STATE\na done\nb queued");
        assert_eq!(shown.new_lines("NAME STATE\na done\nb done"), "b done");
        assert_eq!(shown.new_lines("NAME STATE\na done\nb queued"), "b queued", "what was there and comes back is new");
        let answer = serde_json::json!({"a": 1});
        assert!(shown.differs_from(&answer));
        shown.answer = Some(answer.clone());
        assert!(!shown.differs_from(&answer));
    }
}
