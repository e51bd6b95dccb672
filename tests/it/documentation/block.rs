//! Generated parts of pages: between `<!-- NAME: begin -->` and `<!-- NAME: end -->`.

use std::path::Path;

/// Holds a generated part of a page to `expected`. With `UPDATE_DOCS=1` in the environment, it is written instead.
pub(crate) fn is_current(page: &str, name: &str, expected: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(page);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{page}: {error}"));
    let (begin, end) = (format!("<!-- {name}: begin -->\n"), format!("<!-- {name}: end -->"));
    let (before, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("{page} has no `{begin}`"));
    let (found, after) = rest.split_once(&end).unwrap_or_else(|| panic!("{page} has no `{end}`"));
    let expected = &format!("{expected}\n");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, format!("{before}{begin}{expected}{end}{after}")).expect("written");
    } else {
        assert!(found == expected, "{page}: `{name}` is not current; `make generate` writes it. Expected:\n{expected}");
    }
}

/// A table in Markdown.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let line = |cells: &[String]| format!("| {} |", cells.join(" | "));
    let head: Vec<String> = head.iter().map(|&cell| cell.to_owned()).collect();
    let rule = format!("|{}", " --- |".repeat(head.len()));
    [line(&head), rule].into_iter().chain(rows.iter().map(|row| line(row))).collect::<Vec<_>>().join("\n")
}
