//! One value of a predictions file, whatever wrote it: what it may stand for, and what it is called.

use std::borrow::Cow;
use std::fmt;

/// Whole numbers of a float up to this are exact (2^53): above it neighbours are told apart no more.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

/// A value that is there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Cell<'value> {
    /// The bytes of a text, not yet known to be UTF-8.
    Text(&'value [u8]),
    /// A cell of CSV: a text that may as well stand for a number or a truth value.
    Written(&'value str),
    /// A whole number of any width, with or without sign.
    Whole(i128),
    /// A 32-bit float.
    Single(f32),
    /// A 64-bit float.
    Double(f64),
    /// A truth value.
    Truth(bool),
}

impl<'value> Cell<'value> {
    /// The value as it is shown and grouped by: whole numbers in decimal, truth values as `true` and `false`. `None` if its
    /// bytes are no UTF-8.
    pub(super) fn text(self) -> Option<Cow<'value, str>> {
        Some(match self {
            Self::Text(bytes) => Cow::Borrowed(std::str::from_utf8(bytes).ok()?),
            Self::Written(text) => Cow::Borrowed(text),
            Self::Whole(number) => Cow::Owned(number.to_string()),
            Self::Single(number) => Cow::Owned(number.to_string()),
            Self::Double(number) => Cow::Owned(number.to_string()),
            Self::Truth(truth) => Cow::Owned(truth.to_string()),
        })
    }

    /// The number it stands for; `None` if it stands for none. It may be NaN or infinite.
    pub(super) fn number(self) -> Option<f64> {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "numbers beyond 2^53 are measured as the nearest ones")]
            Self::Whole(number) => Some(number as f64),
            Self::Single(number) => Some(f64::from(number)),
            Self::Double(number) => Some(number),
            Self::Written(text) => text.parse().ok(),
            Self::Text(_) | Self::Truth(_) => None,
        }
    }

    /// The whole number it stands for: pandas turns whole numbers to floats where a column has, or once had, a gap.
    pub(super) fn whole(self) -> Option<i128> {
        match self {
            Self::Whole(number) => Some(number),
            Self::Written(text) => text.parse().ok().or_else(|| whole(self.number()?)),
            Self::Single(_) | Self::Double(_) => whole(self.number()?),
            Self::Text(_) | Self::Truth(_) => None,
        }
    }

    /// The truth value it stands for.
    pub(super) fn truth(self) -> Option<bool> {
        match self {
            Self::Truth(truth) => Some(truth),
            Self::Written("true" | "True") => Some(true),
            Self::Written("false" | "False") => Some(false),
            _ => None,
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "it is whole and below 2^53")]
fn whole(number: f64) -> Option<i128> {
    (number.fract() == 0.0 && number.abs() <= MAX_EXACT).then_some(number as i128)
}

/// What the values of a column are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// Texts, categories included.
    Text,
    /// Cells of CSV.
    Written,
    /// Whole numbers.
    Whole,
    /// Whole numbers that stand for something else: a date, a time, a decimal. They can be grouped by and nothing else.
    Coded(String),
    /// Floats.
    Float,
    /// Truth values.
    Truth,
    /// Floats of 16 bits, which keep three digits: too few for figures that are computed again.
    Half,
    /// Anything else, by the name of its type.
    Other(String),
}

impl Kind {
    /// Whether its values are numbers, or may stand for some.
    pub(super) fn is_number(&self) -> bool {
        matches!(self, Self::Written | Self::Whole | Self::Float)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text | Self::Written => f.write_str("texts"),
            Self::Whole => f.write_str("whole numbers"),
            Self::Float => f.write_str("floats"),
            Self::Truth => f.write_str("truth values"),
            Self::Half => f.write_str("floats of 16 bits"),
            Self::Coded(name) | Self::Other(name) => write!(f, "values of type {name}"),
        }
    }
}
