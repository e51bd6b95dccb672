//! Rows of a table have the numbers of their lines in the file, whatever ends the lines and whatever the texts hold.

use std::io::{Read, Write as _};

use proptest::prelude::*;

use super::{Records, Row};
use crate::{Dialect, Fault};

/// The lines of all rows, or what ended the reading.
fn lines(table: impl Read) -> Result<Vec<u64>, Fault> {
    let mut lines = Vec::new();
    Records::open(table, "t.csv", &Dialect::default())?.each(|line, _| {
        lines.push(line);
        Ok(())
    })?;
    Ok(lines)
}

fn of(text: &str) -> Vec<u64> {
    lines(text.as_bytes()).expect("a table")
}

#[test]
fn rows_have_the_line_that_an_editor_shows() {
    for (text, expected) in [
        ("a,b\r\n1,2\r\n3,x\r\n", &[2, 3][..]),
        ("a,b\r\n\r\n\r\n1,2\r\n\r\n3,4", &[4, 6]),
        ("a,b\n1,2\n\n3,4\n", &[2, 4]),
        ("a,b\r1,2\r3,4\r", &[2, 3]),
        ("\n\n\u{feff}a,b\n1,2", &[4]),
        ("\u{feff}a,b\r\n1,2\r\n", &[2]),
        ("\u{feff}\"a\nb\",c\n1,2\n", &[3]),
        ("a,b\n\"x\r\ny\",2\n3,4\n", &[2, 4]),
        ("a,b\n\"x\ry\",2\n3,4\n", &[2, 4]),
        ("a,b\n\"x\n\n\"\"\n\",2\r\r3,4\n", &[2, 7]),
    ] {
        assert_eq!(of(text), expected, "{text:?}");
    }
}

/// A row as it is written, with the line breaks in it.
fn row() -> impl Strategy<Value = String> {
    let text = prop::collection::vec(
        prop_oneof!["[a-c \"]", Just("\n".to_owned()), Just("\r\n".to_owned()), Just("\r".to_owned())],
        0..6,
    );
    let cell =
        prop_oneof!["[a-c0-9]{1,4}", text.prop_map(|parts| format!("\"{}\"", parts.concat().replace('"', "\"\""))),];
    prop::collection::vec(cell, 2).prop_map(|cells| cells.join(","))
}

/// How many lines a text begins, counted from what it holds: `\r\n` is one end.
fn ends(text: &str) -> u64 {
    text.replace("\r\n", "\n").matches(['\n', '\r']).count() as u64
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn lines_are_those_of_a_naive_count_whatever_ends_them(
        rows in prop::collection::vec((row(), prop::sample::select(vec!["\n", "\r\n", "\r"]), 0_usize..3), 1..12),
        mark in any::<bool>(),
        packed in any::<bool>(),
    ) {
        let mut text = if mark { "\u{feff}".to_owned() } else { String::new() };
        text.push_str("a,b\r\n");
        let mut expected = Vec::new();
        for (row, end, blank) in &rows {
            text.push_str(&end.repeat(*blank));
            expected.push(1 + ends(&text));
            text.push_str(row);
            text.push_str(end);
        }
        let found = if packed {
            let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            packer.write_all(text.as_bytes()).expect("packed");
            let packed = packer.finish().expect("packed");
            lines(flate2::read::MultiGzDecoder::new(packed.as_slice()))
        } else {
            lines(text.as_bytes())
        };
        prop_assert_eq!(found.expect("a table"), expected, "{:?}", text);
    }
}

#[test]
fn a_quote_that_is_never_closed_is_named_by_its_line() {
    for (text, opened) in [
        ("a,b\n1,2\n3,\"4\n5,6\n7,8\n", 3),
        ("a,b\r\n1,2\r\n\r\n\"3,4\r\n5,6\r\n", 4),
        ("a,\"b\n1,2\n", 1),
        ("a,b\n1,\"2\"\"\n", 2),
    ] {
        let fault = lines(text.as_bytes()).expect_err("a fault");
        assert_eq!(fault.message, format!("the quote that opens a text on line {opened} is never closed"));
        assert_eq!(fault.line, Some(opened));
        assert!(fault.help.is_some_and(|help| help.contains("another quote")));
    }
    let endless = format!("a,b\n1,2\n3,\"{}", "x".repeat(17 << 20));
    let fault = lines(endless.as_bytes()).expect_err("a fault");
    assert_eq!((fault.line, fault.message.as_str()), (Some(3), "cannot be read: one row has more than 16777216 bytes"));
}

#[test]
fn a_row_that_cannot_be_read_ends_nothing() {
    let bytes = b"a,b\r\n1\r\n2,3,\r\n\xff,4\r\n\"5\n\",x,y\r\n6\0,7\r\n8,9\r\n";
    let mut table = Records::open(bytes.as_slice(), "t.csv", &Dialect::default()).expect("a header");
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    while let Some(row) = table.next_row().expect("read on") {
        match row {
            Row::Values(line, values) => good.push((line, values[0].to_owned())),
            Row::Broken(fault) => bad.push((fault.line.unwrap_or(0), fault.message, fault.help.unwrap_or_default())),
        }
    }
    assert_eq!(good, [(8, "8".to_owned())]);
    for ((line, message, help), (expected, said, helped)) in bad.iter().zip([
        (2, "line 2: 1 values, expected 2 as in the header", ""),
        (3, "line 3: 3 values, expected 2 as in the header", "ends with a comma"),
        (4, "line 4: bytes that are not UTF-8", "UTF-8"),
        (5, "line 5: 3 values, expected 2 as in the header", "continues to line 6"),
        (7, "line 7 contains NUL bytes, expected text", "UTF-8"),
    ]) {
        assert_eq!((*line, message.as_str()), (expected, said));
        assert!(help.contains(helped), "{help}");
    }
    assert_eq!(bad.len(), 5);
}
