//! Programs of teams: what a program finds in the sandbox, and how its end is reported. `docs/own-programs.md` describes the same
//! for the authors of programs.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use slipway_contract::{Model, Progress};
use slipway_domain::{Retry, spoken};
use slipway_sandbox::{Ended, Mount, OUTPUT, RESULT, SPEC, Spec};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::net::unix::pipe::Receiver;
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use super::{Limits, ProgressSink};

/// Limits of a program in the sandbox.
pub type SandboxLimits = slipway_sandbox::Limits;

/// The longest line of output that is kept, in bytes. Longer lines are split.
const MAX_LINE_BYTES: u64 = 2_000;
/// The most output that is kept in the log, in bytes.
const MAX_LOG_BYTES: usize = 4 << 20;
/// The number of last lines that an error shows.
const TAIL_LINES: usize = 20;
/// The time that a cancelled sandbox has to end before it is killed.
const GRACE: Duration = Duration::from_secs(5);

/// What the platform's owner allows the programs of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commands {
    /// Folders of the machine that programs may read besides the system's, such as a virtual environment. They have the same paths
    /// in the sandbox.
    pub folders: Vec<PathBuf>,
    /// Folders in which programs are searched before the system's.
    pub path: Vec<PathBuf>,
    /// A text that the owner changes when the content of `folders` changes. It is a part of the cache key.
    pub version: String,
    /// Limits of a program.
    pub limits: SandboxLimits,
    /// Whether programs have the network of the machine.
    pub network: bool,
}

/// What a program does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProgramTask<'a> {
    /// It trains.
    Train,
    /// It predicts the test rows with the model in this file.
    Evaluate(&'a Path),
}

/// One run of a program.
#[derive(Debug, Clone, Copy)]
pub struct ProgramJob<'a> {
    /// The model.
    pub model: &'a Model,
    /// What the program does.
    pub task: ProgramTask<'a>,
    /// An empty folder for the sandbox.
    pub folder: &'a Path,
    /// The folder with the model's files.
    pub source: &'a Path,
    /// The test rows without their labels.
    pub test_rows: &'a Path,
    /// The number of threads that the program should use.
    pub threads: u32,
    /// What is allowed.
    pub commands: &'a Commands,
}

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

impl ProgramJob<'_> {
    /// The model that the program wrote.
    pub fn model_output(&self) -> PathBuf {
        self.folder.join(OUTPUT).join("0")
    }

    /// The predictions that the program wrote, if it was to write some.
    pub fn predictions_output(&self) -> Option<PathBuf> {
        match self.task {
            ProgramTask::Train if self.model.spec.evaluation.command.is_some() => None,
            ProgramTask::Train => Some(self.folder.join(OUTPUT).join("1")),
            ProgramTask::Evaluate(_) => Some(self.folder.join(OUTPUT).join("0")),
        }
    }

    /// The command, and the files that it is to write.
    fn work(&self) -> (Vec<String>, Vec<String>) {
        let spec = &self.model.spec;
        let outputs = spec.training.outputs.clone();
        let (model, predictions) = outputs.map(|outputs| (outputs.model, outputs.predictions)).unwrap_or_default();
        match self.task {
            ProgramTask::Train if spec.evaluation.command.is_some() => {
                (spec.training.command.clone().unwrap_or_default(), vec![model])
            }
            ProgramTask::Train => (spec.training.command.clone().unwrap_or_default(), vec![model, predictions]),
            ProgramTask::Evaluate(_) => (spec.evaluation.command.clone().unwrap_or_default(), vec![predictions]),
        }
    }

    /// Writes the files of the sandbox, and returns what it runs.
    fn spec(&self, limits: SandboxLimits) -> std::io::Result<Spec> {
        const SOURCE: &str = "/slipway/source";
        let spec = &self.model.spec;
        let (command, outputs) = self.work();
        let parameters = self.folder.join("parameters.json");
        std::fs::write(&parameters, serde_json::to_vec_pretty(&spec.training.parameters)?)?;
        let mut mounts: Vec<Mount> = self.commands.folders.iter().cloned().map(Mount::same).collect();
        let mut mount = |from: &Path, to: &str| mounts.push(Mount { from: from.to_owned(), to: to.to_owned() });
        mount(self.source, SOURCE);
        mount(self.test_rows, "/slipway/test.csv");
        mount(&parameters, "/slipway/parameters.json");
        let mut environment = self.model.parameter_variables();
        let mut set = |name: &str, value: String| environment.insert(name.to_owned(), value);
        if let Some(test) = self.model.test_table() {
            // The labels of the test rows stay outside.
            let nothing = self.folder.join("nothing");
            std::fs::write(&nothing, "")?;
            mount(&nothing, &format!("{SOURCE}/{test}"));
        }
        if let ProgramTask::Evaluate(model) = self.task {
            mount(model, "/slipway/model");
            set("SLIPWAY_MODEL", "/slipway/model".to_owned());
        }
        if let Some(table) = spec.data.table() {
            set("SLIPWAY_TRAIN", format!("{SOURCE}/{}", table.train.file));
            set("SLIPWAY_LABEL", table.label.clone());
        }
        let written = spec.training.outputs.as_ref();
        let path = |name: Option<&String>| name.map(|name| format!("/slipway/output/{name}"));
        let model_path = path(written.map(|outputs| &outputs.model)).filter(|_| self.task == ProgramTask::Train);
        for (name, value) in [
            ("SLIPWAY_MODEL_OUTPUT", model_path),
            ("SLIPWAY_PREDICTIONS_OUTPUT", path(written.map(|outputs| &outputs.predictions))),
        ] {
            value.map(|value| set(name, value));
        }
        let task = if self.task == ProgramTask::Train { "train" } else { "evaluate" };
        for (name, value) in [
            ("SLIPWAY_TASK", task),
            ("SLIPWAY_SOURCE", SOURCE),
            ("SLIPWAY_TEST", "/slipway/test.csv"),
            ("SLIPWAY_PARAMETERS", "/slipway/parameters.json"),
            ("SLIPWAY_OUTPUT", "/slipway/output"),
            // Equal inputs are to give equal models.
            ("PYTHONHASHSEED", "0"),
            ("PYTHONDONTWRITEBYTECODE", "1"),
            ("PYTHONUNBUFFERED", "1"),
        ] {
            set(name, value.to_owned());
        }
        set("SLIPWAY_SEED", spec.training.seed.to_string());
        set("SLIPWAY_DEADLINE", limits.seconds.to_string());
        set("SLIPWAY_THREADS", self.threads.to_string());
        set("OMP_NUM_THREADS", self.threads.to_string());
        let own = self.commands.path.iter().map(|folder| folder.display().to_string());
        let system = ["/usr/local/bin", "/usr/bin", "/bin"].map(str::to_owned);
        set("PATH", own.chain(system).collect::<Vec<_>>().join(":"));
        let network = self.commands.network;
        Ok(Spec { command, environment, work: SOURCE.to_owned(), mounts, outputs, limits, network })
    }
}

/// Runs a program in the sandbox.
pub(super) async fn run(
    sandbox: &Path,
    job: &ProgramJob<'_>,
    of_forks: Option<Limits>,
    progress: ProgressSink<'_>,
    cancel: &CancellationToken,
) -> Result<(), ProgramError> {
    let not_started =
        |error: std::io::Error| ProgramError::NotStarted { reason: format!("`{}`: {error}", sandbox.display()) };
    let mut limits = job.commands.limits;
    if let Some(Limits { deadline, memory }) = of_forks {
        limits = SandboxLimits {
            seconds: limits.seconds.min(deadline.as_secs()),
            memory: limits.memory.min(memory),
            ..limits
        };
    }
    let spec = job.spec(limits).map_err(not_started)?;
    let program = spec.command.first().cloned().unwrap_or_default();
    std::fs::write(job.folder.join(SPEC), serde_json::to_vec(&spec).expect("plain data")).map_err(not_started)?;
    let (output, input) = std::io::pipe().map_err(not_started)?;
    let mut command = Command::new(sandbox);
    command.arg("--run").arg(job.folder).env_clear().stdin(Stdio::piped()).kill_on_drop(true).process_group(0);
    command.stdout(input.try_clone().map_err(not_started)?).stderr(input);
    let mut child = command.spawn().map_err(not_started)?;
    // Otherwise this process would hold the other end of the pipe.
    drop(command);
    let mut lifeline = child.stdin.take();
    let output = Receiver::from_owned_fd(output.into()).map_err(not_started)?;
    let mut tail = VecDeque::new();
    let listen = listen(output, progress, &mut tail);
    let watch = async {
        tokio::select! {
            ended = child.wait() => ended.map(|_| false),
            () = cancel.cancelled() => {
                lifeline.take();
                if tokio::time::timeout(GRACE, child.wait()).await.is_err() {
                    child.kill().await?;
                }
                Ok(true)
            }
        }
    };
    let (ended, ()) = tokio::join!(watch, listen);
    if ended.map_err(not_started)? {
        return Err(ProgramError::Cancelled);
    }
    let tail: String = tail.into_iter().map(|line: String| format!("  {line}\n")).collect();
    let tail = tail.trim_end().to_owned();
    let unknown = |reason: String| ProgramError::NotStarted { reason: format!("its end is unknown: {reason}; {tail}") };
    let result = std::fs::read(job.folder.join(RESULT)).map_err(|error| unknown(error.to_string()))?;
    match serde_json::from_slice(&result).map_err(|error| unknown(error.to_string()))? {
        Ended::Exit { code: 0, refused } if refused.is_empty() => Ok(()),
        Ended::Exit { code: 0, refused } => Err(ProgramError::Outputs { program, reasons: refused }),
        Ended::Exit { code, .. } => Err(ProgramError::Exit { program, code, tail }),
        Ended::Signal { signal } => Err(ProgramError::Signal { program, signal, tail }),
        Ended::Memory { used } => Err(ProgramError::Memory { program, used, limit: limits.memory }),
        Ended::Time => Err(ProgramError::Deadline { program, limit: Duration::from_secs(limits.seconds) }),
        Ended::Abandoned => Err(ProgramError::Cancelled),
        Ended::Refused { reason } => Err(ProgramError::Refused { reason }),
    }
}

/// Forwards the output line by line. Lines of progress become progress; others become texts. What is beyond the limit of a log is
/// dropped.
async fn listen(output: Receiver, progress: ProgressSink<'_>, tail: &mut VecDeque<String>) {
    let mut reader = BufReader::new(output);
    let (mut line, mut kept) = (Vec::new(), 0);
    loop {
        line.clear();
        match (&mut reader).take(MAX_LINE_BYTES).read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let text: String = String::from_utf8_lossy(&line).chars().filter(|letter| !letter.is_control()).collect();
        if text.is_empty() {
            continue;
        }
        if tail.len() == TAIL_LINES {
            tail.pop_front();
        }
        tail.push_back(text.clone());
        let was_within = kept <= MAX_LOG_BYTES;
        kept += line.len();
        if kept <= MAX_LOG_BYTES {
            progress(as_progress(text));
        } else if was_within {
            progress(Progress::Stage { text: format!("the program's output beyond {MAX_LOG_BYTES} bytes is dropped") });
        }
    }
}

/// A line of a program's output.
fn as_progress(text: String) -> Progress {
    match serde_json::from_str(&text) {
        Ok(progress @ (Progress::Step { epoch: 1.., .. } | Progress::Epoch { .. })) => progress,
        _ => Progress::Stage { text },
    }
}

impl Commands {
    /// The parts of the cache key that the settings decide.
    pub fn key_parts(&self) -> BTreeMap<String, String> {
        let places = |folders: &[PathBuf]| {
            folders.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(":")
        };
        let parts = [
            ("program folders", places(&self.folders)),
            ("program path", places(&self.path)),
            ("program version", self.version.clone()),
        ];
        parts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_progress_become_the_learning_curve_and_other_lines_texts() {
        let epoch = r#"{"event": "epoch", "epoch": 1, "epochs": 2, "training_loss": 0.5, "validation_accuracy": null, "seconds": 0.1}"#;
        assert!(matches!(as_progress(epoch.to_owned()), Progress::Epoch { epoch: 1, epochs: 2, .. }));
        // The end of a program is not for the program to report.
        for text in
            ["hello", r#"{"event": "done"}"#, r#"{"event": "failed", "fault": {"kind": "data", "message": "x"}}"#]
        {
            assert_eq!(as_progress(text.to_owned()), Progress::Stage { text: text.to_owned() });
        }
    }
}
