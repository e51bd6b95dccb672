//! Suggests a replacement for a value of the wrong type.

use super::complaint::{A_TEXT, Came};
use super::search::Place;
use super::tree::{Kind, Node, Tree};

/// The help text for a value of the wrong type. `key` is the key or the choice that the value belongs to.
pub(super) fn for_mismatch(place: Place<'_>, key: Option<&str>, expected: &str, came: &Came) -> Option<String> {
    let node = place.node;
    match came {
        Came::Nothing => Some(for_nothing(node, expected)),
        Came::Scalar { text, .. } => for_scalar(node, node.scalar().unwrap_or(text), expected),
        Came::Mapping | Came::List if expected == A_TEXT || is_number(expected) => {
            let alone = only_scalar(node)?;
            Some(match key {
                Some(key) => format!("write the value alone: `{key}: {alone}`"),
                None => format!("write the value alone: `{alone}`"),
            })
        }
        Came::Mapping if expected == "a list" => Some("write a list: one item per line, each after `- `".to_owned()),
        Came::Mapping if expected == "a name alone" => {
            let Kind::Mapping { entries, .. } = &node.kind else { return None };
            entries.first()?.key.scalar().map(|name| format!("write `{name}` alone"))
        }
        Came::Other(words)
            if expected == "a name with a value" || (expected == "a mapping" && words == "a name alone") =>
        {
            let name = node.scalar().or(key)?;
            Some(format!("write its keys below it, as in `{name}: {{KEY: VALUE}}`"))
        }
        Came::Other(_) if expected == "a name alone" => key.map(|key| format!("write `{key}` alone")),
        _ => None,
    }
}

/// The help text for an unknown key that is part of a number: `{rate: 0,01}` contains the key `01`.
pub(super) fn for_decimal_comma(tree: &Tree, key: &Node) -> Option<String> {
    let digits = key.scalar().filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))?;
    let before = tree.text().get(..key.span.start)?.strip_suffix(',')?;
    let begin = before.rfind(|c: char| !c.is_ascii_digit() && c != '-').map_or(0, |at| at + 1);
    let whole = before.get(begin..).filter(|whole| whole.bytes().any(|byte| byte.is_ascii_digit()))?;
    let or = if digits.len() == 3 { format!(", or `{whole}{digits}`") } else { String::new() };
    Some(format!("write `{whole}.{digits}`{or} if you mean one number: a comma separates entries"))
}

fn is_number(expected: &str) -> bool {
    expected.starts_with("a whole number") || expected.starts_with("a number")
}

/// Whether any text is valid. Messages of types that accept a name or something else begin with the name.
fn is_any_text(expected: &str) -> bool {
    expected == A_TEXT || expected.starts_with("the name of ")
}

fn for_nothing(node: &Node, expected: &str) -> String {
    match node.scalar() {
        Some(word) if is_any_text(expected) && !node.is_left_out() => {
            format!("write a text; if you mean the word itself, write it in quotes: `\"{word}\"`")
        }
        _ if is_any_text(expected) => "write a text after the key".to_owned(),
        _ => "write a value after the key".to_owned(),
    }
}

fn for_scalar(node: &Node, written: &str, expected: &str) -> Option<String> {
    match expected {
        // Use the file's own spelling: `1.0` is meant, not the number one.
        _ if is_any_text(expected) && !node.is_quoted() => {
            Some(format!("YAML reads it as a number or a truth value; write it in quotes: `\"{written}\"`"))
        }
        "`true` or `false`" => truth_of(written).map(|truth| format!("write `{truth}`, without quotes")),
        "a list" => Some(format!("write a list: `[{written}]`")),
        "a mapping" => Some("write keys with their values below it".to_owned()),
        _ if is_number(expected) => for_number(written, expected, node.is_quoted()),
        _ => None,
    }
}

fn truth_of(written: &str) -> Option<bool> {
    match written.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "y" | "1" => Some(true),
        "false" | "no" | "off" | "n" | "0" => Some(false),
        _ => None,
    }
}

fn for_number(written: &str, expected: &str, is_quoted: bool) -> Option<String> {
    let is_whole = expected.starts_with("a whole number");
    let meant = number_meant(written.trim(), is_whole).filter(|number| is_quoted || number != written);
    let is_number = written.trim().parse::<f64>().is_ok();
    match meant {
        Some(number) if is_quoted => Some(format!("write `{number}`, without quotes")),
        Some(number) => Some(format!("write `{number}`")),
        None if written.ends_with('%') => Some("write a number without `%`".to_owned()),
        None if is_number && written.contains('.') => Some("write a whole number".to_owned()),
        None => is_number.then(|| "write a number in this range".to_owned()),
    }
}

/// The number that a text probably means: without quotes, separators of thousands and leading zeros, with a share instead of per
/// cent, and with a point instead of a comma. `None` if there is no such number.
fn number_meant(written: &str, is_whole: bool) -> Option<String> {
    let (digits, is_share) = match written.strip_suffix('%') {
        Some(share) => (share.trim_end(), true),
        None => (written, false),
    };
    let digits = digits.strip_prefix('+').unwrap_or(digits).replace(['_', '\'', ' ', '\u{a0}', '\u{202f}'], "");
    let digits = without_commas(&digits, is_whole)?;
    let mut number: f64 = digits.parse().ok().filter(|number: &f64| number.is_finite())?;
    if is_share {
        number /= 100.0;
    }
    let is_exact = number.abs() < 9_007_199_254_740_992.0;
    if is_whole && (number.fract() != 0.0 || number < 0.0 || !is_exact) {
        return None;
    }
    Some(if is_whole || is_share { format!("{number}") } else { without_zeros(&digits).to_owned() })
}

/// A comma is a decimal separator, or it separates thousands.
fn without_commas(digits: &str, is_whole: bool) -> Option<String> {
    let parts: Vec<&str> = digits.split(',').collect();
    let are_thousands = parts.len() > 1 && parts[1..].iter().all(|part| part.len() == 3) && !parts[0].starts_with('0');
    match parts.len() {
        1 => Some(digits.to_owned()),
        _ if are_thousands && (is_whole || parts.len() > 2) => Some(parts.concat()),
        2 if !is_whole => Some(parts.join(".")),
        _ => None,
    }
}

fn without_zeros(digits: &str) -> &str {
    let rest = digits.trim_start_matches('0');
    let is_needed = !rest.starts_with(|c: char| c.is_ascii_digit());
    if is_needed && rest.len() < digits.len() { &digits[digits.len() - rest.len() - 1..] } else { rest }
}

/// The only scalar of a mapping or of a list.
fn only_scalar(node: &Node) -> Option<&str> {
    match &node.kind {
        Kind::Mapping { entries, .. } => match &entries[..] {
            [only] => only.value.scalar().filter(|_| !only.value.is_left_out()),
            _ => None,
        },
        Kind::Sequence { items, .. } => match &items[..] {
            [only] => only.scalar(),
            _ => None,
        },
        Kind::Scalar { .. } | Kind::Alias(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_that_is_meant_is_reported() {
        for (written, is_whole, meant) in [
            ("20%", false, "0.2"),
            ("12.5 %", false, "0.125"),
            ("0,01", false, "0.01"),
            ("1_000", true, "1000"),
            ("1,000", true, "1000"),
            ("1'000'000", true, "1000000"),
            ("1 000", true, "1000"),
            ("010", true, "10"),
            ("010.5", false, "10.5"),
            ("00.5", false, "0.5"),
            ("7", true, "7"),
            ("1e3", true, "1000"),
            ("10.0", true, "10"),
            ("+5", true, "5"),
            ("1e-3", false, "1e-3"),
            ("200%", true, "2"),
        ] {
            assert_eq!(number_meant(written, is_whole).as_deref(), Some(meant), "{written}");
        }
        for (written, is_whole) in [
            ("ten", true),
            ("", true),
            ("2.5", true),
            ("-1", true),
            ("20%", true),
            ("0,01", true),
            ("1e300", true),
            ("nan", false),
        ] {
            assert_eq!(number_meant(written, is_whole), None, "{written}");
        }
    }
}
