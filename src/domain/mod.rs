//! The product's words, free of any outside world: identifiers, events, runs, verdicts, promotions.

mod diagnostic;
mod ids;
mod retry;
mod verdict;

pub use diagnostic::{Diagnostic, Position};
pub use ids::{CommitSha, NotACommitSha};
pub use retry::Retry;
pub use verdict::{CheckOutcome, CheckResult, Interval, Method, Outcome, Requirement, Verdict};
