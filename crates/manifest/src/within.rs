//! A marked value within a larger scalar, as in `MODEL=none`: its prefix and suffix stay. If the mark does not declare them, they
//! are detected, and nothing is overwritten.

use super::field::Field;
use super::parts::{Part, digest_in, run_in, uri_in, version_in};

/// The value of a marked place before the first promotion.
const NOTHING_YET: &str = "none";
/// The algorithms of digests, with the colon after them.
const ALGORITHMS: [&str; 4] = ["sha256:", "sha512:", "sha1:", "md5:"];

/// Whether the value of a marked place is one of those before the first promotion: empty, or `none`.
pub fn is_before_first_promotion(value: &str) -> bool {
    value.is_empty() || value == NOTHING_YET
}

/// The prefix and suffix of a marked value in its scalar.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Around {
    /// The text before the value.
    pub(super) prefix: String,
    /// The text after the value.
    pub(super) suffix: String,
}

impl Around {
    /// The marked value in a scalar's text; `None` if the text does not begin with the prefix and end with the suffix.
    pub(super) fn within<'text>(&self, text: &'text str) -> Option<&'text str> {
        text.strip_prefix(self.prefix.as_str())?.strip_suffix(self.suffix.as_str())
    }

    /// The scalar's text for a marked value.
    pub(super) fn around(&self, value: &str) -> String {
        format!("{}{value}{}", self.prefix, self.suffix)
    }

    /// The prefix and suffix of a value of the field in `text`, including the known ones, as far as they can be detected; `None`
    /// if the text may be such a value alone.
    pub(super) fn more(&self, field: Field, text: &str) -> Option<Self> {
        let (before, after) = rest_of(field, text)?;
        Some(Self { prefix: format!("{}{before}", self.prefix), suffix: format!("{after}{}", self.suffix) })
    }
}

/// The text before and after a value of the field.
fn rest_of(field: Field, text: &str) -> Option<(&str, &str)> {
    let rest = |(from, to): Part| (from > 0 || to < text.len()).then(|| (&text[..from], &text[to..]));
    let known = match field {
        Field::Digest => digest_in(text),
        Field::Uri => uri_in(text),
        Field::Version => version_in(text),
        Field::Run => run_in(text),
    };
    if let Some(part) = known.or_else(|| placeholder_in(text)) {
        return rest(part);
    }
    if let Some(from) = after_assignment(text) {
        return Some((&text[..from], ""));
    }
    if text.starts_with('-')
        && let Some(from) = text.rfind(char::is_whitespace)
    {
        return Some((&text[..=from], ""));
    }
    rest((begin_of_last(field, text)?, text.len()))
}

/// The beginning of the last part of a text, divided at signs that a value of the field never contains: a tag or a digest of an
/// image, the end of a path, one of several values.
fn begin_of_last(field: Field, text: &str) -> Option<usize> {
    let is_digest = ALGORITHMS.iter().any(|name| text.starts_with(name));
    let divides = |c: char| match field {
        // An address may contain any character.
        Field::Uri => false,
        Field::Digest if is_digest => false,
        _ => matches!(c, ':' | '@' | '/' | ',' | ';' | '|' | '='),
    };
    let (at, sign) = text.char_indices().rfind(|(at, c)| *at > 0 && divides(*c))?;
    Some(at + sign.len_utf8())
}

/// The beginning of the value in `NAME=value` or `--option=value`.
fn after_assignment(text: &str) -> Option<usize> {
    let (name, _) = text.split_once('=')?;
    let bare = name.strip_prefix("--").or_else(|| name.strip_prefix('-')).unwrap_or(name);
    let first = bare.bytes().next()?;
    let is_name = (first.is_ascii_alphabetic() || first == b'_')
        && bare.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
    is_name.then_some(name.len() + 1)
}

/// The place of the word for "not promoted yet". It may stand between any two signs, as in `none-gpu`, and after the `v` of a
/// version. As the name of an option (`--none=x`) it does not count.
fn placeholder_in(text: &str) -> Option<Part> {
    let is_apart = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
    let begins = |before: &str| {
        let mut before = before.chars().rev();
        match before.next() {
            Some('v' | 'V') => is_apart(before.next()),
            last => is_apart(last),
        }
    };
    let mut found = text.match_indices(NOTHING_YET).map(|(from, word)| (from, from + word.len()));
    found.find(|(from, to)| {
        let next = text[*to..].chars().next();
        begins(&text[..*from]) && is_apart(next) && next != Some('=')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_a_value_is_distinguished_from_a_value() {
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
            (Field::Uri, "none-gpu", "", "-gpu"),
            (Field::Uri, "app-none", "app-", ""),
            (Field::Uri, "app_none_gpu", "app_", "_gpu"),
            (Field::Uri, "models/none", "models/", ""),
            (Field::Uri, "none.tar.gz", "", ".tar.gz"),
            (Field::Uri, "none/model.pt", "", "/model.pt"),
            (Field::Uri, "--model=none --verbose", "--model=", " --verbose"),
            (Field::Uri, "s3://a/b,s3://c/d", "", ",s3://c/d"),
            (Field::Uri, "s3://a/b;s3://c/d", "", ";s3://c/d"),
            (Field::Uri, "s3://a/b|s3://c/d", "", "|s3://c/d"),
            (Field::Digest, "none+gpu", "", "+gpu"),
            (Field::Digest, "app:latest", "app:", ""),
            (Field::Digest, "registry/app:latest", "registry/app:", ""),
            (Field::Digest, &format!("model-{}", "0f".repeat(32)), "model-", ""),
            (Field::Digest, &format!("app-{digest}.json"), "app-", ".json"),
            (Field::Version, "none-gpu", "", "-gpu"),
            (Field::Version, "vnone", "v", ""),
            (Field::Version, "app-vnone-gpu", "app-v", "-gpu"),
            (Field::Version, "20260101-abcdefabcdef-gpu", "", "-gpu"),
            (Field::Version, "20260101-abcdefabcdef_gpu", "", "_gpu"),
            (Field::Version, "20260101-abcdefabcdef.gpu", "", ".gpu"),
            (Field::Version, "20260101-abcdefabcdef+gpu", "", "+gpu"),
            (Field::Version, "20260101-abcdefabcdefgpu", "", "gpu"),
            (Field::Version, "app-20260101-abcdefabcdef", "app-", ""),
            (Field::Version, "app_20260101-abcdefabcdef", "app_", ""),
            (Field::Version, "app.20260101-abcdefabcdef~x", "app.", "~x"),
            (Field::Version, "v20260101-abcdefabcdef", "v", ""),
            (Field::Version, "registry/app:20260101-abcdefabcdef-gpu", "registry/app:", "-gpu"),
            (Field::Version, "1.2.3-gpu", "", "-gpu"),
            (Field::Version, "v12-cuda12", "", "-cuda12"),
            (Field::Version, "app-1.2.3", "app-", ""),
            (Field::Version, "app-1.2.3-gpu", "app-", "-gpu"),
            (Field::Version, "registry/app:1.2.3-gpu", "registry/app:", "-gpu"),
            (Field::Version, "release v12", "release ", ""),
            (Field::Version, "v12,gpu", "", ",gpu"),
            (Field::Version, "latest-gpu", "", "-gpu"),
            (Field::Version, "gpu-stable", "gpu-", ""),
            (Field::Run, "run-0190c7a2-7d3f-7aaa-8bbb-0123456789ab", "run-", ""),
            (Field::Run, "0190c7a2-7d3f-7aaa-8bbb-0123456789ab/gpu", "", "/gpu"),
            (Field::Run, "team/run-5", "team/", ""),
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
            (Field::Version, "20260101-abcdefabcdef"),
            (Field::Version, "1.2.3"),
            (Field::Version, "v1.2.3-rc.1"),
            (Field::Version, "1.2.3-beta2"),
            (Field::Version, "1.2.3+20260101"),
            (Field::Version, "1.2.3-9f86d081"),
            (Field::Version, "latest"),
            (Field::Version, "1.2.3-nightly"),
            (Field::Digest, "md5:abc"),
            (Field::Digest, ""),
            (Field::Run, "0190c7a2-7d3f-7aaa-8bbb-0123456789ab"),
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
