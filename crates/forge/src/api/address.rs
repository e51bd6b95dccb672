//! The address of a repository's API. It is validated once, so that no text added to a path later can lead to another host.

use std::sync::Arc;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};

use super::github::AppLogin;

/// The login at a forge.
#[derive(Clone)]
pub enum Login {
    /// A token of a person or a bot account.
    Token(Arc<str>),
    /// A GitHub App.
    App(AppLogin),
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Token(_) => f.write_str("Token(hidden)"),
            Self::App(app) => app.fmt(f),
        }
    }
}

/// A repository at an API.
#[derive(Debug, Clone)]
pub(super) struct Address {
    /// The API, without a slash at its end.
    pub(super) url: String,
    /// The repository, `OWNER/NAME`; GitLab's may have more parts.
    pub(super) repository: String,
}

impl Address {
    /// Rejects addresses that would send the login unencrypted (`http`, except to the loopback interface), and names that are not
    /// a repository.
    pub(super) fn new(url: &str, repository: &str) -> Result<Self, String> {
        let url = checked_url(url)?;
        let plain = |part: &str| {
            !part.is_empty()
                && !matches!(part, "." | "..")
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
        };
        if repository.split('/').count() < 2 || !repository.split('/').all(plain) {
            return Err(format!("`{repository}` is not the name of a repository, expected `OWNER/NAME`"));
        }
        Ok(Self { url, repository: repository.to_owned() })
    }
}

/// The address of an API without a slash at its end. Rejects addresses that would send the login unencrypted.
pub(super) fn checked_url(url: &str) -> Result<String, String> {
    let loopback = ["http://127.0.0.1:", "http://[::1]:", "http://localhost:"];
    if !url.starts_with("https://") && !loopback.iter().any(|prefix| url.starts_with(prefix)) {
        return Err(format!(
            "`{url}` is not an https address, expected one: over http the token would be sent unencrypted"
        ));
    }
    if !is_plain(url) {
        return Err("expected an address without credentials, query and spaces".to_owned());
    }
    Ok(url.trim_end_matches('/').to_owned())
}

/// Whether an address has no login, no query, no fragment and no character that could break a line.
pub(super) fn is_plain(url: &str) -> bool {
    !url.contains(['@', '?', '#']) && !url.chars().any(|c| c.is_control() || c.is_whitespace())
}

/// Every byte except the unreserved characters of RFC 3986, section 2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Percent-encodes a text as one part of a path or as a value of a query.
pub(super) fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, RESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_cannot_be_read_on_the_way_and_a_repository_cannot_lead_elsewhere() {
        for (url, repository) in [
            ("http://example.org", "team/models"),
            ("https://user:password@example.org", "team/models"),
            ("https://example.org?x=1", "team/models"),
            ("https://example.org", "models"),
            ("https://example.org", "team/../other"),
            ("https://example.org", "team/./other"),
            ("https://example.org", "team/models?x"),
        ] {
            assert!(Address::new(url, repository).is_err(), "{url} {repository}");
        }
        let address = Address::new("https://api.github.com/", "team/models").expect("an address");
        assert_eq!(address.url, "https://api.github.com");
    }

    #[test]
    fn a_text_from_outside_stays_one_part_of_a_path() {
        assert_eq!(encoded("a/../b?c=d&e#f"), "a%2F..%2Fb%3Fc%3Dd%26e%23f");
        assert_eq!(encoded("ü"), "%C3%BC");
    }

    #[test]
    fn a_login_is_not_shown() {
        assert!(!format!("{:?}", Login::Token("the-token".into())).contains("the-token"));
    }
}
