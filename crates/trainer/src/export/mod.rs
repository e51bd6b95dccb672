//! Exports an artifact as `model.onnx`, and keeps the file only if it gives the predictions that the artifact gives.

mod compare;
#[cfg(test)]
mod drawn;
#[cfg(test)]
mod onnxruntime_tests;
mod operators;
mod run;
#[cfg(test)]
mod tests;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use slipway_contract::{API_VERSION, Digest, ExportReport, Fault, FaultKind, Job, OnnxExport};
use slipway_onnx::artifact;
use tch::Device;

use crate::data::Rows;
use crate::failure::of_file;
use crate::progress::Reporter;
use crate::{artifact as weights, output};

/// The largest file in bytes. A controller holds it in memory when it stores it.
const MAX_BYTES: usize = 512 << 20;

/// Writes `model.onnx` and `export.json` for the weights in `folder`. `rows` are those of the training. A model that cannot be
/// exported is trained nevertheless: the report has the reason.
pub(crate) fn export(folder: &Path, digest: &Digest, rows: &Rows) -> Result<(), Fault> {
    let file = folder.join(Job::WEIGHTS);
    // libtorch panics where an operator does not fit its inputs.
    let made = catch_unwind(AssertUnwindSafe(|| exported(&file, rows)));
    let onnx = match made.unwrap_or_else(|panic| Err(crate::failure::of_panic(&*panic))) {
        Ok((bytes, compared)) => {
            output::write(&folder.join(Job::ONNX), &bytes)?;
            OnnxExport::Written {
                digest: Digest::of(&bytes),
                bytes: bytes.len() as u64,
                rows: compared.rows,
                largest_difference: compared.largest_difference,
            }
        }
        Err(fault) if fault.kind == FaultKind::Memory => return Err(fault),
        Err(fault) => {
            Reporter::stage(&format!("warning: {} is left out: {}", Job::ONNX, fault.message));
            OnnxExport::LeftOut { reason: fault.message }
        }
    };
    let (api_version, kind) = (API_VERSION.to_owned(), "ExportReport".to_owned());
    output::write_json(&folder.join(Job::EXPORT), &ExportReport { api_version, kind, artifact: digest.clone(), onnx })
}

fn exported(file: &Path, rows: &Rows) -> Result<(Vec<u8>, compare::Compared), Fault> {
    let size = file.metadata().map_err(|error| of_file(file, &error))?.len();
    let too_large =
        |bytes: u64| Fault::new(FaultKind::Artifact, format!("it has {bytes} bytes, expected at most {MAX_BYTES}"));
    if size > MAX_BYTES as u64 {
        return Err(too_large(size));
    }
    let content = std::fs::read(file).map_err(|error| of_file(file, &error))?;
    let bytes = artifact::of_artifact(&content)
        .map_err(|error| Fault::new(FaultKind::Artifact, format!("it cannot be made: {error}")))?;
    if bytes.len() > MAX_BYTES {
        return Err(too_large(bytes.len() as u64));
    }
    drop(content);
    // On the CPU, where the file will run in most cases, and where sums have the same order in both computations.
    let loaded = weights::load(file, Device::Cpu)?;
    let compared = compare::compare(&bytes, &loaded, rows)?;
    Ok((bytes, compared))
}
