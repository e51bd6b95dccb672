//! The LFS server of a repository (git-lfs/docs/api/server-discovery.md): below the URL of the remote, or what the SSH server
//! names.

use std::collections::BTreeMap;
use std::io::Read;

use serde::Deserialize;
use ureq::http::Uri;

use crate::GitError;
use crate::http::Connection;

/// Maximum size of the answer of `git-lfs-authenticate` in bytes.
const MAX_LOGIN_BYTES: u64 = 64 * 1024;

/// The LFS server of a repository.
pub(super) struct Endpoint {
    /// Its URL, without `/objects/batch`.
    pub(super) url: String,
    /// The headers of the login. They are sent only to the origin of the URL.
    pub(super) headers: BTreeMap<String, String>,
}

/// The answer of `git-lfs-authenticate`.
#[derive(Deserialize)]
struct Login {
    href: String,
    #[serde(default)]
    header: BTreeMap<String, String>,
}

impl Endpoint {
    /// The server of a connection's repository.
    pub(super) fn of(connection: &Connection) -> Result<Self, GitError> {
        let Some(stream) = connection.lfs_login() else {
            let url = connection.url();
            // As git-lfs: servers expect `.git` even if the remote does not have it.
            let url = url.strip_suffix(".git").unwrap_or(url);
            let headers = connection.authorization().map(|value| ("Authorization".to_owned(), value.to_owned()));
            return Ok(Self { url: format!("{url}.git/info/lfs"), headers: headers.into_iter().collect() });
        };
        let mut answer = Vec::new();
        let mut bounded = stream?.take(MAX_LOGIN_BYTES);
        bounded.read_to_end(&mut answer).map_err(|error| connection.read_failed(error))?;
        let Login { href, header } = serde_json::from_slice(&answer).map_err(|error| {
            connection.unexpected(format!("an answer of `git-lfs-authenticate` that is not a login: {error}"))
        })?;
        if Origin::of(&href).is_none() {
            return Err(connection.unexpected("a login for Git LFS without an http or https URL".to_owned()));
        }
        Ok(Self { url: href.trim_end_matches('/').to_owned(), headers: header })
    }

    /// Whether a URL has the origin of this server.
    pub(super) fn is_at_origin(&self, url: &str) -> bool {
        Origin::of(url).is_some_and(|origin| Some(origin) == Origin::of(&self.url))
    }

    /// Whether objects may be read from a URL: by https, or by http if the server itself is reached by http.
    pub(super) fn allows(&self, url: &str) -> bool {
        match (Origin::of(url), Origin::of(&self.url)) {
            (Some(object), Some(server)) => object.is_secure || !server.is_secure,
            _ => false,
        }
    }
}

/// The origin of a URL (RFC 6454): scheme, host and port.
#[derive(Debug, PartialEq, Eq)]
struct Origin {
    is_secure: bool,
    host: String,
    port: u16,
}

impl Origin {
    /// `None` for anything but an http or https URL without credentials.
    fn of(url: &str) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        let authority = uri.authority()?;
        let is_secure = match uri.scheme_str()? {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        if authority.as_str().contains('@') || authority.host().is_empty() {
            return None;
        }
        let port = authority.port_u16().unwrap_or(if is_secure { 443 } else { 80 });
        Some(Self { is_secure, host: authority.host().to_ascii_lowercase(), port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_stay_at_the_origin_and_objects_are_not_read_without_encryption() {
        let endpoint = |url: &str| Endpoint { url: url.to_owned(), headers: BTreeMap::new() };
        let server = endpoint("https://forge.example/team/models.git/info/lfs");
        for (url, is_at_origin, is_allowed) in [
            ("https://forge.example/objects/1", true, true),
            ("https://FORGE.example:443/objects/1", true, true),
            ("https://forge.example:8443/objects/1", false, true),
            ("https://forge.example.evil/objects/1", false, true),
            ("https://store.example/1?signature=x", false, true),
            ("http://forge.example/objects/1", false, false),
            ("https://user:secret@forge.example/1", false, false),
            ("file:///etc/passwd", false, false),
            ("/objects/1", false, false),
        ] {
            assert_eq!((server.is_at_origin(url), server.allows(url)), (is_at_origin, is_allowed), "{url}");
        }
        assert!(endpoint("http://127.0.0.1:3000/m.git/info/lfs").allows("http://127.0.0.1:9000/1"));
    }
}
