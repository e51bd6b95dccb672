//! Writes `predictions.parquet`: one row for every test row, from which every figure of a report can be recomputed.

use std::path::Path;
use std::sync::Arc;

use parquet::basic::{LogicalType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, FloatType};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::Type;
use slipway_contract::metrics::Table;
use slipway_contract::{Fault, FaultKind};

use crate::output;

/// Columns of texts, each with its name.
pub(crate) type Attributes = [(String, Vec<String>)];

/// Writes the predictions, and the columns that rows may be grouped by.
pub(crate) fn write(path: &Path, table: &Table, attributes: &Attributes) -> Result<(), Fault> {
    let content = encode(table, attributes)
        .map_err(|error| Fault::new(FaultKind::Internal, format!("predictions cannot be written: {error}")))?;
    output::write(path, &content)
}

/// A writer for parquet files of the trainer.
pub(crate) fn writer(schema: Type) -> Result<SerializedFileWriter<Vec<u8>>, ParquetError> {
    let properties =
        WriterProperties::builder().set_created_by(format!("slipway-trainer {}", env!("CARGO_PKG_VERSION")));
    SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::new(properties.build()))
}

/// A column of texts without missing values.
pub(crate) fn text_column(name: &str) -> Result<Type, ParquetError> {
    let column = Type::primitive_type_builder(name, Physical::BYTE_ARRAY);
    column.with_repetition(Repetition::REQUIRED).with_logical_type(Some(LogicalType::String)).build()
}

/// A column of numbers without missing values.
pub(crate) fn number_column(name: &str, kind: Physical) -> Result<Type, ParquetError> {
    Type::primitive_type_builder(name, kind).with_repetition(Repetition::REQUIRED).build()
}

fn encode(table: &Table, attributes: &Attributes) -> Result<Vec<u8>, ParquetError> {
    let mut writer = writer(schema(table, attributes)?)?;
    let mut group = writer.next_row_group()?;
    match table {
        Table::Classes(table) => {
            let class = |index: &u32| table.classes[*index as usize].as_str();
            write_texts(&mut group, table.rows.iter().map(String::as_str))?;
            write_texts(&mut group, table.labels.iter().map(class))?;
            write_texts(&mut group, table.predictions.iter().map(class))?;
            if let Some(scores) = &table.scores {
                let width = table.classes.len();
                for class in 0..width {
                    let column: Vec<f32> = scores.iter().skip(class).step_by(width).copied().collect();
                    write_floats(&mut group, &column)?;
                }
            }
        }
        Table::Numbers(table) => {
            write_texts(&mut group, table.rows.iter().map(String::as_str))?;
            write_numbers(&mut group, &table.labels)?;
            write_numbers(&mut group, &table.predictions)?;
        }
        Table::Unlabelled(rows) => write_texts(&mut group, rows.iter().map(String::as_str))?,
    }
    for (_, texts) in attributes {
        write_texts(&mut group, texts.iter().map(String::as_str))?;
    }
    group.close()?;
    writer.into_inner()
}

fn schema(table: &Table, attributes: &Attributes) -> Result<Type, ParquetError> {
    let text = |name: &str| text_column(name).map(Arc::new);
    let mut fields = vec![text("row")?];
    match table {
        Table::Classes(table) => {
            fields.extend([text("label")?, text("prediction")?]);
            for class in table.classes.iter().filter(|_| table.scores.is_some()) {
                fields.push(Arc::new(number_column(&format!("score_{class}"), Physical::FLOAT)?));
            }
        }
        Table::Numbers(_) => {
            for name in ["label", "prediction"] {
                fields.push(Arc::new(number_column(name, Physical::DOUBLE)?));
            }
        }
        Table::Unlabelled(_) => {}
    }
    for (name, _) in attributes {
        fields.push(text(name)?);
    }
    Type::group_type_builder("predictions").with_fields(fields).build()
}

/// Writes the next column, which contains texts.
pub(crate) fn write_texts<'a>(
    group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    texts: impl Iterator<Item = &'a str>,
) -> Result<(), ParquetError> {
    let values: Vec<ByteArray> = texts.map(ByteArray::from).collect();
    if let Some(mut column) = group.next_column()? {
        column.typed::<ByteArrayType>().write_batch(&values, None, None)?;
        column.close()?;
    }
    Ok(())
}

fn write_floats(group: &mut SerializedRowGroupWriter<'_, Vec<u8>>, values: &[f32]) -> Result<(), ParquetError> {
    if let Some(mut column) = group.next_column()? {
        column.typed::<FloatType>().write_batch(values, None, None)?;
        column.close()?;
    }
    Ok(())
}

/// Writes the next column, which contains numbers.
pub(crate) fn write_numbers(
    group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    numbers: &[f64],
) -> Result<(), ParquetError> {
    if let Some(mut column) = group.next_column()? {
        column.typed::<DoubleType>().write_batch(numbers, None, None)?;
        column.close()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use slipway_contract::metrics::Predictions;

    use parquet::file::reader::{FileReader as _, SerializedFileReader};
    use parquet::record::Field;

    use super::*;

    #[test]
    fn every_column_is_read_back_as_it_was_written() {
        let table = Table::Classes(Predictions {
            rows: vec!["test-000000".to_owned(), "test-000001".to_owned()],
            classes: vec!["cat".to_owned(), "large dog".to_owned()],
            labels: vec![1, 0],
            predictions: vec![0, 0],
            scores: Some(vec![0.75, 0.25, 1.0, 0.0]),
        });
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("predictions.parquet");
        let regions = ["north", ""].map(str::to_owned).to_vec();
        write(&path, &table, &[("region".to_owned(), regions)]).expect("written");
        let reader = SerializedFileReader::new(std::fs::File::open(&path).expect("a file")).expect("parquet");
        let rows: Vec<Vec<(String, Field)>> = reader
            .get_row_iter(None)
            .expect("rows")
            .map(|row| row.expect("a row").into_columns().into_iter().collect())
            .collect();
        let text = |name: &str, value: &str| (name.to_owned(), Field::Str(value.to_owned()));
        let score = |name: &str, value: f32| (name.to_owned(), Field::Float(value));
        let expected = [("test-000000", "large dog", [0.75, 0.25], "north"), ("test-000001", "cat", [1.0, 0.0], "")];
        let expected = expected.map(|(row, label, [cat, dog], region)| {
            let names = [text("row", row), text("label", label), text("prediction", "cat")];
            let scores = [score("score_cat", cat), score("score_large dog", dog), text("region", region)];
            names.into_iter().chain(scores).collect::<Vec<_>>()
        });
        assert_eq!(rows, expected);
    }
}
