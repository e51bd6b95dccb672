//! The exit codes of all commands. They are part of the interface: scripts rely on them.

use std::fmt;
use std::process::ExitCode;

/// Result of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// Done, or passed.
    Done = 0,
    /// A gate or a rule refused.
    Refused = 1,
    /// Invalid input or usage.
    Invalid = 2,
    /// A gate could not decide.
    Inconclusive = 3,
    /// A server or a forge is unreachable.
    Unreachable = 4,
    /// A defect of Slipway, as `sysexits.h` calls it (`EX_SOFTWARE`).
    Defect = 70,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A failed command.
#[derive(Debug)]
pub(super) struct Failure {
    exit: Exit,
    message: String,
}

impl Failure {
    pub(super) fn code(&self) -> Exit {
        self.exit
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// The user's input is wrong.
pub(super) fn invalid(message: impl fmt::Display) -> Failure {
    Failure { exit: Exit::Invalid, message: message.to_string() }
}

/// A rule refuses.
pub(super) fn refused(message: impl fmt::Display) -> Failure {
    Failure { exit: Exit::Refused, message: message.to_string() }
}

/// A server did not respond.
pub(super) fn unreachable(message: impl fmt::Display) -> Failure {
    Failure { exit: Exit::Unreachable, message: message.to_string() }
}

/// A defect of Slipway.
pub(super) fn defect(message: impl fmt::Display) -> Failure {
    Failure { exit: Exit::Defect, message: message.to_string() }
}

/// Creates a temporary folder. A machine without room for one is no defect of Slipway.
pub(super) fn temporary_folder() -> Result<tempfile::TempDir, Failure> {
    tempfile::tempdir().map_err(|error| {
        let help = "make room there, or name another folder by the variable TMPDIR";
        invalid(format!("no temporary folder can be made: {error}\n  help: {help}"))
    })
}

/// Returns the exit code for a message of `clap`. A request for help is not a mistake.
pub(super) fn of_usage(error: &clap::Error) -> ExitCode {
    if error.use_stderr() { Exit::Invalid.into() } else { Exit::Done.into() }
}
