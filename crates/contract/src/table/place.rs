//! The place of a row in its file.

use std::fmt;

/// The place of a row in its file, counted from one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A line of a text file.
    Line(u64),
    /// A row of a file without lines.
    Row(u64),
}

impl Place {
    /// The line, if the file has lines.
    pub fn line(self) -> Option<u64> {
        match self {
            Self::Line(line) => Some(line),
            Self::Row(_) => None,
        }
    }

    /// The number of the line or of the row.
    pub fn number(self) -> u64 {
        match self {
            Self::Line(number) | Self::Row(number) => number,
        }
    }
}

impl From<u64> for Place {
    fn from(line: u64) -> Self {
        Self::Line(line)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::Row(row) => write!(f, "row {row}"),
        }
    }
}
