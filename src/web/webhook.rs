//! A delivery's way in: cap, verify the raw bytes, store on disk, answer 202. Nothing is parsed before it is verified.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use http_body_util::BodyExt as _;
use jiff::Timestamp;

use super::problem::Problem;
use super::{Hook, SLOWEST_DELIVERY, Shared};
use crate::domain::{Delivery, Intake, SourceName};
use crate::forge::{DeliveryName, ForgeError, Headers};

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
    let outcome = take(&shared, source, &headers, body).await;
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
            refusal.problem.into_response()
        }
    }
}

/// A refused delivery: a word for the counter, a problem for the sender.
struct Refusal {
    word: &'static str,
    problem: Problem,
}

fn refuse(word: &'static str, status: StatusCode, detail: impl Into<String>) -> Refusal {
    Refusal { word, problem: Problem::new(status, detail) }
}

async fn take(shared: &Shared, source: String, headers: &HeaderMap, body: Body) -> Result<Intake, Refusal> {
    let unknown = || refuse("unknown_source", StatusCode::NOT_FOUND, "no such source is served here");
    let source = SourceName::try_from(source).map_err(|_| unknown())?;
    let hook = shared.hooks.get(&source).ok_or_else(unknown)?;
    let body = read_body(shared, headers, body).await?;
    let delivery = verify(hook, source, headers, body)?;
    shared.pipeline.accept(&delivery).await.map_err(|error| {
        tracing::error!(delivery.id, %error, "delivery {} could not be stored: {error}", delivery.id);
        let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the delivery could not be stored; send it again");
        Refusal { word: "not_stored", problem: problem.retry_after(5) }
    })
}

/// The body, up to the cap. A body that says it is too large is not read at all; one that does not say so is read no
/// further than the cap.
async fn read_body(shared: &Shared, headers: &HeaderMap, mut body: Body) -> Result<Vec<u8>, Refusal> {
    let cap = shared.settings.largest_delivery;
    let too_large =
        || refuse("too_large", StatusCode::PAYLOAD_TOO_LARGE, format!("the body is larger than {cap} bytes"));
    let declared = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|length| length > cap) {
        return Err(too_large());
    }
    let Ok(_permit) = shared.bodies.try_acquire() else {
        let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "too many deliveries at once; send it again");
        return Err(Refusal { word: "busy", problem: problem.retry_after(1) });
    };
    let read = async {
        let mut bytes = Vec::with_capacity(declared.unwrap_or(0).min(cap));
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| refuse("cut_off", StatusCode::BAD_REQUEST, "the body was cut off"))?;
            if let Ok(data) = frame.into_data() {
                if bytes.len() + data.len() > cap {
                    return Err(too_large());
                }
                bytes.extend_from_slice(&data);
            }
        }
        Ok(bytes)
    };
    let slow =
        |_| refuse("too_slow", StatusCode::REQUEST_TIMEOUT, format!("the body took longer than {SLOWEST_DELIVERY:?}"));
    tokio::time::timeout(SLOWEST_DELIVERY, read).await.map_err(slow)?
}

fn verify(hook: &Hook, source: SourceName, headers: &HeaderMap, body: Vec<u8>) -> Result<Delivery, Refusal> {
    let now = Timestamp::now();
    match hook.forge.verify(headers, &body, &hook.secrets, now) {
        Ok(DeliveryName { id, event }) => {
            Ok(Delivery { source, id, event, headers: kept(headers), body, received_at: now })
        }
        Err(error @ (ForgeError::Unverified { .. } | ForgeError::Unsigned { .. })) => {
            Err(refuse("unverified", StatusCode::UNAUTHORIZED, error.to_string()))
        }
        Err(error) => Err(refuse("malformed", StatusCode::BAD_REQUEST, error.to_string())),
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
