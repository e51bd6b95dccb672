//! Rows for training and evaluation, checked before anything is computed from them.

mod csv_file;
mod csv_table;
mod file;
mod idx;
mod row_digests;

use std::collections::BTreeSet;
use std::path::Path;

use sha2::{Digest as _, Sha256};
use slipway_contract::table::{self, MOST_CLASSES, first_of, many_numbers};
use slipway_contract::{DataSpec, Digest, Fault, FaultKind, Model, Shape};
use tch::{Kind, Tensor};

use crate::definable;
use file::Source;
pub(crate) use row_digests::row_digests;

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
}

impl Rows {
    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        self.labels.len()
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

/// Rows to learn from. `outputs` is the width of the network's last layer: an IDX file does not say its classes.
pub(crate) fn read_training(model: &Model, source: &Path, outputs: u32) -> Result<Rows, Fault> {
    let source = Source::open(source)?;
    let rows = match &model.spec.data {
        DataSpec::Idx { train, .. } => {
            // A label is a byte, so no file has more classes, whatever the network could tell apart.
            let classes: Vec<String> = (0..outputs.min(256)).map(|class| class.to_string()).collect();
            idx::read(&source, train, Half::Train, &classes)?
        }
        DataSpec::Csv { train, label, features, .. } => {
            csv_table::read_new(&source, train, Half::Train, label, features.as_deref())?
        }
    };
    let classes = rows.classes.len();
    let present: BTreeSet<&i64> = rows.labels.iter().collect();
    if present.len() < 2 {
        let name = |label: &&i64| usize::try_from(**label).ok().and_then(|label| rows.classes.get(label)).cloned();
        let names = present.iter().filter_map(name).collect::<Vec<_>>().join(", ");
        return Err(table::one_label(&names));
    }
    let last = model.spec.model.sequential.len().saturating_sub(1);
    if classes > MOST_CLASSES {
        return Err(table::too_many_classes(classes));
    }
    if classes > outputs as usize {
        let message = format!(
            "the last layer has {outputs} outputs, but the training rows have {classes} labels: {}",
            first_of(&rows.classes)
        );
        let fault = Fault::new(FaultKind::Specification, message).key(format!("spec.model.sequential[{last}]"));
        let regression =
            if many_numbers(&rows.classes) { format!("{}; for classes, ", table::REGRESSION) } else { String::new() };
        return Err(fault.help(format!("{regression}end with `- linear: {classes}`")));
    }
    Ok(rows)
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
            csv_table::read_known(&source, file, half, label, columns, classes)
        }
    }
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

/// Whether the test rows fit the training rows, and define the metrics. Training learns nothing from them, but it need not
/// begin if the evaluation after it can only fail.
pub(crate) fn check_test(model: &Model, source: &Path, training: &Rows) -> Result<(), Fault> {
    read_attributes(model, source)?;
    let test = read_known(model, source, Half::Test, &training.classes, training.columns.as_deref())?;
    if test.shape == training.shape {
        return definable::check(model, &test);
    }
    let message = format!("the test rows have the shape {}, but the training rows {}", test.shape, training.shape);
    Err(Fault::new(FaultKind::Data, message).key("spec.data.test"))
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
