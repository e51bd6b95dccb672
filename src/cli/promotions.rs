//! `slipway promote`, `rollback`, `approve`, `reject`, `hold`, `release`: what people do to promotions.

use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};
use slipway_contract::Digest;

use super::client::{Server, encoded};
use super::exit::{self, Exit, Failure};
use super::output::{self, text};
use crate::domain::RunId;

/// A model in an environment.
#[derive(Debug, Args)]
struct Target {
    /// The model
    model: String,
    /// The environment
    environment: String,
}

impl Target {
    fn path(&self, action: &str) -> String {
        let Self { model, environment } = self;
        format!("environments/{}/models/{}/{action}", encoded(environment), encoded(model))
    }
}

/// Take a model's artifact to an environment, where it is judged and has to follow the rules like any other.
#[derive(Debug, Args)]
pub(super) struct Promote {
    #[command(flatten)]
    target: Target,
    /// The run whose artifact it is; the newest that passed its policy when absent
    #[arg(long)]
    run: Option<RunId>,
    #[command(flatten)]
    server: Server,
}

/// Bring an earlier promotion back, by a commit and without training; holds the model so that automation does not undo it.
#[derive(Debug, Args)]
pub(super) struct Rollback {
    #[command(flatten)]
    target: Target,
    /// The run whose promotion is wanted back; the one before what is there now when absent
    #[arg(long, value_name = "RUN")]
    to: Option<RunId>,
    /// Why
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    server: Server,
}

/// Approve the artifact that is on its way to an environment.
#[derive(Debug, Args)]
pub(super) struct Approve {
    #[command(flatten)]
    target: Target,
    /// The whole digest of the artifact that was looked at; what waits now when absent
    #[arg(long)]
    artifact: Option<Digest>,
    #[command(flatten)]
    server: Server,
}

/// See to it that nobody promotes an artifact of a model again, anywhere.
#[derive(Debug, Args)]
pub(super) struct Reject {
    /// The model's source
    source: String,
    /// The model
    model: String,
    /// The whole digest of the artifact
    artifact: Digest,
    /// Why
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    server: Server,
}

/// Where a hold is put: on a model of an environment, or on all of it.
#[derive(Debug, Args)]
struct Held {
    /// The environment
    environment: String,
    /// The model; all models of the environment when absent
    model: Option<String>,
}

impl Held {
    fn path(&self, action: &str) -> String {
        let Self { environment, model } = self;
        let environment = encoded(environment);
        match model {
            Some(model) => format!("environments/{environment}/models/{}/{action}", encoded(model)),
            None => format!("environments/{environment}/{action}"),
        }
    }
}

/// Keep promotions away from an environment: of a model, or of all models.
#[derive(Debug, Args)]
pub(super) struct Hold {
    #[command(flatten)]
    held: Held,
    /// Why; whoever waits is told
    #[arg(long)]
    reason: String,
    /// When the hold ends by itself, as a time such as `2026-12-01T08:00:00Z`
    #[arg(long, value_name = "TIME")]
    until: Option<Timestamp>,
    #[command(flatten)]
    server: Server,
}

/// End a hold.
#[derive(Debug, Args)]
pub(super) struct Release {
    #[command(flatten)]
    held: Held,
    #[command(flatten)]
    server: Server,
}

impl Promote {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let Self { target, run, server } = self;
        server
            .show(&server.send(&target.path("promote"), &json!({"run": run.map(|run| run.to_string())}))?, under_way)?;
        Ok(Exit::Done)
    }
}

impl Rollback {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let Self { target, to, reason, server } = self;
        let wish = json!({"reason": reason, "to": to.map(|run| run.to_string())});
        server.show(&server.send(&target.path("rollback"), &wish)?, |run| {
            format!("{}\n  held until `slipway release {} {}`", under_way(run), target.environment, target.model)
        })?;
        Ok(Exit::Done)
    }
}

impl Approve {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let Self { target, artifact, server } = self;
        let artifact = match artifact {
            Some(artifact) => artifact.to_string(),
            None => waiting(&server, &target)?,
        };
        let approved = server.send(&target.path("approve"), &json!({"artifact": artifact}))?;
        server.show(&approved, |run| format!("approved {artifact}\n{}", under_way(run)))?;
        if let Some(objection) = approved["objection"].as_str() {
            output::complain(&format!("the approval is noted, but it does not count alone: {objection}"));
        }
        Ok(Exit::Done)
    }
}

impl Reject {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let Self { source, model, artifact, reason, server } = self;
        let path = format!("models/{}/{}/reject", encoded(&source), encoded(&model));
        let wish = json!({"artifact": artifact.to_string(), "reason": reason});
        server.show(&server.send(&path, &wish)?, |rejection| {
            format!(
                "{} of {} is rejected: {}",
                text(rejection, "artifact"),
                text(rejection, "model"),
                text(rejection, "reason")
            )
        })?;
        Ok(Exit::Done)
    }
}

impl Hold {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let Self { held, reason, until, server } = self;
        let wish = json!({"reason": reason, "until": until.map(|until| until.to_string())});
        server.show(&server.send(&held.path("hold"), &wish)?, |hold| {
            let until = hold["until"].as_str().map(|until| format!(" until {until}")).unwrap_or_default();
            format!("held{until}: {}", text(hold, "reason"))
        })?;
        Ok(Exit::Done)
    }
}

impl Release {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let Self { held, server } = self;
        server.show(&server.send(&held.path("release"), &json!({}))?, |_| "released".to_owned())?;
        Ok(Exit::Done)
    }
}

/// The artifact that waits for a model's environment.
fn waiting(server: &Server, target: &Target) -> Result<String, Failure> {
    let environment = server.ask("GET", &format!("environments/{}", encoded(&target.environment)))?;
    let models = output::things(&environment, "models");
    let model = models.iter().find(|model| text(model, "model") == target.model);
    let runs = model.map(|model| output::things(model, "under_way")).unwrap_or_default();
    // What waits was judged; what comes behind it may not be yet.
    let waits = runs.iter().rev().find(|run| text(run, "state") == "waiting");
    let artifact = waits.into_iter().chain(runs.iter().rev()).find_map(|run| run["artifact"].as_str());
    let Target { model, environment } = target;
    let missing = || exit::invalid(format!("nothing of `{model}` is on its way to `{environment}`"));
    artifact.map(str::to_owned).ok_or_else(missing)
}

fn under_way(run: &Value) -> String {
    let [id, model, environment, state] = ["id", "model", "environment", "state"].map(|key| text(run, key));
    format!("run {id} of {model} to {environment}: {state}\n  `slipway runs show {id} --watch` follows it")
}
