//! Reads the two files of an evaluation folder from disk, within size limits.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::error::listed;
use super::report::MAX_REPORT_BYTES;
use super::table::MAX_BYTES;
use super::{CSV_FILE, Columns, Evaluation, EvaluationError, PREDICTIONS_FILE, PredictionsFile, REPORT_FILE, read};

/// The most entries of a folder that are read to suggest a file name.
const MAX_ENTRIES: usize = 10_000;

/// Reads and verifies the evaluation folder at `path` with these columns.
pub fn read_folder(path: &Path, columns: &Columns) -> Result<Evaluation, EvaluationError> {
    let has = |file: &str| path.join(file).exists();
    if path.is_dir() && !has(REPORT_FILE) {
        return Err(missing(path, REPORT_FILE, "report"));
    }
    let report = bytes_of(path, REPORT_FILE, MAX_REPORT_BYTES)?;
    if has(CSV_FILE) {
        if has(PREDICTIONS_FILE) {
            return Err(EvaluationError::TwoFormats { path: path.to_owned() });
        }
        let predictions = bytes_of(path, CSV_FILE, MAX_BYTES)?;
        return read(&report, PredictionsFile::Csv(&predictions), columns);
    }
    if !has(PREDICTIONS_FILE) {
        return Err(missing(path, "predictions.parquet or predictions.csv", "predictions"));
    }
    let predictions = bytes_of(path, PREDICTIONS_FILE, MAX_BYTES)?;
    read(&report, PredictionsFile::Parquet(&predictions), columns)
}

fn bytes_of(folder: &Path, file: &'static str, most: u64) -> Result<Vec<u8>, EvaluationError> {
    let path = folder.join(file);
    let mut bytes = Vec::new();
    // One byte more than the limit shows that the file is too large, whatever size it claims.
    let outcome = File::open(&path).and_then(|file| file.take(most + 1).read_to_end(&mut bytes));
    match outcome {
        Ok(_) => Ok(bytes),
        Err(source) => Err(EvaluationError::Unreadable { path, source }),
    }
}

/// The error for a folder without a required file. It lists the folder's files. If some begin with `stem`, it lists only those.
fn missing(folder: &Path, expected: &'static str, stem: &str) -> EvaluationError {
    let entries = std::fs::read_dir(folder).into_iter().flatten().take(MAX_ENTRIES).flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    let begins = |name: &String| name.to_lowercase().starts_with(stem);
    names.sort_by_key(|name| (!begins(name), name.clone()));
    let alike: Vec<&String> = names.iter().filter(|name| begins(name)).collect();
    let found = match (names.is_empty(), alike.is_empty()) {
        (true, _) => "and nothing else".to_owned(),
        (_, true) => format!("but {}", listed(&names, "and")),
        (_, false) => format!("but {}", listed(&alike, "and")),
    };
    let help = alike.first().map_or_else(
        || "an evaluation folder contains report.json and predictions.parquet or predictions.csv".to_owned(),
        |name| what_to_do(name, expected),
    );
    EvaluationError::Missing { path: folder.to_owned(), expected, found, help }
}

/// Advice for a file whose name begins like that of the required file.
fn what_to_do(name: &str, expected: &str) -> String {
    let lower = name.to_lowercase();
    let packed = [".gz", ".zip", ".bz2", ".xz", ".zst", ".lz4", ".tar", ".tgz"];
    if packed.iter().any(|ending| lower.ends_with(ending)) {
        return "decompress the file; a parquet file may use compression inside".to_owned();
    }
    let read = [REPORT_FILE, PREDICTIONS_FILE, CSV_FILE];
    match read.iter().find(|file| **file == lower || file.replace(".parquet", ".pq") == lower) {
        Some(file) => format!("rename it to {file}"),
        None => format!("write {expected}, such as with `DataFrame.to_parquet`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(files: &[&str]) -> String {
        let folder = tempfile::tempdir().expect("a folder");
        for file in files {
            std::fs::write(folder.path().join(file), "x").expect("written");
        }
        let refused = read_folder(folder.path(), &Columns::default()).expect_err("a refusal").to_string();
        refused.replace(&folder.path().display().to_string(), "folder")
    }

    #[test]
    fn a_file_of_another_name_is_named_with_what_to_do() {
        for (files, expected) in [
            (&["report.json", "predictions.csv.gz"][..], "but `predictions.csv.gz`; decompress the file"),
            (&["report.json", "Predictions.CSV"], "but `Predictions.CSV`; rename it to predictions.csv"),
            (&["report.json", "predictions.pq"], "but `predictions.pq`; rename it to predictions.parquet"),
            (
                &["report.json", "predictions.feather"],
                "but `predictions.feather`; write predictions.parquet or predictions.csv",
            ),
            (&["report.json", "preds.csv"], "but `preds.csv` and `report.json`; an evaluation folder contains"),
            (
                &["predictions.csv"],
                "`folder` contains no report.json, but `predictions.csv`; an evaluation folder contains",
            ),
            (&[], "contains no report.json, and nothing else"),
        ] {
            let said = refusal(files);
            assert!(said.contains(expected), "expected `{expected}`, came `{said}`");
        }
    }
}
