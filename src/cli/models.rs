//! `slipway models`: the models of a running server, each with its newest run and its last promotion.

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::Value;

use super::client::{Query, Server};
use super::colour;
use super::exit::{Exit, Failure};
use super::form::Width;
use super::known::Names;
use super::output::{self, text};
use super::repeat::Watch;
use slipway_domain::beside_state;

/// Show the models of a running server.
#[derive(Debug, Args)]
pub(super) struct Models {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List all models by source and name, with their newest runs and last promotions
    List(List),
}

#[derive(Debug, Args)]
struct List {
    /// Maximum number of models
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    #[command(flatten)]
    watch: Watch,
}

impl Models {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let Self { action: Action::List(List { limit, watch }), server } = self;
        let list = |answer: &Value, width| list(answer, width, Timestamp::now());
        server.show_list("models", (&Query::default(), Names::default()), limit, watch, list)?;
        Ok(Exit::Done)
    }
}

/// Returns the hint how to start the first run of a model.
pub(super) fn first_run(model: &Value) -> String {
    format!("no run yet: slipway runs start {} {}", text(model, "source"), text(model, "model"))
}

fn list(answer: &Value, width: Width, now: Timestamp) -> String {
    let row = |model: &Value| {
        let (newest, promoted) = (&model["newest_run"], &model["promoted"]);
        let state = match newest["stalled"].as_bool() {
            Some(true) => format!("{} (stalled)", text(newest, "state")),
            Some(false) => text(newest, "state").to_owned(),
            None => text(model, "state").to_owned(),
        };
        let (since, reason) = if let Some(since) = model["first_run"]["since"].as_str() {
            (since, first_run(model))
        } else {
            let reason = beside_state(text(newest, "state"), text(newest, "reason"));
            (text(newest, "updated_at"), reason.to_owned())
        };
        let artifact: String = text(promoted, "artifact").trim_start_matches("sha256:").chars().take(12).collect();
        vec![
            text(model, "source").to_owned(),
            text(model, "model").to_owned(),
            text(newest, "id").to_owned(),
            colour::word(&state),
            output::age(since, now),
            text(promoted, "environment").to_owned(),
            artifact,
            output::age(text(promoted, "at"), now),
            width.cell(&reason),
        ]
    };
    let rows: Vec<Vec<String>> = output::things(answer, "models").iter().map(row).collect();
    let header = ["SOURCE", "MODEL", "NEWEST RUN", "STATE", "AGE", "PROMOTED TO", "ARTIFACT", "SINCE", "REASON"];
    output::table(&header, &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_listed_with_its_newest_run_and_what_was_promoted_last() {
        let answer = serde_json::json!({"models": [
            {"source": "risk", "model": "churn",
             "newest_run": {"id": "0199", "state": "refused", "stalled": false, "reason": "accuracy 0.81",
                            "updated_at": "2026-11-01T11:00:00Z"},
             "promoted": {"environment": "production", "artifact": "sha256:0123456789abcdef", "at": "2026-10-30T12:00:00Z"}},
            {"source": "risk", "model": "fraud",
             "newest_run": {"id": "0200", "state": "training", "stalled": true, "reason": null,
                            "updated_at": "2026-11-01T11:59:30Z"},
             "promoted": null},
            {"source": "risk", "model": "spam", "state": "new", "newest_run": null, "promoted": null,
             "first_run": {"file": "spam/slipway.yaml", "since": "2026-11-01T11:50:00Z"}},
        ]});
        let now = "2026-11-01T12:00:00Z".parse().expect("a time");
        insta::assert_snapshot!(colour::plain(&list(&answer, Width::Narrow, now)), @"
        SOURCE  MODEL  NEWEST RUN  STATE               AGE  PROMOTED TO  ARTIFACT      SINCE  REASON
        risk    churn  0199        refused             1h   production   0123456789ab  2d     accuracy 0.81
        risk    fraud  0200        training (stalled)  30s  –            –             –      –
        risk    spam   –           new                 10m  –            –             –      no run yet: slipway runs start risk spam
        ");
    }
}
