//! `slipway reports`: the reports of a running server to forges, and their states.

use clap::{Args, Subcommand};
use serde_json::Value;
use slipway_contract::counted;

use super::client::{Query, Server, encoded};
use super::exit::{Exit, Failure};
use super::form::Width;
use super::known::Names;
use super::output::{self, text};
use super::repeat::Watch;
use slipway_store::ReportStatus;

/// List the reports of a running server to forges, and retry them.
#[derive(Debug, Args)]
pub(super) struct Reports {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the newest reports: one for each run, and one for each revision without a training
    List(List),
    /// Retry a report that is behind or was refused, or all such reports of a source
    Retry(Retry),
}

#[derive(Debug, Args)]
struct List {
    /// Only reports of this source
    #[arg(long)]
    source: Option<String>,
    /// Only reports in this state: behind, reported, refused or skipped
    #[arg(long, value_parser = state_of)]
    state: Option<ReportStatus>,
    /// Maximum number of reports
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    #[command(flatten)]
    watch: Watch,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Retry {
    /// The report, as `slipway reports list` shows it
    report: Option<String>,
    /// All reports of this source
    #[arg(long)]
    source: Option<String>,
}

fn state_of(word: &str) -> Result<ReportStatus, String> {
    ReportStatus::from_name(word)
        .ok_or_else(|| format!("expected one of {}", ReportStatus::ALL.map(ReportStatus::as_str).join(", ")))
}

impl Reports {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let Self { action, server } = self;
        match action {
            Action::List(list) => list.show(&server),
            Action::Retry(Retry { report: Some(report), .. }) => {
                server.show(&server.call("POST", &format!("reports/{}/retry", encoded(&report)))?, headline)
            }
            Action::Retry(Retry { source, .. }) => {
                let source = source.unwrap_or_default();
                let path = format!("reports/retry?source={}", encoded(&source));
                server.show(&server.call("POST", &path)?, |answer| {
                    let due = answer["due"].as_u64().unwrap_or_default();
                    let are = if due == 1 { "is" } else { "are" };
                    format!("{} of {source} {are} due now", counted(due, "report"))
                })
            }
        }?;
        Ok(Exit::Done)
    }
}

impl List {
    fn show(&self, server: &Server) -> Result<(), Failure> {
        let Self { source, state, limit, watch } = self;
        let filters = Query::default().with("source", source.as_deref()).with("state", state.map(ReportStatus::as_str));
        let names = Names { source: source.as_deref(), model: None };
        server.show_list("reports", (&filters, names), *limit, *watch, list)
    }
}

fn list(answer: &Value, width: Width) -> String {
    let rows: Vec<Vec<String>> = output::things(answer, "reports")
        .iter()
        .map(|report| {
            let cell = |key| text(report, key).to_owned();
            let short = |key: &str| width.digits(text(report, key));
            vec![
                cell("behind_since"),
                cell("source"),
                cell("model"),
                short("revision"),
                cell("state"),
                report["attempts"].to_string(),
                cell("id"),
                width.cell(text(report, "note")),
            ]
        })
        .collect();
    output::table(&["SINCE", "SOURCE", "MODEL", "REVISION", "STATE", "FAILED", "REPORT", "NOTE"], &rows)
}

fn headline(report: &Value) -> String {
    let [id, source, state, note] = ["id", "source", "state", "note"].map(|key| text(report, key));
    format!("report {id} of {source}: {state}\n  note: {note}")
}
