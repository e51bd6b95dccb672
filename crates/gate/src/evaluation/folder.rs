//! Reads the two files of an evaluation folder from disk, no more of them than is allowed.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::report::MOST_REPORT_BYTES;
use super::table::MOST_BYTES;
use super::{CSV_FILE, Columns, Evaluation, EvaluationError, PREDICTIONS_FILE, PredictionsFile, REPORT_FILE, read};

/// Reads and verifies the evaluation folder at `path`, with these columns.
pub fn read_folder(path: &Path, columns: &Columns) -> Result<Evaluation, EvaluationError> {
    let report = bytes_of(path, REPORT_FILE, MOST_REPORT_BYTES)?;
    let has = |file: &str| path.join(file).exists();
    if has(CSV_FILE) {
        if has(PREDICTIONS_FILE) {
            return Err(EvaluationError::TwoFormats { path: path.to_owned() });
        }
        let predictions = bytes_of(path, CSV_FILE, MOST_BYTES)?;
        return read(&report, PredictionsFile::Csv(&predictions), columns);
    }
    let predictions = bytes_of(path, PREDICTIONS_FILE, MOST_BYTES)?;
    read(&report, PredictionsFile::Parquet(&predictions), columns)
}

fn bytes_of(folder: &Path, file: &'static str, most: u64) -> Result<Vec<u8>, EvaluationError> {
    let path = folder.join(file);
    let mut bytes = Vec::new();
    // One byte more than allowed is enough to see that there are too many, whatever the file claims to hold.
    let outcome = File::open(&path).and_then(|file| file.take(most + 1).read_to_end(&mut bytes));
    match outcome {
        Ok(_) => Ok(bytes),
        Err(source) => Err(EvaluationError::Unreadable { path, source }),
    }
}
