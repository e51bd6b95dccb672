//! `slipway hook post-receive`: delivers the pushes of a bare repository to a server (githooks(5), `post-receive`).

use std::io::BufRead as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use serde::Deserialize;

use super::exit::{self, Exit, Failure};
use super::{client, output};
use slipway_domain::RunId;
use slipway_forge::Secret;

/// Maximum time that the user who pushes waits for the server.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How long the server is requested to wait for the result of a push.
const WAIT: Duration = Duration::from_secs(3);
/// Maximum size of a response, in bytes.
const MAX_ANSWER_BYTES: u64 = 64 << 10;
/// Prefix of the references of git notes.
const NOTES: &str = "refs/notes/";
/// Maximum number of references of one push. Git has no limit, but output on a terminal needs one.
const MAX_REFERENCES: usize = 1_000;

/// Turn git's own hooks into signed deliveries.
#[derive(Debug, Args)]
pub(super) struct Hook {
    #[command(subcommand)]
    hook: HookName,
}

#[derive(Debug, Subcommand)]
enum HookName {
    /// Deliver each reference of a push; git writes them to standard input
    PostReceive(PostReceive),
}

#[derive(Debug, Args)]
struct PostReceive {
    /// URL of the source's webhook, such as `http://127.0.0.1:8420/webhooks/NAME`
    #[arg(long)]
    url: String,
    /// File with the source's secret
    #[arg(long, value_name = "FILE")]
    secret_file: PathBuf,
    /// The user who pushes, as authenticated by the git server; the four-eyes rule needs it. Web servers set `REMOTE_USER`
    #[arg(long, value_name = "NAME", env = "REMOTE_USER", hide_env_values = true)]
    pusher: Option<String>,
}

impl Hook {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let HookName::PostReceive(hook) = self.hook;
        hook.run()
    }
}

/// The server's response about a processed delivery.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Answer {
    state: String,
    note: String,
    runs: Vec<Opened>,
    files: Vec<Broken>,
}

/// A push that was not delivered.
struct Undelivered {
    reason: String,
    /// Whether the server refused it, as it does with a wrong secret.
    refused: bool,
}

/// A file with mistakes that names no model.
#[derive(Debug, Deserialize)]
struct Broken {
    file: String,
    run: String,
    page: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Opened {
    id: String,
    model: String,
    environment: String,
    page: Option<String>,
}

impl Answer {
    /// Whether the server has processed the delivery.
    fn is_read(&self) -> bool {
        matches!(self.state.as_str(), "done" | "ignored" | "dead")
    }

    /// Returns the lines for the user who pushes.
    fn lines(&self, name: &str) -> Vec<String> {
        let more = |page: &Option<String>, run: &str| match page {
            Some(page) => page.clone(),
            None => format!("slipway runs show {run}"),
        };
        let mut lines = Vec::new();
        for Opened { id, model, environment, page } in &self.runs {
            lines.push(format!("slipway: a run of {model} for {environment} has started: {}", more(page, id)));
        }
        if !self.is_read() && lines.is_empty() {
            lines.push(format!("slipway: {name} was delivered; see the new runs with `slipway runs list`"));
        } else if lines.is_empty() || !self.files.is_empty() {
            // The note contains the mistakes.
            lines.push(format!("slipway: {name}: {}", self.note));
        }
        for Broken { file, run, page } in &self.files {
            lines.push(format!(
                "slipway: {file} contains no valid model name, so nothing is trained: {}",
                more(page, run)
            ));
        }
        lines
    }
}

impl PostReceive {
    fn run(&self) -> Result<Exit, Failure> {
        let file = self.secret_file.display();
        let text = std::fs::read_to_string(&self.secret_file)
            .map_err(|error| exit::invalid(format!("the secret file `{file}` cannot be read: {error}")))?;
        let secret = Secret::new(&text).map_err(|error| exit::invalid(format!("`{file}`: {error}")))?;
        let agent = client::agent(TIMEOUT);
        let mut undelivered = None;
        // The wait covers all references together.
        let begun = Instant::now();
        let mut is_read = true;
        for line in std::io::stdin().lock().lines().take(MAX_REFERENCES) {
            let line = line.map_err(|error| exit::invalid(format!("standard input: {error}")))?;
            let [before, after, name] = line.split(' ').collect::<Vec<_>>()[..] else {
                return Err(exit::invalid(format!(
                    "expected `OLD NEW REF` from git's post-receive hook, found `{line}`"
                )));
            };
            // Notes cause no runs, and Slipway writes some itself.
            if name.starts_with(NOTES) {
                continue;
            }
            let wait = if is_read { WAIT.saturating_sub(begun.elapsed()) } else { Duration::ZERO };
            match self.deliver(&agent, &secret, (before, after, name), wait) {
                Ok(answer) => {
                    is_read = answer.is_read();
                    for line in answer.lines(name) {
                        output::say(&line);
                    }
                }
                Err(Undelivered { reason, refused }) => {
                    undelivered = Some((refused, format!("{name} was pushed, but not delivered: {reason}")));
                }
            }
        }
        match undelivered {
            None => Ok(Exit::Done),
            Some((refused, reason)) => {
                let message = format!(
                    "{reason}\n  help: do not repeat the push: the server finds missed pushes when it starts, and every \
                     few minutes (`limits.reconcile_interval`)"
                );
                Err(if refused { exit::invalid(message) } else { exit::unreachable(message) })
            }
        }
    }

    fn deliver(
        &self,
        agent: &ureq::Agent,
        secret: &Secret,
        (before, after, name): (&str, &str, &str),
        wait: Duration,
    ) -> Result<Answer, Undelivered> {
        let mut body = serde_json::json!({"ref": name, "before": before, "after": after});
        if let Some(pusher) = self.pusher.as_deref().filter(|pusher| !pusher.is_empty()) {
            body["pusher"] = pusher.into();
        }
        let body = body.to_string();
        let mut request = agent.post(&self.url).header("content-type", "application/json");
        if wait >= Duration::from_secs(1) {
            request = request.header("prefer", format!("wait={}", wait.as_secs()));
        }
        let response = request
            .header("x-slipway-event", "push")
            .header("x-slipway-delivery", RunId::new().to_string())
            .header("x-hub-signature-256", secret.sign(body.as_bytes()))
            .send(body.as_bytes());
        match response {
            Ok(mut response) if response.status().as_u16() == 202 => {
                // An older server responds without a body.
                let answer =
                    response.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_vec().unwrap_or_default();
                Ok(serde_json::from_slice(&answer).unwrap_or_default())
            }
            Ok(response) => {
                let status = response.status();
                // 408, 425 and 429 ask for another attempt later.
                let refused = status.is_client_error() && !matches!(status.as_u16(), 408 | 425 | 429);
                let hint = if refused { ": check `--url` and `--secret-file`" } else { "" };
                Err(Undelivered { reason: format!("{} responded with {status}{hint}", self.url), refused })
            }
            Err(error) => Err(Undelivered { reason: format!("{}: {error}", self.url), refused: false }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_pushes_reads_what_follows() {
        let lines = |answer: &str| serde_json::from_str::<Answer>(answer).expect("an answer").lines("refs/heads/main");
        let runs = r#"{"state": "done", "note": "", "runs": [
            {"id": "0199", "model": "churn", "environment": "staging", "page": "https://slipway.example/runs/0199?key=x"},
            {"id": "0200", "model": "fraud", "environment": "staging", "page": null, "newer": 1}]}"#;
        assert_eq!(
            lines(runs),
            [
                "slipway: a run of churn for staging has started: https://slipway.example/runs/0199?key=x",
                "slipway: a run of fraud for staging has started: slipway runs show 0200",
            ]
        );
        let revision = "2c6d02801b242c6d02801b242c6d02801b242c6d".parse().expect("a commit");
        let note = crate::repository::skipped(&revision, "[skip slipway]");
        let skipped = serde_json::json!({"state": "done", "note": note, "runs": []}).to_string();
        assert_eq!(
            lines(&skipped),
            ["slipway: refs/heads/main: skipped: nothing is trained, because the message of 2c6d02801b24 contains \
             [skip slipway]"]
        );
        let broken = r#"{"state": "done", "note": "2c6d02801b24 touches churn; a mistake in slipway.yaml:1:5: unclosed",
            "runs": [{"id": "0199", "model": "churn", "environment": "staging", "page": null}],
            "files": [{"file": "slipway.yaml", "run": "0200", "page": null}]}"#;
        assert_eq!(
            lines(broken),
            [
                "slipway: a run of churn for staging has started: slipway runs show 0199",
                "slipway: refs/heads/main: 2c6d02801b24 touches churn; a mistake in slipway.yaml:1:5: unclosed",
                "slipway: slipway.yaml contains no valid model name, so nothing is trained: slipway runs show 0200",
            ]
        );
        for unknown in [r#"{"state": "pending", "note": ""}"#, "{}"] {
            assert_eq!(
                lines(unknown),
                ["slipway: refs/heads/main was delivered; see the new runs with `slipway runs list`"],
                "{unknown}"
            );
        }
    }
}
