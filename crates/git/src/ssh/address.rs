//! Addresses of repositories over SSH: `ssh://git@host:2222/owner/repository.git` or `git@host:owner/repository.git`.

use ureq::http::Uri;

/// The default port of SSH.
const DEFAULT_PORT: u16 = 22;

/// A repository's address on an SSH server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(super) user: String,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) path: String,
}

impl Address {
    /// Parses both forms; the error is a short description.
    pub(crate) fn parse(url: &str) -> Result<Self, &'static str> {
        let address = if url.contains("://") { Self::of_url(url)? } else { Self::of_short_form(url)? };
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-+@~:%".contains(c);
        if address.user.is_empty() || address.user.starts_with('-') || !address.user.chars().all(plain) {
            return Err("the address contains no valid user, such as `git@`, before the host");
        }
        if address.host.is_empty() || address.host.starts_with('-') || !address.host.chars().all(plain) {
            return Err("the address contains no valid host");
        }
        let odd = |c: char| c.is_control() || matches!(c, '\'' | '\\' | '!' | '"' | '`' | '$');
        if matches!(address.path.as_str(), "" | "/") || address.path.starts_with('-') || address.path.chars().any(odd) {
            return Err("the address contains no valid path of a repository");
        }
        Ok(address)
    }

    fn of_url(url: &str) -> Result<Self, &'static str> {
        let uri: Uri = url.parse().map_err(|_| "the text is not a URL")?;
        let authority = uri.authority().ok_or("the address contains no host")?;
        let (user, _) = authority
            .as_str()
            .rsplit_once('@')
            .ok_or("the address contains no valid user, such as `git@`, before the host")?;
        if user.contains(':') {
            return Err("the address contains a password");
        }
        if uri.query().is_some() || url.contains('#') {
            return Err("the address contains a query or a fragment");
        }
        let path = uri.path();
        Ok(Self {
            user: user.to_owned(),
            host: authority.host().trim_start_matches('[').trim_end_matches(']').to_owned(),
            port: authority.port_u16().unwrap_or(DEFAULT_PORT),
            // As in git: a path that begins with `~` is in a user's home.
            path: path.strip_prefix('/').filter(|path| path.starts_with('~')).unwrap_or(path).to_owned(),
        })
    }

    fn of_short_form(url: &str) -> Result<Self, &'static str> {
        let (before, path) = url.split_once(':').ok_or("the address contains no path")?;
        let (user, host) =
            before.rsplit_once('@').ok_or("the address contains no valid user, such as `git@`, before the host")?;
        Ok(Self { user: user.to_owned(), host: host.to_owned(), port: DEFAULT_PORT, path: path.to_owned() })
    }

    /// The host in the notation of `known_hosts` files.
    pub(super) fn known_as(&self) -> String {
        if self.port == DEFAULT_PORT { self.host.clone() } else { format!("[{}]:{}", self.host, self.port) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read() {
        let read = |url| {
            let Address { user, host, port, path } = Address::parse(url).unwrap();
            format!("{user} {host} {port} {path}")
        };
        assert_eq!(read("ssh://git@forge.example/team/models.git"), "git forge.example 22 /team/models.git");
        assert_eq!(read("ssh://git@forge.example:2222/~ann/m.git"), "git forge.example 2222 ~ann/m.git");
        assert_eq!(read("ssh://git@[::1]:2222/m.git"), "git ::1 2222 /m.git");
        assert_eq!(read("git@forge.example:team/models.git"), "git forge.example 22 team/models.git");
        assert_eq!(Address::parse("ssh://git@[::1]:2222/m.git").unwrap().known_as(), "[::1]:2222");
    }

    #[test]
    fn what_a_shell_or_ssh_could_take_for_something_else_is_refused() {
        for url in [
            "ssh://forge.example/m.git",
            "ssh://git:secret@forge.example/m.git",
            "ssh://git@-oProxyCommand=x/m.git",
            "-oX@forge.example:m.git",
            "git@forge.example:",
            "git@forge.example:-m.git",
            "git@forge.example:m'.git",
            "git@forge.example:m$(x).git",
            "ssh://git@forge.example",
            "ssh://git@forge.example/m.git?x=1",
        ] {
            assert!(Address::parse(url).is_err(), "{url}");
        }
    }
}
