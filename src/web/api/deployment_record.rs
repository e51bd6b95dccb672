//! State of a model in an environment, as the API reports it.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::enums::RunState;

/// A model in an environment.
#[derive(Serialize, ToSchema)]
pub(super) struct ModelState {
    model: String,
    /// The source that owns the model in this environment. Only this source promotes it. Null if the model has no owner yet.
    owner: Option<String>,
    /// The current deployment record; null before the history was read.
    now: Option<DeploymentRecord>,
    /// Who rejected the current artifact, and why it must not be promoted again; null if it was not rejected.
    rejected: Option<String>,
    /// Holds on promotions of the model.
    holds: Vec<Hold>,
    /// Active runs that promote to this environment, oldest first.
    under_way: Vec<UnderWay>,
    /// The first promotion to this environment, which `promote` can start; null if none is possible.
    #[serde(rename = "offer")]
    first_promotion: Option<FirstPromotion>,
}

/// A possible first promotion: the upstream environments name an artifact, and the model never had a run for this environment.
#[derive(Serialize, ToSchema)]
pub(super) struct FirstPromotion {
    /// The upstream environment that names the artifact.
    from: String,
    artifact: String,
    /// The short version of the artifact, as manifests contain it.
    version: String,
    /// The run to promote downstream.
    #[schema(format = Uuid)]
    run: String,
}

/// A deployment record: the artifact that an environment names for a model since a commit.
#[derive(Serialize, ToSchema)]
pub(super) struct DeploymentRecord {
    #[serde(rename = "named")]
    deployed: DeployedArtifact,
    /// Time of the commit that wrote it, as recorded in the commit.
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
    /// Time at which the server first saw it, from which `soak` counts; null if an earlier version of Slipway read it.
    #[schema(value_type = Option<String>, format = DateTime)]
    seen_at: Option<Timestamp>,
    /// The commit that wrote it.
    commit: String,
    /// The run whose promotion wrote it; null if it was not a promotion or its author is unknown.
    #[schema(format = Uuid)]
    run: Option<String>,
    /// The author who wrote it by hand; null if it was a promotion, or if it is older than the history that was read.
    hand: Option<String>,
}

/// Content of a model's marked places.
#[derive(Serialize, ToSchema)]
pub(super) struct DeployedArtifact {
    /// The artifact; null if there is none.
    artifact: Option<String>,
    /// Description of the content, if it is neither empty nor one artifact.
    unclear: Option<String>,
}

/// An active run that promotes to an environment.
#[derive(Serialize, ToSchema)]
pub(super) struct UnderWay {
    #[schema(format = Uuid)]
    run: String,
    state: RunState,
    /// The candidate; null before it is trained.
    artifact: Option<String>,
    /// Whether it waits for a person.
    stalled: bool,
    /// Why it waits, or its current state.
    reason: Option<String>,
    /// The rules that block its promotion.
    #[serde(rename = "held_back")]
    blocking_rules: Vec<BlockingRule>,
    /// Its approvals.
    approvals: Vec<Approval>,
}

/// A rule that blocks a promotion.
#[derive(Serialize, ToSchema)]
pub(super) struct BlockingRule {
    rule: Rule,
    reason: String,
    /// The earliest time at which it may end; null if that depends on people or other promotions.
    #[schema(value_type = Option<String>, format = DateTime)]
    earliest: Option<Timestamp>,
}

/// The kind of a blocking rule.
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
    /// The actor as which the person approved, such as a token.
    actor: String,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
}

/// A hold on promotions.
#[derive(Serialize, ToSchema)]
pub(super) struct Hold {
    /// Null for a hold on all models of the environment.
    model: Option<String>,
    actor: String,
    reason: String,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// When it expires; null if it does not expire.
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

    /// Whether the model has no active run for this environment.
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
