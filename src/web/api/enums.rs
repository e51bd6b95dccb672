//! Enumerations of the API.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The state of a run. The final states are `done`, `refused`, `failed`, `superseded` and `cancelled`.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum RunState {
    Queued,
    Training,
    Evaluating,
    Gating,
    Publishing,
    Waiting,
    Promoting,
    Done,
    Refused,
    Failed,
    Superseded,
    Cancelled,
}

impl From<slipway_domain::RunState> for RunState {
    fn from(state: slipway_domain::RunState) -> Self {
        match state {
            slipway_domain::RunState::Queued => Self::Queued,
            slipway_domain::RunState::Training => Self::Training,
            slipway_domain::RunState::Evaluating => Self::Evaluating,
            slipway_domain::RunState::Gating => Self::Gating,
            slipway_domain::RunState::Publishing => Self::Publishing,
            slipway_domain::RunState::Waiting => Self::Waiting,
            slipway_domain::RunState::Promoting => Self::Promoting,
            slipway_domain::RunState::Done => Self::Done,
            slipway_domain::RunState::Refused => Self::Refused,
            slipway_domain::RunState::Failed => Self::Failed,
            slipway_domain::RunState::Superseded => Self::Superseded,
            slipway_domain::RunState::Cancelled => Self::Cancelled,
        }
    }
}

impl From<RunState> for slipway_domain::RunState {
    fn from(state: RunState) -> Self {
        match state {
            RunState::Queued => Self::Queued,
            RunState::Training => Self::Training,
            RunState::Evaluating => Self::Evaluating,
            RunState::Gating => Self::Gating,
            RunState::Publishing => Self::Publishing,
            RunState::Waiting => Self::Waiting,
            RunState::Promoting => Self::Promoting,
            RunState::Done => Self::Done,
            RunState::Refused => Self::Refused,
            RunState::Failed => Self::Failed,
            RunState::Superseded => Self::Superseded,
            RunState::Cancelled => Self::Cancelled,
        }
    }
}

/// The state of the processing of a delivery. Processing of a `dead` delivery (dead letter) failed for good.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum DeliveryState {
    Pending,
    Done,
    Ignored,
    Dead,
}

impl From<slipway_domain::DeliveryState> for DeliveryState {
    fn from(state: slipway_domain::DeliveryState) -> Self {
        match state {
            slipway_domain::DeliveryState::Pending => Self::Pending,
            slipway_domain::DeliveryState::Done => Self::Done,
            slipway_domain::DeliveryState::Ignored => Self::Ignored,
            slipway_domain::DeliveryState::Dead => Self::Dead,
        }
    }
}

impl From<DeliveryState> for slipway_domain::DeliveryState {
    fn from(state: DeliveryState) -> Self {
        match state {
            DeliveryState::Pending => Self::Pending,
            DeliveryState::Done => Self::Done,
            DeliveryState::Ignored => Self::Ignored,
            DeliveryState::Dead => Self::Dead,
        }
    }
}

/// The role of a token. A `viewer` reads. An `operator` also performs actions. An `admin` may do everything.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Role {
    Viewer,
    Operator,
    Admin,
}

impl From<slipway_store::Role> for Role {
    fn from(role: slipway_store::Role) -> Self {
        match role {
            slipway_store::Role::Viewer => Self::Viewer,
            slipway_store::Role::Operator => Self::Operator,
            slipway_store::Role::Admin => Self::Admin,
        }
    }
}
