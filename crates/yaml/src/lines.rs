//! Converts byte offsets to lines and columns as an editor shows them.

use slipway_domain::Position;

/// The character that an editor hides at the start of a file.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// A text with the offsets of its lines.
#[derive(Debug, Clone)]
pub(super) struct Lines {
    text: String,
    starts: Vec<usize>,
}

impl Lines {
    /// Finds the lines of a text. `\n`, `\r\n` and a lone `\r` end a line, as in YAML.
    pub(super) fn of(text: &str) -> Self {
        let bytes = text.as_bytes();
        let ends_line = |at: usize| match bytes[at] {
            b'\n' => true,
            b'\r' => bytes.get(at + 1) != Some(&b'\n'),
            _ => false,
        };
        let mut starts = vec![0];
        starts.extend((0..bytes.len()).filter(|at| ends_line(*at)).map(|at| at + 1));
        Self { text: text.to_owned(), starts }
    }

    /// The line of a byte, counted from zero.
    pub(super) fn line_of(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset).saturating_sub(1)
    }

    /// The offset of a line. `line` is counted from zero.
    pub(super) fn start_of(&self, line: usize) -> usize {
        self.starts.get(line).copied().unwrap_or(self.text.len())
    }

    /// The position of a byte. For an offset within a character or past the end it is the nearest position before it.
    pub(super) fn position(&self, offset: usize) -> Position {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let line = self.line_of(offset);
        let before = &self.text[self.starts[line]..offset];
        let before = if line == 0 { before.strip_prefix(BYTE_ORDER_MARK).unwrap_or(before) } else { before };
        Position { line: line + 1, column: before.chars().count() + 1 }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }
}
