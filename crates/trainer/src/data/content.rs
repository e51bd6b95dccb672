//! The content of rows as bytes, by which rows are compared: their values and their label.

use sha2::{Digest as _, Sha256};
use slipway_contract::Fault;
use tch::Kind;

use super::row_digests::first_bytes;
use super::{Rows, Target, code_of};
use crate::failure;

/// The number of values that are converted at a time, so that the rows are not held twice.
const VALUES_AT_A_TIME: usize = 1 << 20;

impl Rows {
    /// Calls `visit` with the content of every row, in their order: the label, the values, and the digest of whole numbers that
    /// floats do not keep, if the row has such numbers. Equal rows have equal contents, also rows of two tables in which a text
    /// has different codes.
    pub(crate) fn each_content(&self, mut visit: impl FnMut([u8; 8], &[u8], Option<u64>)) -> Result<(), Fault> {
        let rows = self.len();
        let flat = self.features.view([-1]);
        let values = usize::try_from(flat.size()[0]).unwrap_or(0);
        let width = values / rows.max(1);
        let at_a_time = (VALUES_AT_A_TIME / width.max(1)).max(1);
        let of_texts = self.digests_of_texts();
        let mut inexact = self.origin.iter().flat_map(|origin| &origin.inexact).peekable();
        for begin in (0..rows).step_by(at_a_time) {
            let count = at_a_time.min(rows - begin);
            let length = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
            let part = flat.narrow(0, length(begin * width), length(count * width));
            // Bytes are compared as bytes. As floats they would take eight times as much memory.
            let (bytes, size) = if part.kind() == Kind::Uint8 {
                (Vec::<u8>::try_from(&part).map_err(|error| failure::of_torch(&error))?, 1)
            } else {
                let values = Vec::<f64>::try_from(&part).map_err(|error| failure::of_torch(&error))?;
                let bits = |(place, value): (usize, &f64)| bits_of(*value, of_texts.get(place % width.max(1)));
                (values.iter().enumerate().flat_map(|value| bits(value).to_le_bytes()).collect(), size_of::<f64>())
            };
            for place in 0..count {
                let row = begin + place;
                let is_of_row = |number: u32| number as usize == row;
                let of_row = inexact.next_if(|inexact| is_of_row(inexact.row)).map(|inexact| inexact.digest);
                visit(self.label_bytes(row), &bytes[place * width * size..][..width * size], of_row);
            }
        }
        Ok(())
    }

    fn label_bytes(&self, row: usize) -> [u8; 8] {
        match &self.target {
            Target::Classes { labels, .. } => labels[row].to_le_bytes(),
            Target::Numbers(labels) => (labels[row] + 0.0).to_le_bytes(),
        }
    }

    /// For each column the digests of its texts by their codes, `None` for numbers.
    fn digests_of_texts(&self) -> Vec<Option<Vec<u64>>> {
        let digest = |text: &String| first_bytes(Sha256::new().chain_update(text));
        let of_column = |texts: &Option<Vec<String>>| texts.as_ref().map(|texts| texts.iter().map(digest).collect());
        self.texts.iter().map(of_column).collect()
    }
}

/// The bits of a value: those of its number, or the digest of its text.
fn bits_of(value: f64, texts: Option<&Option<Vec<u64>>>) -> u64 {
    match texts {
        // All missing values are equal, whatever their bits.
        _ if value.is_nan() => f64::NAN.to_bits(),
        Some(Some(texts)) => texts.get(code_of(value)).copied().unwrap_or_default(),
        // Adding zero turns -0.0 into 0.0. Both compare as equal.
        _ => (value + 0.0).to_bits(),
    }
}
