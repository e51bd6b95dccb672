//! Writes the trainer's files, first under a temporary name, so that a file under its final name is complete.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use serde::Serialize;
use slipway_contract::Fault;

use crate::failure::of_file;

/// Writes bytes to a file.
pub(crate) fn write(path: &Path, content: &[u8]) -> Result<(), Fault> {
    let partial = path.with_extension("partial");
    let written = File::create(&partial).and_then(|mut file| {
        file.write_all(content)?;
        file.sync_all()?;
        std::fs::rename(&partial, path)
    });
    written.map_err(|error| of_file(path, &error))
}

/// Writes a document as JSON.
pub(crate) fn write_json(path: &Path, document: &impl Serialize) -> Result<(), Fault> {
    let content = serde_json::to_vec_pretty(document).expect("documents hold only texts and numbers");
    write(path, &content)
}
