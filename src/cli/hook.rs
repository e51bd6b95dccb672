//! `slipway hook post-receive`: tells a server what a bare repository received (githooks(5), `post-receive`).

use std::io::BufRead as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::client;
use super::exit::{self, Exit, Failure};
use super::output;
use crate::domain::RunId;
use crate::forge::Secret;

/// How long the person who pushes waits for the server, at most.
const PATIENCE: Duration = Duration::from_secs(5);
/// References one push may move; git itself has no limit, a terminal has.
const MOST_REFERENCES: usize = 1_000;

/// Turn git's own hooks into signed deliveries.
#[derive(Debug, Args)]
pub(super) struct Hook {
    #[command(subcommand)]
    hook: HookName,
}

#[derive(Debug, Subcommand)]
enum HookName {
    /// Deliver each reference that a push moved; git writes them to standard input
    PostReceive(PostReceive),
}

#[derive(Debug, Args)]
struct PostReceive {
    /// Address of the source's webhook, such as `http://127.0.0.1:8420/webhooks/NAME`
    #[arg(long)]
    url: String,
    /// File with the source's secret
    #[arg(long, value_name = "FILE")]
    secret_file: PathBuf,
    /// Who pushes, as the git server has authenticated them; four eyes need it. Web servers set `REMOTE_USER`
    #[arg(long, value_name = "NAME", env = "REMOTE_USER", hide_env_values = true)]
    pusher: Option<String>,
}

impl Hook {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let HookName::PostReceive(hook) = self.hook;
        hook.run()
    }
}

impl PostReceive {
    fn run(&self) -> Result<Exit, Failure> {
        let file = self.secret_file.display();
        let text = std::fs::read_to_string(&self.secret_file)
            .map_err(|error| exit::invalid(format!("the secret `{file}` cannot be read: {error}")))?;
        let secret = Secret::new(&text).map_err(|error| exit::invalid(format!("`{file}`: {error}")))?;
        let agent = client::agent(PATIENCE);
        let mut undelivered = None;
        for line in std::io::stdin().lock().lines().take(MOST_REFERENCES) {
            let line = line.map_err(|error| exit::invalid(format!("standard input: {error}")))?;
            let [before, after, name] = line.split(' ').collect::<Vec<_>>()[..] else {
                return Err(exit::invalid(format!(
                    "`{line}` is not `OLD NEW REF`: this command is for git's post-receive hook"
                )));
            };
            match self.deliver(&agent, &secret, before, after, name) {
                Ok(()) => output::say(&format!("slipway: {name} delivered")),
                Err(reason) => undelivered = Some(format!("{name} was pushed, but not delivered: {reason}")),
            }
        }
        match undelivered {
            None => Ok(Exit::Done),
            Some(reason) => Err(exit::unreachable(format!(
                "{reason}\n  help: the push itself is safe; once the server runs, push again or add an empty commit"
            ))),
        }
    }

    fn deliver(
        &self,
        agent: &ureq::Agent,
        secret: &Secret,
        before: &str,
        after: &str,
        name: &str,
    ) -> Result<(), String> {
        let mut body = serde_json::json!({"ref": name, "before": before, "after": after});
        if let Some(pusher) = self.pusher.as_deref().filter(|pusher| !pusher.is_empty()) {
            body["pusher"] = pusher.into();
        }
        let body = body.to_string();
        let response = agent
            .post(&self.url)
            .header("content-type", "application/json")
            .header("x-slipway-event", "push")
            .header("x-slipway-delivery", RunId::new().to_string())
            .header("x-hub-signature-256", secret.sign(body.as_bytes()))
            .send(body.as_bytes());
        match response {
            Ok(response) if response.status().as_u16() == 202 => Ok(()),
            Ok(response) => Err(format!("{} answered {}", self.url, response.status())),
            Err(error) => Err(format!("{}: {error}", self.url)),
        }
    }
}
