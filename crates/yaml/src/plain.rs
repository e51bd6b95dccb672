//! Determines the type of an unquoted scalar in readers of YAML 1.1 and 1.2: text, or another type in at least one of them.

/// The type of an unquoted scalar in at least one reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// Text in every reader.
    Text,
    /// A number in some reader: `7`, `1e3`, `0x1f`, `1_000`, `12:30`, `.inf`.
    Number,
    /// A truth value in some reader: `true`, `No`, `on`, `y`.
    Boolean,
    /// Null: `~`, `null`.
    Null,
    /// A date in some reader: `2026-01-31`.
    Date,
    /// A word with a special meaning in YAML 1.1: `<<`, `=`.
    Special,
}

/// The type of an unquoted scalar. If readers differ, a type other than text takes precedence.
pub fn reading_of(text: &str) -> Reading {
    let lower = text.to_ascii_lowercase();
    match lower.as_str() {
        "" | "~" | "null" => Reading::Null,
        "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n" => Reading::Boolean,
        "<<" | "=" => Reading::Special,
        _ if is_number(&lower) => Reading::Number,
        _ if is_date(&lower) => Reading::Date,
        _ => Reading::Text,
    }
}

/// Whether a text needs no quotes in block and flow style, and every reader reads it as the same text.
///
/// This is stricter than YAML: only ASCII letters, digits and `/._-+:@=`, and a first character without a special meaning.
pub fn is_plain_text(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '+' | ':' | '@' | '=');
    let first = text.chars().next();
    first.is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '_'))
        && text.chars().all(allowed)
        && !text.ends_with(':')
        && reading_of(text) == Reading::Text
}

fn is_number(lower: &str) -> bool {
    let unsigned = lower.strip_prefix(['+', '-']).unwrap_or(lower);
    if matches!(unsigned, ".inf" | ".nan") {
        return true;
    }
    if !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return false;
    }
    let bare = unsigned.replace('_', "");
    is_based(&bare) || is_decimal(&bare) || is_sexagesimal(&bare)
}

/// `0x1f`, `0o17`, `0b101`.
fn is_based(text: &str) -> bool {
    let digits = |prefix, base| {
        text.strip_prefix(prefix).is_some_and(|rest: &str| !rest.is_empty() && rest.chars().all(|c| c.is_digit(base)))
    };
    digits("0x", 16) || digits("0o", 8) || digits("0b", 2)
}

/// `1`, `1.5`, `.5`, `1.`, `12e5`, `1.5e-3`.
fn is_decimal(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once('e') {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (text, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    digits(whole)
        && digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && exponent.is_none_or(|exponent| !exponent.is_empty() && digits(exponent))
}

/// `12:30:45`, a sexagesimal number of YAML 1.1.
fn is_sexagesimal(text: &str) -> bool {
    let mut parts = text.split(':');
    let digits = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit());
    parts.next().is_some_and(digits) && {
        let rest: Vec<&str> = parts.collect();
        !rest.is_empty() && rest.iter().all(|part| digits(part.split('.').next().unwrap_or(part)))
    }
}

/// `2026-01-31`, with or without a time.
fn is_date(lower: &str) -> bool {
    let date = lower.find(['t', ' ']).map_or(lower, |end| &lower[..end]);
    let parts: Vec<&str> = date.split('-').collect();
    let digits = |part: &str, lengths: std::ops::RangeInclusive<usize>| {
        lengths.contains(&part.len()) && part.chars().all(|c| c.is_ascii_digit())
    };
    matches!(parts[..], [year, month, day] if digits(year, 4..=4) && digits(month, 1..=2) && digits(day, 1..=2))
}
