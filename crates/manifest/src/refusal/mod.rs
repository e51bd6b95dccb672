//! Why an edit is refused: every reason with its words, its place and what to do.

mod by_path;
mod of_file;

use slipway_domain::Diagnostic;

/// A refused file; it holds the words for the user, and its variant is the reason for programs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The file is not UTF-8.
    #[error("{0}")]
    NotUtf8(Diagnostic),
    /// The file is larger than [`MAX_BYTES`](slipway_yaml::MAX_BYTES).
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
    /// A marker stands next to a mapping or a list, or a path leads to one.
    #[error("{0}")]
    NotAScalar(Diagnostic),
    /// The scalar holds more than the value that its marker is for, or not what the marker says stands around it.
    #[error("{0}")]
    PartOfValue(Diagnostic),
    /// The value is an alias.
    #[error("{0}")]
    Alias(Diagnostic),
    /// The value, or what holds it, is used elsewhere through an alias.
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
    /// The new value holds a character that does not belong into a manifest.
    #[error("{0}")]
    ControlCharacter(Diagnostic),
    /// The value is a number or a truth value, and the new one is not.
    #[error("{0}")]
    TypeChange(Diagnostic),
    /// No document is as the selector asks, or no mark as the edit asks.
    #[error("{0}")]
    NothingSelected(Diagnostic),
    /// Several documents are as the selector asks, or several items have the name.
    #[error("{0}")]
    SeveralSelected(Diagnostic),
    /// A path leads to a key or an item that is not there.
    #[error("{0}")]
    Missing(Diagnostic),
    /// A path goes on where there is no mapping, or no list, to go on in.
    #[error("{0}")]
    WrongStep(Diagnostic),
    /// The value is there only through a merge key (`<<`).
    #[error("{0}")]
    Merged(Diagnostic),
    /// A new entry cannot be written where it belongs.
    #[error("{0}")]
    NotCreatable(Diagnostic),
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
