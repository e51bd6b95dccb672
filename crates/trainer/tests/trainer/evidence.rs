//! What evaluation leaves for policies besides figures: columns to slice by, times, other seeds, samples of the data.

use std::fmt::Write as _;

use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::Field;
use serde_json::{Value, json};
use slipway_contract::{EvaluationReport, FaultKind};

use crate::support::{Bench, table, table_model};

/// A table whose rows lie in two regions, which is not learnt from.
fn with_regions(rows: u32) -> String {
    let table = table(rows);
    let mut lines = table.lines();
    let header = lines.next().expect("a header");
    let rows = lines.enumerate().map(|(row, line)| format!("{line},{}", ["north", "south"][row % 3 % 2]));
    format!("{header},region\n{}\n", rows.collect::<Vec<_>>().join("\n"))
}

fn model() -> Value {
    let mut model = table_model();
    model["spec"]["data"]["features"] = json!(["height", "weight"]);
    model["spec"]["data"]["recent"] = json!({"file": "data/recent.csv"});
    model["spec"]["evaluation"] = json!({"slices": ["label", "region"]});
    model
}

fn bench() -> Bench {
    let bench = Bench::with_tables();
    bench.write("train.csv", with_regions(120));
    bench.write("test.csv", with_regions(40));
    bench.write("recent.csv", with_regions(60));
    bench
}

/// The values of a column of a parquet file.
pub(crate) fn column(bench: &Bench, file: &str, name: &str) -> Vec<Field> {
    let opened = std::fs::File::open(bench.path().join("out").join(file)).expect("a file");
    let reader = SerializedFileReader::new(opened).expect("parquet");
    let rows = reader.get_row_iter(None).expect("rows");
    let of_row = |row: parquet::record::Row| row.into_columns().into_iter().find(|(column, _)| column == name);
    rows.map(|row| of_row(row.expect("a row")).expect("the column").1).collect()
}

#[test]
fn columns_of_the_test_table_are_beside_the_predictions_though_nothing_is_learnt_from_them() {
    let bench = bench();
    bench.train(&model(), 1);
    bench.keep_weights("candidate.safetensors");
    let ended = bench.evaluate(&model(), "candidate.safetensors", None);
    assert_eq!(ended.code, Some(0), "{:?}", ended.said.last());
    let regions = column(&bench, "candidate/predictions.parquet", "region");
    assert_eq!(regions.len(), 40);
    assert_eq!(regions[..3], ["north", "south", "north"].map(|region| Field::Str(region.to_owned())));
    assert!(!bench.path().join("out/candidate/latencies.json").exists(), "nobody asked for times");
    assert!(!bench.path().join("out/samples").exists(), "nobody asked for samples");
}

#[test]
fn a_column_to_slice_by_that_the_test_table_lacks_ends_training_before_it_begins() {
    let bench = bench();
    bench.write("test.csv", table(40));
    let ended = bench.try_train(&model(), 1);
    assert_eq!(ended.fault().kind, FaultKind::Specification);
    assert_eq!(ended.fault().key.as_deref(), Some("spec.evaluation.slices"));
    assert!(ended.fault().message.contains("has no column `region`; it has `height`"), "{}", ended.fault());
}

#[test]
fn single_predictions_are_timed_often_enough_for_a_99th_percentile() {
    let bench = bench();
    bench.train(&model(), 1);
    bench.keep_weights("candidate.safetensors");
    let ended = bench.evaluate_with(&model(), "candidate.safetensors", &json!({"latencies": true}));
    assert_eq!(ended.code, Some(0), "{:?}", ended.said.last());
    let times: Vec<f64> = serde_json::from_slice(&bench.output("candidate/latencies.json")).expect("times");
    assert!((500..=1_000).contains(&times.len()), "{}", times.len());
    assert!(times.iter().all(|time| *time > 0.0 && time.is_finite()));
}

#[test]
fn trainings_with_other_seeds_are_evaluated_on_the_same_rows() {
    let bench = bench();
    let mut other = model();
    other["spec"]["training"]["seed"] = json!(8);
    bench.train(&other, 1);
    bench.keep_weights("other.safetensors");
    bench.train(&model(), 1);
    bench.keep_weights("candidate.safetensors");
    let ended = bench.evaluate_with(&model(), "candidate.safetensors", &json!({"seeds": ["other.safetensors"]}));
    assert_eq!(ended.code, Some(0), "{:?}", ended.said.last());
    let report = |who: &str| -> EvaluationReport {
        serde_json::from_slice(&bench.output(&format!("{who}/report.json"))).expect("a report")
    };
    let (candidate, other) = (report("candidate"), report("seed-0"));
    assert_ne!(candidate.artifact, other.artifact);
    assert_eq!((candidate.data, candidate.rows), (other.data, other.rows));
}

#[test]
fn samples_hold_a_digest_of_every_row_and_the_columns_that_are_compared() {
    let bench = bench();
    let rows = with_regions(120);
    let leaked = rows.lines().nth(7).expect("a row of training");
    bench.write("test.csv", format!("height,weight,kind,region\n9,9,cat,north\n{leaked}\n"));
    bench.train(&model(), 1);
    bench.keep_weights("candidate.safetensors");
    let samples = json!({"samples": {"leakage": true, "drift": ["height", "region"]}});
    let ended = bench.evaluate_with(&model(), "candidate.safetensors", &samples);
    assert_eq!(ended.code, Some(0), "{:?}", ended.said.last());
    let training = column(&bench, "samples/training.parquet", "sha256(row)");
    let test = column(&bench, "samples/test.parquet", "sha256(row)");
    assert_eq!((training.len(), test.len()), (120, 2));
    assert!(!training.contains(&test[0]) && training.contains(&test[1]), "{test:?}");
    for (file, rows) in [("training", 120), ("recent", 60)] {
        let file = format!("samples/{file}.parquet");
        assert!(matches!(column(&bench, &file, "height")[..], [Field::Double(_), ..]));
        assert_eq!(column(&bench, &file, "region").len(), rows);
    }
}

/// The digests of the test rows, in their order.
fn row_digests(bench: &Bench) -> Vec<Vec<u8>> {
    let samples = json!({"samples": {"rows": true}});
    let ended = bench.evaluate_with(&model(), "candidate.safetensors", &samples);
    assert_eq!(ended.code, Some(0), "{:?}", ended.said.last());
    bench.output("samples/rows.bin").chunks(8).map(<[u8]>::to_vec).collect()
}

#[test]
fn rows_are_distinguished_by_all_of_their_cells_whatever_their_order() {
    let bench = bench();
    bench.train(&model(), 1);
    bench.keep_weights("candidate.safetensors");
    let before = row_digests(&bench);
    assert_eq!((before.len(), before.iter().all(|digest| digest.len() == 8)), (40, true));

    let text = with_regions(40);
    let (header, rows) = text.split_once('\n').expect("a header");
    let mut reversed: Vec<&str> = rows.lines().collect();
    reversed.reverse();
    // A cell that is not learnt from tells rows apart as well.
    let changed = reversed[0].replace("north", "east").replace("south", "east");
    reversed[0] = &changed;
    bench.write("test.csv", format!("{header}\n{}\n", reversed.join("\n")));
    let mut after = row_digests(&bench);
    after.reverse();
    assert_eq!(after[..39], before[..39]);
    assert_ne!(after[39], before[39]);
}

/// All digests of the test rows, a list of each kind: exact, by name, by place, and by the columns that are known.
fn all_digests(bench: &Bench, known: &Value) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let exact = {
        let samples = json!({"samples": {"rows": true, "columns": known}});
        let ended = bench.evaluate_with(&model(), "candidate.safetensors", &samples);
        assert_eq!(ended.code, Some(0), "{:?}", ended.said.last());
        bench.output("samples/rows.bin")
    };
    let alike = bench.output("samples/rows-alike.bin");
    let lists = |bytes: &[u8]| bytes.chunks(exact.len()).map(<[u8]>::to_vec).collect::<Vec<_>>();
    (lists(&exact), lists(&alike))
}

#[test]
fn a_row_that_is_written_otherwise_shares_a_digest_with_what_it_was() {
    let bench = bench();
    bench.train(&model(), 1);
    bench.keep_weights("candidate.safetensors");
    let text = "height,weight,kind,region\n0.5,1200,cat,north\n1,-7,dog,south\n";
    bench.write("test.csv", text);
    let (exact, before) = all_digests(&bench, &json!([]));
    assert_eq!(before.len(), 2);
    let columns: Vec<String> = serde_json::from_slice(&bench.output("samples/columns.json")).expect("names");
    assert_eq!(columns, ["height", "kind", "region", "weight"]);

    bench.write("test.csv", "weight,height,kind,region\n1.2e3,0.50,cat,north\n-7.0,+1,dog,south\n");
    let (other, after) = all_digests(&bench, &json!([]));
    assert!(exact != other && before[0] == after[0] && before[1] != after[1], "another order and form");

    bench.write("test.csv", "age,height,weight,kind,region\n9,0.5,1200,cat,north\n8,1,-7,dog,south\n");
    let (_, after) = all_digests(&bench, &json!([columns, ["none"], ["age", "height", "kind", "region", "weight"]]));
    assert_eq!(after.len(), 3, "of all columns by name and by place, and of the four that are known");
    assert!(before[0] == after[2] && before[0] != after[0] && before[1] != after[1], "a column more");

    bench.write("test.csv", "height,weight,kind,region\n0.5,1200,cat,north\n1,-8,dog,south\n");
    let (_, after) = all_digests(&bench, &json!([]));
    assert!(before[0][..8] == after[0][..8] && before[0][8..] != after[0][8..], "another row");
    assert!(before[1][..8] == after[1][..8] && before[1][8..] != after[1][8..], "another row");
}

#[test]
fn rows_are_not_matched_by_columns_that_hardly_distinguish_them() {
    let bench = bench();
    bench.train(&model(), 1);
    bench.keep_weights("candidate.safetensors");
    let mut people = "height,weight,kind,region,sex\n".to_owned();
    for row in 0..200 {
        let (kind, region, sex) = (["cat", "dog"][row % 2], ["north", "south"][row / 2 % 2], ["f", "m"][row / 4 % 2]);
        // Every twentieth has the height of the one before.
        writeln!(people, "{},{row},{kind},{region},{sex}", row - usize::from(row % 20 == 19)).expect("a text");
    }
    bench.write("test.csv", people);
    let lists = |known: &Value| all_digests(&bench, known).1.len() - 2;
    assert_eq!(lists(&json!([["kind", "region", "sex"], ["sex"], ["kind"]])), 0, "eight kinds of people");
    assert_eq!(lists(&json!([["kind", "sex"], ["height"], ["kind", "weight"]])), 2, "in one column or in two");
    assert_eq!(lists(&json!([["height", "sex"], ["region"]])), 1);
}
