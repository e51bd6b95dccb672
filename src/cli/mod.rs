//! The command line, with one file for each command.

mod address;
mod audit;
mod backup;
mod beside;
mod check;
mod client;
mod colour;
mod completions;
mod data;
mod deliveries;
mod doctor;
mod edit;
mod environments;
mod exit;
mod export;
mod follow;
mod forge;
mod form;
mod gate;
mod generate;
mod hook;
mod init;
mod known;
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
mod train_program;
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
    /// Format of log lines on standard error
    #[arg(long, global = true, value_enum, default_value_t = LogStyle::Text)]
    log_format: LogStyle,
    /// Filter of log messages in the syntax of `tracing`, such as `slipway=debug`
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
    /// Create a model, its policy and its marks from a table, and optionally a server on this machine to try them
    Init(Box<init::Init>),
    /// Check models, policies, marked manifests and server settings, as a server would, and report all mistakes
    Check(check::Check),
    /// Train a model on this machine and evaluate it on its test rows
    Train(train::Train),
    /// Write an artifact in the form that other programs run
    Export(export::Export),
    /// Fetch files of data outside of git, and print their digests
    Data(data::Data),
    /// Judge a trained model or an evaluation folder against a policy
    Gate(Box<gate::Gate>),
    /// Plan test sets: how many labelled rows a policy needs, and what a number of rows can show
    Policy(policy::PolicyCommand),
    /// Change one value of a manifest and keep every other byte
    Edit(edit::Edit),
    /// Show and control the runs of a running server
    Runs(runs::Runs),
    /// Show the models of a running server, with their newest runs and last promotions
    Models(models::Models),
    /// List, show and replay the deliveries of a running server
    Deliveries(deliveries::Deliveries),
    /// List rows that a running server cannot read and skips, and retry them
    Quarantine(quarantine::Quarantine),
    /// List the reports of a running server to forges, and retry them
    Reports(reports::Reports),
    /// Show the environments of a running server: deployed artifacts, waiting promotions and history
    Environments(environments::Environments),
    /// Promote a model's artifact to an environment
    Promote(promotions::Promote),
    /// Restore an earlier promotion, by a commit and without training
    Rollback(promotions::Rollback),
    /// Approve the artifact of a model for an environment
    Approve(promotions::Approve),
    /// Reject an artifact, so that it is not promoted again
    Reject(promotions::Reject),
    /// Hold promotions to an environment
    Hold(promotions::Hold),
    /// End a hold
    Release(promotions::Release),
    /// Create, revoke and list API tokens, directly in the server's store
    Tokens(tokens::Tokens),
    /// Read and verify the audit log, directly in the server's store
    Audit(audit::Audit),
    /// Show the size of all data, and what retention would remove, directly in the server's store
    Storage(storage::Storage),
    /// Back up the server's store and artifacts into a folder; the server may run
    Backup(backup::Backup),
    /// Restore a backup into an empty store
    Restore(backup::Restore),
    /// Turn git's own hooks into signed deliveries
    Hook(hook::Hook),
    /// Set up and check the connections between the server and its forges
    Forge(forge::Forge),
    /// Write generated files, or check that they are current
    Generate(generate::Generate),
    /// Write a shell completion script
    Completions(completions::Completions),
    /// Report missing programs on this machine, and how to install them
    Doctor(doctor::Doctor),
}

/// The parser of the command line, from which its reference and its completions are made.
pub fn parser() -> clap::Command {
    Cli::command()
}

/// Runs the command line and returns the exit code.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // A closed terminal does not change the exit code.
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

/// Settings of logging.
struct Logging {
    format: LogFormat,
    filter: Option<String>,
}

impl Logging {
    /// Starts logging with the requested filter, or else with the default one.
    fn start(&self, default: &str, settings: &telemetry::Settings) -> Result<Traces, Failure> {
        let filter = self.filter.as_deref().unwrap_or(default);
        telemetry::start_logging(self.format, filter, settings)
            .map_err(|error| exit::invalid(format!("logging cannot be started, check `--log`: {error}")))
    }
}

fn dispatch(command: Command, logging: &Logging) -> Result<Exit, Failure> {
    // The server starts logging after it has read the telemetry settings.
    if !matches!(command, Command::Serve(_)) {
        logging.start("warn", &telemetry::Settings::default())?;
    }
    match command {
        Command::Serve(command) => command.run(logging),
        Command::Init(command) => command.run(),
        Command::Check(command) => command.run(),
        Command::Train(command) => command.run(),
        Command::Export(command) => command.run(),
        Command::Data(command) => command.run(),
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
        Command::Generate(command) => command.run(parser()),
        Command::Completions(command) => command.run(parser()),
        Command::Doctor(command) => command.run(),
    }
}
