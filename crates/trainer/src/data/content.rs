//! The content of rows as bytes, by which rows are compared: their values and their label.

use slipway_contract::Fault;
use tch::Kind;

use super::Rows;
use crate::failure;

/// The number of values that are converted at a time, so that the rows are not held twice.
const VALUES_AT_A_TIME: usize = 1 << 20;

impl Rows {
    /// Calls `visit` with the content of every row, in their order: the label, the values, and the digest of whole numbers that
    /// floats do not keep, if the row has such numbers. Equal rows have equal contents.
    pub(crate) fn each_content(&self, mut visit: impl FnMut(i64, &[u8], Option<u64>)) -> Result<(), Fault> {
        let rows = self.len();
        let flat = self.features.view([-1]);
        let values = usize::try_from(flat.size()[0]).unwrap_or(0);
        let width = values / rows.max(1);
        let at_a_time = (VALUES_AT_A_TIME / width.max(1)).max(1);
        let mut inexact = self.origin.iter().flat_map(|origin| &origin.inexact).peekable();
        let mut number = 0_u32;
        for labels in self.labels.chunks(at_a_time) {
            let begin = number as usize * width;
            let length = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
            let part = flat.narrow(0, length(begin), length(labels.len() * width));
            // Bytes are compared as bytes. As floats they would take eight times as much memory.
            let (bytes, size) = if part.kind() == Kind::Uint8 {
                (Vec::<u8>::try_from(&part).map_err(|error| failure::of_torch(&error))?, 1)
            } else {
                let values = Vec::<f64>::try_from(&part).map_err(|error| failure::of_torch(&error))?;
                // Adding zero turns -0.0 into 0.0. Both compare as equal.
                (values.iter().flat_map(|value| (value + 0.0).to_le_bytes()).collect(), size_of::<f64>())
            };
            for (place, label) in labels.iter().enumerate() {
                let of_row = inexact.next_if(|inexact| inexact.row == number).map(|inexact| inexact.digest);
                visit(*label, &bytes[place * width * size..][..width * size], of_row);
                number += 1;
            }
        }
        Ok(())
    }
}
