//! Mistakes in user files and their positions: one type for models, policies, settings and manifests.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A position in a text. Both numbers start at one; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
    /// Line, from one.
    pub line: usize,
    /// Column in characters, from one.
    pub column: usize,
}

/// One mistake in one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// The file as the user names it, relative to its repository.
    pub file: String,
    /// Position in the file, if it is known.
    pub position: Option<Position>,
    /// Expected and actual content: lower case, no full stop.
    pub message: String,
    /// The next step for the user, if there is one.
    pub help: Option<String>,
}

impl Diagnostic {
    /// Creates a mistake in `file`, without a position and a hint.
    pub fn new(file: impl Into<String>, message: impl Into<String>) -> Self {
        Self { file: file.into(), position: None, message: message.into(), help: None }
    }

    /// Returns the mistake with a position.
    #[must_use]
    pub fn at(mut self, position: impl Into<Option<Position>>) -> Self {
        self.position = position.into();
        self
    }

    /// Returns the mistake with a hint.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, position, message, help } = self;
        match position {
            Some(Position { line, column }) => write!(f, "{file}:{line}:{column}: {message}")?,
            None => write!(f, "{file}: {message}")?,
        }
        if let Some(help) = help {
            write!(f, "\n  help: {help}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostic {}
