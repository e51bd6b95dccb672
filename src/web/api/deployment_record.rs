//! State of a model in an environment, as the API reports it.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::enums::RunState;

/// A model in an environment.
#[derive(Serialize, ToSchema)]
pub(super) struct ModelState {
    /// Name of the model.
    model: String,
    /// The source that owns the model in this environment; null if the model has no owner yet. Only the owner promotes the model.
    owner: Option<String>,
    /// The current deployment record; null before the server has read the git history.
    current: Option<DeploymentRecord>,
    /// Who rejected the current artifact, and the reason; null if nobody rejected it.
    rejected: Option<String>,
    /// Holds on promotions of the model.
    holds: Vec<Hold>,
    /// Active runs that promote the model to this environment, oldest first.
    active_runs: Vec<ActiveRun>,
    /// The first promotion of the model to this environment, which `promote` can start; null if there is none.
    first_promotion: Option<FirstPromotion>,
}

/// A possible first promotion: upstream environments name an artifact, and the model never had a run for this environment.
#[derive(Serialize, ToSchema)]
pub(super) struct FirstPromotion {
    /// The upstream environment that names the artifact.
    from: String,
    /// Digest of the artifact.
    artifact: String,
    /// Short version of the artifact, as the manifests contain it.
    version: String,
    /// The run whose artifact `promote` promotes downstream.
    #[schema(format = Uuid)]
    run: String,
}

/// The artifact that an environment names for a model since a commit.
#[derive(Serialize, ToSchema)]
pub(super) struct DeploymentRecord {
    /// The artifact that the manifests name.
    deployed: DeployedArtifact,
    /// Time of the commit, as recorded in the commit.
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
    /// Time at which the server first read the commit; null if an earlier version of Slipway read it. The rule `soak` counts from
    /// this time.
    #[schema(value_type = Option<String>, format = DateTime)]
    seen_at: Option<Timestamp>,
    /// The commit that wrote the artifact.
    commit: String,
    /// The run whose promotion wrote the artifact; null if no run wrote it, or if the writer is unknown.
    #[schema(format = Uuid)]
    run: Option<String>,
    /// Author of the commit if no run wrote the artifact; null if a run wrote it, or if the writer is unknown.
    manual_author: Option<String>,
}

/// The content of the marked values of a model in the manifests.
#[derive(Serialize, ToSchema)]
pub(super) struct DeployedArtifact {
    /// Digest of the artifact; null if the manifests name none, or more than one.
    artifact: Option<String>,
    /// Description of the content if it is neither empty nor one artifact; null otherwise.
    unclear: Option<String>,
}

/// An active run that promotes a model to an environment.
#[derive(Serialize, ToSchema)]
pub(super) struct ActiveRun {
    /// Identifier of the run.
    #[schema(format = Uuid)]
    run: String,
    /// The state of the run.
    state: RunState,
    /// Digest of the candidate; null before training.
    artifact: Option<String>,
    /// Whether the run waits for a person.
    stalled: bool,
    /// Explanation of the state; null if there is none.
    reason: Option<String>,
    /// The rules that block the promotion.
    blocking_rules: Vec<BlockingRule>,
    /// The approvals of the candidate for this environment.
    approvals: Vec<Approval>,
}

/// A rule that blocks a promotion.
#[derive(Serialize, ToSchema)]
pub(super) struct BlockingRule {
    /// Kind of the rule.
    rule: Rule,
    /// Why the rule blocks the promotion.
    reason: String,
    /// The earliest time at which the rule may stop blocking; null if that depends on people or on other promotions.
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

/// A person's approval of an artifact for an environment.
#[derive(Serialize, ToSchema)]
pub(super) struct Approval {
    /// The person who approved.
    person: String,
    /// The actor through which the person approved, such as a token.
    actor: String,
    /// Time of the approval.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
}

/// A hold: a person's stop of promotions.
#[derive(Serialize, ToSchema)]
pub(super) struct Hold {
    /// Name of the held model; null for a hold on all models of the environment.
    model: Option<String>,
    /// The actor that placed the hold.
    actor: String,
    /// The reason.
    reason: String,
    /// Time at which the hold was placed.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Time at which the hold expires; null if it does not expire.
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
}

impl ModelState {
    pub(super) fn of(model: &str) -> Self {
        Self {
            model: model.to_owned(),
            owner: None,
            current: None,
            rejected: None,
            holds: Vec::new(),
            active_runs: Vec::new(),
            first_promotion: None,
        }
    }

    pub(super) fn owned(&mut self, owner: &slipway_domain::SourceName) {
        self.owner = Some(owner.to_string());
    }

    /// Whether the model has no active run for this environment.
    pub(super) fn is_at_rest(&self) -> bool {
        self.active_runs.is_empty()
    }

    pub(super) fn show_first_promotion(&mut self, first_promotion: crate::promotions::FirstPromotion) {
        let crate::promotions::FirstPromotion { source: _, from, artifact, version, run } = first_promotion;
        let (from, artifact, run) = (from.to_string(), artifact.to_string(), run.to_string());
        self.first_promotion = Some(FirstPromotion { from, artifact, version, run });
    }

    pub(super) fn record(&mut self, record: &slipway_domain::DeploymentRecord) {
        self.current = Some(record.into());
    }

    pub(super) fn add_active_run(&mut self, run: ActiveRun) {
        self.active_runs.push(run);
    }

    pub(super) fn held(&mut self, hold: Hold) {
        self.holds.push(hold);
    }

    pub(super) fn rejected(&mut self, rejection: &slipway_domain::Rejection) {
        let artifact = self.current.as_ref().and_then(|current| current.deployed.artifact.as_deref());
        if artifact == Some(rejection.artifact.as_str()) {
            self.rejected = Some(format!("{}: {}", rejection.actor, rejection.reason));
        }
    }
}

impl From<&slipway_domain::DeploymentRecord> for DeploymentRecord {
    fn from(record: &slipway_domain::DeploymentRecord) -> Self {
        let (run, manual_author) = match &record.by {
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
            manual_author,
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

impl ActiveRun {
    pub(super) fn of(run: &slipway_domain::Run, approvals: Vec<Approval>) -> Self {
        Self {
            run: run.id.to_string(),
            state: run.status.state.into(),
            artifact: run.training.artifact.as_ref().map(ToString::to_string),
            stalled: run.status.stalled,
            reason: run.status.reason.clone(),
            blocking_rules: run.promotion.blocking_rules.iter().map(BlockingRule::from).collect(),
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
