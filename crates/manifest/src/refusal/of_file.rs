//! The messages of refusals that apply to every edit: about the file, a mark, the old value or the new value.

use crate::fault::corrected;
use crate::marker::{Mark, NotAMark, around_of, written};
use crate::near::mention_of;
use crate::target::Sharing;
use crate::within::Around;
use slipway_domain::{Diagnostic, Position};
use slipway_yaml::{Comment, MAX_BYTES};

use super::Refusal;

impl Refusal {
    pub(crate) fn not_utf8(file: &str, at: Position) -> Self {
        Self::NotUtf8(Diagnostic::new(file, "the file is not UTF-8").at(at).help("save the file as UTF-8"))
    }

    pub(crate) fn utf16(file: &str) -> Self {
        Self::NotUtf8(Diagnostic::new(file, "the file is UTF-16, expected UTF-8").help("save the file as UTF-8"))
    }

    pub(crate) fn too_large(file: &str) -> Self {
        Self::TooLarge(
            Diagnostic::new(file, format!("the file is larger than {MAX_BYTES} bytes"))
                .help("move the resource to a file of its own"),
        )
    }

    pub(crate) fn invalid_yaml(diagnostic: Diagnostic) -> Self {
        let help = diagnostic.help.as_deref().unwrap_or("correct the file first").to_owned();
        Self::InvalidYaml(diagnostic.help(format!("{help}; nothing was changed")))
    }

    pub(crate) fn unread_by_second_parser(file: &str, at: Position, problem: &str) -> Self {
        Self::InvalidYaml(
            Diagnostic::new(file, format!("parsers disagree about this document, one of them says: {problem}"))
                .at(at)
                .help("write the document in plainer YAML"),
        )
    }

    /// A character that ends a line in YAML 1.1 but not in YAML 1.2.
    pub(crate) fn old_line_end(file: &str, at: Position, character: char) -> Self {
        let code = u32::from(character);
        Self::InvalidYaml(
            Diagnostic::new(file, format!("the character U+{code:04X} ends a line to some readers and not to others"))
                .at(at)
                .help("write it as an escape in double quotes, or remove it"),
        )
    }

    pub(crate) fn raw_template(file: &str, at: Position) -> Self {
        Self::RawTemplate(
            Diagnostic::new(file, "this is a template, expected plain YAML")
                .at(at)
                .help("edit the values file, or the rendered manifest"),
        )
    }

    pub(crate) fn complex_key(file: &str, at: Position) -> Self {
        Self::RawTemplate(
            Diagnostic::new(file, "this key is no single word, as in a template that is not rendered")
                .at(at)
                .help("edit the values file, or the rendered manifest"),
        )
    }

    pub(crate) fn bad_marker(file: &str, at: Position, comment: &Comment, bad: &NotAMark) -> Self {
        let mention = mention_of(comment);
        let corrected = corrected(mention.model.as_deref(), mention.field, &around_of(&comment.text));
        let diagnose = |message: String| {
            Diagnostic::new(file, message).at(at).help(format!("write {corrected} and nothing after it"))
        };
        match bad {
            NotAMark::Malformed(reason) => {
                Self::MalformedMarker(diagnose(format!("this marker cannot be read, {reason}")))
            }
            NotAMark::UnknownField(_) => Self::UnknownField(diagnose(bad.to_string())),
        }
    }

    pub(crate) fn no_value(file: &str, at: Position) -> Self {
        Self::NoValue(
            Diagnostic::new(file, "this marker stands next to no value")
                .at(at)
                .help("put it behind a value on the same line; a first value may be `\"\"`"),
        )
    }

    pub(crate) fn ambiguous(file: &str, at: Position, count: usize) -> Self {
        Self::AmbiguousMarker(
            Diagnostic::new(file, format!("this marker stands behind {count} values on its line, expected one"))
                .at(at)
                .help("give this value a line of its own"),
        )
    }

    pub(crate) fn not_a_scalar(file: &str, at: Position) -> Self {
        Self::NotAScalar(
            Diagnostic::new(file, "this marker stands next to a mapping or a list, expected a single value")
                .at(at)
                .help("move it behind the value that is meant"),
        )
    }

    /// The scalar does not begin and end with the prefix and suffix of the marker.
    pub(crate) fn not_around(file: &str, at: Position, around: &Around, value: &str) -> Self {
        let Around { prefix, suffix } = around;
        let expected = match (prefix.as_str(), suffix.as_str()) {
            (prefix, "") => format!("begins with `{prefix}`"),
            ("", suffix) => format!("ends with `{suffix}`"),
            (prefix, suffix) => format!("begins with `{prefix}` and ends with `{suffix}`"),
        };
        let first = around.around("none");
        Self::PartOfValue(
            Diagnostic::new(file, format!("this marker is for a value that {expected}, came `{value}`")).at(at).help(
                format!("correct `prefix` and `suffix` of the marker, or the value; a first value may be `{first}`"),
            ),
        )
    }

    /// The scalar contains more than a value of the field. The rest would be lost.
    pub(crate) fn part_of_value(file: &str, at: Position, mark: &Mark, around: &Around, value: &str) -> Self {
        let Mark { model, field } = mark;
        let corrected = written(Some(model), Some(*field), around);
        let message =
            format!("`{value}` holds more than the {field} that this marker is for, and the rest would be lost");
        Self::PartOfValue(
            Diagnostic::new(file, message)
                .at(at)
                .help(format!("say what stays: `{corrected}`, or write `none` for the value if nothing does")),
        )
    }

    pub(crate) fn alias(file: &str, at: Position, anchor: Option<Position>, sharing: Sharing) -> Self {
        let help = match sharing {
            Sharing::Never => "write the value out here: a promotion changes marked places alone".to_owned(),
            Sharing::NotRequested | Sharing::Requested => format!(
                "write the value out here, or change it for all at its anchor{} with `--anchored`",
                on_line(anchor)
            ),
        };
        Self::Alias(Diagnostic::new(file, "this value is an alias of a value elsewhere").at(at).help(help))
    }

    pub(crate) fn aliased_anchor(file: &str, at: Position, sharing: Sharing) -> Self {
        let help = match sharing {
            Sharing::Never => {
                "write the value out where the alias is, and mark it there: a promotion changes marked places alone"
            }
            Sharing::NotRequested | Sharing::Requested => {
                "write the value out where the alias is, or change it for all with `--anchored`"
            }
        };
        let message = "this value is used elsewhere through an alias and would change there too";
        Self::AliasedAnchor(Diagnostic::new(file, message).at(at).help(help))
    }

    pub(crate) fn tagged(file: &str, at: Position, tag: &str) -> Self {
        Self::Tagged(
            Diagnostic::new(file, format!("this value has the tag `{tag}`"))
                .at(at)
                .help("remove the tag, and quote the value if it is a text"),
        )
    }

    pub(crate) fn block_scalar(file: &str, at: Position) -> Self {
        Self::BlockScalar(
            Diagnostic::new(file, "this value is a block after `|` or `>`")
                .at(at)
                .help("write the value on the line of its key"),
        )
    }

    pub(crate) fn comment_within(file: &str, at: Position) -> Self {
        Self::CommentWithin(
            Diagnostic::new(file, "a comment stands within this value and would be lost with it")
                .at(at)
                .help("write the value on one line"),
        )
    }

    pub(crate) fn duplicate_key(file: &str, at: Position, key: &str, earlier: usize) -> Self {
        Self::DuplicateKey(
            Diagnostic::new(file, format!("duplicate key `{key}`, already set on line {earlier}"))
                .at(at)
                .help("keep one of the two: readers differ in which they take"),
        )
    }

    pub(crate) fn control_character(file: &str, at: Position, what: &str, character: char) -> Self {
        let code = u32::from(character);
        Self::ControlCharacter(
            Diagnostic::new(file, format!("the new {what} holds the character U+{code:04X}"))
                .at(at)
                .help("use visible characters only"),
        )
    }

    pub(crate) fn type_change(file: &str, at: Position, what: &str, kind: &str, new: &str) -> Self {
        Self::TypeChange(
            Diagnostic::new(
                file,
                format!("this value is {kind} without quotes, and the new {what} `{new}` is not one to every reader"),
            )
            .at(at)
            .help(match kind {
                "a truth value" => "write `true` or `false`, or put the old value into quotes if a text is meant",
                _ => "put the old value into quotes if a text is meant",
            }),
        )
    }

    /// A word such as `yes` is replaced by a value that is not both a truth value and a text to the same readers.
    pub(crate) fn half_truth(file: &str, at: Position, what: &str, old: &str, new: &str) -> Self {
        let (readers, fitting) = match old.len() {
            1 => ("some readers of YAML 1.1", "`y` or `n`"),
            _ => ("readers of YAML 1.1", "`yes`, `no`, `on` or `off`"),
        };
        let message = format!(
            "`{old}` is a truth value to {readers} and a text to all others, and the new {what} `{new}` is not"
        );
        let help = format!("write {fitting}, or make the old value `true` or `false`, or put it into quotes, by hand");
        Self::TypeChange(Diagnostic::new(file, message).at(at).help(help))
    }

    pub(crate) fn guard(file: &str, at: Position, problem: &str) -> Self {
        Self::Guard(
            Diagnostic::new(file, format!("the edited file would not read as intended: {problem}"))
                .at(at)
                .help("nothing was changed; please report this file as a bug of slipway"),
        )
    }
}

/// The position as the end of a message.
pub(super) fn on_line(at: Option<Position>) -> String {
    at.map_or_else(String::new, |at| format!(" on line {}", at.line))
}
