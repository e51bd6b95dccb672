//! Resolves how a git server is reached, and how pushed commits are signed.

use std::path::Path;

use super::file::{CredentialsFile, KnownHostsFile, SshFile};
use super::secret::SecretReference;
use super::{Problems, secret};
use slipway_git::{Authorities, Credentials, KnownHosts, Remote, SigningKey, SshKey, SshLogin};

/// The place of a remote in the settings, and the folder of relative paths.
pub(super) struct Place<'a> {
    pub(super) key: &'a str,
    pub(super) folder: &'a Path,
}

/// The login at a git server, as in the settings.
#[derive(Clone, Copy, Default)]
pub(super) struct Login<'a> {
    pub(super) credentials: Option<&'a CredentialsFile>,
    pub(super) ssh: Option<&'a SshFile>,
    pub(super) ca: Option<&'a str>,
}

impl Place<'_> {
    /// Resolves the remote, or reports mistakes at its keys.
    pub(super) fn remote(&self, url: &str, branch: &str, login: &Login<'_>, problems: &mut Problems) -> Option<Remote> {
        let key = self.key;
        let Login { credentials, ssh, ca } = login;
        match ssh {
            Some(ssh) if slipway_git::is_ssh(url) => {
                for (other, is_set) in [("credentials", credentials.is_some()), ("ca", ca.is_some())] {
                    if is_set {
                        problems.add(
                            &format!("{key}.{other}"),
                            "is for https, but the address is an SSH address: use `ssh` instead",
                        );
                    }
                }
                return self.over_ssh(url, branch, ssh, problems);
            }
            Some(_) => {
                problems
                    .add(&format!("{key}.ssh"), "is for SSH addresses, as `ssh://git@host/path` or `git@host:path`");
            }
            None => {}
        }
        let login = credentials.and_then(|CredentialsFile { username, password }| {
            let password = secret::read(password, self.folder);
            let password = problems.take(&format!("{key}.credentials.password"), password)?;
            Some(Credentials { username: username.clone(), password })
        });
        let authorities = ca.map(|file| problems.take(&format!("{key}.ca"), self.authorities(file)));
        let branch_is_sound = problems.take(&format!("{key}.branch"), slipway_git::check_branch(branch));
        if branch_is_sound.is_none() {
            // The address is checked as well.
            problems.take(&format!("{key}.url"), Remote::new(url, "main", login));
            return None;
        }
        let remote = problems.take(&format!("{key}.url"), Remote::new(url, branch, login))?;
        match authorities {
            None => Some(remote),
            Some(authorities) => Some(remote.with_authorities(authorities?)),
        }
    }

    fn over_ssh(&self, url: &str, branch: &str, ssh: &SshFile, problems: &mut Problems) -> Option<Remote> {
        let place = |part: &str| format!("{}.{part}", self.key);
        let SshFile { key, known_hosts } = ssh;
        let text = problems.take(&place("ssh.key"), secret::read(key, self.folder));
        let key = text.and_then(|text| problems.take(&place("ssh.key"), SshKey::from_openssh(&text)));
        let text = match known_hosts {
            KnownHostsFile::Text(text) => Some(text.clone()),
            KnownHostsFile::File(file) => {
                let path = self.folder.join(file);
                let read = std::fs::read_to_string(&path)
                    .map_err(|error| format!("the file `{}` cannot be read: {error}", path.display()));
                problems.take(&place("ssh.known_hosts"), read)
            }
        };
        let known_hosts = text.and_then(|text| problems.take(&place("ssh.known_hosts"), KnownHosts::parse(&text)));
        problems.take(&place("branch"), slipway_git::check_branch(branch))?;
        let login = SshLogin { key: key?, known_hosts: known_hosts? };
        problems.take(&place("url"), Remote::over_ssh(url, branch, login))
    }

    /// Adds the key that signs pushed commits to a remote.
    pub(super) fn signed(&self, remote: Remote, key: Option<&SecretReference>, problems: &mut Problems) -> Remote {
        let Some(reference) = key else { return remote };
        let place = format!("{}.signing_key", self.key);
        let text = problems.take(&place, secret::read(reference, self.folder));
        match text.and_then(|text| problems.take(&place, SigningKey::from_openssh(&text))) {
            Some(key) => remote.with_signing_key(key),
            None => remote,
        }
    }

    fn authorities(&self, file: &str) -> Result<Authorities, String> {
        let path = self.folder.join(file);
        let pem =
            std::fs::read(&path).map_err(|error| format!("the file `{}` cannot be read: {error}", path.display()))?;
        Authorities::from_pem(&pem).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems_of(ca: Option<&str>, key: Option<&str>) -> String {
        let mut problems = Problems {
            name: "server.yaml".to_owned(),
            text: String::new(),
            found: Vec::new(),
            guesses: slipway_yaml::Guesses::default(),
        };
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/git/src/tests");
        let place = Place { key: "environments[0]", folder: &folder };
        let login = Login { ca, ..Login::default() };
        let remote = place.remote("https://git.example/environment.git", "main", &login, &mut problems);
        let key = key.map(|file| SecretReference::File(file.to_owned()));
        if let Some(remote) = remote {
            place.signed(remote, key.as_ref(), &mut problems);
        }
        problems.found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    fn ssh_problems_of(url: &str, key: &str, known_hosts: KnownHostsFile, ca: Option<&str>) -> String {
        let mut problems = Problems {
            name: "server.yaml".to_owned(),
            text: String::new(),
            found: Vec::new(),
            guesses: slipway_yaml::Guesses::default(),
        };
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/git/src/tests");
        let place = Place { key: "environments[0]", folder: &folder };
        let ssh = SshFile { key: SecretReference::File(key.to_owned()), known_hosts };
        let login = Login { ssh: Some(&ssh), ca, ..Login::default() };
        let remote = place.remote(url, "main", &login, &mut problems);
        assert_eq!(remote.is_none() || ca.is_some(), !problems.found.is_empty());
        problems.found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn an_ssh_address_needs_a_key_and_known_hosts() {
        const URL: &str = "git@forge.example:team/environment.git";
        let known = || {
            let key = include_str!("../../crates/git/src/tests/keys/ed25519.pub");
            KnownHostsFile::Text(format!("forge.example {key}"))
        };
        assert_eq!(ssh_problems_of(URL, "keys/ed25519", known(), None), "");
        let passphrase = ssh_problems_of(URL, "keys/encrypted", known(), None);
        assert!(passphrase.contains("environments[0].ssh.key: expected an Ed25519 private key"), "{passphrase}");
        let missing = ssh_problems_of(URL, "keys/ed25519", KnownHostsFile::File("nothing".to_owned()), None);
        assert!(missing.contains("environments[0].ssh.known_hosts: the file `"), "{missing}");
        let empty = ssh_problems_of(URL, "keys/ed25519", KnownHostsFile::Text(String::new()), None);
        assert!(empty.contains("environments[0].ssh.known_hosts: expected lines like"), "{empty}");
        let path = ssh_problems_of("git@forge.example:", "keys/ed25519", known(), None);
        assert!(path.contains("environments[0].url: "), "{path}");
        let ca = ssh_problems_of(URL, "keys/ed25519", known(), Some("tls/authority.pem"));
        assert!(ca.contains("environments[0].ca: is for https"), "{ca}");
    }

    #[test]
    fn authorities_and_keys_are_read_and_checked_at_the_start() {
        assert_eq!(problems_of(Some("tls/authority.pem"), Some("keys/ed25519")), "");
        assert!(problems_of(Some("nothing.pem"), None).contains("environments[0].ca: the file `"));
        assert!(problems_of(Some("tls/server.key"), None).contains("environments[0].ca: expected certificates in PEM"));
        let passphrase = problems_of(None, Some("keys/encrypted"));
        assert!(passphrase.contains("environments[0].signing_key: expected an Ed25519 private key"), "{passphrase}");
    }
}
