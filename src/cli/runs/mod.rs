//! `slipway runs`: shows and controls the runs of a running server through its API.

use clap::{Args, Subcommand};
use serde_json::Value;
use slipway_contract::counted;

mod text;

use super::client::{Query, Server};
use super::exit::{self, Exit, Failure};
use super::known::Names;
use super::repeat::Watch;
use super::run_name::RunName;
use super::{output, watch};
use slipway_domain::{RunId, RunState};
use text::{explain, list, log, show};
pub(super) use text::{log_line, show as show_run, transition};

/// Number of log lines that are requested at a time.
const LINES: usize = 500;

/// Show and control the runs of a running server.
#[derive(Debug, Args)]
pub(super) struct Runs {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the newest runs
    List(List),
    /// Show a run: its state, the reason and its transitions
    Show(Watched),
    /// Show the output of a run's trainer
    Log(Watched),
    /// Explain why a run trained, or why no training was necessary
    Explain(Explained),
    /// Train and judge a model of the served branch without a push
    Start(Start),
    /// Cancel a run that has not begun to change its environment
    Cancel(Watched),
    /// Make a stalled run due again, or all stalled runs
    Retry(Retry),
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
    /// Only runs of this revision, by its first digits (at least seven)
    #[arg(long, value_name = "COMMIT")]
    head: Option<String>,
    /// Only runs that wait for a person
    #[arg(long)]
    stalled: bool,
    /// Maximum number of runs
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Follow every transition of a run, one per line, until interrupted
    #[arg(long, conflicts_with_all = ["state", "head", "stalled"])]
    watch: bool,
}

#[derive(Debug, Args)]
struct Explained {
    /// The run's identifier, or its first digits (at least eight)
    run: RunName,
    #[command(flatten)]
    watch: Watch,
}

#[derive(Debug, Args)]
struct Start {
    /// The model's source
    source: String,
    /// The model
    model: String,
    /// A revision of the served branch: the first digits of a commit (at least seven) or a branch; the default is the tip
    #[arg(long, value_name = "REVISION")]
    revision: Option<String>,
    /// Follow the run until it ends; exit 1 if it does not end in the state `done`
    #[arg(long)]
    watch: bool,
}

#[derive(Debug, Args)]
struct Retry {
    /// The run's identifier, or its first digits (at least eight)
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    run: Option<RunName>,
    /// All stalled runs
    #[arg(long)]
    all: bool,
    /// With `--all`: only runs of this source
    #[arg(long, requires = "all")]
    source: Option<String>,
    /// With `--all`: only runs of this model
    #[arg(long, requires = "all")]
    model: Option<String>,
    /// Follow the run until it ends; exit 1 if it does not end in the state `done`
    #[arg(long, conflicts_with = "all")]
    watch: bool,
}

#[derive(Debug, Args)]
struct Watched {
    /// The run's identifier, or its first digits (at least eight)
    run: RunName,
    /// Follow the run until it ends; exit 1 if it does not end in the state `done` (`cancel`: `cancelled`)
    #[arg(long)]
    watch: bool,
}

fn state_of(word: &str) -> Result<RunState, String> {
    RunState::from_name(word)
        .ok_or_else(|| format!("expected one of {}", RunState::ALL.map(RunState::as_str).join(", ")))
}

impl Runs {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let Self { action, server } = self;
        match action {
            Action::List(list) if list.watch => {
                let (source, model) = (list.source.as_deref(), list.model.as_deref());
                return watch::moves(&server, source, model, || list.begin(&server));
            }
            Action::List(list) => list.show(&server),
            Action::Show(Watched { run, watch: true }) => {
                return watch::run(&server, run.whole(&server)?, RunState::Done, show);
            }
            Action::Log(Watched { run, watch: true }) => return watch::log(&server, run.whole(&server)?),
            Action::Show(Watched { run, .. }) => server.show(&server.call("GET", &format!("runs/{run}"))?, show),
            Action::Log(Watched { run, .. }) => server.show(&whole_log(&server, run.whole(&server)?)?, log),
            Action::Explain(Explained { run, watch }) => {
                let path = format!("runs/{run}/explain");
                server.show_or_watch(watch, || server.call("GET", &path), explain)
            }
            Action::Start(Start { source, model, revision, watch }) => {
                let wish = serde_json::json!({"source": source, "model": model, "revision": revision});
                return watch::after(&server, &server.send("runs", &wish)?, watch, RunState::Done, show);
            }
            Action::Cancel(Watched { run, watch }) => {
                let run = server.call("POST", &format!("runs/{run}/cancel"))?;
                return watch::after(&server, &run, watch, RunState::Cancelled, show);
            }
            Action::Retry(Retry { run: Some(run), watch, .. }) => {
                let run = server.call("POST", &format!("runs/{run}/retry"))?;
                return watch::after(&server, &run, watch, RunState::Done, show);
            }
            Action::Retry(retry) => return retry.all(&server),
        }?;
        Ok(Exit::Done)
    }
}

impl List {
    fn show(&self, server: &Server) -> Result<(), Failure> {
        let most = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let answer = server.list_of("runs", &self.filters(), self.names(), most)?;
        if !answer["next"].is_null() {
            output::note(&output::more_than(self.limit, "runs"));
        }
        let is_narrow = self.state.is_some() || self.head.is_some() || self.stalled;
        if output::things(&answer, "runs").is_empty() && !is_narrow {
            self.hint_at_first_runs(server);
        }
        server.show_wide(&answer, list)
    }

    /// If there are no runs, models may have a first run to start. An older server does not report them, which is not a failure.
    fn hint_at_first_runs(&self, server: &Server) {
        let Ok(answer) = server.list("models", &Query::default(), "models", MAX_MODELS) else { return };
        let fits = |wish: Option<&str>, value: &Value| wish.is_none_or(|wish| *value == *wish);
        let is_meant = |model: &&Value| {
            model["first_run"].is_object()
                && fits(self.source.as_deref(), &model["source"])
                && fits(self.model.as_deref(), &model["model"])
        };
        let new: Vec<&Value> = output::things(&answer, "models").iter().filter(is_meant).collect();
        if let Some(first) = new.first() {
            let waiting = match new.len() {
                1 => "1 model has no run yet".to_owned(),
                many => format!("{many} models have no run yet (`slipway models list`)"),
            };
            let [source, model] = ["source", "model"].map(|key| output::text(first, key));
            output::note(&format!("{waiting}: start the first run with `slipway runs start {source} {model}`"));
        }
    }

    /// Shows the list before the events.
    fn begin(&self, server: &Server) -> Result<(), Failure> {
        let most = usize::try_from(self.limit).unwrap_or(usize::MAX);
        server.show_next_wide(&server.list_of("runs", &self.filters(), self.names(), most)?, list)
    }

    fn names(&self) -> Names<'_> {
        Names { source: self.source.as_deref(), model: self.model.as_deref() }
    }

    fn filters(&self) -> Query {
        let Self { source, model, state, head, stalled, limit: _, watch: _ } = self;
        Query::default()
            .with("source", source.as_deref())
            .with("model", model.as_deref())
            .with("state", state.map(RunState::as_str))
            .with("head", head.as_deref())
            .with("stalled", stalled.then_some("true"))
    }
}

/// Maximum number of models that are searched for models without a run.
const MAX_MODELS: usize = 1_000;

/// Maximum number of runs that `--all` retries, so that a call ends.
const MAX_RETRIED: usize = 10_000;

impl Retry {
    /// Makes all matching stalled runs due again. A failure is reported and does not stop the others.
    fn all(&self, server: &Server) -> Result<Exit, Failure> {
        let filters = Query::default()
            .with("source", self.source.as_deref())
            .with("model", self.model.as_deref())
            .with("stalled", Some("true"));
        let names = Names { source: self.source.as_deref(), model: self.model.as_deref() };
        let stalled = server.list_of("runs", &filters, names, MAX_RETRIED)?;
        let mut retried = Vec::new();
        let mut exit = Exit::Done;
        for run in output::things(&stalled, "runs") {
            let id = output::text(run, "id");
            match server.call("POST", &format!("runs/{id}/retry")) {
                Ok(run) => retried.push(run),
                Err(failure) => {
                    output::complain(&format!("run {id}: {failure}"));
                    exit = failure.code();
                }
            }
        }
        server.show_wide(&serde_json::json!({ "runs": retried }), |answer, width| {
            let count = counted(output::things(answer, "runs").len(), "run");
            format!("{}\n{count} due again", list(answer, width))
        })?;
        Ok(exit)
    }
}

/// Returns all lines of a log, as one page would contain them.
fn whole_log(server: &Server, run: RunId) -> Result<Value, Failure> {
    let mut lines: Vec<Value> = Vec::new();
    loop {
        let after = lines.last().and_then(|line| line["number"].as_u64()).unwrap_or(0);
        let mut page = server.call("GET", &format!("runs/{run}/log?limit={LINES}&after={after}"))?;
        let page =
            page["lines"].as_array_mut().ok_or_else(|| exit::unreachable("the server's response contains no lines"))?;
        let ended = page.len() < LINES;
        lines.append(page);
        if ended {
            return Ok(serde_json::json!({ "lines": lines }));
        }
    }
}
