//! Tests with predictions written by pandas, polars and pyarrow: the files of `written/`, which `scripts/write_predictions.py`
//! creates.

use std::path::{Path, PathBuf};

use serde_json::json;
use slipway_contract::metrics::Table;

use super::cell::Cell;
use super::classes::Classes;
use super::sample::report;
use super::{Columns, Evaluation, EvaluationError, PredictionsFile};

/// The files of this kind, each with its name.
fn files(kind: &str) -> Vec<(String, PathBuf)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/evaluation/written");
    let mut files: Vec<(String, PathBuf)> = std::fs::read_dir(folder)
        .expect("the folder")
        .map(|entry| entry.expect("an entry").path())
        .map(|path| (path.file_name().expect("a name").to_string_lossy().into_owned(), path))
        .filter(|(name, _)| name.starts_with(&format!("{kind}-")))
        .collect();
    files.sort();
    files
}

fn read(path: &Path, rows: u64, classes: &[&str]) -> Result<Evaluation, EvaluationError> {
    let bytes = std::fs::read(path).expect("the file");
    let stated =
        if classes.is_empty() { json!({"mean_absolute_error": 0.875}) } else { json!({"accuracy": 2.0 / 3.0}) };
    let report = report(|report| {
        report["rows"] = json!(rows);
        report["classes"] = json!(classes);
        report["metrics"] = if rows == 6 { stated } else { json!({"accuracy": 0.5}) };
    });
    let predictions = match path.extension().and_then(|extension| extension.to_str()) {
        Some("csv") => PredictionsFile::Csv(&bytes),
        _ => PredictionsFile::Parquet(&bytes),
    };
    super::read(&report, predictions, &Columns { attributes: ["label".to_owned()].into(), ..Columns::default() })
}

#[test]
fn predictions_of_pandas_polars_and_pyarrow_are_read_however_they_write_classes_and_compress() {
    let kinds = [("number", ["0", "1"], 14), ("text", ["cat", "dog"], 9), ("truth", ["False", "True"], 4)];
    for (kind, classes, count) in kinds {
        let files = files(kind);
        assert_eq!(files.len(), count, "{files:?}");
        for (name, path) in files {
            let evaluation = read(&path, 6, &classes).unwrap_or_else(|error| panic!("{name}: {error}"));
            let Table::Classes(table) = &evaluation.table else { panic!("{name}: a regressor's table") };
            assert_eq!(table.rows, ["r0", "r1", "r2", "r3", "r4", "r5"], "{name}");
            assert_eq!(table.labels, [0, 1, 1, 0, 1, 0], "{name}");
            assert_eq!(table.predictions, [0, 1, 0, 0, 1, 1], "{name}");
            let scores = [0.75, 0.25, 0.25, 0.75, 0.5, 0.5, 0.875, 0.125, 0.125, 0.875, 0.375, 0.625];
            assert_eq!(table.scores, Some(scores.to_vec()), "{name}");
            assert_eq!(evaluation.attributes["label"].of_row, table.labels, "{name}");
        }
    }
}

#[test]
fn truth_values_and_numbers_match_the_spellings_that_are_documented_and_no_others() {
    let find = |classes: &[&str], cell| {
        let classes: Vec<String> = classes.iter().map(|class| (*class).to_owned()).collect();
        Classes::of(&classes).find(cell)
    };
    for spelling in ["true", "True"] {
        assert_eq!(find(&["no", spelling], Cell::Truth(true)), Some(1), "{spelling}");
        assert_eq!(find(&["no", spelling], Cell::Written("True")), Some(1), "{spelling}");
    }
    for (classes, cell) in [
        (["0", "1"], Cell::Truth(true)),
        (["TRUE", "yes"], Cell::Truth(true)),
        // Ambiguous: either class could be meant.
        (["true", "True"], Cell::Truth(true)),
        (["01", "1.0"], Cell::Whole(1)),
        (["0", "1"], Cell::Double(0.5)),
        (["0", "1"], Cell::Double(f64::NAN)),
        (["0", "1"], Cell::Text(b"1.0")),
        (["true", "false"], Cell::Text(b"True")),
    ] {
        assert_eq!(find(&classes, cell), None, "{classes:?} {cell:?}");
    }
    for cell in [Cell::Whole(1), Cell::Single(1.0), Cell::Double(1.0), Cell::Text(b"1"), Cell::Written("1.0")] {
        assert_eq!(find(&["0", "1"], cell), Some(1), "{cell:?}");
    }
}

#[test]
fn a_regressors_whole_numbers_are_read() {
    for (name, path) in files("regression") {
        let evaluation = read(&path, 6, &[]).unwrap_or_else(|error| panic!("{name}: {error}"));
        let table = evaluation.table.view().numbers().expect("a regressor's table");
        assert_eq!(table.labels, [0.0, 1.0, 1.0, 0.0, 1.0, 0.0], "{name}");
    }
}

#[test]
fn many_small_pages_are_read_whatever_compresses_them() {
    let files = files("many");
    assert_eq!(files.len(), 4);
    for (name, path) in files {
        let evaluation = read(&path, 300, &["0", "1"]).unwrap_or_else(|error| panic!("{name}: {error}"));
        let table = evaluation.table.view().classes().expect("a classifier's table");
        assert_eq!((table.len(), table.rows[299].as_str(), table.predictions[299]), (300, "r299", 1), "{name}");
    }
}

#[test]
fn no_changed_byte_of_a_compressed_file_makes_the_reader_panic_or_the_figures_wrong() {
    for codec in ["snappy", "gzip", "zstd", "lz4"] {
        let (_, path) = files("number").into_iter().find(|(name, _)| name.contains(codec)).expect("the file");
        let (whole, report) = (
            std::fs::read(path).expect("the file"),
            report(|report| {
                report["rows"] = json!(6);
                report["classes"] = json!(["0", "1"]);
                report["metrics"] = json!({"accuracy": 2.0 / 3.0});
            }),
        );
        for offset in 0..whole.len() {
            let mut changed = whole.clone();
            changed[offset] ^= 0x41;
            if let Ok(evaluation) = super::read(&report, PredictionsFile::Parquet(&changed), &Columns::default()) {
                assert_eq!(evaluation.table.len(), 6, "{codec}, byte {offset}");
            }
        }
    }
}

#[test]
fn what_is_not_read_is_refused_with_what_to_do() {
    let refusal = |name: &str| {
        let (_, path) = files("refused").into_iter().find(|(file, _)| file.contains(name)).expect("the file");
        read(&path, 6, &["0", "1"]).expect_err("a refusal").to_string()
    };
    insta::assert_snapshot!(refusal("brotli"), @"predictions.parquet: a column is compressed with BROTLI, expected none, SNAPPY, GZIP, ZSTD or LZ4_RAW");
    insta::assert_snapshot!(refusal("delta"), @"predictions.parquet: a column is encoded as DELTA_BYTE_ARRAY, expected PLAIN or RLE_DICTIONARY; pandas, polars and pyarrow write these by default");
    insta::assert_snapshot!(refusal("gap"), @"predictions.parquet: row 4, column `label`: no value, expected a value in every row");
    insta::assert_snapshot!(refusal("nan"), @"predictions.parquet: row 4, column `label`: `NaN`, expected one of the 2 classes of report.json");
    insta::assert_snapshot!(refusal("moment"), @"predictions.parquet: column `label` contains values of type TIMESTAMP, expected classes: texts, whole numbers or truth values");
}

/// The result of reading a CSV file that must have two rows.
fn of_csv(text: &str) -> Result<Evaluation, String> {
    let report = report(|report| {
        report["rows"] = json!(2);
        report["metrics"] = json!({"accuracy": 0.5});
    });
    super::read(&report, PredictionsFile::Csv(text.as_bytes()), &Columns::default()).map_err(|error| error.to_string())
}

#[test]
fn csv_is_read_with_quotes_and_a_byte_order_mark_and_refused_by_line() {
    let quoted =
        of_csv("\u{feff}row,label,prediction\r\n\"a, \"\"b\"\"\",cat,cat\r\n\"c\nd\",dog,cat\r\n").expect("read");
    assert_eq!(quoted.table.rows(), ["a, \"b\"", "c\nd"]);
    let refusal = |text: &str| of_csv(text).expect_err("a refusal");
    insta::assert_snapshot!(refusal(""), @"predictions.csv: line 1: the file is empty, expected a line of column names; write commas between the cells, and the column names in the first line");
    insta::assert_snapshot!(refusal("row,label,prediction\na,cat,cat\nb,dog\n"), @"predictions.csv: line 3: the line has 2 cells, expected 3, one for each column name; write commas between the cells, and the column names in the first line");
    insta::assert_snapshot!(refusal("row,label,prediction\na,cat,cat\nb,dog,\n"), @"predictions.csv: row 2, column `prediction`: no value, expected a value in every row");
    insta::assert_snapshot!(refusal("row,label,prediction\na,cat,cat\n"), @"predictions.csv: 1 row in the file, expected 2; evaluate again, and keep both files unchanged");
    insta::assert_snapshot!(refusal("row,label,prediction\na,cat,cat\nb,dog,cat\nc,dog,cat\n"), @"predictions.csv: 3 rows in the file, expected 2; evaluate again, and keep both files unchanged");
    for (separator, name) in [(';', "semicolons"), ('\t', "tabs"), ('|', "vertical bars")] {
        let of = |text: &str| refusal(&text.replace(',', &separator.to_string()));
        let expected = format!(
            "predictions.csv: line 1: the header is one column with {name} in it, expected columns separated by \
             commas; write commas between the cells, and the column names in the first line"
        );
        for text in
            ["row,label,prediction\na,cat,cat\nb,dog,cat\n", "\"row\",\"label\"\n\"a\",\"cat\"\n", "label,row\ncat,a\n"]
        {
            assert_eq!(of(text), expected, "{text}");
        }
        let names_with_commas = format!("row{separator}label{separator}score_a,b\n1{separator}cat{separator}0,5\n");
        assert_eq!(refusal(&names_with_commas), expected);
    }
    insta::assert_snapshot!(refusal("id,a;b\n1,2\n1,2\n"), @"predictions.csv: column `row` is missing, expected it in addition to `a;b`, `id`");
    insta::assert_snapshot!(refusal(&format!("{}\na,b\na,b\n", ",".repeat(20_000))), @"predictions.csv: 20001 columns, expected at most 20000; evaluate on a sample of the rows");
    insta::assert_snapshot!(refusal("row,label,prediction,score_cat,score_dog\na,cat,cat,x,0\nb,cat,cat,0,1\n"), @"predictions.csv: row 1, column `score_cat`: score NaN, expected a number from 0 to 1");
    let bytes = [b"row,label,prediction\na,cat,cat\n\xff,dog,cat\n".as_slice()].concat();
    let report = report(|report| report["rows"] = json!(2));
    let error = super::read(&report, PredictionsFile::Csv(&bytes), &Columns::default()).expect_err("a refusal");
    insta::assert_snapshot!(error, @"predictions.csv: line 3: cell 1 contains bytes that are not UTF-8, expected UTF-8; write commas between the cells, and the column names in the first line");
}

#[test]
fn a_folder_has_its_predictions_in_one_of_the_two_formats() {
    let folder = tempfile::tempdir().expect("a folder");
    let stated = report(|report| {
        report["rows"] = json!(2);
        report["metrics"] = json!({"accuracy": 0.5});
    });
    std::fs::write(folder.path().join(super::REPORT_FILE), stated).expect("written");
    std::fs::write(folder.path().join(super::CSV_FILE), "row,label,prediction\na,cat,cat\nb,dog,cat\n")
        .expect("written");
    let evaluation = super::read_folder(folder.path(), &Columns::default()).expect("an evaluation");
    assert_eq!(evaluation.table.rows(), ["a", "b"]);
    std::fs::write(folder.path().join(super::PREDICTIONS_FILE), "").expect("written");
    let both = super::read_folder(folder.path(), &Columns::default()).expect_err("a refusal").to_string();
    assert!(both.contains("contains predictions.parquet and predictions.csv, expected one of them"), "{both}");
}
