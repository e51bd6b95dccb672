//! Output of commands: results to standard output, errors to standard error.

use std::io::{IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use serde_json::Value;

use super::colour;

/// Maximum length of a reason in a table, in characters. Longer ones are cut.
const MAX_CELL_LENGTH: usize = 80;

/// Whether standard output is a terminal.
pub(super) fn on_terminal() -> bool {
    std::io::stdout().is_terminal()
}

/// Whether a line of a result could not be written.
static UNREAD: AtomicBool = AtomicBool::new(false);

/// Writes a line of a result. A closed output does not end the command.
pub(super) fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
        UNREAD.store(true, Ordering::Relaxed);
    }
}

/// Writes a result for people, with colours if they are wanted.
pub(super) fn say_painted(text: &str) {
    say(&colour::adapted(text));
}

/// Whether the output is closed, as behind `| head`. Commands without an end stop in this case.
pub(super) fn nobody_reads() -> bool {
    UNREAD.load(Ordering::Relaxed)
}

/// Writes an error.
pub(super) fn complain(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "slipway: {line}");
}

/// Writes a note on the progress.
pub(super) fn note(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// Says that a list ends at its limit. `things` is the plural.
pub(super) fn more_than(limit: u32, things: &str) -> String {
    match limit {
        1 => format!("there are more {things} than this one: `--limit` lists more of them"),
        _ => format!("there are more than {limit} {things}: `--limit` lists more of them"),
    }
}

/// Returns a text of a JSON document, or a dash if there is none.
pub(super) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or("–")
}

/// Returns a list of a JSON document.
pub(super) fn things<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Returns the beginning of a text, for a table.
pub(super) fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(MAX_CELL_LENGTH).collect()
}

/// Formats the time since `at` in its largest unit: `5m`, `3h`, `12d`; a dash if `at` is not a time.
pub(super) fn age(at: &str, now: Timestamp) -> String {
    let Ok(at) = at.parse::<Timestamp>() else { return "–".to_owned() };
    let seconds = now.duration_since(at).as_secs().max(0);
    match seconds {
        ..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m", seconds / 60),
        3_600..172_800 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// Formats rows as aligned columns for people. Cells may be painted.
pub(super) fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let seen = |cell: &str| colour::plain(cell).chars().count();
    let mut widths: Vec<usize> = header.iter().map(|cell| seen(cell)).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(seen(cell));
        }
    }
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let pad = |(cell, width): (&str, &usize)| format!("{cell}{}", " ".repeat(width.saturating_sub(seen(cell))));
        let padded: Vec<String> = cells.zip(&widths).map(pad).collect();
        padded.join("  ").trim_end().to_owned()
    };
    let mut lines = vec![line(&mut header.iter().copied())];
    lines.extend(rows.iter().map(|row| line(&mut row.iter().map(String::as_str))));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_shown_in_its_largest_unit() {
        let now: Timestamp = "2026-11-29T12:00:00Z".parse().expect("a time");
        for (at, expected) in [
            ("2026-11-29T11:59:30Z", "30s"),
            ("2026-11-29T11:30:00Z", "30m"),
            ("2026-11-28T10:00:00Z", "26h"),
            ("2026-11-01T12:00:00Z", "28d"),
            ("2026-11-29T12:00:09Z", "0s"),
            ("–", "–"),
        ] {
            assert_eq!(age(at, now), expected, "{at}");
        }
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [vec!["a".to_owned(), "größer".to_owned()], vec!["long".to_owned(), "x".to_owned()]];
        assert_eq!(table(&["ID", "WORD"], &rows), "ID    WORD\na     größer\nlong  x");
        let painted =
            [vec![colour::word("done"), "a".to_owned()], vec!["promoting".to_owned(), colour::word("failed")]];
        let painted = table(&["STATE", "WORD"], &painted);
        assert_eq!(colour::plain(&painted), "STATE      WORD\ndone       a\npromoting  failed");
        assert!(painted.contains("\u{1b}[32mdone\u{1b}[0m       a\n"), "{painted:?}");
    }
}
