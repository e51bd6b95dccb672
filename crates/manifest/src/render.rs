//! Writes a value in the style of the one it replaces, quoted where it must be.

use slipway_yaml::{Reading, Style, is_plain_text, reading_of};

/// The most digits of a number that every reader keeps exactly.
const EXACT_DIGITS: usize = 15;

/// A new value as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rendered {
    /// The bytes.
    pub(super) text: String,
    /// Their style.
    pub(super) style: Style,
    /// Whether they are a number or a truth value rather than text.
    pub(super) is_typed: bool,
}

/// Why a value cannot take the place of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unfit {
    /// This character may not stand in a manifest.
    Character(char),
    /// The old value is of this kind, the new one is not.
    Kind(&'static str),
    /// The old value is a truth value to some readers and a text to others; the new one is not that.
    HalfTruth,
}

/// Writes `new` in place of the scalar `old`, written in `style`.
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

/// A value without quotes keeps its type; text that would not read as text gets quotes.
fn plain(old: &str, new: &str) -> Result<Rendered, Unfit> {
    match reading_of(old) {
        Reading::Number if is_exact_number(new) => Ok(typed(new)),
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

/// Who takes a text without quotes for a truth value. A reader that takes the old one for one takes a new one of the same kind for
/// one, and whoever takes it for a text does so as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Truth {
    /// Every reader: `true`, `False`.
    All,
    /// Readers of YAML 1.1: `yes`, `Off`. To those of 1.2 it is a text.
    Word,
    /// Some readers of YAML 1.1: `y`, `N`.
    Letter,
}

impl Truth {
    /// The kind of a text, in small or capital letters or with a capital first one, as YAML has them.
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

/// The first character that may not stand in a manifest.
pub(super) fn invisible_in(text: &str) -> Option<char> {
    text.chars().find(|c| is_invisible(*c))
}

/// A number that means the same to every reader: no leading zero, no exponent, few digits.
fn is_exact_number(text: &str) -> bool {
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

/// Whether a character is a control, a line break to some reader, or changes how its neighbours are shown.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}
