//! `slipway deliveries`: deliveries that a running server received, and their results.

use clap::{Args, Subcommand};
use serde_json::Value;

use super::client::{Query, Server, encoded};
use super::exit::{Exit, Failure};
use super::form::Width;
use super::known::Names;
use super::output::{self, text};
use super::repeat::Watch;
use slipway_domain::DeliveryState;

/// List, show and replay the deliveries of a running server.
#[derive(Debug, Args)]
pub(super) struct Deliveries {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the newest deliveries
    List(List),
    /// Show a delivery with its headers and its body
    Show(One),
    /// Process a delivery again: a dead one after its cause is fixed, or one whose effect is needed again
    Replay(One),
}

#[derive(Debug, Args)]
struct List {
    /// Only deliveries of this source
    #[arg(long)]
    source: Option<String>,
    /// Only deliveries in this state
    #[arg(long, value_parser = state_of)]
    state: Option<DeliveryState>,
    /// Maximum number of deliveries
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    #[command(flatten)]
    watch: Watch,
}

#[derive(Debug, Args)]
struct One {
    /// The source
    source: String,
    /// The sender's identifier of the delivery
    delivery: String,
}

fn state_of(word: &str) -> Result<DeliveryState, String> {
    DeliveryState::from_name(word)
        .ok_or_else(|| format!("expected one of {}", DeliveryState::ALL.map(DeliveryState::as_str).join(", ")))
}

impl Deliveries {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let Self { action, server } = self;
        match action {
            Action::List(list) => list.show(&server),
            Action::Show(one) => server.show(&server.call("GET", &one.path())?, show),
            Action::Replay(one) => server.show(&server.call("POST", &format!("{}/replay", one.path()))?, headline),
        }?;
        Ok(Exit::Done)
    }
}

impl One {
    fn path(&self) -> String {
        format!("deliveries/{}/{}", encoded(&self.source), encoded(&self.delivery))
    }
}

impl List {
    fn show(&self, server: &Server) -> Result<(), Failure> {
        let Self { source, state, limit, watch } = self;
        let filters =
            Query::default().with("source", source.as_deref()).with("state", state.map(DeliveryState::as_str));
        let names = Names { source: source.as_deref(), model: None };
        server.show_list("deliveries", (&filters, names), *limit, *watch, list)
    }
}

fn list(answer: &Value, width: Width) -> String {
    let cell = |delivery: &Value, key| text(delivery, key).to_owned();
    let rows: Vec<Vec<String>> = output::things(answer, "deliveries")
        .iter()
        .map(|delivery| {
            let mut row: Vec<String> =
                ["received_at", "source", "id", "event", "state"].map(|key| cell(delivery, key)).into();
            row.push(width.cell(text(delivery, "note")));
            row
        })
        .collect();
    output::table(&["RECEIVED", "SOURCE", "DELIVERY", "EVENT", "STATE", "NOTE"], &rows)
}

fn headline(delivery: &Value) -> String {
    let [source, id, event, state, note] = ["source", "id", "event", "state", "note"].map(|key| text(delivery, key));
    format!("delivery {id} of {source}: {event}, {state}\n  note: {note}")
}

fn show(delivery: &Value) -> String {
    let mut lines = vec![headline(delivery)];
    for (name, value) in delivery["headers"].as_object().into_iter().flatten() {
        lines.push(format!("  {name}: {}", value.as_str().unwrap_or_default()));
    }
    lines.push(String::new());
    lines.push(text(delivery, "body").to_owned());
    lines.join("\n")
}
