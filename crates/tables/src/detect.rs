//! Infers the format and the dialect of a table from its beginning, once and in front of the author. Training never infers.

use std::fs::File;
use std::io::{Cursor, Read, Seek as _};

use slipway_contract::table::{self, Records, Row, encoding_of_mark};
use slipway_contract::{Decimal, Delimiter, Dialect, Encoding, Fault, Quote, TableFormat};

use crate::foreign::{self, MAX_MAGIC};
use crate::table::PARQUET;
use crate::unpack::{Compression, unpack};

/// The bytes that are looked at, decompressed.
const MAX_BYTES: u64 = 1 << 20;
/// The rows by which a dialect is judged.
const MAX_ROWS: usize = 1_000;

/// The format of a file, and its dialect if it is one of comma-separated values. `name` is its name in messages.
pub fn format_of(mut file: File, name: &str) -> Result<TableFormat, Fault> {
    let unreadable = |error: std::io::Error| table::fault(name, format!("cannot be read: {error}"));
    let mut start = Vec::with_capacity(MAX_MAGIC);
    (&mut file).take(MAX_MAGIC as u64).read_to_end(&mut start).map_err(unreadable)?;
    file.rewind().map_err(unreadable)?;
    if let Some(fault) = foreign::fault(&start, name) {
        return Err(fault);
    }
    if start.starts_with(PARQUET) {
        return Ok(TableFormat::Parquet);
    }
    let size = file.metadata().map_err(unreadable)?.len();
    let mut text = Vec::new();
    unpack(file, size, Compression::of(&start)).take(MAX_BYTES).read_to_end(&mut text).map_err(unreadable)?;
    let is_cut = text.len() as u64 == MAX_BYTES;
    let unmarked = text.strip_prefix(b"\xef\xbb\xbf".as_slice()).unwrap_or(&text);
    if unmarked.trim_ascii_start().starts_with(b"{") {
        return Ok(TableFormat::Jsonl);
    }
    Ok(TableFormat::Csv(dialect_of(&text, is_cut)))
}

/// The dialect of the beginning of a file. The encoding is that of its byte order mark; without one it is UTF-8 if all bytes are,
/// or if the first bytes beyond ASCII are, and otherwise Windows-1252. The delimiter and the quote are those that divide most rows
/// into as many cells as the header has, with the most cells. Numbers have a decimal comma if some cells are numbers only with a comma, and none contains a point.
fn dialect_of(text: &[u8], is_cut: bool) -> Dialect {
    let encoding = encoding_of_mark(text).unwrap_or_else(|| match std::str::from_utf8(text) {
        Ok(_) => Encoding::Utf8,
        // The last character may be cut.
        Err(error) if is_cut && error.error_len().is_none() => Encoding::Utf8,
        // A broken character among whole ones is a damage, which is reported when the table is read.
        Err(error) if !text[..error.valid_up_to()].is_ascii() => Encoding::Utf8,
        Err(_) => Encoding::Windows1252,
    });
    let mut best = (0, Dialect { encoding, ..Dialect::default() });
    for quote in [Quote::Double, Quote::Single] {
        for delimiter in Delimiter::ALL {
            let dialect = Dialect { delimiter, quote, encoding, decimal: Decimal::Point };
            let score = score(text, dialect);
            if score > best.0 {
                best = (score, dialect);
            }
        }
    }
    Dialect { decimal: decimal_of(text, best.1), ..best.1 }
}

/// How well a dialect fits: zero for a single column, and otherwise the number of cells in rows of the header's length, less ten
/// for each cell in other rows.
fn score(text: &[u8], dialect: Dialect) -> i64 {
    let Ok(mut records) = Records::open(Cursor::new(text), "", &dialect) else { return 0 };
    let columns = records.header.len();
    if columns < 2 {
        return 0;
    }
    let width = i64::try_from(columns).unwrap_or(i64::MAX);
    // The header counts too, for a table without rows.
    let mut score = width;
    for _ in 0..MAX_ROWS {
        match records.next_row() {
            Ok(Some(Row::Values(_, row))) => {
                // A quote that is left at the ends of a cell was meant to enclose it.
                let other = if dialect.quote == Quote::Double { '\'' } else { '"' };
                let is_enclosed = |cell: &&str| cell.len() > 1 && cell.starts_with(other) && cell.ends_with(other);
                score += width - 2 * i64::try_from(row.iter().filter(is_enclosed).count()).unwrap_or(0);
            }
            Ok(Some(Row::Broken(_))) => score -= 10 * width,
            Ok(None) | Err(_) => break,
        }
    }
    score
}

fn decimal_of(text: &[u8], dialect: Dialect) -> Decimal {
    let Ok(mut records) = Records::open(Cursor::new(text), "", &dialect) else { return Decimal::Point };
    let columns = records.header.len();
    // For each column whether all its cells can be numbers with a comma, and whether one needs it.
    let mut fits = vec![(true, false); columns];
    let mut points = false;
    for _ in 0..MAX_ROWS {
        let Ok(Some(row)) = records.next_row() else { break };
        let Row::Values(_, row) = row else { continue };
        for ((fits, needed), cell) in fits.iter_mut().zip(row) {
            let cell = cell.trim();
            let is_number = Decimal::Comma.with_point(cell).is_some_and(|cell| table::number::parse(&cell).is_some());
            *fits &= is_number || cell.is_empty() || table::number::is_missing_spelling(cell);
            *needed |= is_number && cell.contains(',');
            points |= cell.contains('.') && table::number::parse(cell).is_some();
        }
    }
    // `1,234` is a whole number with a thousands separator where other numbers have a point.
    let is_comma = !points && fits.iter().any(|(fits, needed)| *fits && *needed);
    if is_comma { Decimal::Comma } else { Decimal::Point }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &[u8]) -> Dialect {
        dialect_of(text, false)
    }

    #[test]
    fn the_delimiter_divides_all_rows_alike() {
        for (text, delimiter) in [
            ("a,b\n1,2\n3,4\n", Delimiter::Comma),
            ("a;b\n1;2\n3;4\n", Delimiter::Semicolon),
            ("a\tb\n1\t2\n", Delimiter::Tab),
            ("a|b\n1|2\n", Delimiter::Bar),
            ("a;b\n1,5;2,5\n3;4\n", Delimiter::Semicolon),
            ("name;note\n\"x\";\"a, b\"\n\"y\";\"c, d\"\n", Delimiter::Semicolon),
            ("a,b|c\n1,x|y\n", Delimiter::Comma),
            ("only\n1\n2\n", Delimiter::Comma),
            ("", Delimiter::Comma),
        ] {
            assert_eq!(of(text.as_bytes()).delimiter, delimiter, "{text:?}");
        }
    }

    #[test]
    fn the_quote_is_the_one_that_encloses_cells() {
        assert_eq!(of(b"a,b\n'x, y',1\n'z','2'\n").quote, Quote::Single);
        assert_eq!(of(b"a,b\n\"x, y\",1\n").quote, Quote::Double);
        assert_eq!(of(b"a,b\nit's,1\n").quote, Quote::Double);
    }

    #[test]
    fn a_decimal_comma_is_one_only_without_points() {
        assert_eq!(of(b"a;b\n1,5;x\n2;y\n").decimal, Decimal::Comma);
        assert_eq!(of(b"a;b\n1,234;0.5\n2,000;1.5\n").decimal, Decimal::Point);
        assert_eq!(of(b"a;b\n1,5;x\nhigh;y\n").decimal, Decimal::Point, "a text with commas is no number");
        assert_eq!(of(b"a,b\n1,2\n").decimal, Decimal::Point);
    }

    #[test]
    fn the_encoding_is_that_of_the_mark_or_of_the_bytes() {
        assert_eq!(of(b"\xef\xbb\xbfa,b\n1,2\n").encoding, Encoding::Utf8);
        assert_eq!(of("größe,b\n1,2\n".as_bytes()).encoding, Encoding::Utf8);
        assert_eq!(
            of(b"gr\xf6\xdfe;b\n1;2\n"),
            Dialect { delimiter: Delimiter::Semicolon, encoding: Encoding::Windows1252, ..Dialect::default() }
        );
        let utf16: Vec<u8> = "\u{feff}a;b\n1;2\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(
            of(&utf16),
            Dialect { delimiter: Delimiter::Semicolon, encoding: Encoding::Utf16, ..Dialect::default() }
        );
        assert_eq!(dialect_of("a,b\né".as_bytes().split_last().expect("bytes").1, true).encoding, Encoding::Utf8);
    }
}
