//! Advice for texts that are not YAML, if the text shows the cause.

use super::lines::Lines;

/// A syntax error in the user's terms, for messages of the parser without a remedy.
pub(super) struct Advice {
    /// The byte offset to show.
    pub(super) at: usize,
    /// The message; the parser's message if `None`.
    pub(super) message: Option<&'static str>,
    /// The help text.
    pub(super) help: &'static str,
}

/// The advice for a mistake that the parser reported at a byte.
pub(super) fn advice(lines: &Lines, at: usize, problem: &str) -> Option<Advice> {
    if let Some(at) = tab_near(lines, at) {
        let message = Some("the indentation contains a tab");
        return Some(Advice { at, message, help: "indent with spaces: YAML does not allow tabs there" });
    }
    let advise = |help| Some(Advice { at, message: None, help });
    if problem.contains("unknown anchor") {
        return advise(
            "write a text that begins with `*` in quotes; `*name` refers to an earlier value with the anchor `&name`",
        );
    }
    if problem.contains("mapping values are not allowed") || problem.contains("mapping value") {
        return advise("write a text that contains `: ` in quotes, or begin a new line for a key");
    }
    match lines.text().get(at..)?.chars().next()? {
        '@' | '`' | '%' => advise("write a text that begins with `@`, `%` or a backquote in quotes"),
        _ => None,
    }
}

/// The first tab in the indentation of the line of a byte, of the line before or of the line after.
fn tab_near(lines: &Lines, at: usize) -> Option<usize> {
    let line = lines.line_of(at);
    (line.saturating_sub(1)..=line + 1).find_map(|line| {
        let start = lines.start_of(line);
        let rest = lines.text().get(start..)?;
        let indentation = rest.find(|c| c != ' ' && c != '\t').unwrap_or(rest.len());
        // A line of blanks only is empty.
        let is_empty = rest[indentation..].is_empty() || rest[indentation..].starts_with(['\n', '\r']);
        let tab = rest[..indentation].find('\t').filter(|_| !is_empty)?;
        Some(start + tab)
    })
}
