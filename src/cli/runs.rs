//! `slipway runs`: reads and steers a running server through its API.

use std::io::{IsTerminal as _, Read as _};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::Value;

use super::client;
use super::exit::{self, Exit, Failure};
use super::output;

/// How long a server may take for an answer.
const PATIENCE: Duration = Duration::from_secs(15);
/// The largest answer that is read.
const LARGEST_ANSWER: u64 = 64 << 20;

/// Read and steer the runs of a running server.
#[derive(Debug, Args)]
pub(super) struct Runs {
    #[command(subcommand)]
    action: Action,
    /// The server's address
    #[arg(long, global = true, env = "SLIPWAY_SERVER", default_value = "http://127.0.0.1:8420", value_name = "URL")]
    server: String,
    /// File with the server's API token
    #[arg(long, global = true, env = "SLIPWAY_TOKEN_FILE", hide_env_values = true, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// JSON even on a terminal
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// The newest runs
    List,
    /// One run: where it stands, why, and its way so far
    Show {
        /// The run's identifier
        run: String,
    },
    /// What the trainer said
    Log {
        /// The run's identifier
        run: String,
    },
    /// End a run that has not begun to change its environment
    Cancel {
        /// The run's identifier
        run: String,
    },
    /// Make a stalled run due again
    Retry {
        /// The run's identifier
        run: String,
    },
}

impl Runs {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let json = self.json || !std::io::stdout().is_terminal();
        let (method, path) = match &self.action {
            Action::List => ("GET", "runs".to_owned()),
            Action::Show { run } => ("GET", format!("runs/{}", identifier(run)?)),
            Action::Log { run } => ("GET", format!("runs/{}/log?limit=500", identifier(run)?)),
            Action::Cancel { run } => ("POST", format!("runs/{}/cancel", identifier(run)?)),
            Action::Retry { run } => ("POST", format!("runs/{}/retry", identifier(run)?)),
        };
        let answer = self.ask(method, &path)?;
        if json {
            output::say(&serde_json::to_string_pretty(&answer).map_err(exit::defect)?);
        } else {
            output::say(&match self.action {
                Action::List => list(&answer),
                Action::Log { .. } => log(&answer),
                Action::Show { .. } | Action::Cancel { .. } | Action::Retry { .. } => show(&answer),
            });
        }
        Ok(Exit::Done)
    }

    fn ask(&self, method: &str, path: &str) -> Result<Value, Failure> {
        let url = format!("{}/api/v1/{path}", self.server.trim_end_matches('/'));
        let agent = client::agent(PATIENCE);
        let mut request = ureq::http::Request::builder().method(method).uri(&url);
        if let Some(file) = &self.token_file {
            let token =
                std::fs::read_to_string(file).map_err(|error| exit::invalid(format!("{}: {error}", file.display())))?;
            request = request.header("authorization", format!("Bearer {}", token.trim()));
        }
        let request = request.body(()).map_err(|error| exit::invalid(format!("`{url}`: {error}")))?;
        let help = "is `slipway serve` running there? `--server` or SLIPWAY_SERVER names another";
        let response =
            agent.run(request).map_err(|error| exit::unreachable(format!("{url}: {error}\n  help: {help}")))?;
        let status = response.status();
        let mut body = String::new();
        let read = response.into_body().into_reader().take(LARGEST_ANSWER).read_to_string(&mut body);
        read.map_err(|error| exit::unreachable(format!("{url}: {error}")))?;
        let answer: Value = serde_json::from_str(&body).unwrap_or_default();
        if status.is_success() {
            return Ok(answer);
        }
        let detail = answer["detail"].as_str().unwrap_or("it gave no reason");
        Err(if status.is_server_error() { exit::unreachable(detail) } else { exit::invalid(detail) })
    }
}

/// A run's identifier as it may stand in an address.
fn identifier(text: &str) -> Result<&str, Failure> {
    match text.parse::<crate::domain::RunId>() {
        Ok(_) => Ok(text),
        Err(_) => {
            Err(exit::invalid(format!("`{text}` is not a run: expected a UUID, as `slipway runs list` shows them")))
        }
    }
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or("–")
}

fn state(run: &Value) -> String {
    let stalled = if run["stalled"] == Value::Bool(true) { " (stalled)" } else { "" };
    format!("{}{stalled}", text(run, "state"))
}

fn list(answer: &Value) -> String {
    let runs = answer["runs"].as_array().map(Vec::as_slice).unwrap_or_default();
    let rows: Vec<Vec<String>> = runs
        .iter()
        .map(|run| {
            let reason = text(run, "reason").lines().next().unwrap_or_default().chars().take(80).collect();
            let head = text(run, "head").chars().take(12).collect();
            vec![text(run, "id").to_owned(), text(run, "model").to_owned(), head, state(run), reason]
        })
        .collect();
    output::table(&["RUN", "MODEL", "REVISION", "STATE", "REASON"], &rows)
}

fn show(run: &Value) -> String {
    let mut lines = vec![format!("run {} of {}: {}", text(run, "id"), text(run, "model"), state(run))];
    for key in ["reason", "branch", "head", "artifact", "champion", "evidence", "promotion_commit"] {
        if let Some(value) = run[key].as_str() {
            lines.push(format!("  {key}: {value}"));
        }
    }
    for step in run["transitions"].as_array().map(Vec::as_slice).unwrap_or_default() {
        lines.push(format!("  {}  {:<10}  {}", text(step, "at"), text(step, "to"), text(step, "cause")));
    }
    lines.join("\n")
}

fn log(answer: &Value) -> String {
    let lines = answer["lines"].as_array().map(Vec::as_slice).unwrap_or_default();
    lines.iter().map(|line| format!("{}  {}", text(line, "at"), text(line, "line"))).collect::<Vec<_>>().join("\n")
}
