//! Writes evaluation folders: for timing the whole process, and to be broken by `hostile`.

use std::path::Path;
use std::sync::Arc;

use parquet::basic::{Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, FloatType};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;
use serde_json::{Value, json};
use slipway_contract::metrics::{Predictions, View};
use slipway_contract::{API_VERSION, Digest, Metric};

use super::draw::Draw;
use super::world;

/// A classifier's predictions as a parquet file, with a column `region` of three values.
pub(crate) fn parquet(table: &Predictions) -> Vec<u8> {
    let field = |name: &str, physical| {
        let column = Type::primitive_type_builder(name, physical).with_repetition(Repetition::REQUIRED);
        Arc::new(column.build().expect("a field"))
    };
    let mut fields: Vec<Arc<Type>> =
        ["row", "label", "prediction", "region"].iter().map(|name| field(name, Physical::BYTE_ARRAY)).collect();
    fields.extend(table.classes.iter().map(|class| field(&format!("score_{class}"), Physical::FLOAT)));
    let schema = Type::group_type_builder("predictions").with_fields(fields).build().expect("a schema");
    let properties = Arc::new(WriterProperties::builder().build());
    let mut writer = SerializedFileWriter::new(Vec::new(), Arc::new(schema), properties).expect("a writer");
    let mut group = writer.next_row_group().expect("a row group");
    let class = |index: &u32| table.classes[*index as usize].as_str();
    let regions: Vec<String> = (0..table.labels.len()).map(|row| format!("region-{}", row % 3)).collect();
    let texts: [Vec<&str>; 4] = [
        table.rows.iter().map(String::as_str).collect(),
        table.labels.iter().map(class).collect(),
        table.predictions.iter().map(class).collect(),
        regions.iter().map(String::as_str).collect(),
    ];
    for values in texts {
        let values: Vec<ByteArray> = values.into_iter().map(ByteArray::from).collect();
        let mut column = group.next_column().expect("a column").expect("one more column");
        column.typed::<ByteArrayType>().write_batch(&values, None, None).expect("written");
        column.close().expect("closed");
    }
    let (width, scores) = (table.classes.len(), table.scores.as_deref().unwrap_or_default());
    for class in 0..width {
        let values: Vec<f32> = scores.iter().skip(class).step_by(width).copied().collect();
        let mut column = group.next_column().expect("a column").expect("one more column");
        column.typed::<FloatType>().write_batch(&values, None, None).expect("written");
        column.close().expect("closed");
    }
    group.close().expect("closed");
    writer.into_inner().expect("a file")
}

/// The report that belongs to a table, as JSON.
pub(crate) fn report(table: &Predictions, name: &str) -> Value {
    let metrics = ["accuracy", "macro_f1", "log_loss", "macro_roc_auc", "expected_calibration_error"];
    let metrics: serde_json::Map<String, Value> = metrics
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), json!(name.parse::<Metric>().ok()?.of(View::Classes(table))?))))
        .collect();
    json!({
        "apiVersion": API_VERSION, "kind": "EvaluationReport", "artifact": Digest::of(name.as_bytes()),
        "data": Digest::of(b"data"), "evaluator": "bench", "rows": table.labels.len(), "classes": table.classes,
        "metrics": metrics, "device": "cpu", "seconds": 1.0,
    })
}

/// A classifier of three classes that is right on nine of ten rows.
pub(crate) fn table(rows: u32, seed: u64) -> Predictions {
    let mut draw = Draw::new(seed);
    let mut table = world::classes(rows, 3, true);
    for row in 0..rows as usize {
        let label = u32::try_from(row % 3).unwrap_or(0);
        let predicted = if draw.uniform() < 0.9 { label } else { draw.below(3) };
        (table.labels[row], table.predictions[row]) = (label, predicted);
        let scores = table.scores.as_mut().expect("scores");
        scores[3 * row..3 * row + 3].fill(0.0625);
        scores[3 * row + predicted as usize] = 0.875;
    }
    table
}

/// The policy that the folders are judged by.
pub(crate) const POLICY: &str = "apiVersion: slipway.dev/v1alpha1
kind: Policy
metadata: {name: bench}
spec:
  checks:
    - {metric: accuracy, at_least: 0.8}
    - {metric: macro_f1, no_worse_than_champion: {margin: 0.05}}
    - {metric: log_loss, no_worse_than_champion: {margin: 0.1}}
    - {metric: macro_roc_auc, no_worse_than_champion: {margin: 0.05}}
    - {metric: accuracy, slice: {by: region}, no_worse_than_champion: {margin: 0.1}}
";

/// Writes a candidate's and a champion's folder and a policy of five checks.
pub(crate) fn write_bench(path: &Path, rows: u32) -> Value {
    for (name, seed) in [("candidate", 1), ("champion", 2)] {
        let (folder, table) = (path.join(name), table(rows, seed));
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join("report.json"), report(&table, name).to_string()).expect("written");
        std::fs::write(folder.join("predictions.parquet"), parquet(&table)).expect("written");
    }
    std::fs::write(path.join("policy.yaml"), POLICY).expect("written");
    json!({"rows": rows, "checks": 5})
}
