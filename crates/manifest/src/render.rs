//! Renders a new value in the style of the old one, with quotes where necessary.

use slipway_yaml::{Reading, Style, is_plain_text, reading_of};

/// The largest number of digits that every reader keeps exactly.
const EXACT_DIGITS: usize = 15;

/// A rendered value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rendered {
    /// Its text.
    pub(super) text: String,
    /// Its style.
    pub(super) style: Style,
    /// Whether it is a number or a truth value and not text.
    pub(super) is_typed: bool,
}

/// Why a value cannot replace another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unfit {
    /// This character is not allowed in a manifest.
    Character(char),
    /// The old value has this type, the new value does not.
    Kind(&'static str),
    /// The old value is a truth value in some readers and text in others. The new value is not.
    HalfTruth,
}

/// Renders `new` as the replacement of the scalar `old` in `style`.
pub(super) fn render(style: Style, old: &str, new: &str) -> Result<Rendered, Unfit> {
    if let Some(character) = invisible_in(new) {
        return Err(Unfit::Character(character));
    }
    match style {
        Style::SingleQuoted => Ok(text(style, format!("'{}'", new.replace('\'', "''")))),
        Style::DoubleQuoted | Style::Literal | Style::Folded => Ok(text(Style::DoubleQuoted, double_quoted(new))),
        Style::Plain => plain(old, new),
    }
}

/// An unquoted value keeps its type. Text that would not be read as text is quoted.
fn plain(old: &str, new: &str) -> Result<Rendered, Unfit> {
    match reading_of(old) {
        Reading::Number if is_number_to_all(new) => Ok(typed(new)),
        Reading::Boolean if Truth::of(old).is_some() && Truth::of(old) == Truth::of(new) => Ok(typed(new)),
        Reading::Number => Err(Unfit::Kind("a number")),
        Reading::Boolean if matches!(Truth::of(old), Some(Truth::Word | Truth::Letter)) => Err(Unfit::HalfTruth),
        Reading::Boolean => Err(Unfit::Kind("a truth value")),
        Reading::Special => Err(Unfit::Kind("a word with a meaning of its own")),
        Reading::Text | Reading::Null | Reading::Date if is_plain_text(new) => Ok(text(Style::Plain, new.to_owned())),
        Reading::Text | Reading::Null | Reading::Date => Ok(text(Style::DoubleQuoted, double_quoted(new))),
    }
}

fn typed(new: &str) -> Rendered {
    Rendered { text: new.to_owned(), style: Style::Plain, is_typed: true }
}

/// The readers that read an unquoted text as a truth value. If the old and the new text are of the same kind, each reader reads
/// both as a truth value or both as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Truth {
    /// Every reader: `true`, `False`.
    All,
    /// Readers of YAML 1.1: `yes`, `Off`. Readers of YAML 1.2 read it as text.
    Word,
    /// Some readers of YAML 1.1: `y`, `N`.
    Letter,
}

impl Truth {
    /// The kind of a text in lower case, in upper case or capitalised, as YAML spells truth values.
    fn of(text: &str) -> Option<Self> {
        let lower = text.to_ascii_lowercase();
        let rest = text.get(1..)?;
        let is_spelt = text == lower || text == text.to_ascii_uppercase() || rest == rest.to_ascii_lowercase();
        match lower.as_str() {
            "true" | "false" => Some(Self::All),
            "yes" | "no" | "on" | "off" => Some(Self::Word),
            "y" | "n" => Some(Self::Letter),
            _ => None,
        }
        .filter(|_| is_spelt)
    }
}

fn text(style: Style, text: String) -> Rendered {
    Rendered { text, style, is_typed: false }
}

/// A text within double quotes.
pub(super) fn double_quoted(new: &str) -> String {
    let escaped = new.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{escaped}\"")
}

/// The first character that is not allowed in a manifest.
pub(super) fn invisible_in(text: &str) -> Option<char> {
    text.chars().find(|c| is_invisible(*c))
}

/// Whether every reader reads a number as the same value: no leading zero, no exponent, few digits.
pub(super) fn is_number_to_all(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = match unsigned.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (unsigned, None),
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits(whole)
        && fraction.is_none_or(digits)
        && (whole == "0" || !whole.starts_with('0'))
        && whole.len() + fraction.map_or(0, str::len) <= EXACT_DIGITS
}

/// Whether a character is a control character, a line break in some reader, or changes how its neighbours are shown.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}
