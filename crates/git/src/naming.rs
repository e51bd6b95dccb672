//! Validation of URLs of remotes and of branch names.

use ureq::http::Uri;

use super::GitError;
use super::ssh::Address;

/// Maximum length of a URL: a longer one is a mistake, and would flood messages.
const MAX_URL_LENGTH: usize = 2048;

/// Prefix of Slipway's own branches.
const OWN_BRANCHES: &str = "slipway/";

/// Validates an `http` or `https` URL without credentials, and removes a `/` at its end.
pub(super) fn checked_url(url: &str) -> Result<String, GitError> {
    let refuse = |problem: &str, help: &str| {
        Err(GitError::InvalidRemote {
            given: without_credentials(url),
            problem: problem.to_owned(),
            help: help.to_owned(),
        })
    };
    let form = "write `https://host/owner/repository.git`";
    if url.len() > MAX_URL_LENGTH {
        return refuse("the URL is longer than 2048 bytes", form);
    }
    if url.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return refuse("the URL contains white space or control characters", form);
    }
    match url.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase()).as_deref() {
        Some("http" | "https") => {}
        Some("file") => {
            return refuse("`file://` would bypass the server's hooks", "serve the repository over https");
        }
        _ if is_ssh(url) => {
            return refuse(
                "an SSH address requires a key and known host keys",
                "set `ssh` with `key` and `known_hosts` next to the URL",
            );
        }
        Some(_) => return refuse("expected the scheme `https`, `http` or `ssh`", form),
        None => {
            return refuse("a local path would bypass the server's hooks", "serve the repository over https");
        }
    }
    let Ok(uri) = url.parse::<Uri>() else {
        return refuse("the text is not a URL", form);
    };
    let Some(authority) = uri.authority() else {
        return refuse("the URL contains no host", form);
    };
    if authority.as_str().contains('@') {
        return refuse(
            "the URL contains credentials",
            "set the username and the token in the settings of this repository, not in its URL",
        );
    }
    if authority.host().is_empty() {
        return refuse("the URL contains no host", form);
    }
    if uri.query().is_some() || url.contains('#') {
        return refuse("the URL contains a query or a fragment", form);
    }
    Ok(url.trim_end_matches('/').to_owned())
}

/// Validates an SSH address, in either form.
pub(super) fn checked_ssh_url(url: &str) -> Result<Address, GitError> {
    let invalid = |problem: &str| GitError::InvalidRemote {
        given: without_credentials(url),
        problem: problem.to_owned(),
        help: "write `ssh://git@host/owner/repository.git` or `git@host:owner/repository.git`".to_owned(),
    };
    if !is_ssh(url) {
        return Err(invalid("the text is not an SSH address"));
    }
    if url.len() > MAX_URL_LENGTH || url.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(invalid("the address is longer than 2048 bytes, or contains white space or control characters"));
    }
    Address::parse(url).map_err(invalid)
}

/// Whether an address is an SSH address, in the long form or the short one (`git@host:path`).
pub fn is_ssh(url: &str) -> bool {
    match url.split_once("://") {
        Some((scheme, _)) => scheme.eq_ignore_ascii_case("ssh"),
        None => url.split_once(':').is_some_and(|(host, _)| host.len() > 1 && !host.contains('/')),
    }
}

/// The address without anything before an `@`, and without query and fragment: safe to print.
fn without_credentials(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").map_or(("", url), |(scheme, rest)| (scheme, rest));
    let after = rest.rsplit_once('@').map_or(rest, |(_, after)| after);
    let after = after.split(['?', '#']).next().unwrap_or_default();
    let shown: String = after.chars().filter(|c| !c.is_control()).take(200).collect();
    if scheme.is_empty() { shown } else { format!("{scheme}://{shown}") }
}

/// Validates a branch that Slipway may create, replace and remove: its name must begin with `slipway/`, so that it never belongs
/// to a person.
pub(super) fn check_own_branch(branch: &str) -> Result<(), GitError> {
    check_branch(branch)?;
    if branch.strip_prefix(OWN_BRANCHES).is_some_and(|rest| !rest.is_empty()) {
        return Ok(());
    }
    Err(GitError::InvalidRemote {
        given: branch.chars().filter(|c| !c.is_control()).take(200).collect(),
        problem: "Slipway only replaces and removes its own branches".to_owned(),
        help: format!("use a name that begins with `{OWN_BRANCHES}`"),
    })
}

/// Validates a short branch name.
pub fn check_branch(branch: &str) -> Result<(), GitError> {
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
        help: "use the name of one branch, as `git branch` shows it".to_owned(),
    })
}
