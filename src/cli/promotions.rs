//! `slipway promote`, `rollback`, `approve`, `reject`, `hold`, `release`: actions on promotions.

use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::client::{Server, encoded};
use super::exit::{self, Exit, Failure};
use super::output::{self, text};
use super::run_name::RunName;
use super::target::{DigestPrefix, Meant, Target, WholeOrModel, time_to_come};
use super::watch;
use slipway_domain::{RunState, hint_at};

/// Promote a model's artifact to an environment. The policy and the rules of the environment apply as to any other promotion.
#[derive(Debug, Args)]
pub(super) struct Promote {
    #[command(flatten)]
    target: Target,
    /// A run with the artifact: its identifier or its first digits (at least eight). The default is the newest run that passed
    /// its policy; if the environment comes after other environments, the newest one with the artifact that they name
    #[arg(long)]
    run: Option<RunName>,
    /// Follow the run until it ends; exit 1 if it does not end in the state `done`
    #[arg(long)]
    watch: bool,
    #[command(flatten)]
    server: Server,
}

/// Restore an earlier promotion, by a commit and without training, and hold the model so that automation does not undo it.
#[derive(Debug, Args)]
pub(super) struct Rollback {
    #[command(flatten)]
    target: Target,
    /// The run of the promotion to restore: its identifier or its first digits (at least eight). The default is the promotion
    /// before the current one
    #[arg(long, value_name = "RUN")]
    to: Option<RunName>,
    /// The reason
    #[arg(long)]
    reason: String,
    /// Follow the run until it ends; exit 1 if it does not end in the state `done`
    #[arg(long)]
    watch: bool,
    #[command(flatten)]
    server: Server,
}

/// Approve the artifact of a model for an environment.
#[derive(Debug, Args)]
pub(super) struct Approve {
    #[command(flatten)]
    target: Target,
    /// Digest of the artifact that was reviewed, or its first digits; the default is the artifact that waits now
    #[arg(long)]
    artifact: Option<DigestPrefix>,
    /// Follow the run until it ends; exit 1 if it does not end in the state `done`
    #[arg(long)]
    watch: bool,
    #[command(flatten)]
    server: Server,
}

/// Reject an artifact of a model, so that it is not promoted again to any environment.
#[derive(Debug, Args)]
pub(super) struct Reject {
    /// The model's source
    source: String,
    /// The model
    model: String,
    /// Digest of the artifact, or its first digits
    artifact: DigestPrefix,
    /// The reason
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    server: Server,
}

/// Hold promotions to an environment: of one model, or of all models.
#[derive(Debug, Args)]
pub(super) struct Hold {
    #[command(flatten)]
    held: WholeOrModel,
    /// The reason, which users with waiting promotions see
    #[arg(long)]
    reason: String,
    /// When the hold expires: a time such as `2026-12-01T08:00:00Z`, a day, or a duration from now, such as `2h`
    #[arg(long, value_name = "TIME", value_parser = time_to_come)]
    until: Option<Timestamp>,
    #[command(flatten)]
    server: Server,
}

/// End a hold.
#[derive(Debug, Args)]
pub(super) struct Release {
    #[command(flatten)]
    held: WholeOrModel,
    #[command(flatten)]
    server: Server,
}

impl Promote {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let Self { target, run, watch, server } = self;
        let target = target.meant(&server)?;
        let begun = server.send(&target.path("promote"), &json!({"run": run_of(run.as_ref(), &server)?}))?;
        watch::after(&server, &begun, watch, RunState::Done, under_way)
    }
}

impl Rollback {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let Self { target, to, reason, watch, server } = self;
        let target = target.meant(&server)?;
        let wish = json!({"reason": reason, "to": run_of(to.as_ref(), &server)?});
        let begun = server.send(&target.path("rollback"), &wish)?;
        watch::after(&server, &begun, watch, RunState::Done, |run| {
            format!("{}\n  held until `slipway release {} {}`", under_way(run), target.model, target.environment)
        })
    }
}

impl Approve {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let Self { target, artifact, watch, server } = self;
        let target = target.meant(&server)?;
        let artifact = match artifact {
            Some(artifact) => artifact.of_model(&server, None, &target.model)?,
            None => waiting(&server, &target)?,
        };
        let approved = server.send(&target.path("approve"), &json!({"artifact": artifact}))?;
        if let Some(objection) = approved["objection"].as_str() {
            output::complain(&format!("the approval is recorded, but it does not count alone: {objection}"));
        }
        watch::after(&server, &approved, watch, RunState::Done, |run| {
            format!("approved {artifact}\n{}", under_way(run))
        })
    }
}

impl Reject {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let Self { source, model, artifact, reason, server } = self;
        let path = format!("models/{}/{}/reject", encoded(&source), encoded(&model));
        let artifact = artifact.of_model(&server, Some(&source), &model)?;
        let wish = json!({"artifact": artifact, "reason": reason});
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
        let path = path_of_hold(held.meant(&server)?, "hold");
        server.show(&server.send(&path, &wish)?, |hold| {
            let until = hold["until"].as_str().map(|until| format!(" until {until}")).unwrap_or_default();
            format!("held{until}: {}", text(hold, "reason"))
        })?;
        Ok(Exit::Done)
    }
}

impl Release {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let Self { held, server } = self;
        let path = path_of_hold(held.meant(&server)?, "release");
        server.show(&server.send(&path, &json!({}))?, |_| "released".to_owned())?;
        Ok(Exit::Done)
    }
}

fn path_of_hold((environment, model): (String, Option<String>), action: &str) -> String {
    match model {
        Some(model) => Meant { model, environment }.path(action),
        None => format!("environments/{}/{action}", encoded(&environment)),
    }
}

/// Returns the full identifier of a run, if one is named.
fn run_of(name: Option<&RunName>, server: &Server) -> Result<Option<String>, Failure> {
    name.map(|name| Ok(name.whole(server)?.to_string())).transpose()
}

/// Returns the artifact that waits for the model's environment.
fn waiting(server: &Server, target: &Meant) -> Result<String, Failure> {
    let environment = server.call("GET", &format!("environments/{}", encoded(&target.environment)))?;
    let models = output::things(&environment, "models");
    let found = models.iter().find(|model| text(model, "model") == target.model);
    let runs = found.map(|model| output::things(model, "active_runs")).unwrap_or_default();
    // A waiting run is judged. Later runs may not be judged yet.
    let waits = runs.iter().rev().find(|run| text(run, "state") == "waiting");
    let artifact = waits.into_iter().chain(runs.iter().rev()).find_map(|run| run["artifact"].as_str());
    let Meant { model, environment } = target;
    let missing = || {
        let names: Vec<&str> = models.iter().map(|model| text(model, "model")).collect();
        let hint = if names.contains(&model.as_str()) { String::new() } else { hint_at(model, &names) };
        exit::invalid(format!("no run of `{model}` is in progress for `{environment}`{hint}"))
    };
    artifact.map(str::to_owned).ok_or_else(missing)
}

fn under_way(run: &Value) -> String {
    let [id, model, environment, state] = ["id", "model", "environment", "state"].map(|key| text(run, key));
    format!("run {id} of {model} to {environment}: {state}\n  follow it with `slipway runs show {id} --watch`")
}
