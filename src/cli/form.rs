//! Output formats of commands: for people, wide or narrow, or for programs.

use clap::{Args, ValueEnum};
use serde_json::Value;

use super::exit::{self, Failure};
use super::{colour, output};

/// The output format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Form {
    /// For people
    Text,
    /// For people with wide screens: more columns, and no shortened cells
    Wide,
    /// One JSON document
    Json,
    /// One YAML document
    Yaml,
}

impl Form {
    /// Prints a document.
    pub(super) fn show(self, document: &Value, as_text: impl FnOnce(&Value, Width) -> String) -> Result<(), Failure> {
        match self {
            Self::Text => output::say_painted(&as_text(document, Width::Narrow)),
            Self::Wide => output::say_painted(&as_text(document, Width::Wide)),
            Self::Json => output::say(&serde_json::to_string_pretty(document).map_err(exit::defect)?),
            Self::Yaml => output::say(&yaml(document)?),
        }
        Ok(())
    }
}

/// The width of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Width {
    Narrow,
    Wide,
}

impl Width {
    /// Returns a text for a cell: its beginning, or its whole first line.
    pub(super) fn cell(self, text: &str) -> String {
        match self {
            Self::Narrow => output::first_line(text),
            Self::Wide => text.lines().next().unwrap_or_default().to_owned(),
        }
    }

    /// Returns a digest or a commit for a cell: its first digits, or all of them.
    pub(super) fn digits(self, text: &str) -> String {
        match self {
            Self::Narrow => text.trim_start_matches("sha256:").chars().take(12).collect(),
            Self::Wide => text.to_owned(),
        }
    }

    /// Returns the narrow cells, and in wide tables also the other ones.
    pub(super) fn with<T>(self, mut narrow: Vec<T>, wide: impl IntoIterator<Item = T>) -> Vec<T> {
        if self == Self::Wide {
            narrow.extend(wide);
        }
        narrow
    }
}

/// The requested output format.
#[derive(Debug, Args)]
pub(super) struct Format {
    /// Output format; the default is text on a terminal and JSON otherwise
    #[arg(long, short = 'o', global = true, value_enum, value_name = "FORM")]
    output: Option<Form>,
    /// The same as `--output json`
    #[arg(long, global = true, conflicts_with = "output")]
    json: bool,
}

impl Format {
    /// Returns the output format.
    pub(super) fn form(&self) -> Form {
        match self.output {
            Some(form) => form,
            None if self.json || !output::on_terminal() => Form::Json,
            None => Form::Text,
        }
    }

    /// Prints a document.
    pub(super) fn show(&self, document: &Value, as_text: impl FnOnce(&Value, Width) -> String) -> Result<(), Failure> {
        self.form().show(document, as_text)
    }

    /// Prints one of many documents: in JSON on one line, in YAML after a line `---`.
    pub(super) fn show_next(
        &self,
        document: &Value,
        as_text: impl FnOnce(&Value, Width) -> String,
    ) -> Result<(), Failure> {
        let text = match self.form() {
            Form::Text => colour::adapted(&as_text(document, Width::Narrow)).into_owned(),
            Form::Wide => colour::adapted(&as_text(document, Width::Wide)).into_owned(),
            Form::Json => document.to_string(),
            Form::Yaml => format!("---\n{}", yaml(document)?),
        };
        // A response that only lost lines has no new ones.
        if !text.is_empty() {
            output::say(&text);
        }
        Ok(())
    }
}

/// The output format of commands that work on this machine: by default text, also in a pipe.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct LocalFormat {
    /// Output format
    #[arg(long, short = 'o', value_enum, default_value_t = Form::Text, value_name = "FORM")]
    output: Form,
}

impl LocalFormat {
    /// Whether the output is for people, who may be shown more than a document.
    pub(super) fn is_text(self) -> bool {
        matches!(self.output, Form::Text | Form::Wide)
    }

    /// Prints a document.
    pub(super) fn show(self, document: &Value, as_text: impl FnOnce(&Value, Width) -> String) -> Result<(), Failure> {
        self.output.show(document, as_text)
    }
}

/// Formats a document as YAML.
pub(super) fn yaml(document: &impl serde::Serialize) -> Result<String, Failure> {
    let text = serde_yaml::to_string(document).map_err(exit::defect)?;
    Ok(text.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wide_table_cuts_nothing() {
        let long = "a".repeat(200);
        assert_eq!(Width::Wide.cell(&long), long);
        assert!(Width::Narrow.cell(&long).len() < 100);
        assert_eq!(Width::Narrow.digits("sha256:0123456789abcdef"), "0123456789ab");
        assert_eq!(Width::Narrow.with(vec![1], [2]), [1]);
        assert_eq!(Width::Wide.with(vec![1], [2]), [1, 2]);
    }

    #[test]
    fn what_yaml_could_take_for_something_else_stays_a_text() {
        let text = yaml(&serde_json::json!({"model": "2024", "state": "no"})).expect("YAML");
        let read: serde_yaml::Value = serde_yaml::from_str(&text).expect("YAML");
        assert_eq!((read["model"].as_str(), read["state"].as_str()), (Some("2024"), Some("no")), "{text}");
    }
}
