//! Writes small valid and invalid evaluation folders for tests.

use std::sync::Arc;

use parquet::basic::{Compression, ConvertedType, Encoding, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{
    ByteArray, ByteArrayType, DoubleType, FixedLenByteArray, FixedLenByteArrayType, FloatType, Int32Type,
};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::Type;

/// The values of one column.
#[derive(Debug, Clone)]
pub(super) enum Values {
    Text(Vec<String>),
    OptionalText(Vec<Option<String>>),
    Float(Vec<f32>),
    Double(Vec<f64>),
    Whole(Vec<i32>),
    /// The bytes of 16-bit floats.
    Half(Vec<[u8; 2]>),
}

pub(super) fn text(values: &[&str]) -> Values {
    Values::Text(values.iter().map(|value| (*value).to_owned()).collect())
}

/// A predictions file with these columns, all in one row group.
pub(super) fn parquet(columns: &[(&str, Values)]) -> Vec<u8> {
    parquet_in_groups(&[columns], Encoding::PLAIN)
}

/// A predictions file with one row group for each item.
pub(super) fn parquet_in_groups(groups: &[&[(&str, Values)]], encoding: Encoding) -> Vec<u8> {
    let fields = groups[0].iter().map(|(name, values)| Arc::new(field(name, values))).collect();
    let schema = Type::group_type_builder("schema").with_fields(fields).build().expect("a schema");
    let properties = WriterProperties::builder()
        .set_compression(Compression::UNCOMPRESSED)
        .set_dictionary_enabled(encoding == Encoding::PLAIN)
        .set_encoding(encoding)
        .build();
    let mut writer = SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::new(properties)).expect("a writer");
    for columns in groups {
        let mut group = writer.next_row_group().expect("a row group");
        for (_, values) in *columns {
            write(&mut group, values);
        }
        group.close().expect("a closed row group");
    }
    writer.into_inner().expect("a finished file")
}

fn field(name: &str, values: &Values) -> Type {
    let (physical, converted, repetition) = match values {
        Values::Text(_) => (Physical::BYTE_ARRAY, ConvertedType::UTF8, Repetition::REQUIRED),
        Values::OptionalText(_) => (Physical::BYTE_ARRAY, ConvertedType::UTF8, Repetition::OPTIONAL),
        Values::Float(_) => (Physical::FLOAT, ConvertedType::NONE, Repetition::REQUIRED),
        Values::Double(_) => (Physical::DOUBLE, ConvertedType::NONE, Repetition::REQUIRED),
        Values::Whole(_) => (Physical::INT32, ConvertedType::NONE, Repetition::REQUIRED),
        Values::Half(_) => (Physical::FIXED_LEN_BYTE_ARRAY, ConvertedType::NONE, Repetition::REQUIRED),
    };
    let field = Type::primitive_type_builder(name, physical).with_converted_type(converted).with_repetition(repetition);
    let field = match values {
        Values::Half(_) => field.with_length(2).with_logical_type(Some(LogicalType::Float16)),
        _ => field,
    };
    field.build().expect("a field")
}

fn write(group: &mut SerializedRowGroupWriter<'_, Vec<u8>>, values: &Values) {
    let mut column = group.next_column().expect("a column").expect("one more column");
    let written = match values {
        Values::Text(texts) => {
            let texts: Vec<ByteArray> = texts.iter().map(|text| text.as_str().into()).collect();
            column.typed::<ByteArrayType>().write_batch(&texts, None, None)
        }
        Values::OptionalText(texts) => {
            let levels: Vec<i16> = texts.iter().map(|text| i16::from(text.is_some())).collect();
            let texts: Vec<ByteArray> = texts.iter().flatten().map(|text| text.as_str().into()).collect();
            column.typed::<ByteArrayType>().write_batch(&texts, Some(&levels), None)
        }
        Values::Float(floats) => column.typed::<FloatType>().write_batch(floats, None, None),
        Values::Double(doubles) => column.typed::<DoubleType>().write_batch(doubles, None, None),
        Values::Half(halves) => {
            let halves: Vec<FixedLenByteArray> =
                halves.iter().map(|half| FixedLenByteArray::from(ByteArray::from(half.to_vec()))).collect();
            column.typed::<FixedLenByteArrayType>().write_batch(&halves, None, None)
        }
        Values::Whole(wholes) => column.typed::<Int32Type>().write_batch(wholes, None, None),
    };
    written.expect("written values");
    column.close().expect("a closed column");
}

/// The columns of four rows with the classes `cat` and `dog`. The prediction of row `c` is wrong.
pub(super) fn columns() -> Vec<(&'static str, Values)> {
    vec![
        ("row", text(&["a", "b", "c", "d"])),
        ("label", text(&["cat", "dog", "cat", "dog"])),
        ("prediction", text(&["cat", "dog", "dog", "dog"])),
        ("score_cat", Values::Float(vec![0.9, 0.2, 0.4, 0.1])),
        ("score_dog", Values::Float(vec![0.1, 0.8, 0.6, 0.9])),
    ]
}

/// The same columns with one of them replaced.
pub(super) fn columns_with(name: &'static str, values: Values) -> Vec<(&'static str, Values)> {
    let mut columns = columns();
    columns.retain(|(other, _)| *other != name);
    columns.push((name, values));
    columns
}

/// The report that belongs to [`columns`], after `change` has modified its JSON.
pub(super) fn report(change: impl FnOnce(&mut serde_json::Value)) -> Vec<u8> {
    let mut report = serde_json::json!({
        "apiVersion": "slipway.dev/v1alpha1",
        "kind": "EvaluationReport",
        "artifact": format!("sha256:{}", "a".repeat(64)),
        "data": format!("sha256:{}", "d".repeat(64)),
        "evaluator": "0.1.0",
        "rows": 4,
        "classes": ["cat", "dog"],
        "metrics": {"accuracy": 0.75, "macro_f1": 11.0 / 15.0},
        "device": "cpu",
        "seconds": 0.5,
    });
    change(&mut report);
    serde_json::to_vec(&report).expect("JSON")
}
