//! The signed form of GitLab's deliveries: Standard Webhooks (github.com/standard-webhooks/standard-webhooks). Signed
//! is `{webhook-id}.{webhook-timestamp}.{body}`, so that a delivery can neither be renamed nor kept for later.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::Mac as _;
use jiff::Timestamp;

use super::{ForgeError, Headers, Secret, name_in};

/// The header that carries the signatures: `v1,BASE64`, several separated by spaces while a secret is rotated.
pub(super) const SIGNATURE: &str = "webhook-signature";
/// The header that names the delivery.
pub(super) const ID: &str = "webhook-id";
/// The header that says when it was signed, in seconds of Unix time.
const TIMESTAMP: &str = "webhook-timestamp";
/// How far the sender's clock may be from ours, in either direction. The specification leaves the figure open; its
/// own libraries take five minutes.
const TOLERANCE_SECONDS: u64 = 300;
/// Signatures that are looked at: one a secret is what senders make.
const MAX_SIGNATURES: usize = 8;

/// Checks time and signature, in constant time, against every secret.
pub(super) fn verify(headers: &dyn Headers, body: &[u8], secrets: &[Secret], now: Timestamp) -> Result<(), ForgeError> {
    let unverified = |reason| ForgeError::Unverified { reason };
    let id = name_in(headers, ID)?;
    let timestamp = headers.value(TIMESTAMP).ok_or(unverified("the header `webhook-timestamp` is missing"))?;
    let seconds = timestamp.parse::<i64>().map_err(|_| unverified("`webhook-timestamp` is not a number of seconds"))?;
    if seconds.abs_diff(now.as_second()) > TOLERANCE_SECONDS {
        return Err(unverified("`webhook-timestamp` is more than five minutes away from this server's clock"));
    }
    let header = headers.value(SIGNATURE).ok_or(unverified("the header `webhook-signature` is not a single text"))?;
    let claimed = header.split(' ').filter_map(|one| STANDARD.decode(one.strip_prefix("v1,")?).ok());
    let claimed: Vec<Vec<u8>> = claimed.take(MAX_SIGNATURES).collect();
    if claimed.is_empty() {
        return Err(unverified("`webhook-signature` holds no signature of the form `v1,BASE64`"));
    }
    let signed = secrets.iter().any(|secret| {
        // The body may be large: it is digested once a secret, however many signatures are claimed.
        let mac = secret.mac_of_parts(&[id.as_bytes(), b".", timestamp.as_bytes(), b".", body]);
        claimed.iter().any(|claimed| mac.clone().verify_slice(claimed).is_ok())
    });
    if signed { Ok(()) } else { Err(unverified("`webhook-signature` does not fit the body and this source's secret")) }
}
