//! Warnings of the trainer about the data and the specification of a model, which are stored with the run.

use slipway_contract::{Fault, Job};
use slipway_domain::{Diagnostic, Run};

use super::Runs;
use super::train::JobContext;
use crate::repository::source;

/// The most warnings of a run that are stored.
const MAX_STORED: usize = 20;
/// Maximum size of the trainer's list, in bytes. It has a warning for each column at most.
const MAX_BYTES: u64 = 16 << 20;

/// The warnings that a trainer wrote before it trained. Trainers of older versions write none.
pub(super) async fn read_warnings(run: &Run, place: &JobContext<'_>) -> Vec<Diagnostic> {
    let path = place.folder.join(Job::OUTPUT).join(Job::WARNINGS);
    let is_small = tokio::fs::metadata(&path).await.is_ok_and(|file| file.len() <= MAX_BYTES);
    let list = if is_small { tokio::fs::read(&path).await.ok() } else { None };
    let warnings = list.and_then(|list| serde_json::from_slice::<Vec<Fault>>(&list).ok()).unwrap_or_default();
    let located = |fault: &Fault| source::locate_expected(&run.cause.file, &place.plan.text, fault, place.expected);
    warnings.iter().take(MAX_STORED).map(located).collect()
}

impl Runs {
    /// The warnings of the training that a run reuses. They are those of its data, which are the same.
    pub(super) async fn reused_warnings(&self, run: &Run) -> Vec<Diagnostic> {
        self.maker_of(run).await.map(|maker| maker.training.warnings).unwrap_or_default()
    }
}
