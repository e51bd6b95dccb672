//! Reads the rows for training and evaluation, and validates them before any computation.

mod classes;
mod content;
mod csv_file;
mod csv_table;
mod expected;
mod faults;
mod file;
mod idx;
mod row_digests;
mod shared;
mod validate;

use std::collections::BTreeMap;
use std::path::Path;

use sha2::{Digest as _, Sha256};
use slipway_contract::table::{Counted, first_of};
use slipway_contract::{DataSpec, Digest, Fault, FaultKind, Model, Shape};
use tch::{Kind, Tensor};

pub(crate) use faults::Faults;
use file::Source;
pub(crate) use row_digests::row_digests;
pub(crate) use validate::{ValidatedData, validate};

/// Rows with their labels.
pub(crate) struct Rows {
    /// All rows, `[rows, …shape]`: bytes for IDX, 64-bit floats for tables.
    pub(crate) features: Tensor,
    /// Shape of one row.
    pub(crate) shape: Shape,
    /// The class of each row, as an index into `classes`.
    pub(crate) labels: Vec<i64>,
    /// The classes.
    pub(crate) classes: Vec<String>,
    /// The names of the columns, for tables.
    pub(crate) columns: Option<Vec<String>>,
    /// The positions of the rows in their file, for tables.
    pub(crate) origin: Option<Origin>,
}

/// The positions of a table's rows in their file, and the numbers that a 64-bit float does not keep.
#[derive(Default)]
pub(crate) struct Origin {
    /// The file, by its path relative to the model's folder.
    pub(crate) file: String,
    /// The key of the specification that names it.
    pub(crate) key: String,
    /// The line of each row.
    pub(crate) lines: Vec<u64>,
    /// The rows with whole numbers that floats do not keep, in their order.
    pub(crate) inexact: Vec<Inexact>,
    /// The columns with such numbers.
    pub(crate) lost: BTreeMap<u32, LostDigits>,
}

/// A row with whole numbers that have more digits than a 64-bit float keeps.
pub(crate) struct Inexact {
    /// The row, counted from zero.
    pub(crate) row: u32,
    /// The beginning of the digest of all digits of these numbers, with their columns.
    pub(crate) digest: u64,
}

/// Whole numbers of a column that have more digits than a 64-bit float keeps.
pub(crate) struct LostDigits {
    /// The line of the first.
    pub(crate) line: u64,
    /// The text of the first.
    pub(crate) text: String,
    /// Their count.
    pub(crate) count: u64,
    /// The first of them: the row, counted from zero, and the beginning of the digest of all digits.
    pub(crate) noted: Vec<(u32, u64)>,
}

impl LostDigits {
    /// The most numbers of a column that are recorded. They suffice to show that distinct numbers become equal. A table may have
    /// a billion of them.
    pub(crate) const MAX_RECORDED: usize = 4_096;

    /// The number of rows, from the first on, for which every such number is recorded; `None` if that holds for all rows.
    pub(crate) fn noted_rows(&self) -> Option<usize> {
        let last = self.noted.last().filter(|_| self.count > self.noted.len() as u64)?;
        Some(last.0 as usize + 1)
    }
}

impl Rows {
    /// The number of rows.
    pub(crate) fn len(&self) -> usize {
        self.labels.len()
    }

    /// The classes with the number of rows of each.
    pub(crate) fn counts(&self) -> Vec<Counted> {
        let mut counts = vec![0; self.classes.len()];
        for label in &self.labels {
            if let Some(count) = usize::try_from(*label).ok().and_then(|label| counts.get_mut(label)) {
                *count += 1;
            }
        }
        self.classes.iter().cloned().zip(counts).collect()
    }

    /// The labels as a tensor, `[rows]`.
    pub(crate) fn label_tensor(&self) -> Tensor {
        Tensor::from_slice(&self.labels)
    }

    /// The rows at some indexes as floats: 32 bits for bytes, and 64 bits for tables, whose numbers may differ only slightly.
    pub(crate) fn batch(&self, indices: &Tensor) -> Tensor {
        let rows = self.features.index_select(0, indices);
        if rows.kind() == Kind::Double { rows } else { rows.to_kind(Kind::Float) }
    }
}

/// The half of the data: training or test.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Half {
    Train,
    Test,
}

/// The table that columns are read from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Table {
    Train,
    Test,
    Recent,
}

impl Half {
    /// Its key in the specification.
    fn key(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Test => "test",
        }
    }
}

/// The columns that an artifact was trained on and that the test rows do not have, with the name of the file and its columns.
pub(crate) fn missing_columns(
    model: &Model,
    source: &Path,
    columns: &[String],
) -> Result<Option<(Vec<String>, String)>, Fault> {
    let DataSpec::Csv { test, .. } = &model.spec.data else { return Ok(None) };
    let opened = csv_file::open(&Source::open(source)?, "spec.data.test.file", &test.file)?;
    let missing: Vec<String> = columns.iter().filter(|column| !opened.header.contains(column)).cloned().collect();
    Ok((!missing.is_empty()).then(|| (missing, format!("`{}` has {}", test.file, first_of(&opened.header)))))
}

/// Rows in terms of a network's own classes and columns.
pub(crate) fn read_known(
    model: &Model,
    source: &Path,
    half: Half,
    classes: &[String],
    columns: Option<&[String]>,
) -> Result<Rows, Fault> {
    let source = Source::open(source)?;
    match &model.spec.data {
        DataSpec::Idx { train, test, .. } => {
            idx::read(&source, if half == Half::Train { train } else { test }, half, classes)
        }
        DataSpec::Csv { train, test, label, .. } => {
            let columns = columns.ok_or_else(|| {
                Fault::new(FaultKind::Artifact, "the artifact was not trained on a table, but the test rows are one")
            })?;
            let file = if half == Half::Train { train } else { test };
            let mut table = csv_table::read(&source, file, half, label, Some(columns));
            table.unknown_labels(classes);
            table.into_rows(classes).map_err(first)
        }
    }
}

/// The first fault.
fn first(faults: Vec<Fault>) -> Fault {
    let unknown = || Fault::new(FaultKind::Internal, "a table that cannot be used came without a fault");
    faults.into_iter().next().unwrap_or_else(unknown)
}

/// Columns of a table as texts, each with its name.
pub(crate) fn read_columns(
    model: &Model,
    source: &Path,
    table: Table,
    columns: &[String],
) -> Result<Vec<(String, Vec<String>)>, Fault> {
    let DataSpec::Csv { train, test, recent, .. } = &model.spec.data else {
        // A model of images that names columns was rejected when it was read.
        return Ok(Vec::new());
    };
    let (file, key) = match table {
        Table::Train => (Some(train), "spec.data.train.file"),
        Table::Test => (Some(test), "spec.data.test.file"),
        Table::Recent => (recent.as_ref(), "spec.data.recent.file"),
    };
    let file = file.ok_or_else(|| {
        Fault::new(FaultKind::Specification, "no recent data are named, expected `recent: {file: …}`").key("spec.data")
    })?;
    let required_by = if table == Table::Test { "spec.evaluation.slices" } else { key };
    let texts = csv_table::read_texts(&Source::open(source)?, &file.file, key, columns, required_by)?;
    Ok(columns.iter().cloned().zip(texts).collect())
}

/// The columns that are added to the predictions besides rows, labels and scores.
pub(crate) fn read_attributes(model: &Model, source: &Path) -> Result<Vec<(String, Vec<String>)>, Fault> {
    let columns: Vec<String> = model.spec.evaluation.attributes().map(str::to_owned).collect();
    if columns.is_empty() { Ok(Vec::new()) } else { read_columns(model, source, Table::Test, &columns) }
}

/// SHA-256 over the bytes of the data files, in the order of the specification.
pub(crate) fn digest(model: &Model, source: &Path, halves: &[Half]) -> Result<Digest, Fault> {
    let source = Source::open(source)?;
    let mut hasher = Sha256::new();
    for (key, path) in model.spec.data.files() {
        // Recent data are used neither for training nor for testing.
        if key.starts_with("spec.data.recent") {
            continue;
        }
        let half = if key.starts_with("spec.data.test") { Half::Test } else { Half::Train };
        if halves.contains(&half) {
            source.hash(key, path, &mut hasher)?;
        }
    }
    Ok(Digest::of_hasher(hasher))
}
