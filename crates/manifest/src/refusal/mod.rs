//! The reasons to refuse an edit, each with its message, its position and a remedy.

mod by_path;
mod of_file;

use slipway_domain::Diagnostic;

/// A refused file. It contains the diagnostic for the user. The variant is the reason for programs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The file is not UTF-8.
    #[error("{0}")]
    NotUtf8(Diagnostic),
    /// The file is larger than [`MAX_BYTES`](slipway_yaml::MAX_BYTES).
    #[error("{0}")]
    TooLarge(Diagnostic),
    /// The file is not YAML that both parsers can read.
    #[error("{0}")]
    InvalidYaml(Diagnostic),
    /// The file is an unrendered template.
    #[error("{0}")]
    RawTemplate(Diagnostic),
    /// A comment looks like a marker but is not one.
    #[error("{0}")]
    MalformedMarker(Diagnostic),
    /// A marker names a field that does not exist.
    #[error("{0}")]
    UnknownField(Diagnostic),
    /// A marker has no scalar beside it.
    #[error("{0}")]
    NoValue(Diagnostic),
    /// A marker stands after several scalars.
    #[error("{0}")]
    AmbiguousMarker(Diagnostic),
    /// A marker stands beside a mapping or a list, or a path leads to one.
    #[error("{0}")]
    NotAScalar(Diagnostic),
    /// The scalar contains more than the marker's value, or it lacks the marker's prefix or suffix.
    #[error("{0}")]
    PartOfValue(Diagnostic),
    /// The value is an alias.
    #[error("{0}")]
    Alias(Diagnostic),
    /// The value, or a value that contains it, is used elsewhere through an alias.
    #[error("{0}")]
    AliasedAnchor(Diagnostic),
    /// The value has a tag.
    #[error("{0}")]
    Tagged(Diagnostic),
    /// The value is a block scalar.
    #[error("{0}")]
    BlockScalar(Diagnostic),
    /// A comment stands within the value.
    #[error("{0}")]
    CommentWithin(Diagnostic),
    /// A key occurs twice in the document.
    #[error("{0}")]
    DuplicateKey(Diagnostic),
    /// The new value contains a character that is not allowed in a manifest.
    #[error("{0}")]
    ControlCharacter(Diagnostic),
    /// The value is a number or a truth value, and the new value is not.
    #[error("{0}")]
    TypeChange(Diagnostic),
    /// No document matches the selector, or no mark matches the edit.
    #[error("{0}")]
    NothingSelected(Diagnostic),
    /// Several documents match the selector, or several items have the name.
    #[error("{0}")]
    SeveralSelected(Diagnostic),
    /// A path leads to a key or an item that does not exist.
    #[error("{0}")]
    Missing(Diagnostic),
    /// A path continues below a value that is not a mapping, or not a list.
    #[error("{0}")]
    WrongStep(Diagnostic),
    /// The value exists only through a merge key (`<<`).
    #[error("{0}")]
    Merged(Diagnostic),
    /// A new entry cannot be written where it belongs.
    #[error("{0}")]
    NotCreatable(Diagnostic),
    /// The edited file does not read as intended. This is a defect of Slipway that was found before it caused damage.
    #[error("{0}")]
    Guard(Diagnostic),
}

impl Refusal {
    /// The diagnostic: file, position, message and remedy.
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
            | Self::PartOfValue(diagnostic)
            | Self::Alias(diagnostic)
            | Self::AliasedAnchor(diagnostic)
            | Self::Tagged(diagnostic)
            | Self::BlockScalar(diagnostic)
            | Self::CommentWithin(diagnostic)
            | Self::DuplicateKey(diagnostic)
            | Self::ControlCharacter(diagnostic)
            | Self::TypeChange(diagnostic)
            | Self::NothingSelected(diagnostic)
            | Self::SeveralSelected(diagnostic)
            | Self::Missing(diagnostic)
            | Self::WrongStep(diagnostic)
            | Self::Merged(diagnostic)
            | Self::NotCreatable(diagnostic)
            | Self::Guard(diagnostic) => diagnostic,
        }
    }
}
