//! Why a program did not do its work.

use std::time::Duration;

use slipway_domain::{Retry, spoken};

/// An unsuccessful end of a program.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProgramError {
    /// It ended with another code than 0.
    #[error("the program `{program}` ended with exit code {code}:\n{tail}")]
    Exit {
        /// The program.
        program: String,
        /// The code.
        code: i32,
        /// The end of its output.
        tail: String,
    },
    /// A signal ended it.
    #[error("the program `{program}` was ended by signal {signal}:\n{tail}")]
    Signal {
        /// The program.
        program: String,
        /// The signal.
        signal: i32,
        /// The end of its output.
        tail: String,
    },
    /// It had too much memory.
    #[error(
        "the program `{program}` ran out of memory: {} MiB used, {} MiB allowed\n  help: use less memory, or ask the platform's owner to raise `memory` of this source's `commands`",
        used >> 20,
        limit >> 20
    )]
    Memory {
        /// The program.
        program: String,
        /// The memory in bytes.
        used: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// It was still running at its deadline.
    #[error(
        "the program `{program}` was still running at its deadline of {}\n  help: train for a shorter time, or ask the platform's owner to raise `deadline` of this source's `commands`",
        spoken(*limit)
    )]
    Deadline {
        /// The program.
        program: String,
        /// The deadline.
        limit: Duration,
    },
    /// It ended well, but its outputs cannot be used.
    #[error("the outputs of the program `{program}` cannot be used: {}", reasons.join("; "))]
    Outputs {
        /// The program.
        program: String,
        /// The reasons.
        reasons: Vec<String>,
    },
    /// This machine cannot confine a program, so it did not run.
    #[error(
        "the program did not run: {reason}\n  help: run `slipway doctor`, which reports whether this machine has a sandbox"
    )]
    Refused {
        /// The reason.
        reason: String,
    },
    /// The run was cancelled, or the server stops.
    #[error("the program was cancelled")]
    Cancelled,
    /// The sandbox could not be started, or its end is unknown.
    #[error("the sandbox could not be started: {reason}\n  help: run `slipway doctor`, which reports what is missing")]
    NotStarted {
        /// The reason.
        reason: String,
    },
}

impl ProgramError {
    /// Whether another attempt can help.
    pub fn retry(&self) -> Retry {
        match self {
            Self::NotStarted { .. } => Retry::Backoff,
            _ => Retry::Never,
        }
    }
}
