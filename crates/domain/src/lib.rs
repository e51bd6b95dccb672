//! The domain types, without I/O: identifiers, events, runs, verdicts and promotions.

mod account;
mod approval;
mod commit_templates;
mod concurrency_group;
mod contributor;
mod delivery;
mod diagnostic;
mod duration;
mod event;
mod ids;
mod known_names;
mod moment;
mod promotion;
mod retry;
mod revision;
mod rules;
mod run;
mod run_state;
mod test_set;
mod transition;
mod unjudged;
mod verdict;
mod window;
mod withheld;

pub use account::{Account, Author, Commenter, ForgeId, NotAForgeId, Repository, Sender};
pub use approval::{Approval, Hold, People, Person, Rejection};
pub use commit_templates::{CommitTemplates, CommitValues, NotATemplate, Template};
pub use concurrency_group::ConcurrencyGroup;
pub use contributor::{Contributor, Identity, Part};
pub use delivery::{Delivery, DeliveryState, Receipt};
pub use diagnostic::{Diagnostic, Position};
pub use duration::parse_duration;
pub use event::{
    Button, Check, CheckAction, Comment, Event, EventKind, HeadRepository, Installation, InstallationStep, MergeGroup,
    MergeGroupStep, Movement, PullRequest, PullRequestStep, Push, Reference,
};
pub use ids::{CommitSha, NotACommitSha, RunId, SourceName};
pub use known_names::hint_at;
pub use moment::{OfDay, parse_moment};
pub use promotion::{DeployedArtifact, DeployedBy, DeploymentRecord, Promotion, PromotionRequest, version_of};
pub use retry::{Retry, backoff, spoken, with_jitter};
pub use revision::{NotARevision, Revision};
pub use rules::{After, Approvals, BlockingRule, Candidate, Freeze, Need, Rule, Rules, Upstream};
pub use run::{
    Document, EvaluationDigests, EvaluationRecord, Origin, ProposedPolicy, PullRequestHead, Run, RunCause,
    RunJudgement, RunPromotion, RunStatus, RunTraining, SeedRun, TrainingCost, model_name,
};
pub use run_state::{IllegalMove, RunEvent, RunState, beside_state};
pub use slipway_contract::{counted, counted_are};
pub use test_set::{Adaptivity, Feedback, PartUsage, RowsEnd, TestSetUsage, TestSetUse};
pub use transition::{Actor, Transition};
pub use unjudged::{Needs, Unjudged};
pub use verdict::{
    CheckOutcome, CheckResult, ExceptionNote, Interval, MandatoryPolicy, Method, Outcome, Requirement, SliceResult,
    Verdict,
};
pub use window::{NotAWindow, Window};
