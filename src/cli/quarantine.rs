//! `slipway quarantine`: rows that a running server cannot read and skips.

use clap::{Args, Subcommand};
use serde_json::Value;

use super::client::{Query, Server, encoded};
use super::exit::{Exit, Failure};
use super::form::Width;
use super::output::{self, text};
use super::repeat::Watch;

/// List rows that a running server cannot read and skips, and retry them.
#[derive(Debug, Args)]
pub(super) struct Quarantine {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the rows that cannot be read, with the reasons
    List(Watch),
    /// Read a row again; exit 1 if it still cannot be read
    Retry(One),
}

#[derive(Debug, Args)]
struct One {
    /// Kind of the row, such as `run` or `delivery`
    kind: String,
    /// Key of the row, as `list` shows it
    key: String,
}

/// Maximum number of listed rows.
const MAX: usize = 500;

impl Quarantine {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let Self { action, server } = self;
        match action {
            Action::List(watch) => {
                server.show_or_watch(watch, || server.list("quarantine", &Query::default(), "rows", MAX), list)?;
                Ok(Exit::Done)
            }
            Action::Retry(One { kind, key }) => {
                let path = format!("quarantine/{}/{}/retry", encoded(&kind), encoded(&key));
                let answer = server.call("POST", &path)?;
                server.show(&answer, retried_row)?;
                Ok(if answer["reason"].is_null() { Exit::Done } else { Exit::Refused })
            }
        }
    }
}

fn list(answer: &Value, width: Width) -> String {
    let rows: Vec<Vec<String>> = output::things(answer, "rows")
        .iter()
        .map(|row| {
            let mut cells: Vec<String> = ["since", "kind", "key"].map(|key| text(row, key).to_owned()).into();
            cells.push(width.cell(text(row, "reason")));
            cells
        })
        .collect();
    output::table(&["SINCE", "KIND", "KEY", "REASON"], &rows)
}

fn retried_row(answer: &Value) -> String {
    let [kind, key, reason] = ["kind", "key", "reason"].map(|name| text(answer, name));
    if answer["reason"].is_null() {
        format!("{kind} {key} was read and left the quarantine")
    } else {
        format!("{kind} {key} still cannot be read: {reason}")
    }
}
