//! HMAC-SHA256 over the raw body (RFC 2104), as forges send it: hexadecimal digits in a header.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use slipway_domain::counted;

use super::{ForgeError, Headers};

/// A secret shared with a sender. Its `Debug` output hides it.
#[derive(Clone)]
pub struct Secret(Vec<u8>);

/// A text too short to be a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the secret has {}, expected at least {}\n  help: create a secret with `openssl rand -hex 32`",
    counted(*.length, "character"), Secret::SHORTEST
)]
pub struct SecretTooShort {
    length: usize,
}

impl Secret {
    /// The least length of a secret, in characters. A shorter one could be guessed.
    pub const SHORTEST: usize = 16;

    /// A secret from a text, without the white space around it.
    pub fn new(text: &str) -> Result<Self, SecretTooShort> {
        let text = text.trim();
        if text.len() < Self::SHORTEST {
            return Err(SecretTooShort { length: text.len() });
        }
        Ok(Self(text.as_bytes().to_vec()))
    }

    /// The value of the signature header for a body.
    pub fn sign(&self, body: &[u8]) -> String {
        format!("sha256={}", hex::encode(self.mac(body).finalize().into_bytes()))
    }

    /// A secret for another purpose. This secret cannot be computed from it.
    pub(super) fn derived(&self, purpose: &[u8]) -> Self {
        Self(self.mac(purpose).finalize().into_bytes().to_vec())
    }

    /// Whether hexadecimal digits are the MAC of a body. Compares in constant time.
    pub(super) fn verifies(&self, body: &[u8], digits: &str) -> bool {
        hex::decode(digits).is_ok_and(|claimed| self.mac(body).verify_slice(&claimed).is_ok())
    }

    /// Whether a text equals the secret. Compares in constant time, by MACs of equal length.
    pub fn equals(&self, text: &str) -> bool {
        self.mac(text.as_bytes()).verify_slice(&self.mac(&self.0).finalize().into_bytes()).is_ok()
    }

    /// The MAC of a body in several parts. Standard Webhooks writes the key as `whsec_` followed by Base64. A secret in any other
    /// form is the key itself.
    pub(super) fn mac_of_parts(&self, parts: &[&[u8]]) -> Hmac<Sha256> {
        let decoded = self.0.strip_prefix(b"whsec_").and_then(|digits| STANDARD.decode(digits).ok());
        let key = decoded.map_or(Cow::Borrowed(&self.0[..]), Cow::Owned);
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes keys of any length");
        for part in parts {
            mac.update(part);
        }
        mac
    }

    fn mac(&self, body: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(body);
        mac
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Verifies a signature of `prefix` and hexadecimal digits against every secret, in constant time.
pub(super) fn verify(
    headers: &dyn Headers,
    header: &'static str,
    prefix: &'static str,
    body: &[u8],
    secrets: &[Secret],
) -> Result<(), ForgeError> {
    let unverified = |reason| ForgeError::Unverified { reason };
    let text = headers.value(header).ok_or(ForgeError::Unsigned { header })?;
    let digits = text.strip_prefix(prefix).ok_or(unverified("the signature does not start with `sha256=`"))?;
    let claimed = hex::decode(digits).map_err(|_| unverified("the signature is not hexadecimal"))?;
    let signed = secrets.iter().any(|secret| secret.mac(body).verify_slice(&claimed).is_ok());
    if signed { Ok(()) } else { Err(unverified("the signature does not match the body and this source's secret")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "x-hub-signature-256";

    struct One(Option<String>);

    impl Headers for One {
        fn value(&self, name: &str) -> Option<&str> {
            self.0.as_deref().filter(|_| name == HEADER)
        }

        fn has(&self, name: &str) -> bool {
            self.value(name).is_some()
        }
    }

    fn check(header: Option<&str>, body: &[u8], secrets: &[Secret]) -> Result<(), ForgeError> {
        verify(&One(header.map(str::to_owned)), HEADER, "sha256=", body, secrets)
    }

    #[test]
    fn the_example_of_githubs_documentation_is_accepted() {
        // docs.github.com, "Validating webhook deliveries", section "Testing the webhook payload validation"
        let secret = Secret::new("It's a Secret to Everybody").expect("long enough");
        let header = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        assert_eq!(secret.sign(b"Hello, World!"), header);
        assert_eq!(check(Some(header), b"Hello, World!", &[secret]), Ok(()));
    }

    #[test]
    fn missing_malformed_foreign_and_shortened_signatures_are_refused() {
        let secret = Secret::new("0123456789abcdef").expect("long enough");
        let good = secret.sign(b"body");
        let secrets = [secret];
        assert_eq!(check(Some(&good), b"body", &secrets), Ok(()));
        let upper = good.to_uppercase();
        for header in
            [None, Some(""), Some("sha256="), Some("sha1=00"), Some("sha256=zz"), Some(&good[..40]), Some(&upper)]
        {
            assert!(check(header, b"body", &secrets).is_err(), "{header:?}");
        }
        assert!(check(Some(&good), b"another body", &secrets).is_err());
        assert!(check(Some(&good), b"body", &[]).is_err(), "without a secret nothing is accepted");
    }

    #[test]
    fn the_previous_secret_still_works_while_it_is_listed() {
        let secrets =
            ["the new secret of the day", "the old secret of the day"].map(|text| Secret::new(text).expect("long"));
        assert_eq!(check(Some(&secrets[1].sign(b"x")), b"x", &secrets), Ok(()));
    }

    #[test]
    fn a_secret_equals_itself_only() {
        let secret = Secret::new("0123456789abcdef").expect("long enough");
        assert!(secret.equals("0123456789abcdef"));
        assert!(
            ["", "0123456789abcde", "0123456789abcdeF", "0123456789abcdef "].iter().all(|text| !secret.equals(text))
        );
    }

    #[test]
    fn a_secret_is_never_shown_and_never_short() {
        assert_eq!(format!("{:?}", Secret::new("0123456789abcdef")), "Ok(Secret(…))");
        let error = Secret::new("  short \n").expect_err("short").to_string();
        assert!(error.starts_with("the secret has 5 characters, expected at least 16"), "{error}");
    }
}
