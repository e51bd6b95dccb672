//! A marked value within a larger one, as in `MODEL=none`: what stands before and after it stays. Where the mark does not say
//! that there is more, more is noticed, and nothing is overwritten.

use super::field::Field;

/// What stands in a marked place before anything was promoted.
const NOTHING_YET: &str = "none";
/// The letters of a SHA-256 as digests write it.
const DIGEST_LETTERS: usize = 64;
/// How digests begin.
const DIGEST: &str = "sha256:";

/// What stands before and after a marked value in the same scalar.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Around {
    /// Before it.
    pub(super) prefix: String,
    /// After it.
    pub(super) suffix: String,
}

impl Around {
    /// The marked value within a scalar's text; `None` if the text does not begin and end as the mark says.
    pub(super) fn within<'text>(&self, text: &'text str) -> Option<&'text str> {
        text.strip_prefix(self.prefix.as_str())?.strip_suffix(self.suffix.as_str())
    }

    /// The scalar's text for a marked value.
    pub(super) fn around(&self, value: &str) -> String {
        format!("{}{value}{}", self.prefix, self.suffix)
    }

    /// What stands around a value of the field in `text` beyond what is known already, as far as it can be told; `None` if
    /// the text may well be such a value and nothing else.
    pub(super) fn more(&self, field: Field, text: &str) -> Option<Self> {
        let (before, after) = rest_of(field, text)?;
        Some(Self { prefix: format!("{}{before}", self.prefix), suffix: format!("{after}{}", self.suffix) })
    }
}

/// What stands before and after a value of the field.
fn rest_of(field: Field, text: &str) -> Option<(&str, &str)> {
    let known = match field {
        Field::Digest => digest_in(text),
        Field::Uri => uri_in(text),
        Field::Version | Field::Run => None,
    };
    if let Some((from, to)) = known {
        return (from > 0 || to < text.len()).then(|| (&text[..from], &text[to..]));
    }
    if let Some(from) = after_assignment(text) {
        return Some((&text[..from], ""));
    }
    if let Some((from, to)) = placeholder_in(text) {
        return (from > 0 || to < text.len()).then(|| (&text[..from], &text[to..]));
    }
    if text.starts_with('-')
        && let Some(from) = text.rfind(char::is_whitespace)
    {
        return Some((&text[..=from], ""));
    }
    // A tag of an image: no version holds these signs.
    let from = text.rfind([':', '@', '/']).filter(|_| field == Field::Version)?;
    Some((&text[..=from], ""))
}

/// Where a digest stands.
fn digest_in(text: &str) -> Option<(usize, usize)> {
    let from = text.find(DIGEST)?;
    let letters = text[from + DIGEST.len()..].bytes().take_while(u8::is_ascii_hexdigit).count().min(DIGEST_LETTERS);
    Some((from, from + DIGEST.len() + letters))
}

/// Where an address with a scheme stands: up to a space, a quote or a comma. A text that begins with one holds whatever an
/// address may hold (RFC 3986, section 2), and one of a file is a path, which may hold anything.
fn uri_in(text: &str) -> Option<(usize, usize)> {
    let colon = text.find("://")?;
    let is_of_scheme = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    let scheme = text.as_bytes()[..colon].iter().rev().take_while(|byte| is_of_scheme(byte)).count();
    let from = colon - scheme;
    let ends = |c: char| match c {
        _ if text.starts_with("file://") => false,
        '\'' | ',' | ';' | ')' => from > 0,
        '"' | '`' | '}' | ']' => true,
        c => c.is_whitespace(),
    };
    let to = text[colon..].find(ends).map_or(text.len(), |length| colon + length);
    Some((from, to))
}

/// Where the value of `NAME=value` or `--option=value` begins.
fn after_assignment(text: &str) -> Option<usize> {
    let (name, _) = text.split_once('=')?;
    let bare = name.strip_prefix("--").or_else(|| name.strip_prefix('-')).unwrap_or(name);
    let first = bare.bytes().next()?;
    let is_name = (first.is_ascii_alphabetic() || first == b'_')
        && bare.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
    is_name.then_some(name.len() + 1)
}

/// Where the word stands that means that nothing was promoted yet.
fn placeholder_in(text: &str) -> Option<(usize, usize)> {
    let is_apart = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric() && !matches!(c, '_' | '-' | '.' | '/'));
    let mut found = text.match_indices(NOTHING_YET).map(|(from, word)| (from, from + word.len()));
    found.find(|(from, to)| is_apart(text[..*from].chars().next_back()) && is_apart(text[*to..].chars().next()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_a_value_is_told_from_a_value() {
        let digest = format!("sha256:{}", "0f".repeat(32));
        for (field, text, before, after) in [
            (Field::Uri, "MODEL=none", "MODEL=", ""),
            (Field::Uri, "--model=s3://models/a", "--model=", ""),
            (Field::Uri, "--model s3://models/a --verbose", "--model ", " --verbose"),
            (Field::Uri, r#"{"uri": "none"}"#, r#"{"uri": ""#, r#""}"#),
            (Field::Uri, r#"{"uri": "s3://a/b"}"#, r#"{"uri": ""#, r#""}"#),
            (Field::Uri, "-m none", "-m ", ""),
            (Field::Uri, "none,none", "", ",none"),
            (Field::Version, "repo:none", "repo:", ""),
            (Field::Version, "registry:5000/app:v12", "registry:5000/app:", ""),
            (Field::Version, "registry/app", "registry/", ""),
            (Field::Digest, "repo@none", "repo@", ""),
            (Field::Digest, &format!("repo/app@{digest}"), "repo/app@", ""),
            (Field::Digest, &format!("{digest}-x"), "", "-x"),
            (Field::Run, "RUN_ID=", "RUN_ID=", ""),
            (Field::Run, "run none", "run ", ""),
        ] {
            assert_eq!(rest_of(field, text), Some((before, after)), "{field} in `{text}`");
        }
        for (field, text) in [
            (Field::Uri, ""),
            (Field::Uri, "none"),
            (Field::Uri, "s3://models/none?x=1&y=2"),
            (Field::Uri, "file:///models/a"),
            (Field::Uri, "file:///srv/My Models (new), 'a'; b/state"),
            (Field::Uri, "s3://models/a(1),b;c='d'"),
            (Field::Uri, "models/old"),
            (Field::Uri, "not yet"),
            (Field::Digest, digest.as_str()),
            (Field::Digest, "sha256:123"),
            (Field::Digest, "abc"),
            (Field::Version, "v12"),
            (Field::Version, "2026-11-24-9f86d081"),
            (Field::Version, "nonesuch"),
            (Field::Run, "0190c7a2-run"),
        ] {
            assert_eq!(rest_of(field, text), None, "{field} in `{text}`");
        }
    }

    #[test]
    fn what_stands_around_a_value_stays_around_the_next_one() {
        let around = Around { prefix: "MODEL=".to_owned(), suffix: ";".to_owned() };
        assert_eq!(around.within("MODEL=none;"), Some("none"));
        assert_eq!(around.within("MODEL="), None);
        assert_eq!(Around { prefix: "ab".to_owned(), suffix: "bc".to_owned() }.within("abc"), None);
        assert_eq!(around.around("s3://a"), "MODEL=s3://a;");
        let more = around.more(Field::Uri, "x=none").expect("more");
        assert_eq!((more.prefix.as_str(), more.suffix.as_str()), ("MODEL=x=", ";"));
    }
}
