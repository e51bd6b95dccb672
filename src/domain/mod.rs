//! The product's words, free of any outside world: identifiers, events, runs, verdicts, promotions.

mod account;
mod delivery;
mod diagnostic;
mod event;
mod ids;
mod promotion;
mod retry;
mod revision;
mod run;
mod transition;
mod verdict;

pub use account::{Account, Author, Commenter, ForgeId, NotAForgeId, Repository, Sender};
pub use delivery::{Delivery, DeliveryState, Intake};
pub use diagnostic::{Diagnostic, Position};
pub use event::{
    Button, Change, ChangeStep, Check, CheckAction, Comment, Event, EventKind, HeadRepository, Installation,
    InstallationStep, MergeGroup, MergeGroupStep, Movement, Push, Reference,
};
pub use ids::{CommitSha, NotACommitSha, RunId, SourceName};
pub use promotion::{Promotion, version_of};
pub use retry::{Retry, pause_before};
pub use revision::{NotARevision, Revision};
pub use run::{
    ChangeHead, Document, EvaluationDigests, EvaluationRecord, IllegalMove, Run, RunCause, RunEvent, RunState, SeedRun,
};
pub use transition::{Actor, Transition};
pub use verdict::{
    CheckOutcome, CheckResult, ExceptionNote, Floor, Interval, Method, Outcome, Requirement, SliceResult, Verdict,
};
