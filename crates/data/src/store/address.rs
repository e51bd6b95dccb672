//! Addresses of files outside of git: `s3://`, `gs://`, `az://`, `https://`, `http://` and `file://`.

use std::fmt;

use slipway_contract::ADDRESS_SCHEMES;

/// Maximum length of an address in bytes.
const MAX_LENGTH: usize = 2048;

/// An address that means the same to everyone who reads it: without credentials, `..` and encoded separators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) scheme: String,
    /// The host, with its port if there is one, or the bucket or container; empty for `file`.
    pub(super) authority: String,
    /// The path, which begins with `/`.
    pub(super) path: String,
    /// The query without `?`, only for http and https.
    query: Option<String>,
}

/// A text that is not an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{shown}` is not an address of data: {problem}")]
pub struct NotAnAddress {
    shown: String,
    problem: &'static str,
}

impl Address {
    /// Reads an address.
    pub(super) fn parse(text: &str) -> Result<Self, NotAnAddress> {
        Self::read(text).map_err(|problem| NotAnAddress { shown: shown(text), problem })
    }

    fn read(text: &str) -> Result<Self, &'static str> {
        if text.len() > MAX_LENGTH {
            return Err("it is longer than 2048 bytes");
        }
        if text.chars().any(|c| c.is_control() || c.is_whitespace() || matches!(c, '\\' | '#')) {
            return Err("it contains white space, `\\`, `#` or control characters");
        }
        let (scheme, rest) = text.split_once("://").ok_or("expected `SCHEME://PLACE`")?;
        let scheme = scheme.to_ascii_lowercase();
        if !ADDRESS_SCHEMES.contains(&scheme.as_str()) {
            return Err("expected the scheme `s3`, `gs`, `az`, `https`, `http` or `file`");
        }
        let (rest, query) = match rest.split_once('?') {
            None => (rest, None),
            Some(_) if !scheme.starts_with("http") => return Err("only an http or https address has a query"),
            Some((rest, query)) => (rest, Some(query.to_owned())),
        };
        let (authority, path) = rest.find('/').map_or((rest, "/"), |slash| rest.split_at(slash));
        if authority.is_empty() != (scheme == "file") {
            return Err("expected a host, a bucket or a container, or for `file` an absolute path");
        }
        if authority.contains('@') {
            return Err("it contains credentials, which belong into the settings of the server");
        }
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-:[]".contains(c);
        if !authority.chars().all(is_plain) {
            return Err("the host, bucket or container contains characters that are not allowed");
        }
        let lower = path.to_ascii_lowercase();
        if path.split('/').any(|part| matches!(part, "." | ".."))
            || ["%2e", "%2f", "%5c", "%00"].iter().any(|code| lower.contains(code))
        {
            return Err("its path contains `.`, `..` or an encoded separator");
        }
        let authority = match (scheme.as_str(), authority.to_ascii_lowercase()) {
            ("https", host) => host.strip_suffix(":443").map(str::to_owned).unwrap_or(host),
            ("http", host) => host.strip_suffix(":80").map(str::to_owned).unwrap_or(host),
            _ => authority.to_owned(),
        };
        Ok(Self { scheme, authority, path: path.to_owned(), query })
    }

    /// Whether the address is that of a prefix, or below it. A prefix ends at a `/`.
    pub(super) fn is_below(&self, prefix: &Self) -> bool {
        let rest = self.path.strip_prefix(prefix.path.trim_end_matches('/'));
        let is_path = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        self.scheme == prefix.scheme && self.authority == prefix.authority && prefix.query.is_none() && is_path
    }

    /// The root of its host, bucket or container.
    pub(super) fn root(self) -> Self {
        Self { path: "/".to_owned(), query: None, ..self }
    }

    /// The path of an object in its bucket.
    pub(super) fn key(&self) -> &str {
        self.path.trim_start_matches('/')
    }

    /// The whole URL. Its query can contain a secret.
    pub(super) fn url(&self) -> String {
        match &self.query {
            Some(query) => format!("{self}?{query}"),
            None => self.to_string(),
        }
    }
}

/// Without the query, which can contain a secret.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scheme, authority, path, query: _ } = self;
        write!(f, "{scheme}://{authority}{path}")
    }
}

/// The beginning of a text without anything that can be a secret.
fn shown(text: &str) -> String {
    let text = text.split(['?', '#']).next().unwrap_or_default();
    let (scheme, rest) = text.split_once("://").map_or(("", text), |(scheme, rest)| (scheme, rest));
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    let rest: String = rest.chars().filter(|c| !c.is_control()).take(200).collect();
    if scheme.is_empty() { rest } else { format!("{scheme}://{rest}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_below_a_prefix_only_at_whole_parts_of_the_path() {
        let is_below = |address: &str, prefix: &str| {
            Address::parse(address).expect("an address").is_below(&Address::parse(prefix).expect("a prefix"))
        };
        for (address, prefix, expected) in [
            ("s3://rows/churn/train.csv", "s3://rows/churn", true),
            ("s3://rows/churn/train.csv", "s3://rows/churn/", true),
            ("s3://rows/churn", "s3://rows/churn", true),
            ("s3://rows/churn-secret/train.csv", "s3://rows/churn", false),
            ("s3://rows-secret/train.csv", "s3://rows", false),
            ("s3://rows/a", "s3://rows", true),
            ("gs://rows/a", "s3://rows", false),
            ("https://data.example:443/a?x=1", "https://DATA.example/", true),
            ("https://data.example:8443/a", "https://data.example/", false),
            ("http://data.example/a", "https://data.example/", false),
            ("https://data.example.evil/a", "https://data.example", false),
            ("file:///srv/rows/a.csv", "file:///srv/rows", true),
            ("file:///srv/rowsx/a.csv", "file:///srv/rows", false),
        ] {
            assert_eq!(is_below(address, prefix), expected, "{address} {prefix}");
        }
    }

    #[test]
    fn addresses_with_two_meanings_and_with_secrets_are_refused() {
        for (text, words) in [
            ("s3://rows/../secret/a", "`..`"),
            ("s3://rows/%2e%2E/secret/a", "encoded separator"),
            ("https://data.example/a%2f..%2fb", "encoded separator"),
            ("https://data.example/a\\b", "`\\`"),
            ("https://user:secret@data.example/a", "credentials"),
            ("https:///a", "expected a host"),
            ("file://host/a", "absolute path"),
            ("ftp://host/a", "expected the scheme"),
            ("s3://rows/a?versionId=1", "only an http"),
            ("rows/a", "SCHEME://PLACE"),
            ("https://data.example/a#b", "`#`"),
            ("https://data.example%00/a", "characters"),
        ] {
            let error = Address::parse(text).expect_err("refused").to_string();
            assert!(error.contains(words) && !error.contains("secret@"), "{text}: {error}");
        }
        let signed = Address::parse("https://data.example/a?token=secret").expect("an address");
        assert_eq!(
            (signed.to_string().as_str(), signed.url().contains("token=secret")),
            ("https://data.example/a", true)
        );
    }
}
