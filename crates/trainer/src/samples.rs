//! Writes samples of the data for checks of data: digests of rows, and columns that may drift.

use std::sync::Arc;

use parquet::basic::Type as Physical;
use parquet::errors::ParquetError;
use parquet::schema::types::Type;
use sha2::{Digest as _, Sha256};
use slipway_contract::{Decimal, Fault, FaultKind, Model, SampleRequest, TableFormat};

use crate::data::{self, Half, Rows, TableName};
use crate::job::JobContext;
use crate::predictions::{number_column, text_column, write_numbers, write_texts, writer};
use crate::progress::Reporter;
use crate::{failure, output};

/// The column with a digest of each row. A column of a table is unlikely to have this name.
const DIGEST: &str = "sha256(row)";
/// The stored bytes of a digest. They suffice to distinguish different rows.
const DIGEST_BYTES: usize = 16;

/// Values of one column of a sample.
enum Values {
    Texts(Vec<String>),
    Numbers(Vec<f64>),
}

/// A sample: columns of equal length.
type Sample = Vec<(String, Values)>;

/// Writes the requested samples. `digests_of` gives the digests of the rows in terms of the candidate's classes and columns.
pub(crate) fn write(
    model: &Model,
    source: &str,
    request: &SampleRequest,
    context: &JobContext<'_>,
    digests_of: impl Fn(Half) -> Result<Vec<String>, Fault>,
) -> Result<(), Fault> {
    let SampleRequest { leakage, drift, rows, columns } = request;
    if request.files().is_empty() {
        return Ok(());
    }
    Reporter::stage("taking samples of the data");
    let source = context.folder.join(source);
    let (mut training, mut test, mut recent) = (Sample::new(), Sample::new(), Sample::new());
    if *leakage {
        for (half, sample) in [(Half::Train, &mut training), (Half::Test, &mut test)] {
            sample.push((DIGEST.to_owned(), Values::Texts(digests_of(half)?)));
        }
    }
    if !drift.is_empty() {
        let before = data::read_columns(model, &source, TableName::Train, drift)?;
        let now = data::read_columns(model, &source, TableName::Recent, drift)?;
        for ((name, before), (_, now)) in before.into_iter().zip(now) {
            let (before, now) =
                alike(before, now, model.spec.data.table_format().map_or(Decimal::Point, TableFormat::decimal));
            training.push((name.clone(), before));
            recent.push((name, now));
        }
    }
    let folder = context.output.join("samples");
    std::fs::create_dir_all(&folder).map_err(|error| failure::of_file(&folder, &error))?;
    if *rows {
        let digests = data::row_digests(model, &source, columns)?;
        let packed = |digests: &[u64]| digests.iter().flat_map(|digest| digest.to_be_bytes()).collect::<Vec<u8>>();
        output::write(&folder.join(SampleRequest::ROWS), &packed(&digests.exact))?;
        output::write(&folder.join(SampleRequest::ALIKE), &packed(&digests.alike.concat()))?;
        output::write_json(&folder.join(SampleRequest::COLUMNS), &digests.columns)?;
    }
    let of_rows = [SampleRequest::ROWS, SampleRequest::ALIKE, SampleRequest::COLUMNS];
    for file in request.files().into_iter().filter(|file| !of_rows.contains(file)) {
        let table = match file {
            "training.parquet" => &training,
            "test.parquet" => &test,
            _ => &recent,
        };
        let encoded = encode(table)
            .map_err(|error| Fault::new(FaultKind::Internal, format!("a sample cannot be written: {error}")))?;
        output::write(&folder.join(file), &encoded)?;
    }
    Ok(())
}

/// Numbers if both columns contain only numbers, otherwise texts.
fn alike(before: Vec<String>, now: Vec<String>, decimal: Decimal) -> (Values, Values) {
    let numbers = |texts: &[String]| {
        let number = |text: &String| decimal.with_point(text)?.parse::<f64>().ok().filter(|number| number.is_finite());
        texts.iter().map(number).collect::<Option<Vec<f64>>>()
    };
    match (numbers(&before), numbers(&now)) {
        (Some(before), Some(now)) => (Values::Numbers(before), Values::Numbers(now)),
        _ => (Values::Texts(before), Values::Texts(now)),
    }
}

/// A digest of the values and the label of every row. Equal rows have equal digests, also rows of two tables, in which a text has
/// different codes.
pub(crate) fn digests(rows: &Rows) -> Result<Vec<String>, Fault> {
    let mut digests = Vec::with_capacity(rows.len());
    rows.each_content(|label, values, inexact| {
        let mut hasher = Sha256::new();
        hasher.update(label);
        hasher.update(values);
        // Rows whose whole numbers differ only in digits that floats do not keep are different rows.
        if let Some(inexact) = inexact {
            hasher.update(inexact.to_le_bytes());
        }
        digests.push(hex::encode(&hasher.finalize()[..DIGEST_BYTES]));
    })?;
    Ok(digests)
}

fn encode(sample: &Sample) -> Result<Vec<u8>, ParquetError> {
    let mut fields = Vec::with_capacity(sample.len());
    for (name, values) in sample {
        fields.push(Arc::new(match values {
            Values::Texts(_) => text_column(name)?,
            Values::Numbers(_) => number_column(name, Physical::DOUBLE)?,
        }));
    }
    let mut writer = writer(Type::group_type_builder("sample").with_fields(fields).build()?)?;
    let mut group = writer.next_row_group()?;
    for (_, values) in sample {
        match values {
            Values::Texts(texts) => write_texts(&mut group, texts.iter().map(String::as_str))?,
            Values::Numbers(numbers) => write_numbers(&mut group, numbers)?,
        }
    }
    group.close()?;
    writer.into_inner()
}
