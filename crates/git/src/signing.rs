//! Signs commits with an SSH key, in the format of `git verify-commit` (PROTOCOL.sshsig of OpenSSH, namespace `git`).

use std::fmt;
use std::sync::Arc;

use russh::keys::ssh_key::{Fingerprint, LineEnding};
use russh::keys::{Algorithm, HashAlg, PrivateKey};

/// The namespace of git's signatures: a signature for another purpose is never valid for a commit.
const NAMESPACE: &str = "git";

/// A private key that signs commits; never printed.
#[derive(Clone)]
pub struct SigningKey(Arc<PrivateKey>);

/// Error: the text is not a valid signing key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected an Ed25519 private key of OpenSSH without a passphrase, found {0}\n  help: create a key with `ssh-keygen -t ed25519 -N ''`"
)]
pub struct NotASigningKey(String);

impl SigningKey {
    /// Reads a key as `ssh-keygen -t ed25519` writes it.
    pub fn from_openssh(text: &str) -> Result<Self, NotASigningKey> {
        // Errors of the parser contain kinds of mistakes, never the input.
        let key = PrivateKey::from_openssh(format!("{}\n", text.trim()))
            .map_err(|error| NotASigningKey(error.to_string()))?;
        if key.is_encrypted() {
            return Err(NotASigningKey("a key with a passphrase".to_owned()));
        }
        if key.algorithm() != Algorithm::Ed25519 {
            return Err(NotASigningKey(format!("a key of the kind {}", key.algorithm())));
        }
        Ok(Self(Arc::new(key)))
    }

    /// The fingerprint for verifiers: `SHA256:…`.
    pub fn fingerprint(&self) -> String {
        self.print().to_string()
    }

    fn print(&self) -> Fingerprint {
        self.0.public_key().fingerprint(HashAlg::Sha256)
    }

    /// The armoured signature of a commit's bytes, without a newline at its end.
    pub(super) fn sign(&self, commit: &[u8]) -> Result<String, String> {
        let signature = self.0.sign(NAMESPACE, HashAlg::Sha512, commit).map_err(|error| error.to_string())?;
        let armoured = signature.to_pem(LineEnding::LF).map_err(|error| error.to_string())?;
        Ok(armoured.trim_end().to_owned())
    }
}

impl PartialEq for SigningKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.public_key() == other.0.public_key()
    }
}

impl Eq for SigningKey {}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.print())
    }
}
