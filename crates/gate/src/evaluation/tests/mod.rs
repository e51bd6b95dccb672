//! Evaluation folders as strangers may send them.

mod numbers_and_scores;

use parquet::basic::Encoding;
use serde_json::json;
use slipway_contract::Metric;
use slipway_contract::metrics::{Predictions, Table, View};

use super::sample::{Values, columns, columns_with, parquet, parquet_in_groups, report, text};
use super::{
    Columns, Evaluation, EvaluationError, PREDICTIONS_FILE, PredictionsFile, REPORT_FILE, SampleColumn, paired,
    read_folder, read_samples,
};

fn read(report: &[u8], parquet: &[u8]) -> Result<Evaluation, EvaluationError> {
    super::read(report, PredictionsFile::Parquet(parquet), &Columns::default())
}

fn grouped_by(columns: &[&str]) -> Columns {
    Columns { attributes: columns.iter().map(|column| (*column).to_owned()).collect(), ..Columns::default() }
}

/// The classifier's table in an evaluation.
fn classes(evaluation: &Evaluation) -> &Predictions {
    evaluation.table.view().classes().expect("a classifier's table")
}

/// The same, to be changed.
fn classes_of(evaluation: &mut Evaluation) -> &mut Predictions {
    match &mut evaluation.table {
        Table::Classes(table) => table,
        _ => panic!("no classifier's table"),
    }
}

fn refusal(report: &[u8], parquet: &[u8]) -> String {
    read(report, parquet).expect_err("a refusal").to_string()
}

/// What is said of a file with one column replaced.
fn refusal_of(name: &'static str, values: Values) -> String {
    refusal(&report(|_| ()), &parquet(&columns_with(name, values)))
}

fn evaluation() -> Evaluation {
    read(&report(|_| ()), &parquet(&columns())).expect("an evaluation")
}

#[test]
fn a_sound_folder_is_read_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join(REPORT_FILE), report(|_| ())).expect("a report");
    std::fs::write(folder.path().join(PREDICTIONS_FILE), parquet(&columns())).expect("predictions");
    let evaluation = read_folder(folder.path(), &Columns::default()).expect("an evaluation");
    let (report, predictions) = (&evaluation.report, classes(&evaluation));
    assert_eq!(report.metrics.get(&Metric::Accuracy), Some(&0.75));
    assert_eq!(predictions.rows, ["a", "b", "c", "d"]);
    assert_eq!(predictions.labels, [0, 1, 0, 1]);
    assert_eq!(predictions.predictions, [0, 1, 1, 1]);
    assert_eq!(predictions.scores, Some(vec![0.9, 0.1, 0.2, 0.8, 0.4, 0.6, 0.1, 0.9]));
}

#[test]
fn a_missing_file_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let error = read_folder(folder.path(), &Columns::default()).expect_err("a refusal").to_string();
    assert!(error.contains("contains no report.json"), "{error}");
    let error = read_folder(&folder.path().join("nowhere"), &Columns::default()).expect_err("a refusal").to_string();
    assert!(error.contains("report.json` cannot be read"), "{error}");
}

#[test]
fn labels_and_predictions_as_attributes_have_every_class_also_one_that_no_row_has() {
    let wanted = grouped_by(&["label", "prediction"]);
    let report = report(|report| report["classes"] = json!(["cat", "cow", "dog"]));
    let mut bare = columns();
    bare.retain(|(name, _)| !name.starts_with("score_"));
    let evaluation = super::read(&report, PredictionsFile::Parquet(&parquet(&bare)), &wanted).expect("an evaluation");
    for (name, of_row) in [("label", [0, 2, 0, 2]), ("prediction", [0, 2, 2, 2])] {
        let attribute = &evaluation.attributes[name];
        assert_eq!(attribute.values, ["cat", "cow", "dog"], "{name}");
        assert_eq!(attribute.of_row, of_row, "{name}");
    }
}

#[test]
fn row_groups_doubles_attributes_and_absent_scores_are_all_fine() {
    let halves: [Vec<(&str, Values)>; 2] = [("a", "b"), ("c", "d")].map(|(first, second)| {
        vec![
            ("row", text(&[first, second])),
            ("label", text(&["cat", "dog"])),
            ("prediction", text(if first == "a" { &["cat", "dog"] } else { &["dog", "dog"] })),
            ("region", text(&["north", "south"])),
        ]
    });
    let split = parquet_in_groups(&[&halves[0], &halves[1]], Encoding::PLAIN);
    let halves = read(&report(|_| ()), &split).expect("an evaluation");
    assert_eq!((&classes(&halves).predictions, &classes(&halves).scores), (&vec![0, 1, 1, 1], &None));

    let doubles = columns_with("score_cat", Values::Double(vec![0.9, 0.2, 0.4, 0.1]));
    assert_eq!(read(&report(|_| ()), &parquet(&doubles)).expect("an evaluation"), evaluation());
    let full = ["a", "b", "c", "d"].map(|name| Some(name.to_owned())).to_vec();
    let optional = columns_with("row", Values::OptionalText(full));
    assert_eq!(read(&report(|_| ()), &parquet(&optional)).expect("an evaluation"), evaluation());
}

#[test]
fn columns_that_are_missing_or_of_the_wrong_type_are_named() {
    let mut bare = columns();
    bare.retain(|(name, _)| *name != "label");
    insta::assert_snapshot!(refusal(&report(|_| ()), &parquet(&bare)), @"predictions.parquet: column `label` is missing, expected it in addition to `prediction`, `row`, `score_cat`, `score_dog`");
    insta::assert_snapshot!(refusal_of("prediction", Values::Whole(vec![0, 1, 1, 1])), @"predictions.parquet: row 1, column `prediction`: `0`, expected one of the 2 classes of report.json");
    insta::assert_snapshot!(refusal_of("score_dog", Values::Whole(vec![0, 1, 1, 1])), @"predictions.parquet: row 1, column `score_…`: the scores sum to 0.9000, expected a sum of 1; end the model with a softmax");
    insta::assert_snapshot!(refusal_of("score_bird", Values::Float(vec![0.0; 4])), @"predictions.parquet: column `score_bird` is for a class that is not in report.json, expected one column for each of its classes");
    let mut partial = columns();
    partial.retain(|(name, _)| *name != "score_dog");
    insta::assert_snapshot!(refusal(&report(|_| ()), &parquet(&partial)), @"predictions.parquet: column `score_dog` is missing, expected score columns for all classes or for none");
    let mut twice = columns();
    twice.push(("label", text(&["cat"; 4])));
    insta::assert_snapshot!(refusal(&report(|_| ()), &parquet(&twice)), @"predictions.parquet: column `label` occurs twice, expected every column once");
}

#[test]
fn values_without_a_place_are_named_with_their_row() {
    insta::assert_snapshot!(refusal_of("row", text(&["a", "b", "a", "d"])), @"predictions.parquet: row 3, column `row`: `a` again, expected every name once");
    insta::assert_snapshot!(refusal_of("row", text(&["a", "b", "c", "c"])), @"predictions.parquet: row 4, column `row`: `c` again, expected every name once");
    insta::assert_snapshot!(refusal_of("row", text(&["a", "", "c", "d"])), @"predictions.parquet: row 2, column `row`: a name of 0 bytes, expected 1 to 1024");
    insta::assert_snapshot!(refusal_of("label", text(&["cat", "dog", "cat", "<b>\u{1b}[31m"])), @r"predictions.parquet: row 4, column `label`: `<b>\u{1b}[31m`, expected one of the 2 classes of report.json");
    let gap = vec![Some("a".to_owned()), Some("b".to_owned()), None, Some("d".to_owned())];
    insta::assert_snapshot!(refusal_of("row", Values::OptionalText(gap)), @"predictions.parquet: row 3, column `row`: no value, expected a value in every row");
    insta::assert_snapshot!(refusal_of("score_cat", Values::Float(vec![0.9, f32::NAN, 0.4, 0.1])), @"predictions.parquet: row 2, column `score_cat`: score NaN, expected a number from 0 to 1");
    insta::assert_snapshot!(refusal_of("score_cat", Values::Double(vec![0.9, 0.2, f64::INFINITY, 0.1])), @"predictions.parquet: row 3, column `score_cat`: score inf, expected a number from 0 to 1");
    insta::assert_snapshot!(refusal_of("score_cat", Values::Float(vec![1.1, 0.2, 0.4, 0.1])), @"predictions.parquet: row 1, column `score_cat`: score 1.100000023841858, expected a number from 0 to 1");
    insta::assert_snapshot!(refusal_of("score_cat", Values::Float(vec![1.0, 0.2, 0.4, 0.1])), @"predictions.parquet: row 1, column `score_…`: the scores sum to 1.1000, expected a sum of 1; end the model with a softmax");
}

#[test]
fn a_report_that_its_predictions_do_not_bear_out_is_refused() {
    let refusal = |change: fn(&mut serde_json::Value)| refusal(&report(change), &parquet(&columns()));
    insta::assert_snapshot!(refusal(|report| report["metrics"]["accuracy"] = json!(0.76)), @"report.json: accuracy is stated as 0.76, but the predictions give 0.75; evaluate again, and keep both files unchanged");
    insta::assert_snapshot!(refusal(|report| report["rows"] = json!(5)), @"predictions.parquet: 4 rows in the file, expected 5; evaluate again, and keep both files unchanged");
    insta::assert_snapshot!(refusal(|report| report["rows"] = json!(0)), @"report.json: no rows were evaluated, expected at least one; use test data with rows");
    insta::assert_snapshot!(refusal(|report| report["metrics"] = json!({})), @"report.json: no metric is stated, expected at least one");
    insta::assert_snapshot!(refusal(|report| report["metrics"]["accuracy"] = json!(null)), @"report.json: invalid type: null, expected f64 at line 1 column 314; use the report of the evaluator without changes");
    insta::assert_snapshot!(refusal(|report| report["classes"] = json!(["cat", "cat"])), @"report.json: the class `cat` occurs twice, expected every class once");
    insta::assert_snapshot!(refusal(|report| report["classes"] = json!(["cat"])), @"predictions.parquet: row 2, column `label`: `dog`, expected one of the 1 classes of report.json");
    insta::assert_snapshot!(refusal(|report| report["kind"] = json!("ModelCard")), @"report.json: expected `slipway.dev/v1alpha1 EvaluationReport`, found `slipway.dev/v1alpha1 ModelCard`");
    assert!(read(&report(|report| report["metrics"]["accuracy"] = json!(0.750_000_5)), &parquet(&columns())).is_ok());
}

#[test]
fn a_stated_metric_that_needs_scores_is_refused_without_them() {
    let mut bare = columns();
    bare.retain(|(name, _)| !name.starts_with("score_"));
    let stated = report(|report| report["metrics"]["log_loss"] = json!(0.3));
    insta::assert_snapshot!(refusal(&stated, &parquet(&bare)), @"report.json: log_loss is stated as 0.3, but cannot be computed from the predictions: the predictions contain no scores");
}

#[test]
fn encodings_whose_values_outgrow_their_bytes_are_refused() {
    let mut bare = columns();
    bare.retain(|(name, _)| !name.starts_with("score_"));
    let delta = parquet_in_groups(&[&bare], Encoding::DELTA_BYTE_ARRAY);
    insta::assert_snapshot!(refusal(&report(|_| ()), &delta), @"predictions.parquet: a column is encoded as DELTA_BYTE_ARRAY, expected PLAIN or RLE_DICTIONARY; pandas, polars and pyarrow write these by default");
}

#[test]
fn no_truncated_file_is_taken_for_a_whole_one() {
    let (report, whole) = (report(|_| ()), parquet(&columns()));
    for length in 0..whole.len() {
        assert!(read(&report, &whole[..length]).is_err(), "{length} of {} bytes", whole.len());
    }
    for length in 0..report.len() {
        assert!(read(&report[..length], &whole).is_err(), "{length} of {} bytes", report.len());
    }
}

#[test]
fn no_changed_byte_makes_the_reader_panic_or_the_figures_wrong() {
    let (report, whole) = (report(|_| ()), parquet(&columns()));
    for offset in 0..whole.len() {
        for change in [0x01, 0x80, 0xff] {
            let mut changed = whole.clone();
            changed[offset] ^= change;
            if let Ok(evaluation) = read(&report, &changed) {
                let predictions = classes(&evaluation);
                assert_eq!(Metric::Accuracy.of(View::Classes(predictions)), Some(0.75), "byte {offset} xor {change}");
                assert_eq!(predictions.len(), 4);
            }
        }
    }
}

#[test]
fn the_champions_rows_are_put_in_the_candidates_order() {
    let candidate = evaluation();
    let mut champion = candidate.clone();
    classes_of(&mut champion).rows.reverse();
    classes_of(&mut champion).labels.reverse();
    classes_of(&mut champion).predictions.reverse();
    let scores = [0.1, 0.9, 0.4, 0.6, 0.2, 0.8, 0.9, 0.1];
    classes_of(&mut champion).scores = Some(scores.to_vec());
    assert_eq!(*paired(&candidate, &champion).expect("a pairing").table, candidate.table);
}

#[test]
fn some_of_the_candidates_rows_are_those_of_the_same_names_in_another_evaluation() {
    let candidate = evaluation();
    let mut champion = candidate.clone();
    classes_of(&mut champion).rows.reverse();
    classes_of(&mut champion).labels.reverse();
    classes_of(&mut champion).predictions = vec![1, 0, 0, 0];
    classes_of(&mut champion).scores = None;
    let some = champion.only_as(&candidate, &[0, 3]).expect("alike");
    let of_some = classes(&some);
    assert_eq!(of_some.rows, ["a", "d"]);
    assert_eq!((&of_some.labels[..], &of_some.predictions[..]), (&[0, 1][..], &[0, 1][..]));
    assert_eq!((some.report.rows, some.report.metrics.get(&Metric::Accuracy)), (2, Some(&1.0)));
    assert_eq!(paired(&candidate.only(&[0, 3]), &some).expect("a pairing").table.rows(), ["a", "d"]);
}

#[test]
fn rows_that_another_evaluation_lacks_are_missed_before_any_are_left_out() {
    let candidate = evaluation();
    let mut champion = candidate.clone();
    classes_of(&mut champion).rows[2] = "z".to_owned();
    let refusal = champion.only_as(&candidate, &[0, 1]).expect_err("a refusal").to_string();
    assert!(refusal.contains("row `c` of the candidate is missing"), "{refusal}");
}

#[test]
fn evaluations_on_other_rows_are_not_compared_and_the_first_difference_is_named() {
    let candidate = evaluation();
    let difference = |change: fn(&mut Evaluation)| {
        let mut champion = candidate.clone();
        change(&mut champion);
        paired(&candidate, &champion).expect_err("a refusal").to_string()
    };
    insta::assert_snapshot!(difference(|champion| classes_of(champion).rows[2] = "z".into()), @"candidate and champion were not evaluated in the same way: row `c` of the candidate is missing from the champion; evaluate the champion again on the candidate's data");
    insta::assert_snapshot!(difference(|champion| classes_of(champion).labels[1] = 0), @"candidate and champion were not evaluated in the same way: row `b` is labelled `cat` for the champion, expected the candidate's `dog`; evaluate the champion again on the candidate's data");
    insta::assert_snapshot!(difference(|champion| champion.report.evaluator = "0.2.0".into()), @"candidate and champion were not evaluated in the same way: the champion's evaluator is `0.2.0`, expected the candidate's `0.1.0`; evaluate the champion again on the candidate's data");
    insta::assert_snapshot!(difference(|champion| champion.report.data = slipway_contract::Digest::of(b"other")), @"candidate and champion were not evaluated in the same way: the champion's data is d9298a10d1b0, expected the candidate's dddddddddddd; evaluate the champion again on the candidate's data");
    insta::assert_snapshot!(difference(|champion| champion.report.classes.reverse()), @"candidate and champion were not evaluated in the same way: their reports name the same classes in another order; evaluate the champion again on the candidate's data");
    let fewer = |champion: &mut Evaluation| {
        classes_of(champion).rows.pop();
        classes_of(champion).labels.pop();
    };
    insta::assert_snapshot!(difference(fewer), @"candidate and champion were not evaluated in the same way: the champion has 3 rows, expected the candidate's 4; evaluate the champion again on the candidate's data");
}

#[test]
fn a_champion_with_other_classes_is_reported_with_their_names_and_without_a_call_to_evaluate_it_again() {
    let candidate = evaluation();
    let difference = |classes: &[&str]| {
        let mut champion = candidate.clone();
        champion.report.classes = classes.iter().map(|class| (*class).to_owned()).collect();
        paired(&candidate, &champion).expect_err("a refusal").to_string()
    };
    insta::assert_snapshot!(difference(&["cat"]), @"the champion does not have the class `dog`; train the candidate on the champion's classes and no others: models can only be compared on the same classes");
    insta::assert_snapshot!(difference(&["cat", "dog", "emu", "owl"]), @"the champion alone has the classes `emu` and `owl`; train the candidate on the champion's classes and no others: models can only be compared on the same classes");
    insta::assert_snapshot!(difference(&["cat", "Dog"]), @"the champion does not have the class `dog`, and alone has the class `Dog`; train the candidate on the champion's classes and no others: models can only be compared on the same classes");
}

#[test]
fn floats_of_16_bits_are_refused_with_what_to_write_instead() {
    let half = Values::Half(vec![[0, 0x3c], [0, 0], [0, 0], [0, 0]]);
    let of = |column: &'static str, wanted: &Columns| {
        let predictions = parquet(&columns_with(column, half.clone()));
        super::read(&report(|_| ()), PredictionsFile::Parquet(&predictions), wanted)
            .map(drop)
            .map_err(|error| error.to_string())
    };
    let own = Columns { row_scores: ["own".to_owned()].into(), ..Columns::default() };
    let group = Columns { attributes: ["own".to_owned()].into(), ..Columns::default() };
    for (column, wanted) in [
        ("score_cat", &Columns::default()),
        ("label", &Columns::default()),
        ("row", &Columns::default()),
        ("own", &own),
        ("own", &group),
    ] {
        let said = of(column, wanted).expect_err(column);
        let expected = format!(
            "column `{column}` contains floats of 16 bits, expected floats of 32 or 64 bits, which have enough digits; in pandas"
        );
        assert!(said.contains(&expected), "expected `{expected}`, came `{said}`");
    }
    assert_eq!(of("own", &Columns::default()), Ok(()), "nobody asks for it");
}

#[test]
fn only_the_columns_that_are_asked_for_become_attributes() {
    let mut columns = columns();
    columns.push(("region", text(&["north", "south", "north", "north"])));
    columns.push(("hour", Values::Whole(vec![22, 7, 22, 23])));
    columns.push(("weight", Values::Double(vec![1.0, 2.5, 1.0, 1.0])));
    let wanted = grouped_by(&["region", "hour", "weight", "absent"]);
    let evaluation =
        super::read(&report(|_| ()), PredictionsFile::Parquet(&parquet(&columns)), &wanted).expect("an evaluation");
    let attribute = |name: &str| {
        let attribute = &evaluation.attributes[name];
        attribute.of_row.iter().map(|value| attribute.values[*value as usize].as_str()).collect::<Vec<_>>()
    };
    assert_eq!(evaluation.attributes.len(), 3);
    assert_eq!(attribute("region"), ["north", "south", "north", "north"]);
    assert_eq!(attribute("hour"), ["22", "7", "22", "23"]);
    assert_eq!(attribute("weight"), ["1", "2.5", "1", "1"]);
    assert!(read(&report(|_| ()), &parquet(&columns)).expect("an evaluation").attributes.is_empty());
    columns.push(("gap", Values::OptionalText(vec![Some("x".to_owned()), None, None, None])));
    let gap = super::read(&report(|_| ()), PredictionsFile::Parquet(&parquet(&columns)), &grouped_by(&["gap"]))
        .expect_err("a refusal");
    insta::assert_snapshot!(gap, @"predictions.parquet: row 2, column `gap`: no value, expected a value in every row");
}

#[test]
fn samples_of_data_are_read_and_their_rows_distinguished() {
    let samples = read_samples(&parquet(&[
        ("age", Values::Double(vec![1.0, 2.0, 1.0])),
        ("name", text(&["x", "y", "x"])),
        ("count", Values::Whole(vec![5, 6, 5])),
    ]))
    .expect("samples");
    assert_eq!(samples.columns["count"], SampleColumn::Numbers(vec![5.0, 6.0, 5.0]));
    let columns: Vec<&String> = samples.columns.keys().collect();
    let digests = [0, 1, 2].map(|row| samples.digest_of(row, &columns));
    assert!(digests[0] == digests[2] && digests[0] != digests[1]);
    let broken = read_samples(&parquet(&[("age", Values::Double(vec![1.0, f64::NAN]))])).expect_err("a refusal");
    insta::assert_snapshot!(broken, @"the sample: row 2, column `age`: NaN, expected a finite number");
    assert!(read_samples(b"no parquet").is_err());
}
