//! What a text that is no number probably means, and how to make a number of it.

use super::number::{MISSING, SPREADSHEET_ERRORS, parse};
use super::shown;
use crate::Decimal;

const INFINITE: [&str; 4] = ["inf", "infinity", "∞", "1.#inf"];
/// Truth values as words.
const TRUTHS: [&str; 10] = ["true", "false", "yes", "no", "on", "off", "t", "f", "y", "n"];
const CURRENCIES: [char; 9] = ['$', '€', '£', '¥', '₹', '₩', '₽', '₺', '¢'];
/// The help text for a missing value.
const FILL: &str = "list the columns in `spec.data.columns`, where `{type: number, missing: [NA]}` names missing values; or write a \
                    number in every such row, or remove the row";

/// The message and the help text for a text that is not a finite number with this character before its fraction.
pub fn not_a_number(text: &str, decimal: Decimal) -> (String, String) {
    let (trimmed, shown) = (text.trim(), shown(text));
    if decimal == Decimal::Comma && trimmed.contains('.') && plain(trimmed).is_some() {
        let message = format!("`{shown}` contains a point, and `spec.data.dialect.decimal` is a comma");
        return (
            message,
            "remove the thousands separators; if the points are decimal points, set `decimal: \".\"`".to_owned(),
        );
    }
    let lower = trimmed.to_lowercase();
    let is_none = format!("`{shown}` is not a finite number");
    if trimmed.is_empty() {
        return ("the cell is empty (a missing value), expected a number".to_owned(), FILL.to_owned());
    }
    if MISSING.contains(&lower.as_str()) {
        return (format!("{is_none}: it means a missing value"), FILL.to_owned());
    }
    if SPREADSHEET_ERRORS.contains(&lower.as_str()) {
        return (format!("{is_none}: it is a spreadsheet error, which counts as a missing value"), FILL.to_owned());
    }
    if INFINITE.contains(&lower.trim_start_matches(['+', '-'])) {
        return (format!("{is_none}: treat it as a missing value"), FILL.to_owned());
    }
    (is_none, help_for(trimmed, &lower))
}

/// The help text for a text that is neither a number nor a missing value.
fn help_for(text: &str, lower: &str) -> String {
    if text.parse::<f64>().is_ok_and(f64::is_infinite) {
        return "the number exceeds the range of 64-bit floats (1.8e308): divide the column by a constant".to_owned();
    }
    if TRUTHS.contains(&lower) {
        return "write truth values as 1 and 0".to_owned();
    }
    if looks_like_time(text) {
        return "convert dates and times to numbers, such as days since a fixed day, or leave the column out of \
         `spec.data.features`"
            .to_owned();
    }
    if let Some(help) = undecorated(text) {
        return help;
    }
    if is_hexadecimal(lower) {
        return "write whole numbers with decimal digits".to_owned();
    }
    if let Some((number, unit)) = with_unit(text) {
        return without_unit(&number, unit);
    }
    "list the columns with their types in `spec.data.columns`: `{type: category}` learns from texts".to_owned()
}

/// How to make a number of a text that is one with a percent sign, a currency, separators of thousands or a unit; `None` for any
/// other text.
pub fn decoration(text: &str) -> Option<String> {
    let text = text.trim();
    if parse(text).is_some() || looks_like_time(text) {
        return None;
    }
    undecorated(text).or_else(|| with_unit(text).map(|(number, unit)| without_unit(&number, unit)))
}

fn without_unit(number: &str, unit: &str) -> String {
    format!("remove the unit `{}` in every row: `{number}`", shown(unit))
}

fn undecorated(text: &str) -> Option<String> {
    if let Some(number) = text.strip_suffix('%').and_then(plain) {
        return Some(format!("remove the percent sign in every row: `{number}`"));
    }
    if let Some(number) = without_currency(text).and_then(|text| plain(&text)) {
        return Some(format!("remove the currency in every row: `{number}`"));
    }
    let number = plain(text).filter(|number| number != text)?;
    Some(if has_decimal_comma(text) {
        format!(
            "use a decimal point: `{number}`; or set `spec.data.dialect.decimal: \",\"` if all numbers have a comma"
        )
    } else {
        format!("remove the thousands separators: `{number}`")
    })
}

fn is_hexadecimal(lower: &str) -> bool {
    lower
        .strip_prefix("0x")
        .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// A number without separators of digits and with a plain sign, from forms such as `1,234.5`, `1.234,5`, `1 234`, `1'234`, `1,5`,
/// `−5`, `(45)`.
fn plain(text: &str) -> Option<String> {
    let text = text.trim();
    let text = match text.strip_prefix('(').and_then(|text| text.strip_suffix(')')) {
        // Accounting notation of a negative number.
        Some(inner) => format!("-{}", inner.trim()),
        None => text.trim_start_matches('\'').to_owned(),
    };
    let text: String = text
        .chars()
        .filter(|c| !matches!(c, '\'' | '’' | '_' | ' ' | '\u{a0}' | '\u{202f}' | '\u{2009}'))
        .map(|c| if matches!(c, '−' | '–') { '-' } else { c })
        .collect();
    let text = match (text.matches(',').count(), text.matches('.').count()) {
        (0, 0 | 1) => text,
        (0, _) if groups_of_three(&text, '.') => text.replace('.', ""),
        (1, 0) if !groups_of_three(&text, ',') => text.replace(',', "."),
        (1, 1..) if text.rfind(',') > text.rfind('.') => text.replace('.', "").replace(',', "."),
        (_, 0 | 1) => text.replace(',', ""),
        _ => return None,
    };
    parse(&text).map(|_| text)
}

/// Whether the comma in a text is a decimal separator.
fn has_decimal_comma(text: &str) -> bool {
    text.matches(',').count() == 1 && !groups_of_three(text, ',') && text.rfind(',') > text.rfind('.')
}

/// Whether every part after a separator has three digits, as groups of thousands have.
fn groups_of_three(text: &str, separator: char) -> bool {
    let mut parts = text.trim_start_matches(['+', '-']).split(separator);
    let is_short = |part: &str| (1..=3).contains(&part.len()) && part != "0";
    parts.next().is_some_and(is_short)
        && parts.all(|part| part.len() == 3 && part.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A text without the sign or the code of a currency.
fn without_currency(text: &str) -> Option<String> {
    const CODES: [&str; 8] = ["USD", "EUR", "GBP", "JPY", "CHF", "CNY", "INR", "kr"];
    let signs = |text: &str| {
        text.contains(CURRENCIES) || CODES.iter().any(|code| text.starts_with(code) || text.ends_with(code))
    };
    if !signs(text) {
        return None;
    }
    let inner = CODES.iter().fold(text, |text, code| {
        let text = text.strip_prefix(code).unwrap_or(text);
        text.strip_suffix(code).unwrap_or(text)
    });
    Some(inner.chars().filter(|c| !CURRENCIES.contains(c)).collect())
}

/// A number and the unit after it.
fn with_unit(text: &str) -> Option<(String, &str)> {
    let start = text.find(|c: char| c.is_alphabetic() || c == '°')?;
    let (number, unit) = text.split_at(start);
    let letters =
        unit.chars().count() <= 8 && unit.chars().all(|c| c.is_alphabetic() || matches!(c, '°' | '/' | '²' | '³'));
    Some((plain(number).filter(|_| letters)?, unit))
}

/// Whether a text has the form of a date, of a time of day, or of both.
fn looks_like_time(text: &str) -> bool {
    let date = text.split(['T', ' ']).next().unwrap_or_default();
    let is_date = ['-', '/', '.'].iter().any(|separator| {
        let parts: Vec<&str> = date.split(*separator).collect();
        let digits = |part: &&str| (1..=4).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        let is_month = |part: &&str| part.len() >= 3 && part.chars().all(char::is_alphabetic);
        match parts.as_slice() {
            [one, two, three] => {
                let (days, month) = ([one, two, three].iter().filter(|part| digits(part)).count(), is_month(two));
                let years = [one, three].iter().any(|part| part.len() == 4) || two.len() <= 2;
                (days == 3 && years) || (days == 2 && month)
            }
            [one, two] => *separator != '.' && one.len() == 4 && two.len() <= 2 && digits(one) && digits(two),
            _ => false,
        }
    });
    is_date || is_time_of_day(text) || names_a_month(text)
}

fn is_time_of_day(text: &str) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    let is_part = |part: &&str| {
        let part = part.split(['.', ' ']).next().unwrap_or_default();
        (1..=2).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    (2..=3).contains(&parts.len()) && parts.iter().all(is_part)
}

/// Whether a text names a month: `Jan 5, 2026`, `5 January 2026`.
fn names_a_month(text: &str) -> bool {
    const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let words: Vec<String> =
        text.split([' ', ',', '-']).filter(|word| !word.is_empty()).map(str::to_lowercase).collect();
    let is_month =
        |word: &String| MONTHS.iter().any(|month| word.starts_with(month)) && word.chars().all(char::is_alphabetic);
    let is_number = |word: &String| word.bytes().all(|byte| byte.is_ascii_digit());
    (2..=4).contains(&words.len()) && words.iter().any(is_month) && words.iter().any(is_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_with_a_sign_or_a_unit_is_distinguished_from_other_texts() {
        for (text, number) in [
            ("46%", "46"),
            ("30 €", "30"),
            ("EUR 1,250.50", "1250.50"),
            ("1,234,567", "1234567"),
            ("12 kg", "12"),
            ("(45)", "-45"),
        ] {
            let help = decoration(text).unwrap_or_else(|| panic!("{text} is a number with a sign"));
            assert!(help.contains(&format!("`{number}`")), "{text}: {help}");
        }
        for text in ["red", "12", "2024-01-31", "A12", "0x1F", "", "12 red apples", "1.2.3.4"] {
            assert_eq!(decoration(text), None, "{text}");
        }
    }

    #[test]
    fn every_spelling_of_a_missing_value_is_said_to_be_one() {
        for text in [
            "", " ", "NaN", "nan", "NA", "N/A", "null", "NULL", "None", "<NA>", "#N/A", "?", "-", "inf", "-inf",
            "Infinity", "NaT", "\\N", "#DIV/0!", "1.#QNAN", "-∞",
        ] {
            let (message, help) = not_a_number(text, Decimal::Point);
            assert!(message.contains("a missing value"), "{text}: {message}");
            assert!(help.contains("write a number") && help.contains("remove the row"), "{text}: {help}");
        }
    }

    #[test]
    fn what_people_write_for_numbers_has_a_help_of_its_own() {
        for (text, expected) in [
            ("1,234", "thousands separators: `1234`"),
            ("-1,234,567.89", "thousands separators: `-1234567.89`"),
            ("1.234.567", "thousands separators: `1234567`"),
            ("1.234,5", "decimal point: `1234.5`"),
            ("1 234", "thousands separators: `1234`"),
            ("1'234", "thousands separators: `1234`"),
            ("1_234", "thousands separators: `1234`"),
            ("1,5", "decimal point: `1.5`"),
            ("0,123", "decimal point: `0.123`"),
            ("31%", "percent sign in every row: `31`"),
            ("31.5 %", "percent sign in every row: `31.5`"),
            ("$45", "currency in every row: `45`"),
            ("-$1,045.50", "remove the currency"),
            ("45 €", "currency in every row: `45`"),
            ("EUR 45", "currency in every row: `45`"),
            ("(45)", "`-45`"),
            ("−5", "`-5`"),
            ("True", "1 and 0"),
            ("no", "1 and 0"),
            ("2026-01-31", "dates"),
            ("31.01.2026", "dates"),
            ("1/31/26", "dates"),
            ("2026-01-31T12:30:00Z", "dates"),
            ("2026-01", "dates"),
            ("12:30", "dates"),
            ("12:30:59.5", "dates"),
            ("Jan 5, 2026", "dates"),
            ("5-Jan-2026", "dates"),
            ("0x1F", "decimal digits"),
            ("5kg", "unit `kg` in every row: `5`"),
            ("21.5 °C", "remove the unit `°C`"),
            ("1e999", "1.8e308"),
            ("tall", "{type: category}"),
            ("1.2.3", "dates"),
            ("a,b", "{type: category}"),
        ] {
            let (message, help) = not_a_number(text, Decimal::Point);
            assert!(message.contains("is not a finite number"), "{message}");
            assert!(help.contains(expected), "{text}: expected `{expected}`, came `{help}`");
        }
    }
}
