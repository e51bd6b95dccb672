//! Damaged files of every format end in a table or in a fault: never in a panic, never late, and never in rows that are no rows.

use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::file::writer::SerializedFileWriter;
use slipway_contract::{Decimal, Delimiter, Dialect, Encoding, Fault, FaultKind, TableFormat};
use slipway_tables::{Opening, Row, Table};

/// The damaged files of each format.
const FILES: u64 = 1_000;
/// The longest time that one file may take.
const LONGEST: Duration = Duration::from_secs(5);

type Cells = Vec<Vec<String>>;

/// All rows of a file; or the first fault.
fn read(content: &[u8], format: TableFormat) -> Result<(Vec<String>, Cells), Fault> {
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(content).expect("written");
    file.rewind().expect("at its start");
    let open = |_: &str| -> Result<File, Fault> {
        file.try_clone().map_err(|error| Fault::new(FaultKind::Internal, error.to_string()))
    };
    let mut table = Table::open(vec!["t".to_owned()], Opening { format, ignored: &[] }, open)?;
    let mut rows = Vec::new();
    while let Some(row) = table.next_row()? {
        match row {
            Row::Values(_, values) => rows.push(values.iter().map(str::to_owned).collect()),
            Row::Broken(fault) => return Err(fault),
        }
    }
    Ok((table.header().to_vec(), rows))
}

/// The next number of a generator that is the same on every machine (xorshift64; Marsaglia, 2003).
fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

fn below(state: &mut u64, end: usize) -> usize {
    usize::try_from(next(state) % (end.max(1) as u64)).expect("small")
}

/// The content with one to three damages: bytes that are changed, removed, repeated or moved, and a cut end.
fn damaged(content: &[u8], state: &mut u64) -> Vec<u8> {
    let mut bytes = content.to_vec();
    for _ in 0..=below(state, 3) {
        let at = below(state, bytes.len());
        let length = 1 + below(state, 16).min(bytes.len().saturating_sub(at + 1));
        match next(state) % 6 {
            0 => bytes[at] ^= 1 << (next(state) % 8),
            1 => bytes[at] = [0, 0xff, b'"', b',', b'\n', b'{', b'}', b'9'][below(state, 8)],
            2 => drop(bytes.drain(at..(at + length).min(bytes.len()))),
            3 => {
                let part = bytes[at..(at + length).min(bytes.len())].to_vec();
                bytes.splice(at..at, part);
            }
            4 => {
                let other = below(state, bytes.len());
                bytes.swap(at, other);
            }
            _ => bytes.truncate(at.max(1)),
        }
        if bytes.is_empty() {
            bytes.push(b'\n');
        }
    }
    bytes
}

/// Reads damaged files, and returns how many were accepted. `is_right` judges an accepted table: the damaged file, its columns and
/// its rows.
fn accepted(content: &[u8], format: TableFormat, is_right: impl Fn(&[u8], &[String], &Cells) -> bool) -> usize {
    assert!(read(content, format).is_ok(), "the whole file is a table");
    let mut accepted = 0;
    for seed in 1..=FILES {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let bytes = damaged(content, &mut state);
        let begun = Instant::now();
        let found = read(&bytes, format);
        assert!(begun.elapsed() < LONGEST, "file {seed} took {:?}", begun.elapsed());
        match found {
            Ok((header, rows)) => {
                assert!(rows.iter().all(|row| row.len() == header.len()), "file {seed}");
                let shown = String::from_utf8_lossy(&bytes);
                assert!(is_right(&bytes, &header, &rows), "file {seed} was read otherwise than it is written: {shown}");
                accepted += 1;
            }
            Err(fault) => assert!(!fault.message.is_empty()),
        }
    }
    accepted
}

fn text() -> String {
    let rows: Vec<String> = (0..40).map(|row| format!("{row},\"a, \"\"{}\"\"\",{}.5,é", row % 3, row * 3)).collect();
    format!("n,note,x,home\n{}\n", rows.join("\n"))
}

#[test]
fn damaged_csv_is_what_another_reader_reads_in_it() {
    let is_right = |bytes: &[u8], header: &[String], rows: &Cells| {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut other = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes);
        let all: Vec<Vec<String>> =
            other.records().flatten().map(|row| row.iter().map(str::to_owned).collect()).collect();
        let names: Vec<String> = all.first().into_iter().flatten().map(|name| name.trim().to_owned()).collect();
        names == header && all.get(1..).unwrap_or_default() == rows
    };
    assert!(accepted(text().as_bytes(), TableFormat::Csv(Dialect::default()), is_right) > 50);
}

#[test]
fn damaged_utf_16_has_rows_of_the_right_length_or_a_fault() {
    let dialect = Dialect {
        delimiter: Delimiter::Semicolon,
        decimal: Decimal::Comma,
        encoding: Encoding::Utf16,
        ..Dialect::default()
    };
    let text = format!("\u{feff}{}", text().replace(',', ";"));
    let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let is_right = |_: &[u8], _: &[String], rows: &Cells| rows.iter().flatten().all(|cell| !cell.contains('\u{fffd}'));
    accepted(&bytes, TableFormat::Csv(dialect), is_right);
}

#[test]
fn damaged_gzip_and_zstd_are_the_whole_content_or_a_fault() {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packer.write_all(text().as_bytes()).expect("written");
    let gzip = packer.finish().expect("packed");
    let level = ruzstd::encoding::CompressionLevel::Fastest;
    let zstd = ruzstd::encoding::compress_to_vec(text().as_bytes(), level);
    let (_, whole) = read(text().as_bytes(), TableFormat::Csv(Dialect::default())).expect("a table");
    for packed in [gzip, zstd] {
        accepted(&packed, TableFormat::Csv(Dialect::default()), |_, _, rows| {
            // What is left of a file may be a header, and a table without rows is refused by those who read it.
            rows.is_empty() || *rows == whole
        });
    }
}

#[test]
fn damaged_json_lines_are_what_another_reader_reads_in_them() {
    let line = |row: u32| format!(r#"{{"n": {row}, "note": "a \"{}\" é", "x": {}.5, "is": true}}"#, row % 3, row * 3);
    let text = (0..40).map(line).collect::<Vec<_>>().join("\n");
    let is_right = |bytes: &[u8], header: &[String], rows: &Cells| {
        let text = String::from_utf8_lossy(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)).into_owned();
        let lines = text.split('\n').filter(|line| !line.trim_ascii().is_empty());
        let objects: Option<Vec<serde_json::Map<String, serde_json::Value>>> =
            lines.map(|line| serde_json::from_str(line).ok()).collect();
        let Some(objects) = objects else { return false };
        let cell = |object: &serde_json::Map<String, serde_json::Value>, name: &String| {
            let value = object.iter().find(|(key, _)| key.trim() == name).map(|(_, value)| value.clone());
            value.unwrap_or_default()
        };
        let agrees = |value: &serde_json::Value, found: &String| match value {
            serde_json::Value::Null => found.is_empty(),
            serde_json::Value::String(text) => text == found,
            serde_json::Value::Number(number) => found.parse::<f64>().ok() == number.as_f64(),
            other => serde_json::to_string(other).is_ok_and(|text| text == *found),
        };
        objects.len() == rows.len()
            && objects
                .iter()
                .zip(rows)
                .all(|(object, row)| header.iter().zip(row).all(|(name, found)| agrees(&cell(object, name), found)))
    };
    assert!(accepted(text.as_bytes(), TableFormat::Jsonl, is_right) > 10);
}

/// A Parquet file of two row groups.
fn parquet() -> Vec<u8> {
    let schema = "message rows { optional double x; required int64 n; required binary note (UTF8); }";
    let schema = Arc::new(parquet::schema::parser::parse_message_type(schema).expect("a schema"));
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::default()).expect("a writer");
    for part in [0..30_i64, 30..40] {
        let mut group = writer.next_row_group().expect("a group");
        let levels: Vec<i16> = part.clone().map(|row| i16::from(row % 5 != 0)).collect();
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let numbers: Vec<f64> = part.clone().filter(|row| row % 5 != 0).map(|row| row as f64 + 0.5).collect();
        let mut column = group.next_column().expect("a column").expect("x");
        column.typed::<DoubleType>().write_batch(&numbers, Some(&levels), None).expect("written");
        column.close().expect("closed");
        let numbers: Vec<i64> = part.clone().collect();
        let mut column = group.next_column().expect("a column").expect("n");
        column.typed::<Int64Type>().write_batch(&numbers, None, None).expect("written");
        column.close().expect("closed");
        let texts: Vec<ByteArray> =
            part.map(|row| ["a", "é", "c, d"][usize::try_from(row % 3).expect("small")].into()).collect();
        let mut column = group.next_column().expect("a column").expect("note");
        column.typed::<ByteArrayType>().write_batch(&texts, None, None).expect("written");
        column.close().expect("closed");
        group.close().expect("closed");
    }
    writer.into_inner().expect("a file")
}

#[test]
fn a_parquet_file_has_the_rows_that_were_written() {
    let (header, rows) = read(&parquet(), TableFormat::Parquet).expect("a table");
    assert_eq!((header.join(" "), rows.len()), ("x n note".to_owned(), 40));
    assert_eq!((rows[0].join("|"), rows[31].join("|")), ("|0|a".to_owned(), "31.5|31|é".to_owned()));
}

#[test]
fn damaged_parquet_has_as_many_rows_as_it_states_or_a_fault() {
    // A page has no checksum that every writer writes, so that a damaged value cannot be told from a whole one.
    let is_right = |bytes: &[u8], _: &[String], rows: &Cells| {
        let reader = parquet::file::serialized_reader::SerializedFileReader::new(bytes::Bytes::copy_from_slice(bytes));
        let stated = reader.map(|reader| {
            use parquet::file::reader::FileReader as _;
            reader.metadata().file_metadata().num_rows()
        });
        stated.is_ok_and(|stated| usize::try_from(stated) == Ok(rows.len()))
    };
    let before = std::panic::take_hook();
    // The reader of pages panics on some damaged files, which is caught and needs no message.
    std::panic::set_hook(Box::new(|_| ()));
    let accepted = accepted(&parquet(), TableFormat::Parquet, is_right);
    std::panic::set_hook(before);
    assert!(accepted > 10);
}
