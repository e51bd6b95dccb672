//! Exported models in onnxruntime: for the test rows of an example, the graph gives the predictions of the evaluation.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::process::Command;

use flate2::read::GzDecoder;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::Field;
use serde_json::{Value, json};
use slipway_testkit::onnxruntimes;

/// Prints a line for people who run the tests.
#[expect(clippy::print_stdout, reason = "a test that is left out says so")]
fn say(line: &str) {
    println!("{line}");
}

fn json_of(file: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display())))
        .expect("JSON")
}

/// The columns of the predictions: texts or numbers.
fn predictions(folder: &Path) -> BTreeMap<String, Vec<Value>> {
    let file = File::open(folder.join("out/evaluation/predictions.parquet")).expect("predictions");
    let mut columns: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for row in SerializedFileReader::new(file).expect("parquet").get_row_iter(None).expect("rows") {
        for (name, field) in row.expect("a row").into_columns() {
            let value = match field {
                Field::Str(text) => json!(text),
                Field::Float(number) => json!(number),
                Field::Double(number) => json!(number),
                other => panic!("{name}: {other}"),
            };
            columns.entry(name).or_default().push(value);
        }
    }
    columns
}

/// The test table as texts, by column.
fn table(folder: &Path) -> BTreeMap<String, Vec<String>> {
    let mut reader = csv::Reader::from_path(folder.join("data/test.csv")).expect("a table");
    let header = reader.headers().expect("a header").clone();
    let mut columns: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for record in reader.records() {
        for (name, text) in header.iter().zip(&record.expect("a row")) {
            columns.entry(name.to_owned()).or_default().push(text.trim().to_owned());
        }
    }
    columns
}

/// The bytes of the test images, without the header of four sizes.
fn images(folder: &Path) -> Vec<u8> {
    let file = File::open(folder.join("data/t10k-images-idx3-ubyte.gz")).expect("images");
    let mut bytes = Vec::new();
    GzDecoder::new(file).read_to_end(&mut bytes).expect("gzip");
    bytes.split_off(16)
}

fn number(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { json!(text.parse::<f64>().expect("a number")) }
}

/// The values of an input for the test rows.
fn values(folder: &Path, input: &Value) -> Vec<Value> {
    if input["type"] == "uint8" {
        return images(folder).into_iter().map(Value::from).collect();
    }
    let table = table(folder);
    if let Some(column) = input["column"]["name"].as_str() {
        let texts = table[column].iter();
        return texts.map(|text| if input["type"] == "string" { json!(text) } else { number(text) }).collect();
    }
    let columns = input["columns"].as_array().expect("columns").iter();
    let columns: Vec<&Vec<String>> = columns.map(|name| &table[name.as_str().expect("a name")]).collect();
    (0..columns[0].len()).flat_map(|row| columns.iter().map(move |column| number(&column[row]))).collect()
}

/// Compares the graph of an example that was trained in `folder` with its evaluation, in both versions of onnxruntime.
pub(crate) fn gives_the_predictions_of_the_evaluation(folder: &Path) {
    let export = json_of(&folder.join("out/export.json"));
    assert_eq!(export["onnx"]["state"], "written", "{export}");
    let graph = folder.join("out/model.onnx");
    assert_eq!(export["onnx"]["bytes"], std::fs::metadata(&graph).expect("a graph").len());
    let Some(pythons) = onnxruntimes() else { return };
    let (signature, predictions) = (json_of(&folder.join("out/signature.json")), predictions(folder));
    let rows = predictions["row"].len();
    let mut inputs = Vec::new();
    for input in signature["inputs"].as_array().expect("inputs") {
        let mut shape = input["shape"].as_array().expect("a shape").clone();
        shape[0] = json!(rows);
        inputs.push(json!({
            "name": input["name"], "type": input["type"], "shape": shape, "values": values(folder, input),
        }));
    }
    let classes: Vec<&str> =
        signature["classes"].as_array().into_iter().flatten().map(|class| class.as_str().expect("a text")).collect();
    let (labels, answers): (Value, Vec<&Vec<Value>>) = if classes.is_empty() {
        (Value::Null, vec![&predictions["prediction"]])
    } else {
        let scores = classes.iter().map(|class| &predictions[&format!("score_{class}")]).collect();
        (json!(predictions["prediction"]), scores)
    };
    let numbers: Vec<&Value> = (0..rows).flat_map(|row| answers.iter().map(move |column| &column[row])).collect();
    let case = json!({
        "model": graph, "inputs": inputs, "classes": classes, "labels": labels, "numbers": numbers,
        "width": answers.len(),
    });
    let file = folder.join("cases.jsonl");
    std::fs::write(&file, case.to_string()).expect("written");
    for python in pythons {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/check_onnx.py");
        let ran = Command::new(python).arg(script).arg(&file).output().expect("it ran");
        let said = format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
        assert!(ran.status.success(), "{said}");
        say(&said);
    }
}

/// Runs the documented program in the folder of an example with two classes: it prints the answer for the first row.
pub(crate) fn is_called_as_documented(folder: &Path) {
    let Some([_, python]) = onnxruntimes() else { return };
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/export.md")).expect("the page");
    let program = page.split("```python\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a block");
    let ran = Command::new(python).args(["-c", program]).current_dir(folder).output().expect("it ran");
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let (label, numbers) = said.trim().trim_end_matches(']').split_once(" [").expect("a label and numbers");
    let predictions = predictions(folder);
    assert_eq!(predictions["prediction"][0], label);
    let signature = json_of(&folder.join("out/signature.json"));
    for (class, found) in signature["classes"].as_array().expect("classes").iter().zip(numbers.split_whitespace()) {
        let expected =
            predictions[&format!("score_{}", class.as_str().expect("a text"))][0].as_f64().expect("a number");
        let found: f64 = found.parse().expect("a number");
        assert!((found - expected).abs() < 1e-5, "{class}: {found}, expected {expected}");
    }
}
