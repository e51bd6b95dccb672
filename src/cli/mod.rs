//! The command line: one file a command.

mod check;
mod client;
mod doctor;
mod exit;
mod gate;
mod generate;
mod hook;
mod output;
mod runs;
mod serve;
mod train;

use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand, ValueEnum};

use crate::telemetry::{self, LogFormat};

/// Promotion of machine-learning models through git, and only through git.
#[derive(Debug, Parser)]
#[command(name = "slipway", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// How log lines on standard error look
    #[arg(long, global = true, value_enum, default_value_t = LogStyle::Text)]
    log_format: LogStyle,
    /// What is logged, as a `tracing` filter such as `slipway=debug`
    #[arg(long, global = true, env = "SLIPWAY_LOG", hide_env_values = true, value_name = "FILTER")]
    log: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LogStyle {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the webhook server and the worker
    Serve(serve::Serve),
    /// Check models, policies and server settings; find all of a file's mistakes
    Check(check::Check),
    /// Train a model here and evaluate it on its test rows
    Train(train::Train),
    /// Judge an evaluation folder against a policy
    Gate(Box<gate::Gate>),
    /// Read and steer the runs of a running server
    Runs(runs::Runs),
    /// Turn git's own hooks into signed deliveries
    Hook(hook::Hook),
    /// Write generated files, or check that they are current
    Generate(generate::Generate),
    /// Say what is missing on this machine, and how to get it
    Doctor(doctor::Doctor),
}

/// Runs the command line and answers the exit code.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // A closed terminal is no reason for another exit code.
            let _ = error.print();
            return exit::of_usage(&error);
        }
    };
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let format = match cli.log_format {
        LogStyle::Text => LogFormat::Text { colours },
        LogStyle::Json => LogFormat::Json,
    };
    let quiet = !matches!(cli.command, Command::Serve(_));
    let filter = cli.log.as_deref().or(quiet.then_some("warn"));
    let ended = telemetry::start_logging(format, filter)
        .map_err(|error| exit::invalid(format!("`--log` cannot be read: {error}")))
        .and_then(|()| match cli.command {
            Command::Serve(command) => command.run(),
            Command::Check(command) => command.run(),
            Command::Train(command) => command.run(),
            Command::Gate(command) => command.run(),
            Command::Runs(command) => command.run(),
            Command::Hook(command) => command.run(),
            Command::Generate(command) => command.run(Cli::command()),
            Command::Doctor(command) => Ok(command.run()),
        });
    match ended {
        Ok(code) => code.into(),
        Err(failure) => {
            output::complain(&failure.to_string());
            failure.code().into()
        }
    }
}
