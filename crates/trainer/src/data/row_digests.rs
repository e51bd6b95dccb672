//! Digests that identify test rows whichever columns a model uses: every cell of a table with its column's name, every byte of an
//! image, and the label. The order of rows and columns and the names of files do not matter.

use std::path::Path;

use sha2::{Digest as _, Sha256};
use slipway_contract::table::number::canonical;
use slipway_contract::{DataSpec, Fault, Model, SampleRequest};
use tch::Kind;

use super::file::Source;
use super::opened::Tables;
use super::{Half, TableName, Target, idx, tables_of};
use crate::failure;

/// The most digests of all rows together in addition to the exact ones, eight bytes each.
const MAX_ALIKE: usize = 10_000_000;

/// Rows are searched by the columns of an earlier table only if these distinguish at least this percentage of the rows that all
/// columns distinguish. If N rows have one of K equally likely combinations of values, about N/2K of them share it with another
/// row, and a new row has the combination of an old one with a probability of about N/K. At this limit that is one in ten.
const MIN_DISTINCT_PERCENT: usize = 95;

/// Digests of the test rows, each list in the order of the rows.
#[derive(Default)]
pub(crate) struct RowDigests {
    /// Digests of every cell as written, or of every byte of an image. Empty if there are too many rows.
    pub(crate) exact: Vec<u64>,
    /// Digests of the same rows that do not depend on the form of numbers (see [`SampleRequest::ALIKE`]).
    pub(crate) alike: Vec<Vec<u64>>,
    /// The names of the columns, in rising order.
    pub(crate) columns: Vec<String>,
}

/// The digests of each test row. `known` are the columns of earlier test tables.
pub(crate) fn row_digests(model: &Model, source: &Path, known: &[Vec<String>]) -> Result<RowDigests, Fault> {
    let source = Source::open(source)?;
    let digests = match (&model.spec.data, tables_of(model)) {
        (_, Some(tables)) => of_table(&source, &tables, known)?,
        (DataSpec::Idx { test, .. }, None) => {
            // A label is one byte, so these are all labels.
            let classes: Vec<String> = (0..256).map(|class| class.to_string()).collect();
            let exact = of_pictures(&idx::read(&source, test, Half::Test, &classes)?)?;
            RowDigests { exact, ..RowDigests::default() }
        }
        (_, None) => RowDigests::default(),
    };
    Ok(if digests.exact.len() > SampleRequest::MAX_ROWS { RowDigests::default() } else { digests })
}

fn of_table(source: &Source, tables: &Tables<'_>, known: &[Vec<String>]) -> Result<RowDigests, Fault> {
    let opened = tables.open(source, TableName::Test).map_err(super::first)?;
    let mut columns: Vec<(String, usize)> = opened.header().iter().cloned().zip(0..).collect();
    columns.sort();
    let all: Vec<usize> = columns.iter().map(|(_, place)| *place).collect();
    let names: Vec<String> = columns.iter().map(|(name, _)| name.clone()).collect();
    let parts: Vec<Vec<usize>> = known.iter().filter_map(|known| part_of(&columns, known)).collect();
    let mut digests = RowDigests {
        alike: vec![Vec::new(); SampleRequest::ALIKE_KEPT + parts.len()],
        columns: names,
        ..RowDigests::default()
    };
    let header = opened.header().to_vec();
    opened.each(|_, row| {
        // One row more than the limit shows that there are too many.
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
    // The columns that were used last are searched first.
    digests.alike.truncate((MAX_ALIKE / digests.exact.len().max(1)).max(SampleRequest::ALIKE_KEPT));
    Ok(digests)
}

impl RowDigests {
    /// Drops the lists of earlier columns in which many different rows have equal digests. Otherwise a new row could be taken for
    /// an old one, such as a new person for another of the same sex and age.
    fn drop_vague(&mut self) {
        // The list over all columns, with numbers in canonical form.
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

/// The indexes of the columns of an earlier table, if the present table has all of them and others.
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

/// Adds a text to a digest with its length, so that texts before and after it cannot be confused with it.
fn with_text(hasher: Sha256, text: &str) -> Sha256 {
    hasher.chain_update((text.len() as u64).to_le_bytes()).chain_update(text)
}

fn of_pictures(rows: &super::Rows) -> Result<Vec<u64>, Fault> {
    let flat = rows.features.view([-1]);
    let flat = if flat.kind() == Kind::Uint8 { flat } else { flat.to_kind(Kind::Uint8) };
    let bytes = Vec::<u8>::try_from(&flat).map_err(|error| failure::of_torch(&error))?;
    let width = (bytes.len() / rows.len().max(1)).max(1);
    let Target::Classes { labels, .. } = &rows.target else { return Ok(Vec::new()) };
    let digest = |(picture, label): (&[u8], &i64)| {
        let mut hasher = Sha256::new();
        hasher.update(label.to_le_bytes());
        hasher.update(picture);
        first_bytes(hasher)
    };
    Ok(bytes.chunks(width).zip(labels).map(digest).collect())
}

/// The first bytes of a digest, as a number.
pub(super) fn first_bytes(hasher: Sha256) -> u64 {
    let digest: [u8; 32] = hasher.finalize().into();
    let mut first = [0; SampleRequest::ROW_BYTES];
    first.copy_from_slice(&digest[..SampleRequest::ROW_BYTES]);
    u64::from_be_bytes(first)
}
