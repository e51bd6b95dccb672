//! Numbers in tables: which texts are numbers, and whether their digits fit into a 64-bit float.

pub use super::number_help::{decoration, not_a_number};
use crate::Decimal;

/// The number of digits that every 64-bit float keeps (IEEE 754).
const KEPT_DIGITS: usize = 15;

/// Spellings of a missing value, in lower case: those that pandas reads as missing, and those of other programs.
pub(super) const MISSING: [&str; 24] = [
    "nan", "-nan", "+nan", "na", "n/a", "n.a.", "#n/a", "#n/a n/a", "#na", "<na>", "<n/a>", "nat", "null", "(null)",
    "<null>", "nil", "none", "missing", "\\n", "?", "-", "--", ".", "1.#qnan",
];
/// Error values of spreadsheets, in lower case.
pub(super) const SPREADSHEET_ERRORS: [&str; 6] = ["#value!", "#ref!", "#div/0!", "#num!", "#name?", "#null!"];

/// The finite number in a text. White space around it is ignored.
pub fn parse(text: &str) -> Option<f64> {
    text.trim().parse::<f64>().ok().filter(|value| value.is_finite())
}

/// The finite number in a text with this character before its fraction. White space around it is ignored.
pub fn parse_with(text: &str, decimal: Decimal) -> Option<f64> {
    parse(&decimal.with_point(text)?)
}

/// A number in a canonical form that all its spellings share: `0.50`, `+.5` and `5e-1` are `5e-1`. All digits count. `None` if
/// the text is not a number.
pub fn canonical(text: &str) -> Option<String> {
    let text = text.trim();
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (text, 0),
    };
    let (negative, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let exponent = exponent.checked_sub(i64::try_from(fraction.len()).ok()?)?;
    let significant = digits.trim_end_matches('0');
    let exponent = exponent.checked_add(i64::try_from(digits.len() - significant.len()).ok()?)?;
    let significant = significant.trim_start_matches('0');
    if significant.is_empty() {
        return Some("0e0".to_owned());
    }
    Some(format!("{}{significant}e{exponent}", if negative { "-" } else { "" }))
}

/// The canonical form of a whole number that a 64-bit float changes, usually an identifier above 2^53. `None` if all digits are
/// kept, and for numbers with a fraction or an exponent, because programs write the same float with 17 or with 25 digits.
pub fn lost_digits(text: &str, value: f64) -> Option<String> {
    let text = text.trim();
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let is_whole = whole.bytes().all(|byte| byte.is_ascii_digit()) && fraction.bytes().all(|byte| byte == b'0');
    if !is_whole || whole.len() <= KEPT_DIGITS {
        return None;
    }
    let written = canonical(text)?;
    (canonical(&format!("{value:.0}")).as_ref() != Some(&written)).then_some(written)
}

/// Whether a text is a usual spelling of a missing value.
pub fn is_missing_spelling(text: &str) -> bool {
    let lower = text.trim().to_lowercase();
    [&MISSING[..], &SPREADSHEET_ERRORS].iter().any(|spellings| spellings.contains(&lower.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_number_have_one_form_and_every_digit_counts() {
        for (texts, expected) in [
            (&["0.5", "0.50", ".5", "+5e-1", "0050e-2", " 0.5 "][..], "5e-1"),
            (&["1200", "1.2e3", "+1200.0", "12E2"], "12e2"),
            (&["0", "-0", "0.000", "0e9"], "0e0"),
            (&["-3", "-3.0"], "-3e0"),
            (&["9007199254740993"], "9007199254740993e0"),
        ] {
            for text in texts {
                assert_eq!(canonical(text).as_deref(), Some(expected), "{text}");
            }
        }
        for text in ["", "e5", ".", "1e", "1e99999999999999999999", "nan", "0x1F", "1_0", "1 0", "--1", "1e1.5"] {
            assert_eq!(canonical(text), None, "{text}");
        }
    }

    #[test]
    fn digits_of_a_whole_number_are_lost_where_the_float_is_another_number() {
        let lost = |text: &str| lost_digits(text, parse(text).expect("a number")).is_some();
        for text in [
            "9007199254740993",
            "1445078208190291969",
            "1445078208190292000",
            "-9007199254740993",
            "+9007199254740993",
            "9007199254740993.0",
            "12345678901234567890",
        ] {
            assert!(lost(text), "{text}");
        }
        for text in [
            "9007199254740992",
            "9007199254740992.000000",
            "0000000000000000000000042",
            "1445078208190291968",
            "0.1",
            "1e300",
            "0.30000000000000004",
            "123456789012345",
            "1e22",
        ] {
            assert!(!lost(text), "{text}");
        }
    }

    #[test]
    fn numbers_with_a_fraction_or_an_exponent_are_what_the_float_is_however_many_digits_are_written() {
        for (one, other) in [
            ("1.234499999999999931e+00", "1.2345"),
            ("1.00000000000000005551e-01", "0.1"),
            ("9.999999999999999161e+22", "1e+23"),
            ("1.445078208190291968e+18", "1.445078208190292e+18"),
            ("0.1234567890123456789", "0.12345678901234568"),
        ] {
            let values = [one, other].map(|text| parse(text).expect("a number"));
            assert_eq!(values[0].to_bits(), values[1].to_bits(), "{one} and {other}");
            assert_eq!([lost_digits(one, values[0]), lost_digits(other, values[1])], [None, None], "{one} and {other}");
        }
    }
}
