//! What to do about a text that is no YAML, where that can be told from what stands there.

use super::lines::Lines;

/// A mistake of syntax in words of users, where the parser's own leave open what to do.
pub(super) struct Advice {
    /// The byte to point at.
    pub(super) at: usize,
    /// What is wrong; the parser's words if `None`.
    pub(super) message: Option<&'static str>,
    /// What to do.
    pub(super) help: &'static str,
}

/// What is advised on a mistake that the parser found at a byte.
pub(super) fn advice(lines: &Lines, at: usize, problem: &str) -> Option<Advice> {
    if let Some(at) = tab_near(lines, at) {
        let message = Some("a tab stands in the indentation");
        return Some(Advice { at, message, help: "indent with spaces: YAML takes no tabs there" });
    }
    let advise = |help| Some(Advice { at, message: None, help });
    if problem.contains("unknown anchor") {
        return advise(
            "put a text that begins with `*` into quotes; `*name` stands for a value with `&name` before it",
        );
    }
    if problem.contains("mapping values are not allowed") || problem.contains("mapping value") {
        return advise("put a text that holds `: ` into quotes, or begin a new line for a key");
    }
    match lines.text().get(at..)?.chars().next()? {
        '@' | '`' | '%' => advise("put a text that begins with `@`, `%` or a backquote into quotes"),
        _ => None,
    }
}

/// The first tab among what indents the line of a byte, the one before or the one behind.
fn tab_near(lines: &Lines, at: usize) -> Option<usize> {
    let line = lines.line_of(at);
    (line.saturating_sub(1)..=line + 1).find_map(|line| {
        let start = lines.start_of(line);
        let rest = lines.text().get(start..)?;
        let indentation = rest.find(|c| c != ' ' && c != '\t').unwrap_or(rest.len());
        // A line of nothing but blanks is empty.
        let is_empty = rest[indentation..].is_empty() || rest[indentation..].starts_with(['\n', '\r']);
        let tab = rest[..indentation].find('\t').filter(|_| !is_empty)?;
        Some(start + tab)
    })
}
