//! The words for where things stand.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain;
use crate::store;

/// Where a run stands.
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

impl From<domain::RunState> for RunState {
    fn from(state: domain::RunState) -> Self {
        match state {
            domain::RunState::Queued => Self::Queued,
            domain::RunState::Training => Self::Training,
            domain::RunState::Evaluating => Self::Evaluating,
            domain::RunState::Gating => Self::Gating,
            domain::RunState::Publishing => Self::Publishing,
            domain::RunState::Waiting => Self::Waiting,
            domain::RunState::Promoting => Self::Promoting,
            domain::RunState::Done => Self::Done,
            domain::RunState::Refused => Self::Refused,
            domain::RunState::Failed => Self::Failed,
            domain::RunState::Superseded => Self::Superseded,
            domain::RunState::Cancelled => Self::Cancelled,
        }
    }
}

impl From<RunState> for domain::RunState {
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

/// How far the reading of a delivery has come.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum DeliveryState {
    Pending,
    Done,
    Ignored,
    Dead,
}

impl From<domain::DeliveryState> for DeliveryState {
    fn from(state: domain::DeliveryState) -> Self {
        match state {
            domain::DeliveryState::Pending => Self::Pending,
            domain::DeliveryState::Done => Self::Done,
            domain::DeliveryState::Ignored => Self::Ignored,
            domain::DeliveryState::Dead => Self::Dead,
        }
    }
}

impl From<DeliveryState> for domain::DeliveryState {
    fn from(state: DeliveryState) -> Self {
        match state {
            DeliveryState::Pending => Self::Pending,
            DeliveryState::Done => Self::Done,
            DeliveryState::Ignored => Self::Ignored,
            DeliveryState::Dead => Self::Dead,
        }
    }
}

/// What a token's holder may do: read; steer as well; everything.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Role {
    Viewer,
    Operator,
    Admin,
}

impl From<store::Role> for Role {
    fn from(role: store::Role) -> Self {
        match role {
            store::Role::Viewer => Self::Viewer,
            store::Role::Operator => Self::Operator,
            store::Role::Admin => Self::Admin,
        }
    }
}
