//! Why an edit is refused: every reason with its words, its place and what to do.

use crate::domain::Diagnostic;
use crate::domain::Position;
use crate::yaml::MAX_BYTES;

use super::field::Field;
use super::marker::BadMarker;

/// A refused file; it holds the words for the user, and its variant is the reason for programs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The file is not UTF-8.
    #[error("{0}")]
    NotUtf8(Diagnostic),
    /// The file is larger than [`MAX_BYTES`].
    #[error("{0}")]
    TooLarge(Diagnostic),
    /// The file is not YAML that both parsers read.
    #[error("{0}")]
    InvalidYaml(Diagnostic),
    /// The file is a template that has not been rendered.
    #[error("{0}")]
    RawTemplate(Diagnostic),
    /// A comment looks like a marker, and is none.
    #[error("{0}")]
    MalformedMarker(Diagnostic),
    /// A marker names a field that does not exist.
    #[error("{0}")]
    UnknownField(Diagnostic),
    /// A marker stands next to no scalar.
    #[error("{0}")]
    NoValue(Diagnostic),
    /// A marker stands behind several scalars.
    #[error("{0}")]
    AmbiguousMarker(Diagnostic),
    /// A marker stands next to a mapping or a list.
    #[error("{0}")]
    NotAScalar(Diagnostic),
    /// The marked value is an alias.
    #[error("{0}")]
    Alias(Diagnostic),
    /// The marked value, or what holds it, is used elsewhere through an alias.
    #[error("{0}")]
    AliasedAnchor(Diagnostic),
    /// The marked value has a tag.
    #[error("{0}")]
    Tagged(Diagnostic),
    /// The marked value is a block scalar.
    #[error("{0}")]
    BlockScalar(Diagnostic),
    /// A key occurs twice in the marked document.
    #[error("{0}")]
    DuplicateKey(Diagnostic),
    /// The new value holds a character that does not belong into a manifest.
    #[error("{0}")]
    ControlCharacter(Diagnostic),
    /// The marked value is a number or a truth value, and the new one is not.
    #[error("{0}")]
    TypeChange(Diagnostic),
    /// The edited file does not read as it should: a fault of this program, caught before it did harm.
    #[error("{0}")]
    Guard(Diagnostic),
}

impl Refusal {
    /// The words: file, place, what is wrong and what to do.
    pub fn diagnostic(&self) -> &Diagnostic {
        match self {
            Self::NotUtf8(diagnostic)
            | Self::TooLarge(diagnostic)
            | Self::InvalidYaml(diagnostic)
            | Self::RawTemplate(diagnostic)
            | Self::MalformedMarker(diagnostic)
            | Self::UnknownField(diagnostic)
            | Self::NoValue(diagnostic)
            | Self::AmbiguousMarker(diagnostic)
            | Self::NotAScalar(diagnostic)
            | Self::Alias(diagnostic)
            | Self::AliasedAnchor(diagnostic)
            | Self::Tagged(diagnostic)
            | Self::BlockScalar(diagnostic)
            | Self::DuplicateKey(diagnostic)
            | Self::ControlCharacter(diagnostic)
            | Self::TypeChange(diagnostic)
            | Self::Guard(diagnostic) => diagnostic,
        }
    }

    pub(super) fn not_utf8(file: &str, at: Position) -> Self {
        Self::NotUtf8(Diagnostic::new(file, "the file is not UTF-8").at(at).help("save the file as UTF-8"))
    }

    pub(super) fn too_large(file: &str, bytes: usize) -> Self {
        Self::TooLarge(
            Diagnostic::new(file, format!("the file has {bytes} bytes, expected at most {MAX_BYTES}"))
                .help("move the marked resource to a file of its own"),
        )
    }

    pub(super) fn invalid_yaml(diagnostic: Diagnostic) -> Self {
        Self::InvalidYaml(diagnostic.help("correct the file first; nothing was changed"))
    }

    pub(super) fn unread_by_second_parser(file: &str, at: Position, problem: &str) -> Self {
        Self::InvalidYaml(
            Diagnostic::new(file, format!("parsers disagree about this document, one of them says: {problem}"))
                .at(at)
                .help("write the document in plainer YAML"),
        )
    }

    pub(super) fn raw_template(file: &str, at: Position) -> Self {
        Self::RawTemplate(
            Diagnostic::new(file, "this is a template, expected plain YAML")
                .at(at)
                .help("put the marker into the values file, or into the rendered manifest"),
        )
    }

    pub(super) fn complex_key(file: &str, at: Position) -> Self {
        Self::RawTemplate(
            Diagnostic::new(file, "this key is no single word, as in a template that is not rendered")
                .at(at)
                .help("put the marker into the values file, or into the rendered manifest"),
        )
    }

    pub(super) fn bad_marker(file: &str, at: Position, bad: &BadMarker) -> Self {
        match bad {
            BadMarker::Malformed(reason) => Self::MalformedMarker(
                Diagnostic::new(file, format!("this marker cannot be read, {reason}"))
                    .at(at)
                    .help("write `# {\"slipway\": \"MODEL:FIELD\"}` and nothing after it"),
            ),
            BadMarker::UnknownField(field) => Self::UnknownField(
                Diagnostic::new(
                    file,
                    format!(
                        "unknown field `{field}`, expected one of `{}`",
                        Field::ALL.map(Field::as_str).join("`, `")
                    ),
                )
                .at(at)
                .help("name one of these fields after the `:` of the marker"),
            ),
        }
    }

    pub(super) fn no_value(file: &str, at: Position) -> Self {
        Self::NoValue(
            Diagnostic::new(file, "this marker stands next to no value")
                .at(at)
                .help("put it behind a value on the same line; a first value may be `\"\"`"),
        )
    }

    pub(super) fn ambiguous(file: &str, at: Position, count: usize) -> Self {
        Self::AmbiguousMarker(
            Diagnostic::new(file, format!("this marker stands behind {count} values on its line, expected one"))
                .at(at)
                .help("give the marked value a line of its own"),
        )
    }

    pub(super) fn not_a_scalar(file: &str, at: Position) -> Self {
        Self::NotAScalar(
            Diagnostic::new(file, "this marker stands next to a mapping or a list, expected a single value")
                .at(at)
                .help("move it behind the value that is meant"),
        )
    }

    pub(super) fn alias(file: &str, at: Position) -> Self {
        Self::Alias(
            Diagnostic::new(file, "the marked value is an alias of a value elsewhere")
                .at(at)
                .help("write the value out here, or mark the place of its anchor once nothing else uses it"),
        )
    }

    pub(super) fn aliased_anchor(file: &str, at: Position) -> Self {
        Self::AliasedAnchor(
            Diagnostic::new(file, "the marked value is used elsewhere through an alias and would change there too")
                .at(at)
                .help("write the value out where the alias is"),
        )
    }

    pub(super) fn tagged(file: &str, at: Position, tag: &str) -> Self {
        Self::Tagged(
            Diagnostic::new(file, format!("the marked value has the tag `{tag}`"))
                .at(at)
                .help("remove the tag, and quote the value if it is a text"),
        )
    }

    pub(super) fn block_scalar(file: &str, at: Position) -> Self {
        Self::BlockScalar(
            Diagnostic::new(file, "the marked value is a block after `|` or `>`")
                .at(at)
                .help("write the value on the line of its key"),
        )
    }

    pub(super) fn duplicate_key(file: &str, at: Position, key: &str, earlier: usize) -> Self {
        Self::DuplicateKey(
            Diagnostic::new(file, format!("duplicate key `{key}`, already set on line {earlier}"))
                .at(at)
                .help("keep one of the two: readers differ in which they take"),
        )
    }

    pub(super) fn control_character(file: &str, at: Position, field: Field, character: char) -> Self {
        let code = u32::from(character);
        Self::ControlCharacter(
            Diagnostic::new(file, format!("the new {field} holds the character U+{code:04X}"))
                .at(at)
                .help("use visible characters only"),
        )
    }

    pub(super) fn type_change(file: &str, at: Position, field: Field, kind: &str, new: &str) -> Self {
        Self::TypeChange(
            Diagnostic::new(
                file,
                format!(
                    "the marked value is {kind} without quotes, and the new {field} `{new}` is not one to every reader"
                ),
            )
            .at(at)
            .help("put the old value into quotes if a text is meant"),
        )
    }

    pub(super) fn guard(file: &str, at: Position, problem: &str) -> Self {
        Self::Guard(
            Diagnostic::new(file, format!("the edited file would not read as intended: {problem}"))
                .at(at)
                .help("nothing was changed; please report this file as a bug of slipway"),
        )
    }
}
