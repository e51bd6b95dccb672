//! Rows for training and evaluation, checked before anything is computed from them.

mod classes;
mod csv_file;
mod csv_table;
mod expected;
mod faults;
mod file;
mod idx;
mod row_digests;
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
    /// Class of each row, as an index into `classes`.
    pub(crate) labels: Vec<i64>,
    /// The classes.
    pub(crate) classes: Vec<String>,
    /// Names of the columns, for tables.
    pub(crate) columns: Option<Vec<String>>,
    /// Where the rows stand, for tables.
    pub(crate) origin: Option<Origin>,
}

/// Where the rows of a table stand, and what of their numbers a 64-bit float does not keep.
#[derive(Default)]
pub(crate) struct Origin {
    /// The file, by its path from the model's folder.
    pub(crate) file: String,
    /// The key of the specification that names it.
    pub(crate) key: String,
    /// The line of each row.
    pub(crate) lines: Vec<u64>,
    /// Rows with whole numbers that floats do not keep, in their order.
    pub(crate) inexact: Vec<Inexact>,
    /// The columns that hold such numbers.
    pub(crate) lost: BTreeMap<u32, LostDigits>,
}

/// A row with whole numbers of more digits than a 64-bit float keeps.
pub(crate) struct Inexact {
    /// The row, from zero.
    pub(crate) row: u32,
    /// The beginning of the digest of all digits of these numbers, with their columns.
    pub(crate) digest: u64,
}

/// Whole numbers of a column with more digits than a 64-bit float keeps.
pub(crate) struct LostDigits {
    /// The line of the first.
    pub(crate) line: u64,
    /// The text of the first.
    pub(crate) text: String,
    /// How many there are.
    pub(crate) count: u64,
    /// The first of them: the row, from zero, and the beginning of the digest of all digits.
    pub(crate) noted: Vec<(u32, u64)>,
}

impl LostDigits {
    /// Numbers of a column that are noted: enough to tell that it loses its differences. A table may have a billion of them.
    pub(crate) const MAX_RECORDED: usize = 4_096;

    /// The rows, from the first on, of which every such number is noted; `None` if it is of all.
    pub(crate) fn noted_rows(&self) -> Option<usize> {
        let last = self.noted.last().filter(|_| self.count > self.noted.len() as u64)?;
        Some(last.0 as usize + 1)
    }
}

impl Rows {
    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        self.labels.len()
    }

    /// The classes with the rows of each.
    pub(crate) fn counts(&self) -> Vec<Counted> {
        let mut counts = vec![0; self.classes.len()];
        for label in &self.labels {
            if let Some(count) = usize::try_from(*label).ok().and_then(|label| counts.get_mut(label)) {
                *count += 1;
            }
        }
        self.classes.iter().cloned().zip(counts).collect()
    }

    /// Labels as a tensor, `[rows]`.
    pub(crate) fn label_tensor(&self) -> Tensor {
        Tensor::from_slice(&self.labels)
    }

    /// The rows at some indices as floats: 32 bits for bytes, 64 bits for tables, whose numbers may differ by little only.
    pub(crate) fn batch(&self, indices: &Tensor) -> Tensor {
        let rows = self.features.index_select(0, indices);
        if rows.kind() == Kind::Double { rows } else { rows.to_kind(Kind::Float) }
    }
}

/// Which half of the data is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Half {
    Train,
    Test,
}

/// Which table columns are read from.
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

/// Columns that an artifact learnt from and the test rows lack, with the name of the file and those it has.
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

/// The first of some faults.
fn first(faults: Vec<Fault>) -> Fault {
    let unknown = || Fault::new(FaultKind::Internal, "a table that cannot be used came without a fault");
    faults.into_iter().next().unwrap_or_else(unknown)
}

/// Columns of a table as their texts, each with its name.
pub(crate) fn read_columns(
    model: &Model,
    source: &Path,
    table: Table,
    columns: &[String],
) -> Result<Vec<(String, Vec<String>)>, Fault> {
    let DataSpec::Csv { train, test, recent, .. } = &model.spec.data else {
        // A model of pictures that asks for columns was refused when it was read.
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
    let asked = if table == Table::Test { "spec.evaluation.slices" } else { key };
    let texts = csv_table::read_texts(&Source::open(source)?, &file.file, key, columns, asked)?;
    Ok(columns.iter().cloned().zip(texts).collect())
}

/// What goes into the predictions besides rows, labels and scores.
pub(crate) fn read_attributes(model: &Model, source: &Path) -> Result<Vec<(String, Vec<String>)>, Fault> {
    let columns: Vec<String> = model.spec.evaluation.attributes().map(str::to_owned).collect();
    if columns.is_empty() { Ok(Vec::new()) } else { read_columns(model, source, Table::Test, &columns) }
}

/// SHA-256 over the bytes of the data files, in the order in which the specification names them.
pub(crate) fn digest(model: &Model, source: &Path, halves: &[Half]) -> Result<Digest, Fault> {
    let source = Source::open(source)?;
    let mut hasher = Sha256::new();
    for (key, path) in model.spec.data.files() {
        // Nothing is learnt from recent data, and nothing is judged on them.
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
