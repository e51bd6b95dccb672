//! Writes a number with its noun: `1 row`, `2 rows`.

use std::fmt;

/// A number of things: `1 row`, `2 rows`, `1 policy`, `0 policies`. `thing` is the singular; of several words the last one changes.
#[expect(clippy::needless_pass_by_value, reason = "numbers are small, and callers compute them in place")]
pub fn counted<N: fmt::Display + PartialEq + From<u8>>(number: N, thing: &str) -> String {
    if number == N::from(1) { format!("{number} {thing}") } else { format!("{number} {}", plural(thing)) }
}

/// A number of things as a subject: `1 row is`, `2 rows are`.
pub fn counted_are<N: fmt::Display + PartialEq + From<u8>>(number: N, thing: &str) -> String {
    let verb = if number == N::from(1) { "is" } else { "are" };
    format!("{} {verb}", counted(number, thing))
}

/// The plural of a noun, by the rules for regular nouns.
fn plural(thing: &str) -> String {
    let before = |ending: &str| thing.strip_suffix(ending);
    if let Some(stem) = before("person") {
        return format!("{stem}people");
    }
    match before("y") {
        Some(stem) if !stem.ends_with(['a', 'e', 'i', 'o', 'u']) => format!("{stem}ies"),
        _ if thing.ends_with(['s', 'x']) || thing.ends_with("ch") || thing.ends_with("sh") => format!("{thing}es"),
        _ => format!("{thing}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_is_no_things() {
        for (thing, one, several) in [
            ("row", "1 row", "2 rows"),
            ("policy", "1 policy", "2 policies"),
            ("day", "1 day", "2 days"),
            ("class", "1 class", "2 classes"),
            ("push", "1 push", "2 pushes"),
            ("person", "1 person", "2 people"),
            ("more slice", "1 more slice", "2 more slices"),
        ] {
            assert_eq!(counted(1_u64, thing), one);
            assert_eq!(counted(2_usize, thing), several);
        }
        assert_eq!(counted(0_u32, "row"), "0 rows");
        assert_eq!(counted_are(1_u64, "row"), "1 row is");
        assert_eq!(counted_are(2_u64, "row"), "2 rows are");
    }
}
