//! Custom certificate authorities for git servers whose certificates no public authority signed.

use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use ureq::tls::{Certificate, PemItem, RootCerts, parse_pem};

/// Certificates of authorities, read from PEM.
///
/// A server's own certificate is not an authority, even if it is self-signed. The operator must create an authority that signs
/// it.
#[derive(Clone)]
pub struct Authorities(Arc<Vec<Certificate<'static>>>);

/// Error: the text contains no certificates.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected certificates in PEM, `-----BEGIN CERTIFICATE-----`: {0}")]
pub struct NotAuthorities(String);

impl Authorities {
    /// Reads all certificates of a text.
    pub fn from_pem(pem: &[u8]) -> Result<Self, NotAuthorities> {
        let mut certificates = Vec::new();
        for item in parse_pem(pem) {
            match item.map_err(|error| NotAuthorities(error.to_string()))? {
                PemItem::Certificate(certificate) => certificates.push(certificate),
                PemItem::PrivateKey(_) => return Err(NotAuthorities("the file contains a private key".to_owned())),
                _ => {}
            }
        }
        if certificates.is_empty() {
            return Err(NotAuthorities("the file contains no certificate".to_owned()));
        }
        Ok(Self(Arc::new(certificates)))
    }

    pub(super) fn root_certificates(&self) -> RootCerts {
        RootCerts::Specific(Arc::clone(&self.0))
    }
}

impl PartialEq for Authorities {
    fn eq(&self, other: &Self) -> bool {
        let bytes = |authorities: &Self| authorities.0.iter().map(|one| one.der().to_vec()).collect::<Vec<_>>();
        bytes(self) == bytes(other)
    }
}

impl Eq for Authorities {}

impl fmt::Debug for Authorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prints = self.0.iter().map(|one| hex::encode(Sha256::digest(one.der())));
        f.debug_list().entries(prints).finish()
    }
}
