//! The dialect of a file of comma-separated values: how its cells are separated, quoted and encoded, and how its numbers are
//! written. The names follow the Table Dialect of Frictionless Data and RFC 4180.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How files of comma-separated values are written. Training follows what is written here and never guesses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Dialect {
    /// The character between two cells.
    pub delimiter: Delimiter,
    /// The character around a cell that contains delimiters or line ends. Within such a cell it is written twice.
    pub quote: Quote,
    /// The character before the fraction of a number. With a decimal comma, no number contains a point.
    pub decimal: Decimal,
    /// The encoding of the text.
    pub encoding: Encoding,
}

/// The character between two cells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Delimiter {
    /// A comma.
    #[default]
    #[serde(rename = ",")]
    Comma,
    /// A semicolon.
    #[serde(rename = ";")]
    Semicolon,
    /// A tab, written `"\t"`.
    #[serde(rename = "\t")]
    Tab,
    /// A vertical bar.
    #[serde(rename = "|")]
    Bar,
}

/// The character around a cell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Quote {
    /// A double quote.
    #[default]
    #[serde(rename = "\"")]
    Double,
    /// A single quote.
    #[serde(rename = "'")]
    Single,
}

/// The character before the fraction of a number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Decimal {
    /// A point.
    #[default]
    #[serde(rename = ".")]
    Point,
    /// A comma.
    #[serde(rename = ",")]
    Comma,
}

/// The encoding of a text file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// UTF-8, with or without a byte order mark.
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    /// UTF-16 that begins with a byte order mark.
    #[serde(rename = "utf-16")]
    Utf16,
    /// Windows-1252, the "ANSI" of Western Europe and America.
    #[serde(rename = "windows-1252")]
    Windows1252,
    /// ISO 8859-1, also called Latin-1.
    #[serde(rename = "iso-8859-1")]
    Latin1,
}

impl Delimiter {
    /// All of them, in the order in which they are tried where a dialect is inferred.
    pub const ALL: [Self; 4] = [Self::Comma, Self::Semicolon, Self::Tab, Self::Bar];

    /// The character, which is one byte.
    pub fn byte(self) -> u8 {
        match self {
            Self::Comma => b',',
            Self::Semicolon => b';',
            Self::Tab => b'\t',
            Self::Bar => b'|',
        }
    }

    /// Several of them, as messages name them.
    pub fn plural(self) -> &'static str {
        match self {
            Self::Comma => "commas",
            Self::Semicolon => "semicolons",
            Self::Tab => "tabs",
            Self::Bar => "vertical bars",
        }
    }

    /// One of them, as messages name it.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Comma => "comma",
            Self::Semicolon => "semicolon",
            Self::Tab => "tab",
            Self::Bar => "vertical bar",
        }
    }

    /// Its form in `slipway.yaml`.
    pub fn written(self) -> &'static str {
        match self {
            Self::Comma => r#"",""#,
            Self::Semicolon => r#"";""#,
            Self::Tab => r#""\t""#,
            Self::Bar => r#""|""#,
        }
    }
}

impl Quote {
    /// The character, which is one byte.
    pub fn byte(self) -> u8 {
        match self {
            Self::Double => b'"',
            Self::Single => b'\'',
        }
    }
}

impl Decimal {
    /// A cell in the form with a decimal point; `None` if it cannot be a number in this form, because it contains the other
    /// character.
    pub fn with_point(self, text: &str) -> Option<Cow<'_, str>> {
        match self {
            Self::Comma if text.contains('.') => None,
            Self::Comma if text.contains(',') => Some(Cow::Owned(text.replace(',', "."))),
            Self::Point | Self::Comma => Some(Cow::Borrowed(text)),
        }
    }
}

impl Encoding {
    /// Its name in `slipway.yaml`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Utf16 => "utf-16",
            Self::Windows1252 => "windows-1252",
            Self::Latin1 => "iso-8859-1",
        }
    }

    /// Its name in messages.
    pub fn title(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Utf16 => "UTF-16",
            Self::Windows1252 => "Windows-1252",
            Self::Latin1 => "ISO 8859-1",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_is_written_as_the_character_that_it_stands_for() {
        for delimiter in Delimiter::ALL {
            let character = char::from(delimiter.byte()).to_string();
            assert_eq!(serde_json::to_value(delimiter).expect("written"), character);
            assert_eq!(serde_json::to_string(&character).expect("written"), delimiter.written());
        }
        let dialect: Dialect =
            serde_json::from_value(serde_json::json!({"quote": "'", "decimal": ",", "encoding": "windows-1252"}))
                .expect("a dialect");
        assert_eq!((dialect.delimiter, dialect.quote.byte()), (Delimiter::Comma, b'\''));
        assert_eq!((dialect.decimal, dialect.encoding.name()), (Decimal::Comma, "windows-1252"));
        for encoding in [Encoding::Utf8, Encoding::Utf16, Encoding::Windows1252, Encoding::Latin1] {
            assert_eq!(serde_json::to_value(encoding).expect("written"), encoding.name());
        }
    }

    #[test]
    fn a_decimal_comma_becomes_a_point_and_a_point_beside_it_is_no_number() {
        assert_eq!(Decimal::Comma.with_point("-1,5e3").as_deref(), Some("-1.5e3"));
        assert_eq!(Decimal::Comma.with_point("15").as_deref(), Some("15"));
        for text in ["1.5", "1.234", "1.234,5"] {
            assert_eq!(Decimal::Comma.with_point(text), None, "{text}");
        }
        assert_eq!(Decimal::Point.with_point("1.5").as_deref(), Some("1.5"));
    }
}
