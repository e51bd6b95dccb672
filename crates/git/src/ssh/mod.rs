//! Git over SSH: the repository's address, the login key, the trusted host keys, and a stream to a program.

mod address;
mod known_hosts;
mod session;
mod stream;

use std::fmt;
use std::sync::Arc;

use russh::keys::{Algorithm, HashAlg, PrivateKey};

pub(super) use address::Address;
pub use known_hosts::{KnownHosts, NotKnownHosts};
pub(super) use stream::Stream;

/// The login over SSH.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshLogin {
    /// The key that the server accepts.
    pub key: SshKey,
    /// The host keys that the server may present.
    pub known_hosts: KnownHosts,
}

/// A private login key; kept in memory and never printed.
#[derive(Clone)]
pub struct SshKey(Arc<PrivateKey>);

/// Error: the text is not a valid login key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected an Ed25519 private key of OpenSSH without a passphrase, found {0}\n  help: create a key with `ssh-keygen -t ed25519 -N ''`"
)]
pub struct NotAnSshKey(String);

impl SshKey {
    /// Reads a key as `ssh-keygen -t ed25519` writes it.
    pub fn from_openssh(text: &str) -> Result<Self, NotAnSshKey> {
        // Errors of the parser contain kinds of mistakes, never the input.
        let key =
            PrivateKey::from_openssh(format!("{}\n", text.trim())).map_err(|error| NotAnSshKey(error.to_string()))?;
        if key.is_encrypted() {
            return Err(NotAnSshKey("a key with a passphrase".to_owned()));
        }
        if key.algorithm() != Algorithm::Ed25519 {
            return Err(NotAnSshKey(format!("a key of the kind {}", key.algorithm())));
        }
        Ok(Self(Arc::new(key)))
    }

    /// The fingerprint, as servers list it: `SHA256:…`.
    pub fn fingerprint(&self) -> String {
        self.0.public_key().fingerprint(HashAlg::Sha256).to_string()
    }
}

impl PartialEq for SshKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.public_key() == other.0.public_key()
    }
}

impl Eq for SshKey {}

impl fmt::Debug for SshKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SshKey({})", self.fingerprint())
    }
}
