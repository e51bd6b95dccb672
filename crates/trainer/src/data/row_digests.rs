//! Digests by which test rows are told apart, whatever a model learns from: every cell of a table with its column's name,
//! every byte of a picture, and the label. The order of rows and columns and the names of files do not matter.

use std::path::Path;

use sha2::{Digest as _, Sha256};
use slipway_contract::table::number::canonical;
use slipway_contract::{DataSpec, Fault, Model, SampleRequest};
use tch::Kind;

use super::csv_file;
use super::file::Source;
use super::{Half, idx};
use crate::failure;

/// Digests beside the exact ones, of all rows together: eight bytes each.
const MAX_ALIKE: usize = 10_000_000;

/// Rows are sought by the columns of an earlier table if these tell apart so many of a hundred rows that all columns tell apart.
/// Where N rows have one of K equally likely combinations of values, about N/2K of them share it with another row, and a new row
/// has the combination of an old one with a probability of about N/K: of one in ten at this limit.
const MIN_DISTINCT_PERCENT: usize = 95;

/// Digests of the test rows, each list in their order.
#[derive(Default)]
pub(crate) struct RowDigests {
    /// Of every cell as it is written, or of every byte of a picture; none if there are too many rows to be told apart.
    pub(crate) exact: Vec<u64>,
    /// Of the same rows whatever form their numbers have (see [`SampleRequest::ALIKE`]).
    pub(crate) alike: Vec<Vec<u64>>,
    /// Names of the columns, in rising order.
    pub(crate) columns: Vec<String>,
}

/// Digests of each test row. `known` are columns that test tables had before.
pub(crate) fn row_digests(model: &Model, source: &Path, known: &[Vec<String>]) -> Result<RowDigests, Fault> {
    let source = Source::open(source)?;
    let digests = match &model.spec.data {
        DataSpec::Csv { test, .. } => of_table(&source, &test.file, known)?,
        DataSpec::Idx { test, .. } => {
            // A label is a byte: every one is known.
            let classes: Vec<String> = (0..256).map(|class| class.to_string()).collect();
            let exact = of_pictures(&idx::read(&source, test, Half::Test, &classes)?)?;
            RowDigests { exact, ..RowDigests::default() }
        }
    };
    Ok(if digests.exact.len() > SampleRequest::MAX_ROWS { RowDigests::default() } else { digests })
}

fn of_table(source: &Source, file: &str, known: &[Vec<String>]) -> Result<RowDigests, Fault> {
    let opened = csv_file::open(source, "spec.data.test.file", file)?;
    let mut columns: Vec<(String, usize)> = opened.header.iter().cloned().zip(0..).collect();
    columns.sort();
    let all: Vec<usize> = columns.iter().map(|(_, place)| *place).collect();
    let names: Vec<String> = columns.iter().map(|(name, _)| name.clone()).collect();
    let parts: Vec<Vec<usize>> = known.iter().filter_map(|known| part_of(&columns, known)).collect();
    let mut digests = RowDigests {
        alike: vec![Vec::new(); SampleRequest::ALIKE_KEPT + parts.len()],
        columns: names,
        ..RowDigests::default()
    };
    let header = opened.header.clone();
    opened.each(|_, row| {
        // One more than is kept says that there are too many.
        if digests.exact.len() > SampleRequest::MAX_ROWS {
            return Ok(());
        }
        let cells: Vec<&str> = row.iter().map(str::trim).collect();
        digests.exact.push(first_bytes(
            all.iter()
                .fold(Sha256::new(), |hasher, place| with_text(with_text(hasher, &header[*place]), cells[*place])),
        ));
        let forms: Vec<String> =
            cells.iter().map(|cell| canonical(cell).unwrap_or_else(|| (*cell).to_owned())).collect();
        let of_columns = |places: &[usize]| {
            let hasher = Sha256::new_with_prefix(b"named cells in one form");
            let add = |hasher, place: &usize| with_text(with_text(hasher, &header[*place]), &forms[*place]);
            first_bytes(places.iter().fold(hasher, add))
        };
        let in_order =
            forms.iter().fold(Sha256::new_with_prefix(b"cells in one form"), |hasher, form| with_text(hasher, form));
        let alike =
            [of_columns(&all), first_bytes(in_order)].into_iter().chain(parts.iter().map(|part| of_columns(part)));
        digests.alike.iter_mut().zip(alike).for_each(|(list, digest)| list.push(digest));
        Ok(())
    })?;
    digests.drop_vague();
    // The columns that were used last are looked for first.
    digests.alike.truncate((MAX_ALIKE / digests.exact.len().max(1)).max(SampleRequest::ALIKE_KEPT));
    Ok(digests)
}

impl RowDigests {
    /// Drops the lists of earlier columns in which many different rows are alike: new people would be taken for others of the same
    /// sex and age.
    fn drop_vague(&mut self) {
        // By all columns, whatever form their numbers have.
        let whole = self.alike.first().map_or(0, |list| distinct(list));
        let mut place = 0;
        self.alike.retain(|list| {
            place += 1;
            place <= SampleRequest::ALIKE_KEPT || distinct(list) * 100 >= whole * MIN_DISTINCT_PERCENT
        });
    }
}

fn distinct(digests: &[u64]) -> usize {
    let mut sorted = digests.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    sorted.len()
}

/// The places of columns that a table had before, if it has all of them and others.
fn part_of(columns: &[(String, usize)], known: &[String]) -> Option<Vec<usize>> {
    let mut known: Vec<&String> = known.iter().collect();
    known.sort();
    known.dedup();
    if known.is_empty() || known.len() >= columns.len() {
        return None;
    }
    let place = |name: &&String| columns.iter().find(|(column, _)| column == *name).map(|(_, place)| *place);
    known.iter().map(place).collect()
}

/// A digest that goes on with a text, whatever stands before and behind it.
fn with_text(hasher: Sha256, text: &str) -> Sha256 {
    hasher.chain_update((text.len() as u64).to_le_bytes()).chain_update(text)
}

fn of_pictures(rows: &super::Rows) -> Result<Vec<u64>, Fault> {
    let flat = rows.features.view([-1]);
    let flat = if flat.kind() == Kind::Uint8 { flat } else { flat.to_kind(Kind::Uint8) };
    let bytes = Vec::<u8>::try_from(&flat).map_err(|error| failure::of_torch(&error))?;
    let width = (bytes.len() / rows.len().max(1)).max(1);
    let digest = |(picture, label): (&[u8], &i64)| {
        let mut hasher = Sha256::new();
        hasher.update(label.to_le_bytes());
        hasher.update(picture);
        first_bytes(hasher)
    };
    Ok(bytes.chunks(width).zip(&rows.labels).map(digest).collect())
}

/// The first bytes of a digest, as a number.
pub(super) fn first_bytes(hasher: Sha256) -> u64 {
    let digest: [u8; 32] = hasher.finalize().into();
    let mut first = [0; SampleRequest::ROW_BYTES];
    first.copy_from_slice(&digest[..SampleRequest::ROW_BYTES]);
    u64::from_be_bytes(first)
}
