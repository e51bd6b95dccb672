//! The server's API as any client would use it.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use tokio::time::{Instant, sleep};

/// How long one answer may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How often a condition is looked at while it is waited for.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// A running server's API.
#[derive(Debug, Clone)]
pub struct Api {
    base: String,
    token: Option<String>,
    agent: ureq::Agent,
}

/// An answer: its status and, if it is JSON, its body.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers, by their names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body as text.
    pub text: String,
    /// The body as JSON; null if it is something else.
    pub json: Value,
}

impl Api {
    /// The API of the server at `base`, such as `http://127.0.0.1:8420`, asked without a token.
    pub fn at(base: impl Into<String>) -> Self {
        let config = ureq::Agent::config_builder().timeout_global(Some(TIMEOUT)).http_status_as_error(false);
        Self { base: base.into(), token: None, agent: config.build().into() }
    }

    /// The same API, asked with a token.
    #[must_use]
    pub fn with_token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// The server's address.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Sends a request with headers and a body; any answer is an answer.
    pub async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Result<Answer> {
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let says_who = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization"));
        if let Some(token) = self.token.as_ref().filter(|_| !says_who) {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = request.body(body)?;
        let agent = self.agent.clone();
        let answered = tokio::task::spawn_blocking(move || {
            let response = agent.run(request)?;
            let status = response.status().as_u16();
            let text = |value: &ureq::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
            let headers = response.headers().iter().map(|(name, value)| (name.as_str().to_owned(), text(value)));
            let headers: BTreeMap<String, String> = headers.collect();
            Ok::<_, ureq::Error>((status, headers, response.into_body().read_to_string()?))
        });
        let (status, headers, text) = answered.await?.with_context(|| format!("{method} {}{path}", self.base))?;
        let json = serde_json::from_str(&text).unwrap_or_default();
        Ok(Answer { status, headers, text, json })
    }

    /// Sends a request without headers and body.
    pub async fn post(&self, path: &str) -> Result<Answer> {
        self.send("POST", path, &[], Vec::new()).await
    }

    /// What stands at a path.
    pub async fn get(&self, path: &str) -> Result<Answer> {
        self.send("GET", path, &[], Vec::new()).await
    }

    /// All runs, newest first.
    pub async fn runs(&self) -> Result<Vec<Value>> {
        let answer = self.get("/api/v1/runs?limit=500").await?;
        match answer.json["runs"].as_array() {
            Some(runs) if answer.status == 200 => Ok(runs.clone()),
            _ => bail!("expected a list of runs, came {}: {}", answer.status, answer.text),
        }
    }

    /// One run with its transitions.
    pub async fn run(&self, id: &str) -> Result<Value> {
        let answer = self.get(&format!("/api/v1/runs/{id}")).await?;
        anyhow::ensure!(answer.status == 200, "expected run {id}, came {}: {}", answer.status, answer.text);
        Ok(answer.json)
    }

    /// The lines of a run's log.
    pub async fn log(&self, id: &str) -> Result<Vec<String>> {
        let answer = self.get(&format!("/api/v1/runs/{id}/log?limit=500")).await?;
        let lines = answer.json["lines"].as_array().cloned().unwrap_or_default();
        Ok(lines.iter().filter_map(|line| line["line"].as_str()).map(str::to_owned).collect())
    }

    /// Waits until a run's trainer has said something.
    pub async fn wait_for_log(&self, id: &str, deadline: Duration) -> Result<()> {
        let said = |answer: &Answer| answer.json["lines"].as_array().is_some_and(|lines| !lines.is_empty());
        let path = format!("/api/v1/runs/{id}/log?limit=1");
        self.wait_for("the first line of a log", &path, deadline, said).await.map(drop)
    }

    /// Looks at the runs until one satisfies a condition, and answers it.
    pub async fn wait_for_run(&self, what: &str, deadline: Duration, is_it: impl Fn(&Value) -> bool) -> Result<Value> {
        let until = Instant::now() + deadline;
        loop {
            // A server that is just being started or killed answers nothing: that is waited for as well.
            let runs = self.runs().await.unwrap_or_default();
            if let Some(run) = runs.iter().find(|run| is_it(run)) {
                return self.run(run["id"].as_str().unwrap_or_default()).await;
            }
            if Instant::now() > until {
                bail!(
                    "{what} did not happen within {deadline:?}; the runs are {}",
                    serde_json::to_string_pretty(&runs)?
                );
            }
            sleep(POLL_INTERVAL).await;
        }
    }

    /// Looks at a path until the answer satisfies a condition, and answers it.
    pub async fn wait_for(
        &self,
        what: &str,
        path: &str,
        deadline: Duration,
        is_it: impl Fn(&Answer) -> bool,
    ) -> Result<Answer> {
        let until = Instant::now() + deadline;
        loop {
            let answer = self.get(path).await?;
            if is_it(&answer) {
                return Ok(answer);
            }
            if Instant::now() > until {
                bail!("{what} did not happen within {deadline:?}; the answer is {}: {}", answer.status, answer.text);
            }
            sleep(POLL_INTERVAL).await;
        }
    }

    /// Waits until the run of a revision has ended or stalled.
    pub async fn wait_for_end(&self, head: &str, deadline: Duration) -> Result<Value> {
        let ended = |run: &Value| {
            let state = run["state"].as_str().unwrap_or_default();
            let over = matches!(state, "done" | "refused" | "failed" | "superseded" | "cancelled");
            run["head"] == head && (over || run["stalled"] == true)
        };
        self.wait_for_run(&format!("the end of the run of {head}"), deadline, ended).await
    }
}
