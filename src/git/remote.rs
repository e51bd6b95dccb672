//! A branch of a repository on a git server, checked once when the settings are read; not a connection to it.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ureq::http::Uri;

use super::GitError;
use super::authorities::Authorities;
use super::signing::SigningKey;

/// Longest URL taken: longer ones are mistakes, and would flood messages.
const LONGEST_URL: usize = 2048;

/// How the names of Slipway's own branches begin.
const OWN_BRANCHES: &str = "slipway/";

/// Username and password (or token) for one repository.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The account; forges that only look at the token take any name.
    pub username: String,
    /// The password or token: never printed.
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

/// How long a request may take before it is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// Until a connection stands, TLS included.
    pub connect: Duration,
    /// Between two pieces of an answer: git servers send a keep-alive every five seconds, hooks included.
    pub read: Duration,
    /// For one whole request: a first mirror of a large repository must fit.
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
}

impl Remote {
    /// Checks an `http` or `https` URL without credentials in it, and a branch by its short name (`main`).
    pub fn new(url: &str, branch: &str, credentials: Option<Credentials>) -> Result<Self, GitError> {
        check_branch(branch)?;
        Ok(Self {
            url: checked_url(url)?,
            branch: branch.to_owned(),
            credentials,
            deadlines: Deadlines::default(),
            authorities: None,
            signing_key: None,
        })
    }

    /// The same remote with other deadlines.
    #[must_use]
    pub fn with_deadlines(mut self, deadlines: Deadlines) -> Self {
        self.deadlines = deadlines;
        self
    }

    /// The same remote, whose server must show a certificate of these authorities and no others.
    #[must_use]
    pub fn with_authorities(mut self, authorities: Authorities) -> Self {
        self.authorities = Some(authorities);
        self
    }

    /// The same remote, where every commit is signed with this key.
    #[must_use]
    pub fn with_signing_key(mut self, key: SigningKey) -> Self {
        self.signing_key = Some(key);
        self
    }

    /// Who may vouch for the server; `None` for the usual authorities.
    pub(super) fn authorities(&self) -> Option<&Authorities> {
        self.authorities.as_ref()
    }

    /// The key that commits are signed with.
    pub(super) fn signing_key(&self) -> Option<&SigningKey> {
        self.signing_key.as_ref()
    }

    /// The URL, which holds no credentials.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The branch's short name.
    pub fn branch(&self) -> &str {
        &self.branch
    }

    /// The credentials, if the settings have some.
    pub(super) fn credentials(&self) -> Option<&Credentials> {
        self.credentials.as_ref()
    }

    /// How long its requests may take.
    pub(super) fn deadlines(&self) -> Deadlines {
        self.deadlines
    }

    /// The branch's full name on the server.
    pub(super) fn reference(&self) -> String {
        format!("refs/heads/{}", self.branch)
    }
}

fn checked_url(url: &str) -> Result<String, GitError> {
    let refuse = |problem: &str, help: &str| {
        Err(GitError::InvalidRemote {
            given: without_credentials(url),
            problem: problem.to_owned(),
            help: help.to_owned(),
        })
    };
    let form = "write `https://host/owner/repository.git`";
    if url.len() > LONGEST_URL {
        return refuse("it is longer than 2048 bytes", form);
    }
    if url.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return refuse("it holds white space or control characters", form);
    }
    match url.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase()).as_deref() {
        Some("http" | "https") => {}
        Some("file") => {
            return refuse("`file://` would bypass the server's hooks", "serve the repository over https");
        }
        Some("ssh" | "git+ssh" | "ssh+git") => return refuse("ssh is not supported yet", form),
        Some(_) => return refuse("expected the scheme `https` or `http`", form),
        None if looks_like_ssh(url) => return refuse("ssh is not supported yet", form),
        None => {
            return refuse("a local path would bypass the server's hooks", "serve the repository over https");
        }
    }
    let Ok(uri) = url.parse::<Uri>() else {
        return refuse("it is not a URL", form);
    };
    let Some(authority) = uri.authority() else {
        return refuse("it names no host", form);
    };
    if authority.as_str().contains('@') {
        return refuse(
            "it holds credentials",
            "put the username and the token into the settings of this repository, not into its URL",
        );
    }
    if authority.host().is_empty() {
        return refuse("it names no host", form);
    }
    if uri.query().is_some() || url.contains('#') {
        return refuse("it holds a query or a fragment", form);
    }
    Ok(url.trim_end_matches('/').to_owned())
}

/// `git@host:path`, the short form of ssh.
fn looks_like_ssh(url: &str) -> bool {
    url.split_once(':').is_some_and(|(host, _)| host.len() > 1 && !host.contains('/'))
}

/// The text up to its path with anything before an `@` cut away: safe to print.
fn without_credentials(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").map_or(("", url), |(scheme, rest)| (scheme, rest));
    let after = rest.rsplit_once('@').map_or(rest, |(_, after)| after);
    let after = after.split(['?', '#']).next().unwrap_or_default();
    let shown: String = after.chars().filter(|c| !c.is_control()).take(200).collect();
    if scheme.is_empty() { shown } else { format!("{scheme}://{shown}") }
}

/// A branch that Slipway may make, replace and remove: all of its own begin with `slipway/`, so that it never is a person's.
pub(super) fn check_own_branch(branch: &str) -> Result<(), GitError> {
    check_branch(branch)?;
    if branch.strip_prefix(OWN_BRANCHES).is_some_and(|rest| !rest.is_empty()) {
        return Ok(());
    }
    Err(GitError::InvalidRemote {
        given: branch.chars().filter(|c| !c.is_control()).take(200).collect(),
        problem: "a branch that Slipway replaces and removes is one of its own".to_owned(),
        help: format!("name one that begins with `{OWN_BRANCHES}`"),
    })
}

fn check_branch(branch: &str) -> Result<(), GitError> {
    let problem = if branch.starts_with("refs/") {
        "expected a short name like `main`"
    } else if branch.starts_with('-') || !git2::Reference::is_valid_name(&format!("refs/heads/{branch}")) {
        "git does not allow this name for a branch"
    } else {
        return Ok(());
    };
    Err(GitError::InvalidRemote {
        given: branch.chars().filter(|c| !c.is_control()).take(200).collect(),
        problem: problem.to_owned(),
        help: "name one branch, as `git branch` shows it".to_owned(),
    })
}
