//! Tables in other dialects and formats are the same tables: they give the same weights, and their mistakes have a place.

use std::fmt::Write as _;

use serde_json::{Value, json};
use slipway_contract::Fault;

use crate::support::{Bench, gzip, table, table_model};

/// A model with types, so that numbers, texts and missing values are read.
fn typed(format: &str, ending: &str, dialect: Option<Value>) -> Value {
    let mut model = table_model();
    let data = &mut model["spec"]["data"];
    *data = json!({
        "format": format, "label": "kind",
        "train": {"file": format!("data/train.{ending}")}, "test": {"file": format!("data/test.{ending}")},
        "columns": {"height": "number", "weight": "number", "home": "category"},
    });
    if let Some(dialect) = dialect {
        data["dialect"] = dialect;
    }
    model["spec"]["training"]["epochs"] = json!(2);
    model
}

/// Rows of the columns `height`, `weight`, `home` and `kind`, of which some are missing.
fn rows(count: u32, first: u32) -> Vec<[String; 4]> {
    let row = |row: u32| {
        let height = if row.is_multiple_of(9) { String::new() } else { format!("{}.5", row % 7) };
        let home = ["Köln", "Genève, rive", "İzmir; \"old\""][(row % 3) as usize].to_owned();
        [height, (row * 3 % 50).to_string(), home, ["cat", "dog"][(row % 2) as usize].to_owned()]
    };
    (first..first + count).map(row).collect()
}

const COLUMNS: [&str; 4] = ["height", "weight", "home", "kind"];

/// Rows as separated values.
fn separated(rows: &[[String; 4]], delimiter: char, quote: char) -> String {
    let mut text = COLUMNS.join(&delimiter.to_string()) + "\n";
    for row in rows {
        let quoted = |cell: &String| format!("{quote}{}{quote}", cell.replace(quote, &format!("{quote}{quote}")));
        let _ = writeln!(text, "{}", row.iter().map(quoted).collect::<Vec<_>>().join(&delimiter.to_string()));
    }
    text
}

fn json_lines(rows: &[[String; 4]]) -> String {
    let line = |row: &[String; 4]| {
        let height = row[0].parse::<f64>().map_or(Value::Null, Value::from);
        json!({"height": height, "weight": row[1].parse::<u32>().expect("a number"), "home": row[2], "kind": row[3]})
            .to_string()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn train(bench: &Bench, model: &Value) -> Vec<u8> {
    bench.train(model, 1);
    bench.output("model.safetensors")
}

fn with_typed() -> (Bench, Vec<u8>) {
    let bench = Bench::with_tables();
    bench.write("train.csv", separated(&rows(120, 0), ',', '"'));
    bench.write("test.csv", separated(&rows(40, 1_000), ',', '"'));
    let weights = train(&bench, &typed("csv", "csv", None));
    (bench, weights)
}

#[test]
fn every_dialect_of_a_table_gives_the_same_weights() {
    let (bench, expected) = with_typed();
    let write = |ending: &str, encode: &dyn Fn(&[[String; 4]]) -> Vec<u8>| {
        bench.write(&format!("train.{ending}"), encode(&rows(120, 0)));
        bench.write(&format!("test.{ending}"), encode(&rows(40, 1_000)));
    };
    for (delimiter, quote) in [(';', '"'), ('\t', '"'), ('|', '\''), (',', '\'')] {
        write("txt", &|rows| separated(rows, delimiter, quote).into_bytes());
        let dialect = json!({"delimiter": delimiter.to_string(), "quote": quote.to_string()});
        assert_eq!(train(&bench, &typed("csv", "txt", Some(dialect))), expected, "{delimiter} {quote}");
    }
    write("txt", &|rows| {
        let rows: Vec<[String; 4]> =
            rows.iter().map(|row| [row[0].replace('.', ","), row[1].clone(), row[2].clone(), row[3].clone()]).collect();
        separated(&rows, ';', '"').into_bytes()
    });
    assert_eq!(train(&bench, &typed("csv", "txt", Some(json!({"delimiter": ";", "decimal": ","})))), expected);
    let utf16 = |little: bool| {
        move |rows: &[[String; 4]]| {
            let text = format!("\u{feff}{}", separated(rows, ',', '"'));
            text.encode_utf16().flat_map(|unit| if little { unit.to_le_bytes() } else { unit.to_be_bytes() }).collect()
        }
    };
    for little in [true, false] {
        write("txt", &utf16(little));
        assert_eq!(train(&bench, &typed("csv", "txt", Some(json!({"encoding": "utf-16"})))), expected);
    }
    write("txt", &|rows| [b"\xef\xbb\xbf", separated(rows, ',', '"').as_bytes()].concat());
    assert_eq!(train(&bench, &typed("csv", "txt", None)), expected, "a byte order mark says nothing new");
    write("gz", &|rows| gzip(separated(rows, ',', '"').as_bytes()));
    assert_eq!(train(&bench, &typed("csv", "gz", None)), expected);
    write("zst", &|rows| zstd(separated(rows, ',', '"').as_bytes()));
    assert_eq!(train(&bench, &typed("csv", "zst", None)), expected);
    write("jsonl", &|rows| json_lines(rows).into_bytes());
    assert_eq!(train(&bench, &typed("jsonl", "jsonl", None)), expected);
    write("parquet", &parquet);
    assert_eq!(train(&bench, &typed("parquet", "parquet", None)), expected);
}

#[test]
fn western_european_bytes_are_read_as_the_dialect_says() {
    let bench = Bench::with_tables();
    let text = |rows: Vec<[String; 4]>| separated(&rows, ';', '"').replace("İzmir", "Èze");
    for (half, count, first) in [("train", 120, 0), ("test", 40, 1_000)] {
        bench.write(&format!("{half}.csv"), text(rows(count, first)));
        let single: Vec<u8> =
            text(rows(count, first)).chars().map(|c| u8::try_from(u32::from(c)).expect("a byte")).collect();
        bench.write(&format!("{half}.txt"), single);
    }
    let expected = train(&bench, &typed("csv", "csv", Some(json!({"delimiter": ";"}))));
    for encoding in ["windows-1252", "iso-8859-1"] {
        let dialect = json!({"delimiter": ";", "encoding": encoding});
        assert_eq!(train(&bench, &typed("csv", "txt", Some(dialect))), expected, "{encoding}");
    }
    let (faults, _) = bench.found(&typed("csv", "txt", Some(json!({"delimiter": ";"}))), &json!([]));
    assert!(faults[0].message.starts_with("line 2: bytes that are not UTF-8"), "{faults:?}");
    assert!(faults[0].help.as_deref().is_some_and(|help| help.contains("`spec.data.dialect.encoding`")), "{faults:?}");
}

fn first_fault(bench: &Bench, model: &Value) -> Fault {
    bench.found(model, &json!([])).0.into_iter().next().expect("a fault")
}

#[test]
fn a_wrong_dialect_is_reported_with_its_line_and_the_key_to_write() {
    let (bench, _) = with_typed();
    bench.write("train.csv", separated(&rows(120, 0), ';', '"'));
    let fault = first_fault(&bench, &typed("csv", "csv", None));
    assert_eq!((fault.file.as_deref(), fault.line), (Some("data/train.csv"), Some(1)));
    assert_eq!(
        fault.message,
        "line 1: the header is one column with semicolons in it, expected columns separated by commas"
    );
    assert_eq!(fault.help.as_deref(), Some("set `spec.data.dialect.delimiter: \";\"`"));
    bench.write("train.csv", "height;weight;home;kind\n1.234,5;1;a;cat\n1.5;2;b;dog\n");
    let fault = first_fault(&bench, &typed("csv", "csv", Some(json!({"delimiter": ";", "decimal": ","}))));
    assert!(fault.message.contains("column `height`: `1.234,5` contains a point"), "{fault}");
    bench.write("train.csv", "height;weight;home;kind\n1,5;1;a;cat\n");
    let fault = first_fault(&bench, &typed("csv", "csv", Some(json!({"delimiter": ";"}))));
    assert!(
        fault.help.as_deref().is_some_and(|help| help.contains("set `spec.data.dialect.decimal: \",\"`")),
        "{fault}"
    );
    let utf16: Vec<u8> = "\u{feff}a,kind\n1,cat\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    bench.write("train.csv", utf16);
    let fault = first_fault(&bench, &typed("csv", "csv", None));
    assert_eq!(fault.message, "line 1: found the byte order mark of UTF-16, expected UTF-8");
    assert_eq!(fault.help.as_deref(), Some("set `spec.data.dialect.encoding: utf-16`"));
}

#[test]
fn a_line_of_json_that_is_no_row_is_reported_with_its_line() {
    let (bench, _) = with_typed();
    bench.write("test.jsonl", json_lines(&rows(40, 1_000)));
    let good = r#"{"height": 1.5, "weight": 2, "home": "a", "kind": "cat"}"#;
    for (line, expected) in [
        ("[1, 2]", "line 3: found no JSON object at column 0: invalid type: sequence"),
        (r#"{"height": 1, "#, "line 3: found no JSON object"),
        (r#"{"height": {"cm": 1}, "kind": "cat"}"#, "line 3: column `height`: found an object"),
        (r#"{"size": 1, "kind": "cat"}"#, "line 3: the key `size` is not in the first line"),
        (r#"{"height": 1, "height": 2}"#, "line 3: the key `height` occurs twice"),
        (r#"{"height": "tall", "kind": "cat"}"#, "line 3, column `height`: `tall` is not a finite number"),
        (r#"{"height": 1, "kind": null}"#, "line 3 has no label"),
    ] {
        bench.write("train.jsonl", format!("{good}\n\n{line}\n{good}"));
        let fault = first_fault(&bench, &typed("jsonl", "jsonl", None));
        assert!(fault.message.starts_with(expected), "expected `{expected}`, found {fault}");
        assert_eq!((fault.line, fault.file.as_deref()), (Some(3), Some("data/train.jsonl")));
    }
}

#[test]
fn several_files_are_one_table_in_the_order_of_their_names() {
    let (bench, expected) = with_typed();
    let all = rows(120, 0);
    bench.write("part-10.csv", separated(&all[100..], ',', '"'));
    bench.write("part-02.csv", gzip(separated(&all[40..100], ',', '"').as_bytes()));
    bench.write("part-01.csv", separated(&all[..40], ',', '"'));
    let mut model = typed("csv", "csv", None);
    model["spec"]["data"]["train"] = json!({"file": "data/part-*.csv"});
    assert_eq!(train(&bench, &model), expected);
    let digest = bench.train(&model, 1).data;
    bench.write("part-10.csv", separated(&all[100..], ',', '"').replace("cat", "dog"));
    assert_ne!(bench.train(&model, 1).data, digest, "every file counts");
    let broken = separated(&all[100..], ',', '"').replacen('"', "x\"", 1);
    bench.write("part-10.csv", broken.replacen("x\"", "\"x", 1));
    let fault = first_fault(&bench, &model);
    assert_eq!((fault.file.as_deref(), fault.line), (Some("data/part-10.csv"), Some(2)), "{fault}");
    bench.write("part-10.csv", separated(&all[100..], ',', '"').replacen("height,weight", "weight,height", 1));
    let fault = first_fault(&bench, &model);
    assert_eq!(fault.file.as_deref(), Some("data/part-10.csv"));
    assert!(fault.message.contains("the columns are `weight`, `height`"), "{fault}");
    assert!(fault.message.contains("expected those of `data/part-01.csv`"), "{fault}");
    model["spec"]["data"]["train"] = json!({"file": "data/shard-*.csv"});
    assert!(first_fault(&bench, &model).message.contains("`data/shard-*.csv` matches no file"));
}

#[test]
fn a_file_that_expands_beyond_measure_is_refused() {
    let bench = Bench::with_tables();
    let member = gzip("\n".repeat(1 << 22).as_bytes());
    bench.write("train.csv", [gzip(table(4).as_bytes()), member.repeat(80)].concat());
    let fault = first_fault(&bench, &table_model());
    assert!(fault.message.contains("one row has more than 16777216 bytes"), "{fault}");
}

/// Rows as a Parquet file of two row groups.
fn parquet(rows: &[[String; 4]]) -> Vec<u8> {
    use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
    let schema = "message rows { optional double height; required int64 weight; required binary home (UTF8); \
                  required binary kind (UTF8); }";
    let schema = std::sync::Arc::new(parquet::schema::parser::parse_message_type(schema).expect("a schema"));
    let mut writer = parquet::file::writer::SerializedFileWriter::new(Vec::new(), schema, std::sync::Arc::default())
        .expect("a writer");
    for part in rows.chunks(rows.len() / 2 + 1) {
        let mut group = writer.next_row_group().expect("a group");
        let heights: Vec<Option<f64>> = part.iter().map(|row| row[0].parse().ok()).collect();
        let levels: Vec<i16> = heights.iter().map(|height| i16::from(height.is_some())).collect();
        let present: Vec<f64> = heights.into_iter().flatten().collect();
        let mut column = group.next_column().expect("a column").expect("height");
        column.typed::<DoubleType>().write_batch(&present, Some(&levels), None).expect("written");
        column.close().expect("closed");
        let weights: Vec<i64> = part.iter().map(|row| row[1].parse().expect("a number")).collect();
        let mut column = group.next_column().expect("a column").expect("weight");
        column.typed::<Int64Type>().write_batch(&weights, None, None).expect("written");
        column.close().expect("closed");
        for place in [2, 3] {
            let texts: Vec<ByteArray> = part.iter().map(|row| row[place].as_str().into()).collect();
            let mut column = group.next_column().expect("a column").expect("a text");
            column.typed::<ByteArrayType>().write_batch(&texts, None, None).expect("written");
            column.close().expect("closed");
        }
        group.close().expect("closed");
    }
    writer.into_inner().expect("a file")
}

#[test]
fn a_row_of_parquet_is_named_by_its_number() {
    let (bench, _) = with_typed();
    let mut wrong = rows(120, 0);
    wrong[70][3] = String::new();
    bench.write("train.parquet", parquet(&wrong));
    bench.write("test.parquet", parquet(&rows(40, 1_000)));
    let fault = first_fault(&bench, &typed("parquet", "parquet", None));
    assert_eq!((fault.message.as_str(), fault.line), ("row 71 has no label: the column `kind` is empty", None));
    bench.write("train.parquet", "a,kind\n1,cat\n");
    let fault = first_fault(&bench, &typed("parquet", "parquet", None));
    assert!(fault.message.contains("does not begin as a Parquet file does"), "{fault}");
    bench.write("train.parquet", parquet(&rows(120, 0)));
    let fault = first_fault(&bench, &typed("csv", "parquet", None));
    assert_eq!(fault.message, "found a Parquet file, expected text");
}

/// A zstd file of one frame with raw blocks (RFC 8878, section 3.1.1).
fn zstd(content: &[u8]) -> Vec<u8> {
    let mut file = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58];
    let blocks: Vec<&[u8]> = content.chunks(1 << 16).collect();
    for (place, block) in blocks.iter().enumerate() {
        let header = u32::from(place + 1 == blocks.len()) | (u32::try_from(block.len()).expect("a size") << 3);
        file.extend_from_slice(&header.to_le_bytes()[..3]);
        file.extend_from_slice(block);
    }
    file
}
