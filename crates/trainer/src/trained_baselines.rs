//! Baselines that are trained: families with their default options, on the training rows of the model and evaluated on its test
//! rows.

use std::path::Path;

use slipway_contract::{Baseline, Fault, FaultKind, Model};

use crate::baselines::Baselines;
use crate::job::JobContext;
use crate::progress::Reporter;
use crate::{evaluation, failure, training};

/// Trains and evaluates the baselines that the model lists. Writes an evaluation folder for each below that of the candidate, and
/// returns their metrics. A baseline that cannot be trained has no folder, and the evaluation continues: a policy that demands
/// the baseline then fails.
pub(crate) fn evaluate(
    model: &Model,
    source: &str,
    candidate: &Path,
    context: &JobContext<'_>,
) -> Result<Baselines, Fault> {
    let mut measured = Baselines::new();
    for baseline in &model.spec.evaluation.baselines {
        let name = baseline.name();
        Reporter::stage(&format!("training the baseline {name}"));
        let weights = context.output.join(format!("baseline-{name}.safetensors"));
        let folder = candidate.join(Baseline::FOLDER).join(name);
        let evaluated = training::train_baseline(model, *baseline, source, &weights, context).and_then(|()| {
            evaluation::of_artifact(model, &context.folder.join(source), &weights, &folder, tch::Device::Cpu)
        });
        match evaluated {
            Ok(evaluated) => {
                std::fs::remove_file(&weights).map_err(|error| failure::of_file(&weights, &error))?;
                measured.insert(name.to_owned(), evaluated.report.metrics);
            }
            Err(fault) if fault.kind == FaultKind::Memory => return Err(fault),
            Err(fault) => {
                let reason = &fault.message;
                Reporter::stage(&format!("warning: the baseline {name} cannot be trained: {reason}"));
            }
        }
    }
    Ok(measured)
}
