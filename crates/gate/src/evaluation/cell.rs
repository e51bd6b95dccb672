//! One value of a predictions file in any format: its type and its conversions.

use std::borrow::Cow;
use std::fmt;

/// The largest whole number up to which a float is exact (2^53). Above it, different whole numbers can have the same float.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

/// A value that is present.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Cell<'value> {
    /// The bytes of a text, not yet validated as UTF-8.
    Text(&'value [u8]),
    /// A cell of CSV: a text that may also represent a number or a truth value.
    Written(&'value str),
    /// A whole number of any width, signed or unsigned.
    Whole(i128),
    /// A 32-bit float.
    Single(f32),
    /// A 64-bit float.
    Double(f64),
    /// A truth value.
    Truth(bool),
}

impl<'value> Cell<'value> {
    /// The value as it is shown and grouped by: whole numbers in decimal, truth values as `true` and `false`. `None` if its bytes
    /// are not UTF-8.
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

    /// The number that the value represents, or `None`. It may be NaN or infinite.
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

    /// The whole number that the value represents, or `None`. pandas converts whole numbers to floats if a column has, or once
    /// had, a missing value.
    pub(super) fn whole(self) -> Option<i128> {
        match self {
            Self::Whole(number) => Some(number),
            Self::Written(text) => text.parse().ok().or_else(|| whole(self.number()?)),
            Self::Single(_) | Self::Double(_) => whole(self.number()?),
            Self::Text(_) | Self::Truth(_) => None,
        }
    }

    /// The truth value that the value represents, or `None`.
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

/// The type of a column's values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// Texts, categories included.
    Text,
    /// Cells of CSV.
    Written,
    /// Whole numbers.
    Whole,
    /// Whole numbers that encode something else: a date, a time or a decimal. Rows can be grouped by them. They have no other
    /// use.
    Coded(String),
    /// Floats.
    Float,
    /// Truth values.
    Truth,
    /// 16-bit floats, which keep three digits. That is too few to recompute a figure.
    Half,
    /// Any other type, with its name.
    Other(String),
}

impl Kind {
    /// Whether its values are numbers or may represent numbers.
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
