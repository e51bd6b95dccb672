//! The rules of an environment, as the API reports them.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// The rules of an environment for promotions.
#[derive(Serialize, ToSchema)]
pub(super) struct Rules {
    /// The environments that must name the artifact first; null if there are none.
    after: Option<After>,
    /// The required approvals; null if none are required.
    approvals: Option<Approvals>,
    /// The windows in which promotions may happen; empty if they may happen at any time.
    windows: Vec<String>,
    /// The freezes.
    freezes: Vec<Freeze>,
}

/// The environments that must name an artifact first.
#[derive(Serialize, ToSchema)]
struct After {
    /// Names of the environments.
    environments: Vec<String>,
    /// Whether all of the environments must name the artifact, or one of them.
    need: Need,
    /// How long an environment must have named the artifact, in seconds.
    soak_seconds: u64,
}

/// The number of environments that must name an artifact first: `all` of them, or `any` of them.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Need {
    All,
    Any,
}

/// The required approvals.
#[derive(Serialize, ToSchema)]
struct Approvals {
    /// Number of required approvals.
    number: u32,
    /// The people whose approvals count; empty if everybody who may approve counts.
    by: Vec<String>,
}

/// A freeze: a time without promotions.
#[derive(Serialize, ToSchema)]
struct Freeze {
    /// Begin of the freeze; null if the settings give none.
    #[schema(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// End of the freeze.
    #[schema(value_type = String, format = DateTime)]
    until: Timestamp,
    /// The reason.
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
