//! Verifies GitLab's signed deliveries by Standard Webhooks (github.com/standard-webhooks/standard-webhooks). The signed text is
//! `{webhook-id}.{webhook-timestamp}.{body}`, so a delivery can neither be renamed nor be replayed later.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::Mac as _;
use jiff::Timestamp;

use super::{ForgeError, Headers, Secret, name_in};

/// The header with the signatures: `v1,BASE64`. It contains several, separated by spaces, while a secret is rotated.
pub(super) const SIGNATURE: &str = "webhook-signature";
/// The header with the delivery's identifier.
pub(super) const ID: &str = "webhook-id";
/// The header with the time of signing, in seconds of Unix time.
const TIMESTAMP: &str = "webhook-timestamp";
/// The accepted difference between the sender's clock and this machine's clock, in either direction. The specification does not
/// fix it. Its own libraries use five minutes.
const TOLERANCE_SECONDS: u64 = 300;
/// The most signatures that are checked. Senders create one for each secret.
const MAX_SIGNATURES: usize = 8;

/// Verifies the time and the signature, against every secret, in constant time.
pub(super) fn verify(headers: &dyn Headers, body: &[u8], secrets: &[Secret], now: Timestamp) -> Result<(), ForgeError> {
    let unverified = |reason| ForgeError::Unverified { reason };
    let id = name_in(headers, ID)?;
    let timestamp = headers.value(TIMESTAMP).ok_or(unverified("the header `webhook-timestamp` is missing"))?;
    let seconds = timestamp.parse::<i64>().map_err(|_| unverified("`webhook-timestamp` is not a number of seconds"))?;
    if seconds.abs_diff(now.as_second()) > TOLERANCE_SECONDS {
        return Err(unverified("`webhook-timestamp` differs from this server's clock by more than five minutes"));
    }
    let header = headers
        .value(SIGNATURE)
        .ok_or(unverified("the header `webhook-signature` is missing or occurs more than once"))?;
    let claimed = header.split(' ').filter_map(|one| STANDARD.decode(one.strip_prefix("v1,")?).ok());
    let claimed: Vec<Vec<u8>> = claimed.take(MAX_SIGNATURES).collect();
    if claimed.is_empty() {
        return Err(unverified("`webhook-signature` contains no signature of the form `v1,BASE64`"));
    }
    let signed = secrets.iter().any(|secret| {
        // The body may be large: its MAC is computed once for each secret, however many signatures the header contains.
        let mac = secret.mac_of_parts(&[id.as_bytes(), b".", timestamp.as_bytes(), b".", body]);
        claimed.iter().any(|claimed| mac.clone().verify_slice(claimed).is_ok())
    });
    if signed {
        Ok(())
    } else {
        Err(unverified("`webhook-signature` does not match the body and this source's secret"))
    }
}
