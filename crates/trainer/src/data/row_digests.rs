//! Digests by which test rows are told apart, whatever a model learns from: every cell of a table with its column's name,
//! every byte of a picture, and the label. The order of rows and columns and the names of files do not matter.

use std::path::Path;

use sha2::{Digest as _, Sha256};
use slipway_contract::{DataSpec, Fault, Model, SampleRequest};
use tch::Kind;

use super::csv_file;
use super::file::Source;
use super::{Half, idx};
use crate::failure;

/// A digest of each test row, in their order; none if there are too many to be told apart.
pub(crate) fn row_digests(model: &Model, source: &Path) -> Result<Vec<u64>, Fault> {
    let source = Source::open(source)?;
    let digests = match &model.spec.data {
        DataSpec::Csv { test, .. } => of_table(&source, &test.file)?,
        DataSpec::Idx { test, .. } => {
            // A label is a byte: every one is known.
            let classes: Vec<String> = (0..256).map(|class| class.to_string()).collect();
            of_pictures(&idx::read(&source, test, Half::Test, &classes)?)?
        }
    };
    Ok(if digests.len() > SampleRequest::MOST_ROWS { Vec::new() } else { digests })
}

fn of_table(source: &Source, file: &str) -> Result<Vec<u64>, Fault> {
    let opened = csv_file::open(source, "spec.data.test.file", file)?;
    let mut columns: Vec<(String, usize)> = opened.header.iter().cloned().zip(0..).collect();
    columns.sort();
    let mut digests = Vec::new();
    opened.each(|_, row| {
        let mut hasher = Sha256::new();
        for (name, place) in &columns {
            for text in [name.as_str(), row.get(*place).unwrap_or_default().trim()] {
                hasher.update((text.len() as u64).to_le_bytes());
                hasher.update(text);
            }
        }
        // One more than is kept says that there are too many.
        if digests.len() <= SampleRequest::MOST_ROWS {
            digests.push(shortened(hasher));
        }
        Ok(())
    })?;
    Ok(digests)
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
        shortened(hasher)
    };
    Ok(bytes.chunks(width).zip(&rows.labels).map(digest).collect())
}

/// The first bytes of a digest.
fn shortened(hasher: Sha256) -> u64 {
    let digest: [u8; 32] = hasher.finalize().into();
    let mut first = [0; SampleRequest::ROW_BYTES];
    first.copy_from_slice(&digest[..SampleRequest::ROW_BYTES]);
    u64::from_be_bytes(first)
}
