//! A delivery's way in: cap, verify the raw bytes, store on disk, answer 202. Nothing is parsed before it is verified.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use jiff::Timestamp;

use super::body;
use super::refusal::Refusal;
use super::{Hook, Shared};
use crate::domain::{Delivery, Intake, SourceName};
use crate::forge::{DeliveryName, ForgeError, Headers};

/// The largest body that is verified at once, in bytes, which takes about a tenth of a millisecond. Larger ones are
/// verified on a thread of their own, so that other requests do not wait.
const VERIFIED_AT_ONCE: usize = 64 * 1024;

impl Headers for HeaderMap {
    fn value(&self, name: &str) -> Option<&str> {
        let mut values = self.get_all(name).iter();
        let value = values.next()?.to_str().ok()?;
        values.next().is_none().then_some(value)
    }

    fn has(&self, name: &str) -> bool {
        self.contains_key(name)
    }
}

/// `POST /webhooks/{source}`.
pub(super) async fn receive(
    State(shared): State<Arc<Shared>>,
    Path(source): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let outcome = take(&shared, source, headers, body).await;
    let word = match &outcome {
        Ok(Intake::Stored) => "stored",
        Ok(Intake::Duplicate) => "duplicate",
        Err(refusal) => refusal.word,
    };
    metrics::counter!("slipway_deliveries_total", "outcome" => word).increment(1);
    match outcome {
        Ok(_) => StatusCode::ACCEPTED.into_response(),
        Err(refusal) => {
            tracing::info!(reason = word, "a delivery was refused: {word}");
            refusal.into_response()
        }
    }
}

async fn take(shared: &Shared, source: String, headers: HeaderMap, body: Body) -> Result<Intake, Refusal> {
    let unknown = || Refusal::new("unknown_source", StatusCode::NOT_FOUND, "no such source is served here");
    let source = SourceName::try_from(source).map_err(|_| unknown())?;
    let (hook, budget) = shared.hooks.get(&source).ok_or_else(unknown)?;
    check_kind(&headers)?;
    let body = body::read(&headers, body, shared.settings.bodies.largest, [&shared.bodies, budget]).await?;
    let now = Timestamp::now();
    let kept = kept(&headers);
    let (name, bytes, _permits) = verify(hook, headers, body, now).await?;
    let DeliveryName { id, event } = name;
    let delivery = Delivery { source, id, event, headers: kept, body: bytes, received_at: now };
    shared.pipeline.accept(&delivery).await.map_err(|error| {
        tracing::error!(delivery.id, %error, "delivery {} could not be stored: {error}", delivery.id);
        let detail = "the delivery could not be stored; send it again";
        Refusal::new("not_stored", StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(5)
    })
}

/// Refuses bodies in a form that no forge has to send: anything but JSON, and compressed ones, whose size cannot be
/// known before they are unpacked.
fn check_kind(headers: &HeaderMap) -> Result<(), Refusal> {
    let refuse = |word, detail: &str| Refusal::new(word, StatusCode::UNSUPPORTED_MEDIA_TYPE, detail);
    if let Some(kind) = headers.get(header::CONTENT_TYPE) {
        let kind = kind.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/json") {
            let detail = "expected `Content-Type: application/json`: set it as the webhook's content type at the forge";
            return Err(refuse("wrong_type", detail));
        }
    }
    match headers.get(header::CONTENT_ENCODING) {
        Some(encoding) if !encoding.as_bytes().eq_ignore_ascii_case(b"identity") => {
            Err(refuse("encoded", "expected a body without `Content-Encoding`"))
        }
        _ => Ok(()),
    }
}

/// The delivery's name and body, once it is known who sent it, and what holds the body's place in the budgets.
async fn verify(
    hook: &Hook,
    headers: HeaderMap,
    body: body::Held,
    now: Timestamp,
) -> Result<(DeliveryName, Vec<u8>, body::Permits), Refusal> {
    let body::Held { bytes, permits } = body;
    let (verified, bytes) = if bytes.len() <= VERIFIED_AT_ONCE {
        (hook.forge.verify(&headers, &bytes, &hook.secrets, now), bytes)
    } else {
        let Hook { forge, secrets } = hook.clone();
        let verified =
            tokio::task::spawn_blocking(move || (forge.verify(&headers, &bytes, &secrets, now), bytes)).await;
        verified.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic()))
    };
    match verified {
        Ok(name) => Ok((name, bytes, permits)),
        Err(error @ (ForgeError::Unverified { .. } | ForgeError::Unsigned { .. })) => {
            Err(Refusal::new("unverified", StatusCode::UNAUTHORIZED, error.to_string()))
        }
        Err(error) => Err(Refusal::new("malformed", StatusCode::BAD_REQUEST, error.to_string())),
    }
}

/// Words in the names of headers whose values are secrets.
const SECRET: [&str; 4] = ["authorization", "cookie", "secret", "token"];

/// The headers as they are kept beside the body: secrets taken out.
fn kept(headers: &HeaderMap) -> BTreeMap<String, String> {
    let kept = |(name, value): (&HeaderName, &HeaderValue)| {
        let secret = SECRET.iter().any(|word| name.as_str().contains(word));
        let value = if secret { "[redacted]".into() } else { String::from_utf8_lossy(value.as_bytes()) };
        (name.as_str().to_owned(), value.into_owned())
    };
    headers.iter().map(kept).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_in_headers_are_not_kept() {
        let mut headers = HeaderMap::new();
        for (name, value) in [("x-gitlab-token", "hush"), ("authorization", "hush"), ("x-gitlab-event", "Push Hook")] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        let kept = kept(&headers);
        assert_eq!(kept["x-gitlab-event"], "Push Hook");
        assert!(kept.values().all(|value| value != "hush"), "{kept:?}");
    }
}
