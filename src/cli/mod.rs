//! The command line: one file a command.

mod address;
mod audit;
mod backup;
mod beside;
mod check;
mod client;
mod colour;
mod completions;
mod deliveries;
mod doctor;
mod edit;
mod environments;
mod exit;
mod follow;
mod forge;
mod form;
mod gate;
mod generate;
mod hook;
mod init;
mod models;
mod output;
mod policy;
mod promotions;
mod quarantine;
mod repeat;
mod reports;
mod run_name;
mod runs;
mod serve;
mod storage;
mod target;
mod tokens;
mod train;
mod trained;
mod watch;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand, ValueEnum};

use crate::telemetry::{self, LogFormat, Traces};
use exit::{Exit, Failure};

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
    /// Make a model, its policy and its marks from a table, and on demand a server on this machine to try them out
    Init(Box<init::Init>),
    /// Check models, policies, marked manifests and server settings, as a server would; find all mistakes of all files
    Check(check::Check),
    /// Train a model here and evaluate it on its test rows
    Train(train::Train),
    /// Judge a trained model or an evaluation folder against a policy
    Gate(Box<gate::Gate>),
    /// Plan test sets: how many labelled rows a policy needs, and what rows can show
    Policy(policy::PolicyCommand),
    /// Change one value of a manifest and keep every other byte
    Edit(edit::Edit),
    /// Read and steer the runs of a running server
    Runs(runs::Runs),
    /// Read the models of a running server: their newest runs, and what was promoted last
    Models(models::Models),
    /// Read the deliveries of a running server, and have them read again
    Deliveries(deliveries::Deliveries),
    /// See what a running server cannot read and passes over, and have it looked at again
    Quarantine(quarantine::Quarantine),
    /// Read what a running server reports to forges, and have it try again
    Reports(reports::Reports),
    /// Read the environments of a running server: what they name, what waits and why, and what was in them once
    Environments(environments::Environments),
    /// Take a model's artifact to an environment
    Promote(promotions::Promote),
    /// Bring an earlier promotion back, by a commit and without training
    Rollback(promotions::Rollback),
    /// Approve the artifact that is on its way to an environment
    Approve(promotions::Approve),
    /// See to it that nobody promotes an artifact again
    Reject(promotions::Reject),
    /// Keep promotions away from an environment
    Hold(promotions::Hold),
    /// End a hold
    Release(promotions::Release),
    /// Make, revoke and list the tokens of the API, beside the server
    Tokens(tokens::Tokens),
    /// Read and verify the audit log, beside the server
    Audit(audit::Audit),
    /// Say what takes how much room, and what retention would remove of it, beside the server
    Storage(storage::Storage),
    /// Write everything the server keeps into a folder, while it runs
    Backup(backup::Backup),
    /// Read a backup into an empty store
    Restore(backup::Restore),
    /// Turn git's own hooks into signed deliveries
    Hook(hook::Hook),
    /// Set up and check what stands between the server and its forges
    Forge(forge::Forge),
    /// Write generated files, or check that they are current
    Generate(generate::Generate),
    /// Write a script that completes commands in a shell
    Completions(completions::Completions),
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
    let colours = colour::on_standard_error();
    let format = match cli.log_format {
        LogStyle::Text => LogFormat::Text { colours },
        LogStyle::Json => LogFormat::Json,
    };
    let logging = Logging { format, filter: cli.log };
    let ended = dispatch(cli.command, &logging);
    match ended {
        Ok(code) => code.into(),
        Err(failure) => {
            output::complain(&failure.to_string());
            failure.code().into()
        }
    }
}

/// How the process logs.
struct Logging {
    format: LogFormat,
    filter: Option<String>,
}

impl Logging {
    /// Starts logging by the filter that was asked for, or by the usual one.
    fn start(&self, default: &str, settings: &telemetry::Settings) -> Result<Traces, Failure> {
        let filter = self.filter.as_deref().unwrap_or(default);
        telemetry::start_logging(self.format, filter, settings)
            .map_err(|error| exit::invalid(format!("logging cannot be started, see `--log`: {error}")))
    }
}

fn dispatch(command: Command, logging: &Logging) -> Result<Exit, Failure> {
    // The server starts to log once it has read in its settings where traces go.
    if !matches!(command, Command::Serve(_)) {
        logging.start("warn", &telemetry::Settings::default())?;
    }
    match command {
        Command::Serve(command) => command.run(logging),
        Command::Init(command) => command.run(),
        Command::Check(command) => command.run(),
        Command::Train(command) => command.run(),
        Command::Gate(command) => command.run(),
        Command::Policy(command) => command.run(),
        Command::Edit(command) => command.run(),
        Command::Runs(command) => command.run(),
        Command::Models(command) => command.run(),
        Command::Deliveries(command) => command.run(),
        Command::Quarantine(command) => command.run(),
        Command::Reports(command) => command.run(),
        Command::Environments(command) => command.run(),
        Command::Promote(command) => command.run(),
        Command::Rollback(command) => command.run(),
        Command::Approve(command) => command.run(),
        Command::Reject(command) => command.run(),
        Command::Hold(command) => command.run(),
        Command::Release(command) => command.run(),
        Command::Tokens(command) => command.run(),
        Command::Audit(command) => command.run(),
        Command::Storage(command) => command.run(),
        Command::Backup(command) => command.run(),
        Command::Restore(command) => command.run(),
        Command::Hook(command) => command.run(),
        Command::Forge(command) => command.run(),
        Command::Generate(command) => command.run(Cli::command()),
        Command::Completions(command) => command.run(Cli::command()),
        Command::Doctor(command) => command.run(),
    }
}
