//! The rules of an environment, as the API reports them.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// The rules for promotions to an environment.
#[derive(Serialize, ToSchema)]
pub(super) struct Rules {
    /// Environments that must name the artifact first; null if there are none.
    after: Option<After>,
    /// The required approvals; null if none are required.
    approvals: Option<Approvals>,
    /// When promotions may happen; empty means at any time.
    windows: Vec<String>,
    /// Times without promotions.
    freezes: Vec<Freeze>,
}

/// Environments that must name an artifact first.
#[derive(Serialize, ToSchema)]
struct After {
    environments: Vec<String>,
    /// Whether all of them must name it, or any of them.
    need: Need,
    /// How long each must have named it, in seconds.
    soak_seconds: u64,
}

/// How many of the environments are required.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Need {
    All,
    Any,
}

/// The required approvals.
#[derive(Serialize, ToSchema)]
struct Approvals {
    number: u32,
    /// People whose approval counts; empty means all who may approve.
    by: Vec<String>,
}

/// A time without promotions.
#[derive(Serialize, ToSchema)]
struct Freeze {
    /// When it begins; null if it has begun.
    #[schema(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    #[schema(value_type = String, format = DateTime)]
    until: Timestamp,
    reason: String,
}

impl From<&slipway_domain::Rules> for Rules {
    fn from(rules: &slipway_domain::Rules) -> Self {
        let slipway_domain::Rules { after, approvals, windows, freezes } = rules;
        let freeze = |freeze: &slipway_domain::Freeze| {
            let slipway_domain::Freeze { from, until, reason } = freeze.clone();
            Freeze { from, until, reason }
        };
        Self {
            after: after.as_ref().map(After::from),
            approvals: approvals
                .as_ref()
                .map(|approvals| Approvals { number: approvals.number, by: approvals.by.iter().cloned().collect() }),
            windows: windows.iter().map(ToString::to_string).collect(),
            freezes: freezes.iter().map(freeze).collect(),
        }
    }
}

impl From<&slipway_domain::After> for After {
    fn from(after: &slipway_domain::After) -> Self {
        let slipway_domain::After { environments, need, soak } = after;
        let need = match need {
            slipway_domain::Need::All => Need::All,
            slipway_domain::Need::Any => Need::Any,
        };
        let environments = environments.iter().map(ToString::to_string).collect();
        Self { environments, need, soak_seconds: soak.as_secs() }
    }
}
