//! Opens the files of comma-separated values that the specification names.

use std::io::Read;

use slipway_contract::Fault;
use slipway_contract::table::Records;

use super::file::{DataFile, Source};

/// A table of the model's folder.
pub(super) type CsvReader = Records<Box<dyn Read>>;

/// Opens the file that the specification names under `key`.
pub(super) fn open(source: &Source, key: &str, file: &str) -> Result<CsvReader, Fault> {
    let DataFile { reader, name, .. } = source.read(key, file)?;
    Records::open(reader, &name)
}
