//! `predictions.parquet`: a row for every test row, from which every figure of a report can be computed again.

use std::path::Path;
use std::sync::Arc;

use parquet::basic::{LogicalType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, FloatType};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::Type;
use slipway_contract::metrics::Predictions;
use slipway_contract::{Fault, FaultKind};

use crate::output;

/// Writes the predictions.
pub(crate) fn write(path: &Path, table: &Predictions) -> Result<(), Fault> {
    let content = encode(table)
        .map_err(|error| Fault::new(FaultKind::Internal, format!("predictions cannot be written: {error}")))?;
    output::write(path, &content)
}

fn encode(table: &Predictions) -> Result<Vec<u8>, ParquetError> {
    let properties = Arc::new(
        WriterProperties::builder().set_created_by(format!("slipway-trainer {}", env!("CARGO_PKG_VERSION"))).build(),
    );
    let mut writer = SerializedFileWriter::new(Vec::new(), Arc::new(schema(table)?), properties)?;
    let mut group = writer.next_row_group()?;
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
    group.close()?;
    writer.into_inner()
}

fn schema(table: &Predictions) -> Result<Type, ParquetError> {
    let text = |name: &str| {
        let column = Type::primitive_type_builder(name, Physical::BYTE_ARRAY);
        column.with_repetition(Repetition::REQUIRED).with_logical_type(Some(LogicalType::String)).build().map(Arc::new)
    };
    let mut fields = vec![text("row")?, text("label")?, text("prediction")?];
    if table.scores.is_some() {
        for class in &table.classes {
            let name = format!("score_{class}");
            let column = Type::primitive_type_builder(&name, Physical::FLOAT);
            fields.push(Arc::new(column.with_repetition(Repetition::REQUIRED).build()?));
        }
    }
    Type::group_type_builder("predictions").with_fields(fields).build()
}

fn write_texts<'a>(
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
