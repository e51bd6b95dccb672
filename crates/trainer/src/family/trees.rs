//! Trees in the trainer: the columns that they are fitted to, and their lists in an artifact.

use safetensors::{Dtype, SafeTensors};
use slipway_contract::{Architecture, ColumnEncoding, Fault};
use slipway_tabular::trees::{Column, Forest, Kind, Parts};
use tch::Tensor;

use super::{list, outputs_of, unusable};
use crate::data::Rows;

/// The names of the lists in an artifact. The first one names the form of the others.
pub(crate) const LISTS: [&str; 8] = [
    "trees.form",
    "trees.base",
    "trees.sizes",
    "trees.features",
    "trees.numbers",
    "trees.left",
    "trees.right",
    "trees.flags",
];

/// The form of the lists that this version writes and reads.
const FORM: i32 = 1;

/// The columns of rows, for fitting. `encodings` are those of typed columns, whose texts have their codes.
pub(crate) fn columns_of(rows: &Rows, encodings: Option<&[ColumnEncoding]>) -> Vec<Column> {
    let count = rows.columns.as_ref().map_or(0, Vec::len);
    let kind = |place: usize| match encodings.and_then(|encodings| encodings.get(place)).map(ColumnEncoding::values) {
        Some(Some(texts)) => Kind::Category(texts.len()),
        _ => Kind::Number,
    };
    (0..count).map(|place| Column { kind: kind(place), values: rows.column(place) }).collect()
}

/// The lists of trees, by their names in an artifact.
pub(crate) fn tensors(forest: &Forest) -> Vec<(String, Tensor)> {
    let Parts { base, sizes, features, numbers, left, right, flags } = forest.parts();
    let whole = |list: Vec<u32>| {
        Tensor::from_slice(&list.into_iter().map(|entry| i32::try_from(entry).unwrap_or(i32::MAX)).collect::<Vec<_>>())
    };
    let lists = [
        Tensor::from_slice(&[FORM]),
        Tensor::from_slice(&base),
        whole(sizes),
        Tensor::from_slice(&features),
        Tensor::from_slice(&numbers),
        whole(left),
        whole(right),
        Tensor::from_slice(&flags),
    ];
    LISTS.iter().map(|name| (*name).to_owned()).zip(lists).collect()
}

/// Reads the trees of an artifact, whose lists are untrusted.
pub(crate) fn read(architecture: &Architecture, tensors: &SafeTensors<'_>) -> Result<Forest, Fault> {
    let form = list(tensors, LISTS[0], Dtype::I32, i32::from_le_bytes)?;
    if form != [FORM] {
        return Err(unusable(format!("stores trees in the form {form:?}, expected {FORM}")));
    }
    let whole = |name: &str| -> Result<Vec<u32>, Fault> {
        let entries = list(tensors, name, Dtype::I32, i32::from_le_bytes)?;
        let entry = |entry| {
            u32::try_from(entry).map_err(|_| unusable(format!("holds {entry} in `{name}`, expected zero or more")))
        };
        entries.into_iter().map(entry).collect()
    };
    let parts = Parts {
        base: list(tensors, LISTS[1], Dtype::F64, f64::from_le_bytes)?,
        sizes: whole(LISTS[2])?,
        features: list(tensors, LISTS[3], Dtype::I32, i32::from_le_bytes)?,
        numbers: list(tensors, LISTS[4], Dtype::F64, f64::from_le_bytes)?,
        left: whole(LISTS[5])?,
        right: whole(LISTS[6])?,
        flags: list(tensors, LISTS[7], Dtype::U8, u8::from_le_bytes)?,
    };
    let columns = architecture.columns.as_ref().map_or(0, Vec::len);
    Forest::from_parts(&parts, columns, outputs_of(architecture))
        .map_err(|error| unusable(format!("holds no trees: {error}")))
}
