//! Colours on a terminal; plain text in a pipe, or where `NO_COLOR` asks for it (no-color.org).

use std::io::IsTerminal as _;

/// Paints, or does not.
pub(crate) struct Paint {
    colours: bool,
}

impl Paint {
    /// As standard output and the environment ask for.
    pub(crate) fn for_terminal() -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { colours: std::io::stdout().is_terminal() && !refused }
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colours { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// A heading.
    pub(crate) fn title(&self, text: &str) -> String {
        self.paint("1", text)
    }

    /// Something that went well.
    pub(crate) fn good(&self, text: &str) -> String {
        self.paint("32", text)
    }

    /// Something that did not.
    pub(crate) fn bad(&self, text: &str) -> String {
        self.paint("31", text)
    }

    /// Something beside the point.
    pub(crate) fn faint(&self, text: &str) -> String {
        self.paint("2", text)
    }
}
