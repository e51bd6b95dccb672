//! Holds of promotions: people stop promotions of a model or of an environment, and release them.

use std::sync::Arc;

use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::answer::{Answer, Json};
use super::deployment_record::Hold;
use super::extract::{EnvironmentOf, ModelOf, NoParameters, Query, Sent};
use super::promotions::reason;
use crate::web::Shared;
use crate::web::access::{Caller, Operator};
use crate::web::problem::EnvironmentProblems;
use slipway_domain::SourceName;

/// The reason and the end of a hold.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct HoldRequest {
    /// The reason. People whose promotions wait see it.
    reason: String,
    /// Time at which the hold expires. Without this field the hold does not expire.
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
}

/// An ended hold.
#[derive(Serialize, ToSchema)]
pub(super) struct Released {
    /// Name of the environment.
    environment: String,
    /// Name of the model; null for a hold on all models of the environment.
    model: Option<String>,
}

/// Holds promotions of a model to an environment.
#[utoipa::path(
    post,
    path = "/environments/{environment}/models/{model}/hold",
    operation_id = "holdModel",
    tag = "promotions",
    params(
        ("environment" = String, Path, description = "Name of the environment."),
        ("model" = String, Path, description = "Name of the model.")
    ),
    request_body = HoldRequest,
    responses((status = 200, description = "The hold.", body = Hold), EnvironmentProblems)
)]
pub(super) async fn hold(
    State(shared): State<Arc<Shared>>,
    Operator(caller): Operator,
    ModelOf(environment, model): ModelOf,
    Query(NoParameters {}): Query<NoParameters>,
    Sent(wish): Sent<HoldRequest>,
) -> Answer<Hold> {
    shared.place_hold(&caller, &environment, Some(&model), wish).await
}

/// Holds all promotions to an environment.
#[utoipa::path(
    post,
    path = "/environments/{environment}/hold",
    operation_id = "holdEnvironment",
    tag = "promotions",
    params(("environment" = String, Path, description = "Name of the environment.")),
    request_body = HoldRequest,
    responses((status = 200, description = "The hold.", body = Hold), EnvironmentProblems)
)]
pub(super) async fn hold_all(
    State(shared): State<Arc<Shared>>,
    Operator(caller): Operator,
    EnvironmentOf(environment): EnvironmentOf,
    Query(NoParameters {}): Query<NoParameters>,
    Sent(wish): Sent<HoldRequest>,
) -> Answer<Hold> {
    shared.place_hold(&caller, &environment, None, wish).await
}

/// Ends the hold on a model.
#[utoipa::path(
    post,
    path = "/environments/{environment}/models/{model}/release",
    operation_id = "releaseModel",
    tag = "promotions",
    params(
        ("environment" = String, Path, description = "Name of the environment."),
        ("model" = String, Path, description = "Name of the model.")
    ),
    responses((status = 200, description = "The ended hold.", body = Released), EnvironmentProblems)
)]
pub(super) async fn release(
    State(shared): State<Arc<Shared>>,
    Operator(caller): Operator,
    ModelOf(environment, model): ModelOf,
    Query(NoParameters {}): Query<NoParameters>,
) -> Answer<Released> {
    shared.release_hold(&caller, &environment, Some(model)).await
}

/// Ends the hold on a whole environment.
#[utoipa::path(
    post,
    path = "/environments/{environment}/release",
    operation_id = "releaseEnvironment",
    tag = "promotions",
    params(("environment" = String, Path, description = "Name of the environment.")),
    responses((status = 200, description = "The ended hold.", body = Released), EnvironmentProblems)
)]
pub(super) async fn release_all(
    State(shared): State<Arc<Shared>>,
    Operator(caller): Operator,
    EnvironmentOf(environment): EnvironmentOf,
    Query(NoParameters {}): Query<NoParameters>,
) -> Answer<Released> {
    shared.release_hold(&caller, &environment, None).await
}

impl Shared {
    /// Holds promotions of a model to an environment, or all promotions to it.
    async fn place_hold(
        self: &Arc<Self>,
        caller: &Caller,
        environment: &SourceName,
        model: Option<&str>,
        HoldRequest { reason: why, until }: HoldRequest,
    ) -> Answer<Hold> {
        let why = reason(&why)?;
        let what = self.performed(caller, environment, model, "promotion.hold", None).await?;
        let what = what.because(&why).with("until", until);
        let actor = caller.actor();
        let hold = self
            .perform(caller, what, self.activities.promotions.hold(environment, model, &why, until, &actor))
            .await?;
        Ok(Json((&hold).into()))
    }

    /// Ends the hold on a model of an environment, or on the whole environment.
    async fn release_hold(
        self: &Arc<Self>,
        caller: &Caller,
        environment: &SourceName,
        model: Option<String>,
    ) -> Answer<Released> {
        let what = self.performed(caller, environment, model.as_deref(), "promotion.release", None).await?;
        self.perform(caller, what, self.activities.promotions.release(environment, model.as_deref())).await?;
        Ok(Json(Released { environment: environment.to_string(), model }))
    }
}
