//! Formats runs as text for people.

use jiff::Timestamp;
use serde_json::Value;
use slipway_contract::{Progress, counted};

use crate::cli::colour;
use crate::cli::form::Width;
use crate::cli::output::{self, text};
use slipway_domain::beside_state;

/// Formats the state of a run.
fn state(run: &Value) -> String {
    let stalled = if run["stalled"] == Value::Bool(true) { " (stalled)" } else { "" };
    colour::word(&format!("{}{stalled}", text(run, "state")))
}

/// Formats runs, one per line.
pub(super) fn list(answer: &Value, width: Width) -> String {
    let now = Timestamp::now();
    let header = width.with(
        vec!["RUN", "AGE", "MODEL", "ENVIRONMENT", "REVISION", "STATE", "REASON"],
        ["SOURCE", "BRANCH", "PULL REQUEST", "ARTIFACT"],
    );
    let row = |run: &Value| {
        let cell = |key: &str| text(run, key).to_owned();
        let narrow = vec![
            cell("id"),
            output::age(text(run, "created_at"), now),
            cell("model"),
            cell("environment"),
            width.digits(text(run, "head")),
            state(run),
            width.cell(beside_state(text(run, "state"), text(run, "reason"))),
        ];
        let pull_request =
            run["pull_request"].as_u64().map_or_else(|| "–".to_owned(), |pull_request| pull_request.to_string());
        width.with(narrow, [cell("source"), cell("branch"), pull_request, cell("artifact")])
    };
    let rows: Vec<Vec<String>> = output::things(answer, "runs").iter().map(row).collect();
    output::table(&header, &rows)
}

/// Formats a run: its state, the reason, its figures, and the next step.
pub(in crate::cli) fn show(run: &Value) -> String {
    let what = match run["model"].as_str() {
        Some(model) => format!("of {model} for {}", text(run, "environment")),
        None => format!("of the file {}, which contains no valid model", text(run, "file")),
    };
    let mut lines = vec![format!("run {} {what}: {}", text(run, "id"), state(run))];
    for key in ["reason", "source", "branch", "head", "artifact", "champion", "evidence", "promotion_commit", "reuse"] {
        if let Some(value) = run[key].as_str() {
            lines.push(format!("  {key}: {value}"));
        }
    }
    if let Some(pull_request) = run["pull_request"].as_u64() {
        lines.push(format!("  pull request: {pull_request}"));
    }
    if let (Some(position), Some(waiting)) = (run["queue"]["position"].as_u64(), run["queue"]["waiting"].as_u64()) {
        lines.push(format!("  queue: {position} of {waiting} waiting runs"));
    }
    lines.extend(cost(&run["cost"]));
    lines.extend(verdict(&run["verdict"]));
    lines.extend(output::things(run, "warnings").iter().map(warning));
    for reason in output::things(run, "blocking_rules") {
        lines.push(format!("  blocked by {}: {}", text(reason, "rule"), text(reason, "reason")));
    }
    lines.extend(output::things(run, "transitions").iter().map(transition));
    lines.push(format!("  next: {}", next(run)));
    lines.join("\n")
}

fn warning(warning: &Value) -> String {
    let (file, line) = (text(warning, "file"), warning["line"].as_u64());
    let place = line.map_or_else(|| file.to_owned(), |line| format!("{file}:{line}"));
    let help = warning["help"].as_str().map_or_else(String::new, |help| format!("\n    help: {help}"));
    format!("  {}: {place}: {}{help}", colour::word("warning"), text(warning, "message"))
}

fn cost(cost: &Value) -> Option<String> {
    let (seconds, parameters) = (cost["seconds"].as_f64()?, cost["parameters"].as_u64()?);
    let size = bytesize::ByteSize::b(cost["bytes"].as_u64()?);
    Some(format!(
        "  training: {seconds:.1} s on {}, {}, {size}",
        text(cost, "device"),
        counted(parameters, "parameter")
    ))
}

/// Formats the checks with their figures.
fn verdict(verdict: &Value) -> Vec<String> {
    let Some(summary) = verdict["summary"].as_str() else { return Vec::new() };
    let mut lines = vec![format!("  verdict: {}", colour::sentence(summary))];
    for check in output::things(verdict, "checks") {
        // Most sentences say it themselves.
        let sentence = text(check, "sentence");
        let rows = check["rows_to_decide"].as_u64().filter(|_| !sentence.contains("would decide"));
        let rows = rows.map_or_else(String::new, |rows| format!(" (about {} would decide)", counted(rows, "row")));
        let outcome = text(check, "outcome");
        let padding = " ".repeat(12_usize.saturating_sub(outcome.chars().count()));
        lines.push(format!("    {}{padding} {sentence}{rows}", colour::word(outcome)));
    }
    lines.extend(output::things(verdict, "notes").iter().filter_map(|note| Some(format!("    {}", note.as_str()?))));
    lines
}

/// Returns a possible next step of the user.
fn next(run: &Value) -> String {
    let [id, model, environment] = ["id", "model", "environment"].map(|key| text(run, key));
    if run["stalled"] == Value::Bool(true) && run["awaits_environment"] == Value::Bool(true) {
        return format!(
            "fix the environment {environment}; the run then continues by itself, or at once with `slipway runs retry \
             {id}`"
        );
    }
    if run["stalled"] == Value::Bool(true) {
        return format!("fix the reason, then run `slipway runs retry {id}`");
    }
    let is_held_by = |rule: &str| output::things(run, "blocking_rules").iter().any(|reason| reason["rule"] == *rule);
    match text(run, "state") {
        "waiting" if is_held_by("approval") => format!("approve it with `slipway approve {model} {environment}`"),
        "waiting" if is_held_by("hold") => format!("end the hold with `slipway release {model} {environment}`"),
        "waiting" => "wait; the run continues by itself when no rule blocks it".to_owned(),
        "done" if run["pull_request"].is_u64() => {
            "merge the pull request; the judged artifact is then promoted without training".to_owned()
        }
        "done" if run["promotion_commit"].is_null() => {
            format!("see what {environment} names with `slipway environments show {environment}`")
        }
        "done" => format!(
            "see the result with `slipway environments show {environment}`; undo it with `slipway rollback {model} \
             {environment} --reason …`"
        ),
        "refused" if run["verdict"]["outcome"] == "inconclusive" => {
            "add test rows, or make the policy more tolerant, and push".to_owned()
        }
        "refused" => "fix the reason, and push".to_owned(),
        "failed" => format!("see the trainer's output with `slipway runs log {id}`; fix the cause, and push"),
        "superseded" if run["model"].is_null() => "see the newer run with `slipway runs list`".to_owned(),
        "superseded" => format!("see the newer run with `slipway runs list --model {model}`"),
        "cancelled" => "push again, or start a run of the same revision with `slipway runs start`".to_owned(),
        _ => format!("follow it with `slipway runs show {id} --watch`, or end it with `slipway runs cancel {id}`"),
    }
}

/// Formats a transition of a run.
pub(in crate::cli) fn transition(step: &Value) -> String {
    let to = text(step, "to");
    let padding = " ".repeat(10_usize.saturating_sub(to.chars().count()));
    format!("  {}  {}{padding}  {}", text(step, "at"), colour::word(to), beside_state(to, text(step, "cause")))
}

/// Formats lines of a log.
pub(super) fn log(answer: &Value) -> String {
    let lines = output::things(answer, "lines").iter();
    lines.map(log_line).collect::<Vec<_>>().join("\n")
}

/// Formats a line of a log. Progress messages of the trainer become text.
pub(in crate::cli) fn log_line(line: &Value) -> String {
    let written = text(line, "line");
    let said = serde_json::from_str::<Progress>(written).map_or_else(|_| written.to_owned(), |said| describe(&said));
    format!("{}  {said}", text(line, "at"))
}

fn describe(progress: &Progress) -> String {
    match progress {
        Progress::Stage { text } => text.clone(),
        Progress::Step { epoch, epochs, step, steps } => format!("epoch {epoch} of {epochs}: step {step} of {steps}"),
        Progress::Epoch { epoch, epochs, seconds, .. } => {
            let results = progress.epoch_results().unwrap_or_default();
            format!("epoch {epoch} of {epochs}: {results} ({seconds:.1} s)")
        }
        Progress::Done => "done".to_owned(),
        Progress::Failed { fault } => format!("failed: {fault}"),
    }
}

/// Formats why a run trained, with the differences from the compared run.
pub(super) fn explain(answer: &Value, width: Width) -> String {
    let mut blocks = vec![text(answer, "sentence").to_owned()];
    let differences: Vec<&str> = output::things(answer, "differences").iter().filter_map(Value::as_str).collect();
    if !differences.is_empty() {
        blocks.push(format!("what differs:\n  {}", differences.join("\n  ")));
    }
    let row = |part: &Value| {
        let changed = if part["same"] == Value::Bool(true) { "same" } else { "differs" };
        let [value, before] = ["value", "before"].map(|key| width.digits(text(part, key)));
        vec![text(part, "name").to_owned(), changed.to_owned(), value, before]
    };
    let rows: Vec<Vec<String>> = output::things(answer, "parts").iter().map(row).collect();
    if !rows.is_empty() {
        blocks.push(output::table(&["PART", "", "VALUE", "BEFORE"], &rows));
    }
    blocks.join("\n\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_run_is_shown_with_environment_checks_figures_and_what_to_do() {
        let run = json!({
            "id": "7", "model": "churn", "environment": "production", "state": "waiting", "stalled": false,
            "verdict": {"summary": "passed: 1 of 1 checks on 500 rows", "notes": ["no champion"], "checks": [
                {"outcome": "pass", "sentence": "accuracy 0.91 is at least 0.8", "rows_to_decide": null},
            ]},
            "cost": {"seconds": 1.25, "device": "cpu", "parameters": 42, "bytes": 2048},
            "blocking_rules": [{"rule": "approval", "reason": "1 of 2 approvals"}],
            "transitions": [],
        });
        let painted = show(&run);
        for expected in [
            "production: \u{1b}[33mwaiting\u{1b}[0m",
            "verdict: \u{1b}[32mpassed\u{1b}[0m: 1 of 1",
            "    \u{1b}[32mpass\u{1b}[0m         accuracy",
        ] {
            assert!(painted.contains(expected), "expected {expected:?}, came {painted:?}");
        }
        let shown = colour::plain(&painted);
        for expected in [
            "run 7 of churn for production: waiting",
            "accuracy 0.91 is at least 0.8",
            "training: 1.2 s on cpu, 42 parameters",
            "blocked by approval: 1 of 2 approvals",
            "next: approve it with `slipway approve churn production`",
        ] {
            assert!(shown.contains(expected), "expected `{expected}`, came:\n{shown}");
        }
        let stalled = json!({"id": "7", "state": "queued", "stalled": true});
        assert!(colour::plain(&show(&stalled)).contains("fix the reason, then run `slipway runs retry 7`"));
        let awaits = json!({"id": "7", "environment": "staging", "state": "queued", "stalled": true,
                            "awaits_environment": true});
        let shown = colour::plain(&show(&awaits));
        assert!(shown.contains("next: fix the environment staging; ") && shown.contains("`slipway runs retry 7`"));
        let broken = json!({"id": "7", "model": null, "file": "m/slipway.yaml", "state": "refused", "stalled": false});
        assert!(
            colour::plain(&show(&broken))
                .starts_with("run 7 of the file m/slipway.yaml, which contains no valid model: refused")
        );
    }

    #[test]
    fn the_list_has_environment_and_age() {
        let hour_ago = Timestamp::now() - jiff::SignedDuration::from_hours(1);
        let runs = json!({"runs": [{"id": "7", "created_at": hour_ago.to_string(), "environment": "staging", "state": "done"}]});
        let listed = list(&runs, Width::Narrow);
        assert!(listed.contains("staging") && listed.contains("1h") && !listed.contains("ARTIFACT"), "{listed}");
        assert!(list(&runs, Width::Wide).contains("ARTIFACT"));
    }

    #[test]
    fn a_log_is_shown_in_sentences() {
        let line = |text: &str| log_line(&json!({"at": "12:00", "line": text}));
        assert_eq!(line(r#"{"event":"stage","text":"reading data"}"#), "12:00  reading data");
        let epoch =
            r#"{"event":"epoch","epoch":1,"epochs":4,"training_loss":0.5,"validation_accuracy":null,"seconds":1.0}"#;
        assert_eq!(line(epoch), "12:00  epoch 1 of 4: loss 0.5000 (1.0 s)");
        assert_eq!(line("a plain line"), "12:00  a plain line");
    }

    #[test]
    fn an_explanation_names_what_differs() {
        let answer = json!({"sentence": "trained anew", "differences": ["data/train.csv", "spec.training.epochs: 4 before, 5 now"],
                            "parts": [{"name": "files", "same": false, "value": "sha256:11", "before": "sha256:22"}]});
        let shown = explain(&answer, Width::Narrow);
        assert!(shown.contains("what differs:\n  data/train.csv\n  spec.training.epochs: 4 before, 5 now"), "{shown}");
    }

    #[test]
    fn a_state_is_said_once_beside_its_reason() {
        let step =
            serde_json::json!({"at": "2026-11-29T12:00:00Z", "to": "refused", "cause": "refused: accuracy is low"});
        assert_eq!(colour::plain(&transition(&step)), "  2026-11-29T12:00:00Z  refused     accuracy is low");
        let run =
            serde_json::json!({"id": "7", "model": "m", "state": "refused", "reason": "refused: accuracy is low"});
        let listed = list(&serde_json::json!({"runs": [run]}), Width::Narrow);
        assert!(colour::plain(&listed).ends_with("refused  accuracy is low"), "{listed}");
    }
}
