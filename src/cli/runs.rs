//! `slipway runs`: reads and steers a running server through its API.

use clap::{Args, Subcommand};
use serde_json::Value;

use super::client::{Query, Server};
use super::exit::{self, Exit, Failure};
use super::output::{self, text};
use super::watch;
use crate::domain::{RunId, RunState};

/// Lines of a log that are asked for at a time.
const LINES: usize = 500;

/// Read and steer the runs of a running server.
#[derive(Debug, Args)]
pub(super) struct Runs {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// The newest runs
    List(List),
    /// One run: where it stands, why, and its way so far
    Show(Watched),
    /// What the trainer said
    Log(Watched),
    /// Why a run trained, or why it did not have to
    Explain(One),
    /// End a run that has not begun to change its environment
    Cancel(One),
    /// Make a stalled run due again
    Retry(One),
}

#[derive(Debug, Args)]
struct List {
    /// Only runs of this source
    #[arg(long)]
    source: Option<String>,
    /// Only runs of this model
    #[arg(long)]
    model: Option<String>,
    /// Only runs in this state
    #[arg(long, value_parser = state_of)]
    state: Option<RunState>,
    /// Only runs of this revision, by all of its forty digits
    #[arg(long, value_name = "COMMIT")]
    head: Option<String>,
    /// Only runs that wait for a person
    #[arg(long)]
    stalled: bool,
    /// How many runs, at most
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Go on with every move of a run, one a line, until interrupted
    #[arg(long, conflicts_with_all = ["state", "head", "stalled"])]
    watch: bool,
}

#[derive(Debug, Args)]
struct One {
    /// The run's identifier
    run: RunId,
}

#[derive(Debug, Args)]
struct Watched {
    /// The run's identifier
    run: RunId,
    /// Go on until the run has ended; exit 1 if it was not promoted
    #[arg(long)]
    watch: bool,
}

fn state_of(word: &str) -> Result<RunState, String> {
    RunState::named(word).ok_or_else(|| format!("expected one of {}", RunState::ALL.map(RunState::as_str).join(", ")))
}

impl Runs {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let Self { action, server } = self;
        match action {
            Action::List(list) if list.watch => {
                let (source, model) = (list.source.as_deref(), list.model.as_deref());
                return watch::moves(&server, source, model, || list.show(&server));
            }
            Action::List(list) => list.show(&server),
            Action::Show(Watched { run, watch: true }) => return watch::run(&server, run, show),
            Action::Log(Watched { run, watch: true }) => return watch::log(&server, run),
            Action::Show(Watched { run, .. }) => server.show(&server.ask("GET", &format!("runs/{run}"))?, show),
            Action::Log(Watched { run, .. }) => server.show(&whole_log(&server, run)?, log),
            Action::Explain(One { run }) => server.show(&server.ask("GET", &format!("runs/{run}/explain"))?, explain),
            Action::Cancel(One { run }) => server.show(&server.ask("POST", &format!("runs/{run}/cancel"))?, show),
            Action::Retry(One { run }) => server.show(&server.ask("POST", &format!("runs/{run}/retry"))?, show),
        }?;
        Ok(Exit::Done)
    }
}

impl List {
    fn show(&self, server: &Server) -> Result<(), Failure> {
        let Self { source, model, state, head, stalled, limit, watch: _ } = self;
        let filters = Query::default()
            .with("source", source.as_deref())
            .with("model", model.as_deref())
            .with("state", state.map(RunState::as_str))
            .with("head", head.as_deref())
            .with("stalled", stalled.then_some("true"));
        server.show_list("runs", &filters, *limit, list)
    }
}

/// All lines of a log, as one page would hold them.
fn whole_log(server: &Server, run: RunId) -> Result<Value, Failure> {
    let mut lines: Vec<Value> = Vec::new();
    loop {
        let after = lines.last().and_then(|line| line["number"].as_u64()).unwrap_or(0);
        let mut page = server.ask("GET", &format!("runs/{run}/log?limit={LINES}&after={after}"))?;
        let page = page["lines"].as_array_mut().ok_or_else(|| exit::unreachable("the server sent no lines"))?;
        let ended = page.len() < LINES;
        lines.append(page);
        if ended {
            return Ok(serde_json::json!({ "lines": lines }));
        }
    }
}

fn state(run: &Value) -> String {
    let stalled = if run["stalled"] == Value::Bool(true) { " (stalled)" } else { "" };
    format!("{}{stalled}", text(run, "state"))
}

fn list(answer: &Value) -> String {
    let rows: Vec<Vec<String>> = output::things(answer, "runs")
        .iter()
        .map(|run| {
            let head = text(run, "head").chars().take(12).collect();
            let reason = output::first_line(text(run, "reason"));
            vec![text(run, "id").to_owned(), text(run, "model").to_owned(), head, state(run), reason]
        })
        .collect();
    output::table(&["RUN", "MODEL", "REVISION", "STATE", "REASON"], &rows)
}

fn show(run: &Value) -> String {
    let mut lines = vec![format!("run {} of {}: {}", text(run, "id"), text(run, "model"), state(run))];
    for key in ["reason", "source", "branch", "head", "artifact", "champion", "evidence", "promotion_commit", "reuse"] {
        if let Some(value) = run[key].as_str() {
            lines.push(format!("  {key}: {value}"));
        }
    }
    if let (Some(position), Some(waiting)) = (run["queue"]["position"].as_u64(), run["queue"]["waiting"].as_u64()) {
        lines.push(format!("  queue: {position} of {waiting} runs that wait"));
    }
    for step in output::things(run, "transitions") {
        lines.push(transition(step));
    }
    lines.join("\n")
}

/// A move of a run, for people.
pub(super) fn transition(step: &Value) -> String {
    format!("  {}  {:<10}  {}", text(step, "at"), text(step, "to"), text(step, "cause"))
}

fn log(answer: &Value) -> String {
    let lines = output::things(answer, "lines").iter();
    lines.map(log_line).collect::<Vec<_>>().join("\n")
}

/// A line of a log, for people.
pub(super) fn log_line(line: &Value) -> String {
    format!("{}  {}", text(line, "at"), text(line, "line"))
}

fn explain(answer: &Value) -> String {
    let short = |value: &str| value.trim_start_matches("sha256:").chars().take(24).collect::<String>();
    let rows: Vec<Vec<String>> = output::things(answer, "parts")
        .iter()
        .map(|part| {
            let changed = if part["same"] == Value::Bool(true) { "same" } else { "differs" };
            vec![
                text(part, "name").to_owned(),
                changed.to_owned(),
                short(text(part, "value")),
                short(text(part, "before")),
            ]
        })
        .collect();
    if rows.is_empty() {
        return text(answer, "sentence").to_owned();
    }
    let table = output::table(&["PART", "", "VALUE", "BEFORE"], &rows);
    format!("{}\n\n{table}", text(answer, "sentence"))
}
