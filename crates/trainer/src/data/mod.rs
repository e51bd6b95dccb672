//! Reads the rows for training and evaluation, and validates them before any computation.

mod cells;
mod classes;
mod content;
mod csv_file;
mod expected;
mod faults;
mod features;
mod file;
mod idx;
mod labels;
mod numbers;
mod row_digests;
mod rows;
mod shared;
mod table;
mod validate;

use std::collections::HashMap;
use std::path::Path;

use sha2::{Digest as _, Sha256};
use slipway_contract::table::first_of;
use slipway_contract::{Architecture, DataSpec, Digest, Fault, FaultKind, Model, TableSpec, Task};

pub(crate) use faults::Faults;
pub(crate) use features::{as_classes, as_numbers, read_predictions, write_features};
use file::Source;
pub(crate) use row_digests::row_digests;
pub(crate) use rows::{Rows, Target, code_of};
use table::Request;
pub(crate) use validate::{ValidatedData, validate};

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
    let Some(TableSpec { test, .. }) = model.spec.data.table() else { return Ok(None) };
    let opened = csv_file::open(&Source::open(source)?, "spec.data.test.file", &test.file)?;
    let missing: Vec<String> = columns.iter().filter(|column| !opened.header.contains(column)).cloned().collect();
    Ok((!missing.is_empty()).then(|| (missing, format!("`{}` has {}", test.file, first_of(&opened.header)))))
}

/// Rows with the classes and the columns of an artifact. Texts of typed columns have codes of their own.
pub(crate) fn read_known(model: &Model, source: &Path, half: Half, architecture: &Architecture) -> Result<Rows, Fault> {
    let source = Source::open(source)?;
    let Architecture { classes, task, .. } = architecture;
    match &model.spec.data {
        DataSpec::Idx { train, test, .. } => {
            idx::read(&source, if half == Half::Train { train } else { test }, half, classes)
        }
        DataSpec::Csv(TableSpec { train, test, label, .. }) => {
            let columns = cells::wanted_by_artifact(architecture).ok_or_else(|| {
                Fault::new(FaultKind::Artifact, "the artifact was not trained on a table, but the test rows are one")
            })?;
            let file = if half == Half::Train { train } else { test };
            let request = Request { label, task: *task, columns: Some(columns), ignore: &[], is_training: false };
            let mut table = table::read(&source, file, half, request);
            table.unknown_labels(classes);
            table.into_rows(classes).map_err(first)
        }
    }
}

/// The labels of the rows of the training file, in terms of an artifact's classes. A label without a class is left out.
pub(crate) fn training_labels(model: &Model, source: &Path, architecture: &Architecture) -> Result<Target, Fault> {
    let Some(table) = model.spec.data.table() else {
        return Ok(read_known(model, source, Half::Train, architecture)?.target);
    };
    let columns = read_columns(model, source, Table::Train, std::slice::from_ref(&table.label))?;
    let texts = columns.into_iter().flat_map(|(_, texts)| texts);
    if architecture.task == Task::Regression {
        return Ok(Target::Numbers(texts.filter_map(|text| text.parse().ok()).collect()));
    }
    let classes = &architecture.classes;
    let index: HashMap<&str, i64> = classes.iter().map(String::as_str).zip(0..).collect();
    let labels = texts.filter_map(|text| index.get(text.as_str()).copied()).collect();
    Ok(Target::Classes { labels, classes: classes.clone() })
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
    let Some(TableSpec { train, test, recent, .. }) = model.spec.data.table() else {
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
    let texts = table::read_texts(&Source::open(source)?, &file.file, key, columns, required_by)?;
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
