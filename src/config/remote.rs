//! How a git server is reached, and how what is pushed to it is signed.

use std::path::Path;

use super::Problems;
use super::file::CredentialsFile;
use super::secret;
use super::secret::SecretReference;
use crate::git::{Authorities, Credentials, Remote, SigningKey};

/// Where in the settings a remote stands, and where relative paths begin.
pub(super) struct Place<'a> {
    pub(super) key: &'a str,
    pub(super) folder: &'a Path,
}

impl Place<'_> {
    /// The remote, or mistakes at its keys.
    pub(super) fn remote(
        &self,
        url: &str,
        branch: &str,
        credentials: Option<&CredentialsFile>,
        ca: Option<&str>,
        problems: &mut Problems,
    ) -> Option<Remote> {
        let key = self.key;
        let login = credentials.and_then(|CredentialsFile { username, password }| {
            let password = secret::read(password, self.folder);
            let password = problems.take(&format!("{key}.credentials.password"), password)?;
            Some(Credentials { username: username.clone(), password })
        });
        let authorities = ca.map(|file| problems.take(&format!("{key}.ca"), self.authorities(file)));
        let remote = problems.take(&format!("{key}.url"), Remote::new(url, branch, login))?;
        match authorities {
            None => Some(remote),
            Some(authorities) => Some(remote.with_authorities(authorities?)),
        }
    }

    /// The same remote, with the key that signs what is pushed to it.
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
        let mut problems = Problems { name: "server.yaml".to_owned(), text: String::new(), found: Vec::new() };
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/git/tests");
        let place = Place { key: "environments[0]", folder: &folder };
        let remote = place.remote("https://git.example/environment.git", "main", None, ca, &mut problems);
        let key = key.map(|file| SecretReference::File(file.to_owned()));
        if let Some(remote) = remote {
            place.signed(remote, key.as_ref(), &mut problems);
        }
        problems.found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
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
