//! A branch of a repository on a git server, validated once when the settings are read; not a connection.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::GitError;
use super::authorities::Authorities;
use super::naming::{check_branch, checked_ssh_url, checked_url};
use super::request::Identity;
use super::signing::SigningKey;
use super::ssh::{Address, SshLogin};

/// Username and password (or token) for one repository.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The account; forges that check only the token accept any name.
    pub username: String,
    /// The password or token; never printed.
    pub password: String,
}

impl Credentials {
    /// The value of an `Authorization: Basic` header.
    pub(super) fn basic_header(&self) -> String {
        let pair = format!("{}:{}", self.username, self.password);
        format!("Basic {}", STANDARD.encode(pair))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { username, password: _ } = self;
        f.debug_struct("Credentials").field("username", username).field("password", &"(hidden)").finish()
    }
}

/// Timeouts of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// For connecting, including TLS.
    pub connect: Duration,
    /// Between two parts of an answer: git servers send a keep-alive every five seconds, also during hooks.
    pub read: Duration,
    /// For one whole request: the first mirror of a large repository must fit.
    pub overall: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self { connect: Duration::from_secs(10), read: Duration::from_mins(1), overall: Duration::from_mins(10) }
    }
}

/// One branch of one repository, with the credentials to reach it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    url: String,
    branch: String,
    credentials: Option<Credentials>,
    deadlines: Deadlines,
    authorities: Option<Authorities>,
    signing_key: Option<SigningKey>,
    author: Option<Identity>,
    ssh: Option<(SshLogin, Address)>,
}

impl Remote {
    /// Validates an `http` or `https` URL without credentials, and a short branch name (`main`).
    pub fn new(url: &str, branch: &str, credentials: Option<Credentials>) -> Result<Self, GitError> {
        check_branch(branch)?;
        Ok(Self {
            url: checked_url(url)?,
            branch: branch.to_owned(),
            credentials,
            deadlines: Deadlines::default(),
            authorities: None,
            signing_key: None,
            author: None,
            ssh: None,
        })
    }

    /// Validates an SSH address (`ssh://git@host/path` or `git@host:path`), and a short branch name.
    pub fn over_ssh(url: &str, branch: &str, login: SshLogin) -> Result<Self, GitError> {
        check_branch(branch)?;
        let address = checked_ssh_url(url)?;
        Ok(Self {
            url: url.trim_end_matches('/').to_owned(),
            branch: branch.to_owned(),
            credentials: None,
            deadlines: Deadlines::default(),
            authorities: None,
            signing_key: None,
            author: None,
            ssh: Some((login, address)),
        })
    }

    /// The SSH login and address; `None` for HTTP.
    pub(super) fn ssh(&self) -> Option<&(SshLogin, Address)> {
        self.ssh.as_ref()
    }

    /// Returns the remote with other deadlines.
    #[must_use]
    pub fn with_deadlines(mut self, deadlines: Deadlines) -> Self {
        self.deadlines = deadlines;
        self
    }

    /// Returns the remote with these authorities as the only accepted ones for its server.
    #[must_use]
    pub fn with_authorities(mut self, authorities: Authorities) -> Self {
        self.authorities = Some(authorities);
        self
    }

    /// Returns the remote with a key that signs every commit.
    #[must_use]
    pub fn with_signing_key(mut self, key: SigningKey) -> Self {
        self.signing_key = Some(key);
        self
    }

    /// Returns the remote with this author for all commits, independent of the committer.
    #[must_use]
    pub fn with_author(mut self, author: Identity) -> Self {
        self.author = Some(author);
        self
    }

    /// The fixed author, if there is one.
    pub fn author(&self) -> Option<&Identity> {
        self.author.as_ref()
    }

    /// The accepted authorities; `None` for the default authorities.
    pub(super) fn authorities(&self) -> Option<&Authorities> {
        self.authorities.as_ref()
    }

    /// The key that signs commits.
    pub(super) fn signing_key(&self) -> Option<&SigningKey> {
        self.signing_key.as_ref()
    }

    /// The URL, which contains no credentials.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The branch's short name.
    pub fn branch(&self) -> &str {
        &self.branch
    }

    /// The credentials, if the settings contain some.
    pub(super) fn credentials(&self) -> Option<&Credentials> {
        self.credentials.as_ref()
    }

    /// The timeouts of its requests.
    pub(super) fn deadlines(&self) -> Deadlines {
        self.deadlines
    }

    /// The branch's full name on the server.
    pub(super) fn reference(&self) -> String {
        format!("refs/heads/{}", self.branch)
    }
}
