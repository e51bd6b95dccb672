//! Counts the rows of the test data without reading them as the trainer does: enough to report before training that a policy
//! needs more rows than there are.

use std::io::{Cursor, Read as _};

use slipway_contract::table::is_glob;
use slipway_contract::{DataSpec, Dialect, Encoding, Model, TableFormat};
use slipway_tables::{Compression, unpack as unpacked_reader};

/// Maximum bytes that are counted, compressed or not. Larger tables have enough rows.
pub(super) const MAX_COUNTED: u64 = 64 << 20;
/// The beginning of a Git LFS pointer.
const LFS: &[u8] = b"version https://git-lfs";

/// The file of a model that contains the number of test rows, relative to the model's folder; `None` if a split decides the number,
/// or several files.
pub(super) fn counted_file(model: &Model) -> Option<&str> {
    match (&model.spec.data, model.spec.data.table()) {
        (DataSpec::Idx { test, .. }, _) => Some(&test.labels),
        (_, table) => table?.test.as_ref().map(|test| test.file.as_str()).filter(|file| !is_glob(file)),
    }
}

/// The number of rows in the file; `None` if it is unknown.
pub(super) fn count_rows(model: &Model, bytes: &[u8]) -> Option<u64> {
    if bytes.starts_with(LFS) {
        return None;
    }
    let unpacked = Compression::of(bytes).map(|_| unpack(bytes));
    let bytes = match &unpacked {
        Some(unpacked) => unpacked.as_deref()?,
        None => bytes,
    };
    match model.spec.data.table_format() {
        None => rows_of_idx(bytes),
        Some(TableFormat::Csv(Dialect { encoding: Encoding::Utf16, .. }) | TableFormat::Parquet) => None,
        Some(TableFormat::Csv(dialect)) => rows_of_csv(bytes, dialect),
        Some(TableFormat::Jsonl) => {
            Some(bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).count() as u64)
        }
    }
}

fn unpack(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut unpacked = Vec::new();
    let (size, compression) = (bytes.len() as u64, Compression::of(bytes));
    let reader = unpacked_reader(Cursor::new(bytes.to_vec()), size, compression);
    reader.take(MAX_COUNTED + 1).read_to_end(&mut unpacked).ok()?;
    (unpacked.len() as u64 <= MAX_COUNTED).then_some(unpacked)
}

/// Rows of a file in the IDX format: two zeros, the type, the number of dimensions, and the size of the first dimension.
fn rows_of_idx(bytes: &[u8]) -> Option<u64> {
    match bytes {
        [0, 0, _, dimensions, a, b, c, d, ..] if *dimensions > 0 => {
            Some(u64::from(u32::from_be_bytes([*a, *b, *c, *d])))
        }
        _ => None,
    }
}

/// Rows of a table with a header (RFC 4180): records that are not empty, without the header. A line end inside quotes ends no
/// record. A quote that does not begin a field is part of its text, as in `screen 15"`.
fn rows_of_csv(bytes: &[u8], dialect: Dialect) -> Option<u64> {
    let (delimiter, quote) = (dialect.delimiter.byte(), dialect.quote.byte());
    let (mut records, mut quoted, mut begun, mut at_field) = (0_u64, false, false, true);
    for byte in bytes {
        match byte {
            byte if *byte == quote && quoted => quoted = false,
            // The first quote of a field, or the second of two within quotes.
            byte if *byte == quote && at_field => {
                quoted = true;
                begun = true;
                continue;
            }
            b'\n' | b'\r' if !quoted => {
                records += u64::from(begun);
                begun = false;
            }
            _ => begun = true,
        }
        at_field = *byte == quote || *byte == delimiter || matches!(byte, b'\n' | b'\r');
    }
    if quoted {
        return None;
    }
    (records + u64::from(begun)).checked_sub(1)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn rows_of_a_table_are_its_records_without_the_header() {
        for (table, rows) in [
            ("a,b\n1,2\n3,4\n", Some(2)),
            ("a,b\r\n1,2\r\n3,4", Some(2)),
            ("a,b\n\n\"1\n2\",3\n\n", Some(1)),
            ("a,b\n\"1 \"\"\n\"\" 2\",3\n4,5\n", Some(2)),
            ("a,b\nscreen 15\",1\n3,4\nscreen 17\",2\n", Some(3)),
            ("a,b\n", Some(0)),
            ("", None),
            ("a\n\"open", None),
        ] {
            assert_eq!(rows_of_csv(table.as_bytes(), Dialect::default()), rows, "{table:?}");
        }
    }

    #[test]
    fn rows_of_pictures_stand_in_the_header() {
        assert_eq!(rows_of_idx(&[0, 0, 8, 1, 0, 0, 1, 244, 7]), Some(500));
        assert_eq!(rows_of_idx(&[0, 0, 8]), None);
        assert_eq!(rows_of_idx(b"version https"), None);
    }

    #[test]
    fn what_is_packed_is_unpacked_and_what_never_ends_is_not_counted() {
        let packed = |content: &[u8]| {
            let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            packer.write_all(content).expect("packed");
            packer.finish().expect("packed")
        };
        assert_eq!(unpack(&packed(b"a\n1\n")).as_deref(), Some(&b"a\n1\n"[..]));
        assert_eq!(unpack(&packed(&vec![b'\n'; usize::try_from(MAX_COUNTED).expect("a size") + 1])), None);
        assert_eq!(unpack(&[0x1f, 0x8b]), None);
    }
}
