//! How a model stands in an environment, as the API tells it.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::enums::RunState;

/// A model in an environment.
#[derive(Serialize, ToSchema)]
pub(super) struct ModelState {
    model: String,
    /// The source that it belongs to here, which alone promotes it; null as long as nobody has.
    owner: Option<String>,
    /// What the environment names; null before its history was read.
    now: Option<DeploymentRecord>,
    /// Why nobody is to promote again what the environment names; null if nobody said so.
    rejected: Option<String>,
    /// What keeps promotions of the model away.
    holds: Vec<Hold>,
    /// Runs that are on their way here, oldest first.
    under_way: Vec<UnderWay>,
    /// Its first promotion to this environment, which somebody may begin with `promote`; null where there is none to be offered.
    #[serde(rename = "offer")]
    first_promotion: Option<FirstPromotion>,
}

/// A first promotion that is offered: the environments before this one name something, and nothing was ever on its way here.
#[derive(Serialize, ToSchema)]
pub(super) struct FirstPromotion {
    /// The environment that names the artifact.
    from: String,
    artifact: String,
    /// Its short name, as manifests hold it.
    version: String,
    /// The run that is taken onward.
    #[schema(format = Uuid)]
    run: String,
}

/// What an environment names of a model since a commit.
#[derive(Serialize, ToSchema)]
pub(super) struct DeploymentRecord {
    #[serde(rename = "named")]
    deployed: DeployedArtifact,
    /// The time of the commit that wrote it, as the commit says.
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
    /// When that was first seen here, which `soak` counts from; null for what an earlier version read.
    #[schema(value_type = Option<String>, format = DateTime)]
    seen_at: Option<Timestamp>,
    /// The commit that wrote it.
    commit: String,
    /// The run that wrote it by its promotion; null if it was somebody's hand.
    #[schema(format = Uuid)]
    run: Option<String>,
    /// Who wrote it by hand; null if it was a promotion, or is older than what was read of the history.
    hand: Option<String>,
}

/// What the marked places name.
#[derive(Serialize, ToSchema)]
pub(super) struct DeployedArtifact {
    /// The artifact; null if it is none.
    artifact: Option<String>,
    /// What stands there instead, if that is not just nothing.
    unclear: Option<String>,
}

/// A run on its way to an environment.
#[derive(Serialize, ToSchema)]
pub(super) struct UnderWay {
    #[schema(format = Uuid)]
    run: String,
    state: RunState,
    /// The candidate; null before it is trained.
    artifact: Option<String>,
    /// Whether it waits for a person to mend something.
    stalled: bool,
    /// Why it waits or where it stands, in words.
    reason: Option<String>,
    /// What holds its promotion back.
    #[serde(rename = "held_back")]
    blocking_rules: Vec<BlockingRule>,
    /// Who approved it.
    approvals: Vec<Approval>,
}

/// One thing that holds a promotion back.
#[derive(Serialize, ToSchema)]
pub(super) struct BlockingRule {
    rule: Rule,
    reason: String,
    /// The earliest time at which it may not hold any more; null if that depends on people or other promotions.
    #[schema(value_type = Option<String>, format = DateTime)]
    earliest: Option<Timestamp>,
}

/// Which rule holds a promotion back.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Rule {
    After,
    Approval,
    Window,
    Freeze,
    Hold,
    Request,
}

/// An approval.
#[derive(Serialize, ToSchema)]
pub(super) struct Approval {
    person: String,
    /// Under which name they acted.
    actor: String,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
}

/// What keeps promotions away.
#[derive(Serialize, ToSchema)]
pub(super) struct Hold {
    /// Null for all models of the environment.
    model: Option<String>,
    actor: String,
    reason: String,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// When it ends by itself.
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
}

impl ModelState {
    pub(super) fn of(model: &str) -> Self {
        let (holds, under_way) = (Vec::new(), Vec::new());
        Self {
            model: model.to_owned(),
            owner: None,
            now: None,
            rejected: None,
            holds,
            under_way,
            first_promotion: None,
        }
    }

    pub(super) fn owned(&mut self, owner: &slipway_domain::SourceName) {
        self.owner = Some(owner.to_string());
    }

    /// Whether nothing of it is on its way.
    pub(super) fn is_at_rest(&self) -> bool {
        self.under_way.is_empty()
    }

    pub(super) fn show_first_promotion(&mut self, first_promotion: crate::promotions::FirstPromotion) {
        let crate::promotions::FirstPromotion { source: _, from, artifact, version, run } = first_promotion;
        let (from, artifact, run) = (from.to_string(), artifact.to_string(), run.to_string());
        self.first_promotion = Some(FirstPromotion { from, artifact, version, run });
    }

    pub(super) fn record(&mut self, record: &slipway_domain::DeploymentRecord) {
        self.now = Some(record.into());
    }

    pub(super) fn under_way(&mut self, run: UnderWay) {
        self.under_way.push(run);
    }

    pub(super) fn held(&mut self, hold: Hold) {
        self.holds.push(hold);
    }

    pub(super) fn rejected(&mut self, rejection: &slipway_domain::Rejection) {
        let artifact = self.now.as_ref().and_then(|now| now.deployed.artifact.as_deref());
        if artifact == Some(rejection.artifact.as_str()) {
            self.rejected = Some(format!("{}: {}", rejection.actor, rejection.reason));
        }
    }
}

impl From<&slipway_domain::DeploymentRecord> for DeploymentRecord {
    fn from(record: &slipway_domain::DeploymentRecord) -> Self {
        let (run, hand) = match &record.by {
            slipway_domain::DeployedBy::Run(run) => (Some(run.to_string()), None),
            slipway_domain::DeployedBy::Hand(author) => (None, Some(author.clone())),
            slipway_domain::DeployedBy::Unknown => (None, None),
        };
        Self {
            deployed: (&record.deployed).into(),
            since: record.at,
            seen_at: record.seen_at,
            commit: record.commit.to_string(),
            run,
            hand,
        }
    }
}

impl From<&slipway_domain::DeployedArtifact> for DeployedArtifact {
    fn from(deployed: &slipway_domain::DeployedArtifact) -> Self {
        let unclear = match deployed {
            slipway_domain::DeployedArtifact::Unclear(reason) => Some(reason.clone()),
            slipway_domain::DeployedArtifact::Nothing | slipway_domain::DeployedArtifact::Artifact(_) => None,
        };
        Self { artifact: deployed.artifact().map(ToString::to_string), unclear }
    }
}

impl UnderWay {
    pub(super) fn of(run: &slipway_domain::Run, approvals: Vec<Approval>) -> Self {
        Self {
            run: run.id.to_string(),
            state: run.state.into(),
            artifact: run.artifact.as_ref().map(ToString::to_string),
            stalled: run.stalled,
            reason: run.reason.clone(),
            blocking_rules: run.blocking_rules.iter().map(BlockingRule::from).collect(),
            approvals,
        }
    }
}

impl From<&slipway_domain::BlockingRule> for BlockingRule {
    fn from(held: &slipway_domain::BlockingRule) -> Self {
        let slipway_domain::BlockingRule { rule, reason, earliest } = held.clone();
        let rule = match rule {
            slipway_domain::Rule::After => Rule::After,
            slipway_domain::Rule::Approval => Rule::Approval,
            slipway_domain::Rule::Window => Rule::Window,
            slipway_domain::Rule::Freeze => Rule::Freeze,
            slipway_domain::Rule::Hold => Rule::Hold,
            slipway_domain::Rule::Request => Rule::Request,
        };
        Self { rule, reason, earliest }
    }
}

impl From<&slipway_domain::Approval> for Approval {
    fn from(approval: &slipway_domain::Approval) -> Self {
        let slipway_domain::Approval { person, actor, at, .. } = approval.clone();
        Self { person, actor: actor.to_string(), at }
    }
}

impl From<&slipway_domain::Hold> for Hold {
    fn from(hold: &slipway_domain::Hold) -> Self {
        let slipway_domain::Hold { environment: _, model, actor, reason, at, until } = hold.clone();
        Self { model, actor: actor.to_string(), reason, at, until }
    }
}
