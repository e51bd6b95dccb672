//! What a sandbox runs, what it may read, and how it ended: the files in the folder of a sandbox.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The file of the [`Spec`] in the folder of a sandbox.
pub const SPEC: &str = "sandbox.json";
/// The file of the [`Ended`] in the folder of a sandbox.
pub const RESULT: &str = "sandbox-result.json";
/// The folder of the outputs that were taken, in the folder of a sandbox. The output with index N is the file `N`.
pub const OUTPUT: &str = "taken";
/// The folder in which the root folder of a sandbox is built.
pub(crate) const ROOT: &str = "root";
/// The folder of the outputs inside the sandbox.
pub(crate) const INNER_OUTPUT: &str = "/slipway/output";

/// What a sandbox runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// The program and its arguments. The program is searched in `PATH` of `environment`.
    pub command: Vec<String>,
    /// The environment of the program, besides `PATH`, `HOME`, `TMPDIR`, `USER`, `LOGNAME` and `LANG`.
    pub environment: BTreeMap<String, String>,
    /// The working folder inside the sandbox.
    pub work: String,
    /// The files and folders that the program may read besides the system's, in the order in which they are mounted.
    pub mounts: Vec<Mount>,
    /// The outputs that are taken, relative to `/slipway/output`.
    pub outputs: Vec<String>,
    /// The limits.
    pub limits: Limits,
    /// Whether the program has the network of the machine.
    pub network: bool,
}

/// A file or a folder of the machine that the program may read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// Its path on the machine.
    pub from: PathBuf,
    /// Its path inside the sandbox.
    pub to: String,
}

impl Mount {
    /// A folder that has the same path inside.
    pub fn same(path: PathBuf) -> Self {
        Self { to: path.display().to_string(), from: path }
    }
}

/// The limits of a program and of all processes that it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Wall time in seconds.
    pub seconds: u64,
    /// Memory of all processes in bytes, without the files of `/tmp` and of the outputs.
    pub memory: u64,
    /// The number of processes and threads.
    pub processes: u64,
    /// The size of all outputs in bytes.
    pub output: u64,
    /// The size of `/tmp` and of `/dev/shm` in bytes, each.
    pub temporary: u64,
}

/// How a sandbox ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// The program ended by itself.
    Exit {
        /// Its exit code.
        code: i32,
        /// The reasons why outputs were not taken.
        refused: Vec<String>,
    },
    /// A signal ended the program.
    Signal {
        /// The signal.
        signal: i32,
    },
    /// The processes had more memory than they may.
    Memory {
        /// The memory in bytes.
        used: u64,
    },
    /// The program was still running at the end of its time.
    Time,
    /// The process that started the sandbox has ended, or it closed the standard input.
    Abandoned,
    /// The sandbox could not be made, and nothing ran.
    Refused {
        /// The reason.
        reason: String,
    },
}
