//! The first process of a sandbox: builds its root folder, gives up every privilege, starts the program and waits for its end.

use std::io::{BufRead as _, BufReader};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, ExitCode, ExitStatus, Stdio};

use rustix::process::{DumpableBehavior, Pid, Signal, WaitOptions, wait};
use serde::{Deserialize, Serialize};

use crate::{During as _, SetupError, confine, launch, root};

/// What the first process tells the one outside, one line of JSON each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Report {
    /// The root folder is the sandbox's.
    Ready,
    /// The program ended by itself.
    Exit { code: i32 },
    /// A signal ended the program.
    Signal { signal: i32 },
    /// The program was not started.
    Refused { reason: String },
}

impl Report {
    /// The next report; `None` if the first process has ended without one.
    pub(crate) fn read(from: &mut UnixStream) -> Option<Self> {
        // The lines are short, and nothing follows a report before the next one is awaited.
        let mut line = String::new();
        BufReader::with_capacity(1, from).read_line(&mut line).ok()?;
        serde_json::from_str(&line).ok()
    }

    /// Fails if the process outside has ended.
    fn send(&self, to: &mut impl std::io::Write) -> std::io::Result<()> {
        let line = serde_json::to_string(self).expect("a report holds only texts and numbers");
        writeln!(to, "{line}")
    }
}

/// Runs as the first process of the sandbox in `folder`. Its standard input is a socket of the process outside.
pub fn init(folder: &Path) -> ExitCode {
    let Ok(socket) = std::io::stdin().as_fd().try_clone_to_owned() else { return ExitCode::from(2) };
    let mut outside = UnixStream::from(socket);
    if let Err(error) = run(folder, &mut outside) {
        let _ = Report::Refused { reason: error.to_string() }.send(&mut outside);
        return ExitCode::from(2);
    }
    ExitCode::SUCCESS
}

fn run(folder: &Path, outside: &mut UnixStream) -> Result<(), SetupError> {
    if std::process::id() != 1 {
        return Err(SetupError::new("the first process", "it is not the first process of a PID namespace"));
    }
    let spec = launch::read_spec(folder)?;
    root::enter(folder, &spec)?;
    confine::confine(&spec)?;
    // The kernel kills this process, and with it the sandbox, when the process outside ends. A change of the user would clear this.
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).during("the signal at the parent's end")?;
    // The program may have the same user, and must not read this process.
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .during("the protection of the first process")?;
    Report::Ready.send(outside).during("the process outside")?;
    let (program, arguments) =
        spec.command.split_first().ok_or_else(|| SetupError::new("the command", "it is empty"))?;
    let child = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(root::ENVIRONMENT)
        .envs(&spec.environment)
        .current_dir(&spec.work)
        .stdin(Stdio::null())
        .spawn()
        .during(format!("the program `{program}` cannot be started in the sandbox"))?;
    let program = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    // This process also inherits the orphans of the sandbox, which end unnoticed.
    let status = loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if Some(pid) == program => break ExitStatus::from_raw(status.as_raw()),
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(SetupError::new("waiting for the program", error)),
        }
    };
    match (status.code(), status.signal()) {
        (Some(code), _) => Report::Exit { code },
        (None, signal) => Report::Signal { signal: signal.unwrap_or_default() },
    }
    .send(outside)
    .during("the process outside")
}
