//! Damaged data: an exit code, a kind, the file, and the row or byte; never a crash, never more memory than is there.

use serde_json::json;
use slipway_contract::FaultKind;

use crate::support::{Bench, gzip, idx_header, picture_model, pictures, table_model};

#[test]
fn damaged_pictures_are_named_with_the_byte_or_row() {
    let images = pictures(96).images;
    let mut trailing = images.clone();
    trailing.push(0);
    let mut corrupt = gzip(&images);
    let checksum = corrupt.len() - 8;
    corrupt[checksum..checksum + 4].fill(0xff);
    let packed = gzip(&images);
    let enormous = idx_header(8, &[u32::MAX, u32::MAX, 2]);
    let many = [idx_header(8, &[90_000_000, 6, 6]), vec![0; 64]].concat();
    for (content, expected) in [
        (Vec::new(), "ends at byte 0, within a header of 4 bytes"),
        (b"\x89PNG\r\n\x1a\n".to_vec(), "starts with the bytes"),
        (idx_header(0x0d, &[96, 6, 6]), "holds values of type 0x0d, expected unsigned bytes"),
        (images[..9].to_vec(), "ends at byte 9, within its dimensions"),
        (images[..1000].to_vec(), "1000 bytes long, but its header [96, 6, 6] needs 3472"),
        (trailing.clone(), "3473 bytes long, but its header [96, 6, 6] needs 3472"),
        (gzip(&trailing), "more bytes follow the 3456 values its header names"),
        (gzip(&images[..1000]), "truncated: expected 3456 values, found 984"),
        (packed[..packed.len() / 2].to_vec(), "the gzip stream is broken at unpacked byte"),
        (corrupt, "the gzip stream is broken at unpacked byte"),
        (enormous, "claims the dimensions [4294967295, 4294967295, 2]"),
        (many.clone(), "80 bytes long, but its header"),
        (gzip(&many), "truncated: expected 3240000000 values, found 64"),
        (idx_header(8, &[0, 6, 6]), "96 labels for the 0 rows"),
        (idx_header(8, &[96, 0, 6]), "rows of no values: its header says [96, 0, 6]"),
        (idx_header(8, &[]), "claims the dimensions []"),
    ] {
        let bench = Bench::with_pictures();
        bench.write("train-images", content);
        let ended = bench.try_train(&picture_model(), 1);
        let fault = ended.fault();
        assert_eq!((ended.code, fault.kind), (Some(1), FaultKind::Data), "{expected}: {fault}");
        assert!(fault.message.contains(expected), "expected `{expected}`, came: {fault}");
        assert!(fault.file.as_deref().is_some_and(|file| file.starts_with("data/train-")), "{fault}");
        assert!(!bench.path().join("out/model.safetensors").exists());
    }
}

#[test]
fn labels_that_do_not_fit_are_named() {
    let labels = pictures(96).labels;
    let mut out_of_range = labels.clone();
    out_of_range[8 + 41] = 2;
    let mut only_one = labels.clone();
    only_one[8..].fill(1);
    let mut fewer = labels[..8 + 95].to_vec();
    fewer[4..8].copy_from_slice(&95_u32.to_be_bytes());
    for (content, expected) in [
        (out_of_range, "row 41 has the label 2, but the network has the classes 0 to 1"),
        (only_one, "all rows have one label (1), expected at least two classes"),
        (fewer, "95 labels for the 96 rows of `data/train-images`"),
        (pictures(96).images, "3 dimensions, expected one: [rows]"),
    ] {
        let bench = Bench::with_pictures();
        bench.write("train-labels", content);
        let ended = bench.try_train(&picture_model(), 1);
        assert_eq!((ended.code, ended.fault().kind), (Some(1), FaultKind::Data), "{}", ended.fault());
        assert!(ended.fault().message.contains(expected), "expected `{expected}`, came: {}", ended.fault());
    }
}

#[test]
fn damaged_tables_are_named_with_row_and_column() {
    for (content, kind, expected) in [
        ("", FaultKind::Data, "the file is empty, expected a header and rows below it"),
        (
            "height,weight\n1,2\n",
            FaultKind::Specification,
            "`data/train.csv` has no column `kind`; it has `height`, `weight`",
        ),
        ("height,weight,kind\n", FaultKind::Data, "the table has no rows, expected at least one below the header"),
        ("height,weight,kind\n1,2,cat\n3,dog\n", FaultKind::Data, "line 3: 2 values, expected 3 as in the header"),
        (
            "height,weight,kind\n1,2,cat\n3,tall,dog\n",
            FaultKind::Data,
            "line 3, column `weight`: `tall` is not a finite number",
        ),
        ("height,weight,kind\n1,NaN,cat\n", FaultKind::Data, "line 2, column `weight`: `NaN` is not a finite number"),
        (
            "height,weight,kind\n1,2,cat\n-inf,2,dog\n",
            FaultKind::Data,
            "line 3, column `height`: `-inf` is not a finite number",
        ),
        ("height,weight,kind\n1,,cat\n", FaultKind::Data, "line 2, column `weight`: the cell is empty"),
        ("height,weight,kind\n1,2,cat\n3,4,\n", FaultKind::Data, "line 3 has no label: the column `kind` is empty"),
        ("height,weight,kind\n1,2,cat\n3,4,cat\n", FaultKind::Data, "all rows have one label (cat)"),
        ("height,kind,kind\n1,cat,cat\n", FaultKind::Data, "the header contains the column `kind` twice"),
    ] {
        let bench = Bench::with_tables();
        bench.write("train.csv", content);
        let ended = bench.try_train(&table_model(), 1);
        let fault = ended.fault();
        assert_eq!(fault.kind, kind, "{content}: {fault}");
        assert!(fault.message.contains(expected), "expected `{expected}`, came: {fault}");
    }
}

#[test]
fn more_classes_than_outputs_say_the_number_that_is_needed() {
    let bench = Bench::with_tables();
    bench.write("train.csv", "height,weight,kind\n1,2,cat\n3,4,dog\n5,6,horse\n");
    let ended = bench.try_train(&table_model(), 1);
    assert_eq!((ended.code, ended.fault().kind), (Some(2), FaultKind::Specification));
    assert_eq!(ended.fault().key.as_deref(), Some("spec.model.sequential[2]"));
    assert_eq!(ended.fault().help.as_deref(), Some("end with `- linear: 3`"));
}

#[test]
fn named_columns_are_learnt_from_and_no_others() {
    let bench = Bench::with_tables();
    let mut model = table_model();
    model["spec"]["data"]["features"] = json!(["height"]);
    let first = bench.train(&model, 1).artifact;
    let lines: Vec<String> = crate::support::table(120).lines().map(|line| format!("{line},x")).collect();
    let text = lines.join("\n");
    bench.write("train.csv", text.replacen("kind,x", "kind,note", 1));
    assert_eq!(bench.train(&model, 1).artifact, first, "a text column that is not named is no matter");
}

#[test]
fn a_packed_table_cannot_grow_without_bound() {
    let field = "0".repeat(20 << 20);
    for content in
        [format!("height,weight,kind\n1,2,cat\n3,{field},dog\n"), format!("height,{field},kind\n1,2,cat\n3,4,dog\n")]
    {
        let bench = Bench::with_tables();
        let packed = gzip(content.as_bytes());
        assert!(packed.len() < 1 << 18, "a small file");
        bench.write("train.csv", packed);
        let ended = bench.try_train(&table_model(), 1);
        assert_eq!((ended.code, ended.fault().kind), (Some(1), FaultKind::Data), "{}", ended.fault());
        assert_eq!(ended.fault().message, "cannot be read: one row has more than 16777216 bytes");
    }
}

#[test]
fn more_bytes_than_one_row_may_have_are_no_matter_in_many_rows() {
    let bench = Bench::with_tables();
    let note = "x".repeat(1 << 20);
    let lines: Vec<String> = (0..40).map(|row| format!("{},{note},{}", row % 2, ["cat", "dog"][row % 2])).collect();
    bench.write("train.csv", gzip(format!("height,note,kind\n{}\n", lines.join("\n")).as_bytes()));
    bench.write("test.csv", "height,kind\n0,cat\n1,dog\n");
    let mut model = table_model();
    model["spec"]["data"]["features"] = json!(["height"]);
    assert_eq!(bench.train(&model, 1).training_rows, 40);
}

#[test]
fn test_rows_that_do_not_fit_are_named_before_training_begins() {
    let mut wide = idx_header(8, &[40, 6, 7]);
    wide.resize(wide.len() + 40 * 6 * 7, 0);
    let mut labels = pictures(40).labels;
    labels[8 + 3] = 9;
    for (file, content, code, expected) in [
        ("test-images", Some(wide), 1, "the test rows have the shape [1, 6, 7], but the training rows [1, 6, 6]"),
        (
            "test-images",
            Some(pictures(40).images[..100].to_vec()),
            1,
            "100 bytes long, but its header [40, 6, 6] needs",
        ),
        ("test-labels", Some(labels), 1, "row 3 has the label 9, but the network has the classes 0 to 1"),
        ("test-labels", None, 2, "`data/test-labels` cannot be read"),
    ] {
        let bench = Bench::with_pictures();
        match content {
            Some(content) => bench.write(file, content),
            None => std::fs::remove_file(bench.path().join("source/data").join(file)).expect("removed"),
        }
        let ended = bench.try_train(&picture_model(), 1);
        assert_eq!(ended.code, Some(code), "{}", ended.fault());
        assert!(ended.fault().message.contains(expected), "expected `{expected}`, came: {}", ended.fault());
        let trained = ended.said.iter().any(|line| matches!(line, slipway_contract::Progress::Epoch { .. }));
        assert!(!trained, "{expected}: it trained first");
    }
    let bench = Bench::with_tables();
    bench.write("test.csv", "height,weight,kind\n0,0,cat\n1,1000,horse\n");
    let ended = bench.try_train(&table_model(), 1);
    assert_eq!(ended.fault().message, "line 3 has the label `horse`, which no training row has");
}

#[test]
fn a_label_with_more_classes_than_the_gate_judges_is_no_label() {
    let bench = Bench::with_tables();
    let rows: Vec<String> = (0..10_001).map(|row| format!("1,2,name-{row}")).collect();
    bench.write("train.csv", format!("height,weight,kind\n{}\n", rows.join("\n")));
    let mut model = table_model();
    model["spec"]["model"]["sequential"] = json!([{"linear": 20_000}]);
    let ended = bench.try_train(&model, 1);
    assert_eq!((ended.code, ended.fault().kind), (Some(1), FaultKind::Data));
    assert_eq!(ended.fault().message, "the training rows have 10001 classes, expected at most 10000");
}

#[test]
fn values_too_large_to_compute_with_are_named_when_the_loss_ends() {
    let bench = Bench::with_tables();
    let row = |row: usize| format!("{row},{},{}\n", ["1e37", "-1e37"][row % 2], ["cat", "dog"][row / 2 % 2]);
    let rows: String = (0..64).map(row).collect();
    for half in ["train", "test"] {
        bench.write(&format!("{half}.csv"), format!("height,weight,kind\n{rows}"));
    }
    let mut model = table_model();
    model["spec"]["preprocess"] = json!([]);
    model["spec"]["training"]["optimizer"] = json!({"sgd": {"learning_rate": 0.1}});
    let ended = bench.try_train(&model, 1);
    let fault = ended.fault();
    assert_eq!((ended.code, fault.key.as_deref()), (Some(2), Some("spec.preprocess")), "{fault}");
    assert!(fault.message.contains("column `weight` holds values up to 1.0e37"), "{fault}");
}

#[test]
fn a_check_finds_what_would_end_training_and_trains_nothing() {
    let faults = |bench: &Bench, model: &serde_json::Value| -> Vec<slipway_contract::Fault> {
        let ended = bench.try_check(model);
        assert_eq!(ended.code, Some(0), "{:?}", ended.said);
        assert!(!bench.path().join("out/model.safetensors").exists());
        serde_json::from_slice(&bench.output("faults.json")).expect("faults")
    };
    let bench = Bench::with_tables();
    assert_eq!(faults(&bench, &table_model()), []);
    let mut model = table_model();
    model["spec"]["model"]["sequential"] = json!([{"linear": 8}, "flatten", {"max_pool2d": 2}, {"linear": 2}]);
    bench.write("test.csv", "height;weight;kind\n1;2;cat\n");
    let found = faults(&bench, &model);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].message.contains("one column with semicolons"), "{found:?}");
    assert!(found[1].key.as_deref().is_some_and(|key| key.starts_with("spec.model.sequential[")), "{found:?}");
}
