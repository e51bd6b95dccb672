//! Actions on promotions: approve, hold, release, reject, roll back, promote downstream. An entry in the audit log precedes each
//! action.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use slipway_contract::Digest;
use utoipa::ToSchema;

use super::answer::{Answer, Json};
use super::extract::{ModelOf, NoParameters, Query, RunName, Sent};
use super::run::RunDetail;
use crate::promotions::{self, Reason};
use crate::web::Shared;
use crate::web::access::{Caller, Operator};
use crate::web::audit::Action;
use crate::web::problem::{EnvironmentProblems, Problem};
use slipway_domain::{RunId, SourceName};

/// The artifact to approve.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Approve {
    /// The full digest of the artifact that was reviewed.
    artifact: String,
}

/// The promotion to restore, and the reason.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RollBack {
    /// The reason.
    reason: String,
    /// The run whose promotion is restored: its identifier or the first digits of it (at least eight). The default is the
    /// promotion before the current one.
    #[schema(pattern = "^[0-9a-fA-F]{8}(-?[0-9a-fA-F]{1,4}){0,6}$")]
    to: Option<String>,
}

/// The artifact to promote.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PromoteDownstream {
    /// A run with the artifact: its identifier or the first digits of it (at least eight). The default is the newest run that
    /// passed its policy. If the environment comes after other environments, the default is the newest run whose artifact these
    /// environments name.
    #[schema(pattern = "^[0-9a-fA-F]{8}(-?[0-9a-fA-F]{1,4}){0,6}$")]
    run: Option<String>,
}

/// The artifact to reject, and the reason.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Reject {
    /// The full digest of the artifact.
    artifact: String,
    /// The reason.
    reason: String,
}

/// A rejection: a person's decision that no environment may get an artifact again.
#[derive(Serialize, ToSchema)]
pub(super) struct Rejection {
    /// Name of the model.
    model: String,
    /// Digest of the artifact.
    artifact: String,
    /// The actor that rejected the artifact.
    actor: String,
    /// The reason.
    reason: String,
    /// Time of the rejection.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
}

/// The result of an approval.
#[derive(Serialize, ToSchema)]
pub(super) struct Approved {
    /// The run whose artifact is approved.
    #[serde(flatten)]
    run: RunDetail,
    /// Whether the approval suffices on its own. The approval of a contributor to the revision does not.
    counts: bool,
    /// Why the approval does not suffice on its own; null if it does.
    objection: Option<String>,
}

fn digest(text: &str) -> Result<Digest, Problem> {
    text.parse().map_err(|error| Problem::bad_request(format!("`artifact`: {error}")))
}

pub(super) fn reason(text: &str) -> Result<Reason, Problem> {
    text.parse().map_err(|error| Problem::bad_request(format!("`reason`: {error}")))
}

/// Approves the artifact of a model for an environment.
#[utoipa::path(
    post,
    path = "/environments/{environment}/models/{model}/approve",
    operation_id = "approve",
    tag = "promotions",
    params(
        ("environment" = String, Path, description = "Name of the environment."),
        ("model" = String, Path, description = "Name of the model.")
    ),
    request_body = Approve,
    responses((status = 200, description = "The run whose artifact is approved.", body = Approved), EnvironmentProblems)
)]
pub(super) async fn approve(
    State(shared): State<Arc<Shared>>,
    Operator(caller): Operator,
    ModelOf(environment, model): ModelOf,
    Query(NoParameters {}): Query<NoParameters>,
    Sent(Approve { artifact }): Sent<Approve>,
) -> Answer<Approved> {
    let artifact = digest(&artifact)?;
    let what = shared.performed(&caller, &environment, Some(&model), "promotion.approve", Some(&artifact)).await?;
    let actor = caller.actor();
    let approving = Box::pin(shared.activities.promotions.approve(&environment, &model, &artifact, &actor));
    let promotions::Approved { run, objection } = shared.perform(&caller, what, approving).await?;
    let run = shared.run_detail(&caller, &shared.activities.promotions.with_current_rules(run).await?).await?;
    Ok(Json(Approved { run, counts: objection.is_none(), objection }))
}

/// Restores an earlier promotion.
///
/// The server also places a hold on the model, so that no automatic promotion undoes the rollback.
#[utoipa::path(
    post,
    path = "/environments/{environment}/models/{model}/rollback",
    operation_id = "rollBack",
    tag = "promotions",
    params(
        ("environment" = String, Path, description = "Name of the environment."),
        ("model" = String, Path, description = "Name of the model.")
    ),
    request_body = RollBack,
    responses((status = 200, description = "The run that performs the promotion.", body = RunDetail), EnvironmentProblems)
)]
pub(super) async fn roll_back(
    State(shared): State<Arc<Shared>>,
    Operator(caller): Operator,
    ModelOf(environment, model): ModelOf,
    Query(NoParameters {}): Query<NoParameters>,
    Sent(RollBack { reason: why, to }): Sent<RollBack>,
) -> Answer<RunDetail> {
    let (why, to) = (reason(&why)?, shared.run_meant(&caller, to.as_deref()).await?);
    let what = shared.performed(&caller, &environment, Some(&model), "promotion.rollback", None).await?;
    let what = what.because(&why).with("to run", to);
    let actor = caller.actor();
    let rolling = Box::pin(shared.activities.promotions.roll_back(&environment, &model, to, &why, &actor));
    let run = shared.perform(&caller, what, rolling).await?;
    Ok(Json(shared.run_detail(&caller, &run).await?))
}

/// Promotes an artifact to an environment.
///
/// The policy and the rules of the environment apply as to any other promotion.
#[utoipa::path(
    post,
    path = "/environments/{environment}/models/{model}/promote",
    operation_id = "promote",
    tag = "promotions",
    params(
        ("environment" = String, Path, description = "Name of the environment."),
        ("model" = String, Path, description = "Name of the model.")
    ),
    request_body = PromoteDownstream,
    responses((status = 200, description = "The run that performs the promotion.", body = RunDetail), EnvironmentProblems)
)]
pub(super) async fn promote(
    State(shared): State<Arc<Shared>>,
    Operator(caller): Operator,
    ModelOf(environment, model): ModelOf,
    Query(NoParameters {}): Query<NoParameters>,
    Sent(PromoteDownstream { run: of }): Sent<PromoteDownstream>,
) -> Answer<RunDetail> {
    let of = shared.run_meant(&caller, of.as_deref()).await?;
    let what = shared.performed(&caller, &environment, Some(&model), "promotion.promote", None).await?;
    let what = what.with("of run", of);
    let (actor, scope) = (caller.actor(), caller.scope());
    let taking =
        Box::pin(shared.activities.promotions.promote_downstream(&environment, &model, of, scope.as_deref(), &actor));
    let run = shared.perform(&caller, what, taking).await?;
    Ok(Json(shared.run_detail(&caller, &run).await?))
}

/// Rejects an artifact of a model.
///
/// The server does not promote the artifact again to any environment.
#[utoipa::path(
    post,
    path = "/models/{source}/{model}/reject",
    operation_id = "reject",
    tag = "promotions",
    params(
        ("source" = String, Path, description = "Name of the source of the model."),
        ("model" = String, Path, description = "Name of the model.")
    ),
    request_body = Reject,
    responses((status = 200, description = "The rejection.", body = Rejection), EnvironmentProblems)
)]
pub(super) async fn reject(
    State(shared): State<Arc<Shared>>,
    Operator(caller): Operator,
    ModelOf(source, model): ModelOf,
    Query(NoParameters {}): Query<NoParameters>,
    Sent(Reject { artifact, reason: why }): Sent<Reject>,
) -> Answer<Rejection> {
    let (artifact, why) = (digest(&artifact)?, reason(&why)?);
    let what = Action::new("promotion.reject", format!("{source}/{model} {artifact}")).because(&why);
    if !caller.covers(&source) || !shared.store.knows_model(&source, &model).await? {
        let unknown = shared.no_such_model(&caller, &source, &model).await?;
        return Err(shared.refuse(&caller, what, unknown).await);
    }
    let actor = caller.actor();
    let rejecting = shared.activities.promotions.reject(&source, &model, &artifact, &why, &actor);
    let rejection = shared.perform(&caller, what, rejecting).await?;
    Ok(Json(Rejection {
        model,
        artifact: artifact.to_string(),
        actor: rejection.actor.to_string(),
        reason: rejection.reason,
        at: rejection.at,
    }))
}

impl Shared {
    /// Returns the run that a request names, if it names one. The caller's permission is checked where the run is used.
    async fn run_meant(&self, caller: &Caller, text: Option<&str>) -> Result<Option<RunId>, Problem> {
        Ok(match text.map(str::parse::<RunName>).transpose()? {
            None => None,
            Some(RunName::Whole(run)) => Some(run),
            Some(beginning) => Some(self.run_for(caller, beginning).await?.id),
        })
    }

    /// Checks that a caller may act on a model of an environment or on a whole environment, and returns the action for the audit
    /// log. Refusals are recorded as well. Whole environments require a token that covers all of their sources.
    pub(super) async fn performed(
        self: &Arc<Self>,
        caller: &Caller,
        environment: &SourceName,
        model: Option<&str>,
        action: &'static str,
        artifact: Option<&Digest>,
    ) -> Result<Action, Problem> {
        let place = model.map_or_else(|| environment.to_string(), |model| format!("{environment}/{model}"));
        let target = match artifact {
            Some(artifact) => format!("{place} {artifact}"),
            None => place,
        };
        let what = Action::new(action, target);
        let allowed = async {
            self.environment_for(caller, environment).await?;
            if let Some(model) = model {
                return self.require_model(caller, environment, model).await;
            }
            let sources = self.activities.context.sources_of(environment);
            match sources.iter().find(|source| !caller.covers(source)) {
                Some(other) => {
                    let reason = format!("this needs a token that also covers the source `{other}`");
                    Err(Problem::new(StatusCode::FORBIDDEN, reason))
                }
                None => Ok(()),
            }
        };
        match allowed.await {
            Ok(()) => Ok(what),
            Err(problem) => Err(self.refuse(caller, what, problem).await),
        }
    }
}
