//! What the platform's owner allows the programs of a repository.

use std::path::Path;

use bytesize::ByteSize;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Problems;
use super::resolve::positive;
use slipway_executor::{Commands, SandboxLimits};

/// Programs of a repository: commands in its model files that train and evaluate models, in a sandbox.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct CommandsFile {
    /// Whether models of this repository may be trained by their own commands. Revisions of forks run only after approval.
    pub(super) allowed: bool,
    /// Maximum wall time of a command.
    #[schemars(with = "String")]
    #[serde(deserialize_with = "crate::config::duration::read")]
    pub(super) deadline: jiff::SignedDuration,
    /// Maximum memory of all processes of a command.
    #[schemars(with = "String")]
    pub(super) memory: ByteSize,
    /// Maximum number of processes and threads of a command, 1 to 65536.
    #[schemars(range(min = 1, max = 65_536))]
    pub(super) processes: u64,
    /// Maximum size of all outputs of a command. They are held in memory until the command ends.
    #[schemars(with = "String")]
    pub(super) output: ByteSize,
    /// Maximum size of `/tmp` and of `/dev/shm` of a command, each. They are held in memory.
    #[schemars(with = "String")]
    pub(super) temporary: ByteSize,
    /// Whether commands have the network of this machine. They can then send the training data anywhere.
    pub(super) network: bool,
    /// Folders of this machine that commands may read besides the system's, such as a virtual environment.
    pub(super) folders: Vec<String>,
    /// Folders in which programs are searched before the system's, such as the `bin` of a virtual environment.
    pub(super) path: Vec<String>,
    /// A text that is part of the cache key. Change it when the packages in `folders` change, so that models are trained again.
    pub(super) version: String,
}

impl Default for CommandsFile {
    fn default() -> Self {
        Self {
            allowed: false,
            deadline: jiff::SignedDuration::from_hours(1),
            memory: ByteSize::gib(4),
            processes: 256,
            output: ByteSize::gib(1),
            temporary: ByteSize::gib(1),
            network: false,
            folders: Vec::new(),
            path: Vec::new(),
            version: String::new(),
        }
    }
}

/// Resolves what is allowed, or reports mistakes below `key`. `None` if nothing is allowed.
pub(super) fn resolve_commands(
    file: &CommandsFile,
    key: &str,
    folder: &Path,
    problems: &mut Problems,
) -> Option<Commands> {
    let CommandsFile { allowed, deadline, memory, processes, output, temporary, network, folders, path, version } =
        file;
    for (name, size, least) in [
        ("memory", memory, ByteSize::mib(16)),
        ("output", output, ByteSize::kib(1)),
        ("temporary", temporary, ByteSize::kib(1)),
    ] {
        if *size < least {
            problems.add(&format!("{key}.{name}"), format!("{size} is out of range, expected at least {least}"));
        }
    }
    if !(1..=65_536).contains(processes) {
        problems.add(&format!("{key}.processes"), format!("{processes} is out of range, expected 1 to 65536"));
    }
    let deadline = problems.take(&format!("{key}.deadline"), positive(*deadline))?;
    let mut found = Vec::new();
    for (name, paths) in [("folders", folders), ("path", path)] {
        let mut resolved = Vec::new();
        for (index, path) in paths.iter().enumerate() {
            let whole = folder.join(path);
            let is_plain = whole.is_absolute() && whole.components().all(|part| part.as_os_str() != "..");
            if !is_plain || whole == Path::new("/") || whole.to_str().is_none_or(|path| path.contains([':', '\0'])) {
                let problem = format!("expected a folder, without `..` and `:`, found `{path}`");
                problems.add(&format!("{key}.{name}[{index}]"), problem);
            }
            resolved.push(whole);
        }
        found.push(resolved);
    }
    let path = found.pop()?;
    let folders = found.pop()?;
    let limits = SandboxLimits {
        seconds: deadline.as_secs().max(1),
        memory: memory.as_u64(),
        processes: *processes,
        output: output.as_u64(),
        temporary: temporary.as_u64(),
    };
    allowed.then(|| Commands { folders, path, version: version.clone(), limits, network: *network })
}
