//! `slipway doctor`: reports missing programs on this machine, and how to install them.

use std::path::PathBuf;
use std::process::Command;

use clap::Args;
use serde_json::{Value, json};

use super::exit::{Exit, Failure};
use super::form::LocalFormat;
use super::output::{text, things};

/// Report missing programs on this machine, and how to install them.
#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// The trainer's program; the default is the one in the folder of `slipway`
    #[arg(long, value_name = "FILE")]
    trainer: Option<PathBuf>,
    #[command(flatten)]
    format: LocalFormat,
}

/// A required program.
struct Tool {
    program: &'static str,
    arguments: &'static [&'static str],
    needed_for: &'static str,
    how_to_get_it: &'static str,
}

/// Programs for building, the demo and the tests. The Makefile requires the same ones.
const TOOLS: [Tool; 5] = [
    Tool {
        program: "git",
        arguments: &["--version"],
        needed_for: "the demo and the tests (the server itself needs no git program)",
        how_to_get_it: "apt-get install git",
    },
    Tool { program: "cargo", arguments: &["--version"], needed_for: "building", how_to_get_it: "https://rustup.rs" },
    Tool { program: "c++", arguments: &["--version"], needed_for: "building", how_to_get_it: "apt-get install g++" },
    Tool { program: "make", arguments: &["--version"], needed_for: "building", how_to_get_it: "apt-get install make" },
    Tool {
        program: "python3",
        arguments: &["-m", "pip", "--version"],
        needed_for: "the download of libtorch and of the demo's data",
        how_to_get_it: "apt-get install python3-pip",
    },
];

impl Doctor {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let mut programs = Vec::new();
        for Tool { program, arguments, needed_for, how_to_get_it } in TOOLS {
            programs.push(report(
                program,
                first_line(Command::new(program).args(arguments)),
                needed_for,
                how_to_get_it,
            ));
        }
        let trainer = self.trainer.map_or_else(slipway_executor::trainer_beside_us, Ok);
        let probed = trainer
            .map_err(|error| error.to_string())
            .and_then(|trainer| first_line(Command::new(trainer).arg("--probe")));
        programs.push(report("slipway-trainer", probed, "training", "make build"));
        // Only models with a command need it, so its absence is no gap.
        let sandbox = slipway_executor::sandbox_beside_us().map_err(|error| error.to_string());
        let sandbox = sandbox.and_then(|sandbox| first_line(Command::new(sandbox).arg("--probe")));
        let how =
            "install `slipway-sandbox` beside `slipway`, and allow namespaces (`sysctl user.max_user_namespaces`)";
        let sandbox = report("slipway-sandbox", sandbox, "models with a command", how);
        let is_complete = programs.iter().all(|program| program["found"] == true);
        programs.push(sandbox);
        self.format.show(&json!({"complete": is_complete, "programs": programs}), |answer, _| {
            things(answer, "programs").iter().map(line).collect::<Vec<_>>().join("\n")
        })?;
        Ok(if is_complete { Exit::Done } else { Exit::Refused })
    }
}

/// Creates the report on a program.
fn report(program: &str, probed: Result<String, String>, needed_for: &str, how_to_get_it: &str) -> Value {
    match probed {
        Ok(version) => json!({"program": program, "found": true, "version": version, "needed_for": needed_for}),
        Err(reason) => json!({
            "program": program, "found": false, "reason": reason, "needed_for": needed_for, "help": how_to_get_it
        }),
    }
}

fn line(report: &Value) -> String {
    let [program, version, reason, needed_for, help] =
        ["program", "version", "reason", "needed_for", "help"].map(|key| text(report, key));
    if report["found"] == true {
        format!("found    {program}: {version}")
    } else {
        format!("missing  {program} ({reason}), for {needed_for}: {help}")
    }
}

/// Returns the first line that a program prints, or why it printed none.
fn first_line(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        let message = [&*output.stdout, &*output.stderr].concat();
        let message = String::from_utf8_lossy(&message);
        return Err(message.lines().next().unwrap_or("it failed without a message").to_owned());
    }
    let message = String::from_utf8_lossy(&output.stdout);
    Ok(message.lines().next().unwrap_or_default().to_owned())
}
