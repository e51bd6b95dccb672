//! Trains a baseline of a model: a family with its default options on the same rows.

use std::path::Path;

use slipway_contract::{Baseline, Fault, FaultKind, Model, TrainingJob};

use super::made::Made;
use super::prepare::prepare;
use super::{Trained, warn};
use crate::artifact;
use crate::job::JobContext;
use crate::progress::Reporter;

/// Trains a baseline on the training rows of a model, whose files are in `source`, and writes its artifact to `path`.
pub(crate) fn train(
    model: &Model,
    baseline: Baseline,
    source: &str,
    path: &Path,
    context: &JobContext<'_>,
) -> Result<(), Fault> {
    let derived = model.for_baseline(baseline);
    if let Some(problem) = derived.problems().into_iter().next() {
        return Err(problem);
    }
    let job = TrainingJob { model: derived, source: source.to_owned(), expects: Vec::new() };
    let (prepared, said) = prepare(&job, context);
    said.warnings.iter().for_each(warn);
    let Some(prepared) = prepared else {
        let unknown = || Fault::new(FaultKind::Internal, "the training cannot begin, and nothing says why");
        return Err(said.faults.into_iter().next().unwrap_or_else(unknown));
    };
    // These families compute on the CPU.
    let place = (context.threads, tch::Device::Cpu);
    let Made { architecture, statistics, trained, .. } = prepared.make(&job.model, place, &mut Reporter::new())?;
    let Trained { weights, .. } = trained;
    artifact::write(path, &architecture, weights, statistics).map(drop)
}
