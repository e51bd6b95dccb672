//! The sandbox for programs of teams: namespaces of their own, a root folder that holds only what they need, Landlock, a filter of
//! system calls, limits, and outputs that are checked before they leave it. A machine that cannot confine a program runs none.
//!
//! `slipway-sandbox --run FOLDER` is the process outside (`launch`). It starts itself as the first process of the sandbox
//! (`init`), which builds the root folder (`root`), gives up every privilege (`confine`) and starts the program. When the first
//! process ends, the kernel kills all others. Then the process outside takes the outputs (`collect`).

#![cfg(target_os = "linux")]

mod collect;
mod confine;
mod filter;
mod init;
mod launch;
mod memory;
mod probe;
mod root;
mod spec;

pub use init::init;
pub use launch::{launch, sandbox_beside_us};
pub use probe::{PROBE_OK, probe};
pub use spec::{Ended, Limits, Mount, OUTPUT, RESULT, SPEC, Spec};

/// Why a sandbox could not be made. The program did not run.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {error}")]
pub struct SetupError {
    what: String,
    error: String,
}

impl SetupError {
    fn new(what: impl Into<String>, error: impl std::fmt::Display) -> Self {
        Self { what: what.into(), error: error.to_string() }
    }
}

/// Adds to an error what was attempted.
trait During<T> {
    fn during(self, what: impl Into<String>) -> Result<T, SetupError>;
}

impl<T, E: std::fmt::Display> During<T> for Result<T, E> {
    fn during(self, what: impl Into<String>) -> Result<T, SetupError> {
        self.map_err(|error| SetupError::new(what, error))
    }
}
