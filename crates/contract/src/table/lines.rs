//! Finds the line of a file in which a record begins, by counting all forms of line ends in its bytes.

use crate::Dialect;

/// The state of a reader within a field (RFC 4180, section 2), as far as quotes matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Within {
    /// At the beginning of a field. A quote opens a text.
    Start,
    /// In a field without quotes. A quote is an ordinary character.
    Plain,
    /// Between quotes: separators and line ends are part of the text.
    Quoted,
    /// After a quote in a text. Either the text has ended, or this is the first of two quotes that stand for one.
    Closing,
}

/// Counts lines. `\n`, `\r\n` and `\r` each end one line, also between quotes.
#[derive(Debug)]
pub struct Lines {
    delimiter: u8,
    quote: u8,
    line: u64,
    after_return: bool,
    /// Whether the last byte ended a line.
    at_end: bool,
    within: Within,
    opened: u64,
}

impl Default for Lines {
    fn default() -> Self {
        Self::of(&Dialect::default())
    }
}

impl Lines {
    /// The first line of a text in a dialect.
    pub fn of(dialect: &Dialect) -> Self {
        let (delimiter, quote) = (dialect.delimiter.byte(), dialect.quote.byte());
        Self { delimiter, quote, line: 1, after_return: false, at_end: false, within: Within::Start, opened: 1 }
    }

    /// The line of the next byte, counted from one.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// The line of the last byte, counted from one.
    pub fn last_line(&self) -> u64 {
        self.line - u64::from(self.at_end && self.line > 1)
    }

    /// Passes line ends of the last record and of blank lines. Returns the number of their bytes.
    pub fn skip_ends(&mut self, bytes: &[u8]) -> usize {
        let ends = bytes.iter().take_while(|byte| matches!(byte, b'\n' | b'\r')).count();
        self.pass(&bytes[..ends]);
        ends
    }

    /// Passes bytes.
    pub fn pass(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.within = match (self.within, byte) {
                (Within::Start, byte) if *byte == self.quote => {
                    self.opened = self.line;
                    Within::Quoted
                }
                (Within::Quoted, byte) if *byte == self.quote => Within::Closing,
                (Within::Quoted, _) => Within::Quoted,
                (Within::Closing, byte) if *byte == self.quote => Within::Quoted,
                (_, byte) if *byte == self.delimiter || matches!(byte, b'\n' | b'\r') => Within::Start,
                _ => Within::Plain,
            };
            self.line += u64::from(*byte == b'\r' || (*byte == b'\n' && !self.after_return));
            self.after_return = *byte == b'\r';
            self.at_end = matches!(byte, b'\n' | b'\r');
        }
    }

    /// The line of the quote that is still open.
    pub fn open_quote(&self) -> Option<u64> {
        (self.within == Within::Quoted).then_some(self.opened)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_line_end_is_one_also_where_they_are_mixed() {
        for (text, expected) in
            [("a\nb\n", 3), ("a\r\nb\r\n", 3), ("a\rb\r", 3), ("\n\r\n\r\r\n", 5), ("\"a\r\nb\"", 2)]
        {
            let mut lines = Lines::default();
            // The result does not depend on how the bytes are split.
            text.as_bytes().chunks(1).for_each(|byte| lines.pass(byte));
            assert_eq!(lines.line(), expected, "{text:?}");
        }
    }

    #[test]
    fn a_quote_is_open_only_between_quotes_that_begin_a_field() {
        for (text, open) in [
            ("a,\"b", Some(1)),
            ("a\nb,\"c\n", Some(2)),
            ("\"a\"\"b", Some(1)),
            ("\"a\"\"b\"", None),
            ("screen 15\",b", None),
            ("\"a\"b\"c", None),
        ] {
            let mut lines = Lines::default();
            lines.pass(text.as_bytes());
            assert_eq!(lines.open_quote(), open, "{text:?}");
        }
    }
}
