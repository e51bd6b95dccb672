//! `slipway init` finds the dialect and the format of a table, and writes them down.

use crate::init::{customers, run, said, text_of};

/// What `slipway init` writes of a table of customers in a file of this name.
fn specification_of(file: &str, table: &[u8]) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join(file), table).expect("written");
    let made = run(folder.path(), &["init", file, "--label", "churned", "--yes"]);
    assert!(made.status.success(), "{}", said(&made));
    let text = text_of(folder.path(), "slipway.yaml");
    (folder, text)
}

#[test]
fn the_dialect_of_a_table_is_found_and_written_down() {
    let good = customers(60);
    let (_, plain) = specification_of("customers.csv", good.as_bytes());
    assert!(!plain.contains("dialect"), "{plain}");
    let marked: Vec<u8> =
        format!("\u{feff}{}", good.replace(',', "\t")).encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (table, written) in [
        (
            good.replace(',', ";").replace('.', ",").into_bytes(),
            r#"    dialect: {delimiter: ";", quote: "\"", decimal: ",", encoding: utf-8}"#,
        ),
        (marked, r#"    dialect: {delimiter: "\t", quote: "\"", decimal: ".", encoding: utf-8}"#),
    ] {
        let (folder, text) = specification_of("customers.csv", &table);
        assert!(text.contains(written), "expected `{written}`, found:\n{text}");
        let columns = |text: &str| {
            text.split("format: csv")
                .nth(1)
                .and_then(|rest| rest.split("train:").next())
                .map(|part| part.lines().filter(|line| !line.contains("dialect")).collect::<String>())
        };
        assert_eq!(columns(&text), columns(&plain), "the same columns");
        let checked = run(folder.path(), &["check", "slipway.yaml"]);
        assert!(checked.status.success(), "{}", said(&checked));
    }
}

#[test]
fn json_lines_are_a_table_too() {
    let good = customers(60);
    let mut rows = good.lines().map(|line| line.split(',').collect::<Vec<&str>>());
    let header = rows.next().expect("a header");
    let lines: Vec<String> = rows
        .map(|row| {
            let cell = |(name, text): (&&str, &&str)| {
                let value = text
                    .parse::<f64>()
                    .map_or_else(|_| serde_json::json!(text), |_| serde_json::from_str(text).expect("a number"));
                ((*name).to_owned(), value)
            };
            serde_json::Value::Object(header.iter().zip(&row).map(cell).collect()).to_string()
        })
        .collect();
    let (_, plain) = specification_of("customers.csv", good.as_bytes());
    let (folder, text) = specification_of("customers.jsonl", lines.join("\n").as_bytes());
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&text), sorted(&plain), "the parts are comma-separated values");
    assert!(text_of(folder.path(), "data/train.csv").lines().count() > 30);
}
