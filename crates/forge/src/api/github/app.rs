//! The login of a GitHub App. The App signs a JSON Web Token and exchanges it for a token of one repository (docs.github.com,
//! "Generating a JSON Web Token for a GitHub App" and "Generating an installation access token").

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use ring::rand::SystemRandom;
use ring::rsa::KeyPair;
use ring::signature::RSA_PKCS1_SHA256;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::{Value, json};

use super::needs;
use crate::api::{ApiError, Purpose, answer};

/// How far the JSON Web Token's issue time lies in the past, because this machine's clock may be ahead of GitHub's.
const SKEW: SignedDuration = SignedDuration::from_secs(60);
/// How long the JSON Web Token is valid. GitHub accepts ten minutes at most, measured by its own clock.
const CLAIM: SignedDuration = SignedDuration::from_secs(8 * 60);
/// How long before its expiry a token is replaced.
const RENEWAL: SignedDuration = SignedDuration::from_secs(5 * 60);

/// A GitHub App: its identifier and its private key.
#[derive(Clone)]
pub struct AppLogin {
    id: u64,
    key: Arc<KeyPair>,
}

impl AppLogin {
    /// The App `id` with its private key as GitHub provides it (PEM, PKCS #1 or PKCS #8).
    pub fn new(id: u64, pem: &str) -> Result<Self, String> {
        const EXPECTED: &str =
            "expected the App's private key in PEM, as GitHub generates it: `-----BEGIN RSA PRIVATE KEY-----` …";
        let key = match PrivateKeyDer::from_pem_slice(pem.as_bytes()) {
            Ok(PrivateKeyDer::Pkcs1(key)) => KeyPair::from_der(key.secret_pkcs1_der()),
            Ok(PrivateKeyDer::Pkcs8(key)) => KeyPair::from_pkcs8(key.secret_pkcs8_der()),
            Ok(_) | Err(_) => return Err(EXPECTED.to_owned()),
        };
        let key = key.map_err(|error| format!("the App's private key cannot be used: {error}"))?;
        Ok(Self { id, key: Arc::new(key) })
    }

    /// The App's identifier.
    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// The signed JSON Web Token that identifies the App (RS256).
    pub(super) fn claim(&self, now: Timestamp) -> Result<String, ApiError> {
        let encoded = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let header = encoded(json!({ "alg": "RS256", "typ": "JWT" }));
        let (from, until) = ((now - SKEW).as_second(), (now + CLAIM).as_second());
        let claims = encoded(json!({ "iat": from, "exp": until, "iss": self.id.to_string() }));
        let signed = format!("{header}.{claims}");
        let mut signature = vec![0; self.key.public().modulus_len()];
        self.key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).map_err(|_| {
            ApiError::Unreachable { reason: "the JSON Web Token of the App cannot be signed".to_owned() }
        })?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

impl std::fmt::Debug for AppLogin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AppLogin").field("id", &self.id).finish_non_exhaustive()
    }
}

/// An installation access token.
pub(super) struct Token {
    pub(super) text: String,
    expires_at: Timestamp,
}

impl Token {
    /// Reads a token from GitHub's response.
    pub(super) fn read(answer: &Value) -> Result<Self, ApiError> {
        let expires_at = answer::text(answer, "/expires_at")?.parse();
        let expires_at =
            expires_at.map_err(|error| ApiError::Unreachable { reason: format!("`expires_at`: {error}") })?;
        Ok(Self { text: answer::text(answer, "/token")?.to_owned(), expires_at })
    }

    /// Whether the token remains valid for more than [`RENEWAL`].
    pub(super) fn is_fresh(&self, now: Timestamp) -> bool {
        now + RENEWAL < self.expires_at
    }
}

/// The body of a request for a token: this repository, and the permissions that its purpose needs.
pub(super) fn wanted(repository: &str, purpose: Purpose) -> Value {
    let name = repository.rsplit('/').next().unwrap_or_default();
    let permissions = needs::document(needs::of_tokens(purpose));
    json!({ "repositories": [name], "permissions": permissions })
}

#[cfg(test)]
mod tests {
    use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

    use super::*;

    use slipway_testkit::github::APP_KEY as KEY;

    fn part(text: &str) -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).expect("base64")).expect("JSON")
    }

    #[test]
    fn a_claim_is_signed_dated_back_by_a_minute_and_ends_before_github_would_refuse_it() {
        let app = AppLogin::new(42, KEY).expect("an App");
        let now: Timestamp = "2026-03-01T12:00:00Z".parse().expect("a time");
        let claim = app.claim(now).expect("a claim");
        let (signed, signature) = claim.rsplit_once('.').expect("three parts");
        let (header, claims) = signed.split_once('.').expect("three parts");
        assert_eq!(part(header), json!({ "alg": "RS256", "typ": "JWT" }));
        let claims = part(claims);
        assert_eq!(claims["iss"], "42");
        assert_eq!(claims["iat"], now.as_second() - 60);
        let held = claims["exp"].as_i64().expect("a number") - now.as_second();
        assert!((60..=9 * 60).contains(&held), "a clock one minute off is tolerated in both directions: {held}");
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, app.key.public().as_ref());
        let signature = URL_SAFE_NO_PAD.decode(signature).expect("base64");
        public.verify(signed.as_bytes(), &signature).expect("the signature holds");
    }

    #[test]
    fn a_token_is_replaced_some_minutes_before_its_end() {
        let token = Token::read(&json!({ "token": "t", "expires_at": "2026-03-01T13:00:00Z" })).expect("a token");
        assert!(token.is_fresh("2026-03-01T12:54:00Z".parse().expect("a time")));
        assert!(!token.is_fresh("2026-03-01T12:56:00Z".parse().expect("a time")));
    }

    #[test]
    fn what_is_no_key_is_refused_without_being_shown_and_a_key_is_not_shown_either() {
        for pem in ["", "secret", "-----BEGIN PUBLIC KEY-----\nc2VjcmV0\n-----END PUBLIC KEY-----"] {
            let refused = AppLogin::new(1, pem).expect_err("no key");
            assert!(!refused.contains("secret") && !refused.contains("c2VjcmV0"), "{refused}");
        }
        assert_eq!(format!("{:?}", AppLogin::new(42, KEY).expect("an App")), "AppLogin { id: 42, .. }");
    }

    #[test]
    fn a_token_is_asked_for_one_repository_and_for_what_is_needed_there() {
        let wanted_for = |purpose| wanted("team/models", purpose);
        assert_eq!(wanted_for(Purpose::Source { deployments: false })["repositories"], json!(["models"]));
        assert_eq!(wanted_for(Purpose::Source { deployments: false })["permissions"]["contents"], "read");
        assert_eq!(wanted_for(Purpose::Environment)["permissions"]["checks"], Value::Null);
    }
}
