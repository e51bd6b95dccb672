//! `slipway environments`: deployed artifacts, waiting promotions and history of environments.

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::Value;
use slipway_contract::counted;

use super::client::{Query, Server, encoded};
use super::exit::{Exit, Failure};
use super::output::{self, text};
use super::repeat::Watch;
use super::target::{Target, time_of};

/// Show the environments of a running server.
#[derive(Debug, Args)]
pub(super) struct Environments {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List all environments with their rules
    List(Watch),
    /// Show an environment: the artifact of each model, its commit and time, and which promotions wait and why
    Show(Show),
    /// List the deployment records of a model in an environment, newest first
    History(History),
}

#[derive(Debug, Args)]
struct History {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    watch: Watch,
}

#[derive(Debug, Args)]
struct Show {
    /// The environment
    environment: String,
    /// Show the state at this time, from git only: a time (RFC 3339), or a day, which means its end in UTC
    #[arg(long, value_name = "DATE", value_parser = time_of, conflicts_with = "watch")]
    at: Option<Timestamp>,
    #[command(flatten)]
    watch: Watch,
}

impl Environments {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let Self { action, server } = self;
        match action {
            Action::List(watch) => {
                server.show_or_watch(watch, || server.call("GET", "environments"), |answer, _| list(answer))
            }
            Action::Show(Show { environment, at: None, watch }) => {
                let path = format!("environments/{}", encoded(&environment));
                server.show_or_watch(watch, || server.call("GET", &path), |answer, _| show(answer))
            }
            // A past state does not change.
            Action::Show(Show { environment, at: Some(at), watch: _ }) => {
                let query = Query::default().with("time", Some(&at.to_string()));
                server.show(&server.call("GET", &format!("environments/{}/at{query}", encoded(&environment)))?, then)
            }
            Action::History(History { target, watch }) => {
                let path = target.meant(&server)?.path("history");
                server.show_or_watch(watch, || server.call("GET", &path), |answer, _| history(answer))
            }
        }?;
        Ok(Exit::Done)
    }
}

fn list(answer: &Value) -> String {
    let row = |environment: &Value| {
        let cell = |key| text(environment, key).to_owned();
        let tip: String = text(environment, "tip").chars().take(12).collect();
        vec![cell("name"), cell("branch"), cell("folder"), tip, rules(&environment["rules"])]
    };
    let rows: Vec<Vec<String>> = output::things(answer, "environments").iter().map(row).collect();
    output::table(&["ENVIRONMENT", "BRANCH", "FOLDER", "TIP", "RULES"], &rows)
}

/// Formats rules briefly.
fn rules(rules: &Value) -> String {
    let names = |value: &Value, key| {
        let names: Vec<&str> = output::things(value, key).iter().filter_map(Value::as_str).collect();
        names.join(", ")
    };
    let mut words = Vec::new();
    if rules["after"].is_object() {
        let soak = rules["after"]["soak_seconds"].as_i64().filter(|seconds| *seconds > 0);
        let soak = soak.map(|seconds| format!(" for {:#}", jiff::SignedDuration::from_secs(seconds)));
        let need = text(&rules["after"], "need");
        words.push(format!("after {need} of {}{}", names(&rules["after"], "environments"), soak.unwrap_or_default()));
    }
    if rules["approvals"].is_object() {
        let by = names(&rules["approvals"], "by");
        let of = if by.is_empty() { String::new() } else { format!(" of {by}") };
        let number = rules["approvals"]["number"].as_u64().unwrap_or_default();
        words.push(format!("{}{of}", counted(number, "approval")));
    }
    let windows = names(rules, "windows");
    if !windows.is_empty() {
        words.push(format!("open {windows}"));
    }
    for freeze in output::things(rules, "freezes") {
        words.push(format!("frozen until {}: {}", text(freeze, "until"), text(freeze, "reason")));
    }
    if words.is_empty() { "–".to_owned() } else { words.join("; ") }
}

/// Formats an artifact by its first digits, or the content in its place.
fn artifact(deployed: &Value) -> String {
    match (deployed["artifact"].as_str(), deployed["unclear"].as_str()) {
        (Some(artifact), _) => short(artifact),
        (None, Some(unclear)) => format!("unclear: {}", output::first_line(unclear)),
        (None, None) => "none".to_owned(),
    }
}

fn short(artifact: &str) -> String {
    artifact.trim_start_matches("sha256:").chars().take(12).collect()
}

/// Formats the author of a deployment record.
fn writer(record: &Value) -> String {
    match (record["run"].as_str(), record["manual_author"].as_str()) {
        (Some(run), _) => format!("run {run}"),
        (None, Some(author)) => format!("by hand: {author}"),
        (None, None) => "older than the history that was read".to_owned(),
    }
}

fn record(record: &Value) -> Vec<String> {
    let commit = text(record, "commit").chars().take(12).collect();
    vec![artifact(&record["deployed"]), text(record, "since").to_owned(), commit, writer(record)]
}

fn show(environment: &Value) -> String {
    let mut lines = vec![format!(
        "{} on branch {}: {}",
        text(environment, "name"),
        text(environment, "branch"),
        rules(&environment["rules"])
    )];
    lines.extend(output::things(environment, "holds").iter().map(|hold| held(hold, "all models")));
    for model in output::things(environment, "models") {
        let name = text(model, "model");
        lines.push(if model["current"].is_object() {
            let [artifact, since, commit, writer] = &record(&model["current"])[..] else { continue };
            format!("{name}: {artifact} since {since}, commit {commit}, {writer}")
        } else {
            format!("{name}: not read yet")
        });
        if let Some(reason) = model["rejected"].as_str() {
            lines.push(format!("  rejected by {reason}; restore an earlier one with `slipway rollback`"));
        }
        lines.extend(output::things(model, "holds").iter().map(|hold| held(hold, "this model")));
        for run in output::things(model, "active_runs") {
            lines.extend(active_run(run));
        }
        lines.extend(first_promotion(environment, model));
    }
    lines.join("\n")
}

/// Formats the first promotion of a model, if one is possible.
fn first_promotion(environment: &Value, model: &Value) -> Option<String> {
    let promotion = &model["first_promotion"];
    let (from, version) = (promotion["from"].as_str()?, text(promotion, "version"));
    let (name, here) = (text(model, "model"), text(environment, "name"));
    Some(format!("  {name}: {from} names {version}; slipway promote {name} {here}"))
}

fn held(hold: &Value, what: &str) -> String {
    let until = hold["until"].as_str().map(|until| format!(" until {until}")).unwrap_or_default();
    format!("  {what} held by {}{until}: {}", text(hold, "actor"), text(hold, "reason"))
}

fn active_run(run: &Value) -> Vec<String> {
    let artifact = run["artifact"].as_str().map_or_else(|| "no artifact yet".to_owned(), short);
    let stalled = if run["stalled"] == Value::Bool(true) { " (stalled)" } else { "" };
    let mut lines = vec![format!("  {artifact} of run {} is {}{stalled}", text(run, "run"), text(run, "state"))];
    for reason in output::things(run, "blocking_rules") {
        let earliest = reason["earliest"].as_str().map(|time| format!(", until {time} at the earliest"));
        lines.push(format!("    {}: {}{}", text(reason, "rule"), text(reason, "reason"), earliest.unwrap_or_default()));
    }
    let people: Vec<&str> = output::things(run, "approvals").iter().map(|approval| text(approval, "person")).collect();
    if !people.is_empty() {
        lines.push(format!("    approved by {}", people.join(", ")));
    }
    lines
}

fn then(answer: &Value) -> String {
    let commit: String = text(answer, "commit").chars().take(12).collect();
    let heading = format!("{} at {}: commit {commit}", text(answer, "environment"), text(answer, "at"));
    let row = |model: &Value| vec![text(model, "model").to_owned(), artifact(&model["deployed"])];
    let rows: Vec<Vec<String>> = output::things(answer, "models").iter().map(row).collect();
    format!("{heading}\n{}", output::table(&["MODEL", "ARTIFACT"], &rows))
}

fn history(answer: &Value) -> String {
    let rows: Vec<Vec<String>> = output::things(answer, "deployment_records").iter().map(record).collect();
    output::table(&["ARTIFACT", "SINCE", "COMMIT", "WRITTEN BY"], &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_downstream_of_a_filled_one_shows_the_first_promotion() {
        let environment = serde_json::json!({
            "name": "production", "branch": "main", "rules": {"after": null, "approvals": null}, "holds": [],
            "models": [
                {"model": "churn", "current": null, "holds": [], "active_runs": [], "first_promotion":
                    {"from": "staging", "artifact": "sha256:0123", "version": "20261130-0123456789ab", "run": "7"}},
                {"model": "fraud", "current": null, "holds": [], "active_runs": [], "first_promotion": null},
            ],
        });
        let shown = show(&environment);
        let hint = "  churn: staging names 20261130-0123456789ab; slipway promote churn production";
        assert!(shown.lines().any(|line| line == hint), "{shown}");
        assert_eq!(shown.matches("slipway promote").count(), 1, "{shown}");
    }

    #[test]
    fn rules_are_shown_in_short() {
        let lines = rules(&serde_json::json!({
            "after": {"environments": ["staging"], "need": "all", "soak_seconds": 86_400},
            "approvals": {"number": 2, "by": ["kim", "lee"]},
            "windows": ["0 9 * * MON-FRI UTC for 8h"],
            "freezes": [{"from": null, "until": "2027-01-02T00:00:00Z", "reason": "holidays"}],
        }));
        let expected = "after all of staging for 24h; 2 approvals of kim, lee; open 0 9 * * MON-FRI UTC for 8h; \
                        frozen until 2027-01-02T00:00:00Z: holidays";
        assert_eq!(lines, expected);
        let one = serde_json::json!({"approvals": {"number": 1, "by": []}});
        assert_eq!(rules(&one), "1 approval");
        let none = serde_json::json!({"after": null, "approvals": null, "windows": [], "freezes": []});
        assert_eq!(rules(&none), "–");
    }
}
