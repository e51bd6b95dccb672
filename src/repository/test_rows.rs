//! Counts the rows of the test data without reading them as the trainer does: enough to report before training that a policy
//! needs more rows than there are.

use std::io::Read as _;

use flate2::read::GzDecoder;
use slipway_contract::{DataSpec, Model};

/// Maximum bytes that are counted, compressed or not. Larger tables have enough rows.
pub(super) const MAX_COUNTED: u64 = 64 << 20;
/// The beginning of a gzip file.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// The beginning of a Git LFS pointer.
const LFS: &[u8] = b"version https://git-lfs";

/// The file of a model that contains the number of test rows, relative to the model's folder.
pub(super) fn counted_file(model: &Model) -> &str {
    match &model.spec.data {
        DataSpec::Idx { test, .. } => &test.labels,
        DataSpec::Csv(table) => &table.test.file,
    }
}

/// The number of rows in the file; `None` if it is unknown.
pub(super) fn count_rows(model: &Model, bytes: &[u8]) -> Option<u64> {
    if bytes.starts_with(LFS) {
        return None;
    }
    let unpacked = bytes.starts_with(&GZIP).then(|| unpack(bytes));
    let bytes = match &unpacked {
        Some(unpacked) => unpacked.as_deref()?,
        None => bytes,
    };
    match &model.spec.data {
        DataSpec::Idx { .. } => rows_of_idx(bytes),
        DataSpec::Csv(_) => rows_of_csv(bytes),
    }
}

fn unpack(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut unpacked = Vec::new();
    GzDecoder::new(bytes).take(MAX_COUNTED + 1).read_to_end(&mut unpacked).ok()?;
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
fn rows_of_csv(bytes: &[u8]) -> Option<u64> {
    let (mut records, mut quoted, mut begun, mut at_field) = (0_u64, false, false, true);
    for byte in bytes {
        match byte {
            b'"' if quoted => quoted = false,
            // The first quote of a field, or the second of two within quotes.
            b'"' if at_field => {
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
        at_field = matches!(byte, b'"' | b',' | b'\n' | b'\r');
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
            assert_eq!(rows_of_csv(table.as_bytes()), rows, "{table:?}");
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
        assert_eq!(unpack(&GZIP), None);
    }
}
