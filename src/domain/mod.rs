//! The product's words, free of any outside world: identifiers, events, runs, verdicts, promotions.

mod delivery;
mod diagnostic;
mod event;
mod ids;
mod promotion;
mod retry;
mod run;
mod transition;
mod verdict;

pub use delivery::{Delivery, DeliveryState, Intake};
pub use diagnostic::{Diagnostic, Position};
pub use event::{
    Account, Author, Button, Change, ChangeStep, Check, CheckAction, Comment, Commenter, Event, EventKind, ForgeId,
    HeadRepository, Installation, InstallationStep, MergeGroup, MergeGroupStep, Movement, NotAForgeId, NotARevision,
    Push, Reference, Repository, Revision, Sender,
};
pub use ids::{CommitSha, NotACommitSha, RunId, SourceName};
pub use promotion::{Promotion, version_of};
pub use retry::{Retry, pause_before};
pub use run::{ChangeHead, EvaluationDigests, EvaluationRecord, IllegalMove, Run, RunEvent, RunState};
pub use transition::{Actor, Transition};
pub use verdict::{
    CheckOutcome, CheckResult, ExceptionNote, Interval, Method, Outcome, Requirement, SliceResult, Verdict,
};
