//! The steps of a run for people: what each is called, how long it took, and what it led to.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

/// So much of what a step led to is shown, in characters.
const MAX_CAUSE: usize = 120;

/// A step of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its name.
    pub name: String,
    /// How long it took.
    pub took: Duration,
    /// What it led to: the beginning of the cause of the transition behind it.
    pub cause: String,
}

/// The steps of a run as the API shows it: the time between two transitions belongs to the state between. An error names a
/// time that is none.
pub fn steps(run: &Value) -> Result<Vec<Step>> {
    let at = |value: &Value, key: &str| -> Result<jiff::Timestamp> {
        let text = value[key].as_str().unwrap_or_default();
        text.parse().with_context(|| format!("the run's `{key}` is not a time"))
    };
    let mut since = at(run, "delivered_at")?;
    let transitions = run["transitions"].as_array().map(Vec::as_slice).unwrap_or_default();
    ensure!(transitions.len() > 1, "the run has no transitions");
    let mut steps = Vec::new();
    for transition in transitions {
        let now = at(transition, "at")?;
        let name = match transition["from"].as_str().unwrap_or_default() {
            "" => "intake",
            "queued" => "plan",
            "training" => "train",
            "evaluating" => "evaluate",
            "gating" => "gate",
            "publishing" => "publish",
            "promoting" => "promote",
            other => other,
        };
        let took = Duration::try_from(now.duration_since(since)).unwrap_or_default();
        let cause = transition["cause"].as_str().unwrap_or_default();
        let cause = cause.lines().next().unwrap_or_default().chars().take(MAX_CAUSE).collect();
        steps.push(Step { name: name.to_owned(), took, cause });
        since = now;
    }
    Ok(steps)
}
