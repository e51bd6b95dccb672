//! Runs a program in the sandbox, and reads its output line by line.

use std::collections::VecDeque;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use slipway_contract::Progress;
use slipway_sandbox::{Ended, RESULT, SPEC};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::net::unix::pipe::Receiver;
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use super::{ProgramError, ProgramJob, SandboxLimits};
use crate::{Limits, ProgressSink};

/// The longest line of output that is kept, in bytes. Longer lines are split.
const MAX_LINE_BYTES: u64 = 2_000;
/// The most output that is kept in the log, in bytes.
const MAX_LOG_BYTES: usize = 4 << 20;
/// The number of last lines that an error shows.
const TAIL_LINES: usize = 20;
/// The time that a cancelled sandbox has to end before it is killed.
const GRACE: Duration = Duration::from_secs(5);

/// Runs a program in the sandbox.
pub(crate) async fn run(
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
    let tail = tail.into_iter().map(|line: String| format!("  {line}")).collect::<Vec<_>>().join("\n");
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
