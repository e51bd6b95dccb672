//! Accepts deliveries: limits the size, verifies the raw bytes, stores the delivery on disk, and answers 202. Nothing is parsed
//! before it is verified. If several sources share a webhook, the repository in the delivery selects the sources.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use jiff::Timestamp;

use super::refusal::Refusal;
use super::{Hook, Shared, body, outcome};
use slipway_domain::{Delivery, Receipt, Repository, SourceName};
use slipway_forge::{DeliveryName, ForgeError};
use slipway_store::StoreError;

/// Maximum size of a body that is verified directly, in bytes. That takes about a tenth of a millisecond. Larger bodies are
/// verified on a separate thread, so that other requests do not wait.
const VERIFIED_AT_ONCE: usize = 64 * 1024;

/// Result of receiving a delivery.
enum Acceptance {
    Stored,
    Duplicate,
    /// It came to a shared webhook, and its repository belongs to no source.
    OfNobody,
}

impl From<Receipt> for Acceptance {
    fn from(intake: Receipt) -> Self {
        match intake {
            Receipt::Stored => Self::Stored,
            Receipt::Duplicate => Self::Duplicate,
        }
    }
}

/// `POST /webhooks/{name}`: the webhook of a source, or one that several sources share.
pub(super) async fn receive(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let wait = outcome::wait_of(&headers);
    let outcome = take(&shared, name, headers, body).await;
    let word = match &outcome {
        Ok((Acceptance::Stored, _)) => "stored",
        Ok((Acceptance::Duplicate, _)) => "duplicate",
        Ok((Acceptance::OfNobody, _)) => "unknown_repository",
        Err(refusal) => refusal.word,
    };
    metrics::counter!("slipway_deliveries_total", "outcome" => word).increment(1);
    match outcome {
        Ok((_, own)) => match wait.zip(own) {
            Some((wait, (source, id))) => outcome::answer(&shared, &source, &id, wait).await,
            None => StatusCode::ACCEPTED.into_response(),
        },
        Err(refusal) => {
            tracing::info!(reason = word, "a delivery was refused: {word}");
            refusal.into_response()
        }
    }
}

/// Result of receiving a delivery. For a source's own webhook, also the source and the identifier.
type At = (Acceptance, Option<(SourceName, String)>);

async fn take(shared: &Shared, name: String, headers: HeaderMap, body: Body) -> Result<At, Refusal> {
    let unknown = || Refusal::new("unknown_source", StatusCode::NOT_FOUND, "no such source is served here");
    let name = SourceName::try_from(name).map_err(|_| unknown())?;
    let (hook, budget) = shared.hooks.get(&name).ok_or_else(unknown)?;
    check_kind(&headers)?;
    let body = body::read(&headers, body, shared.settings.bodies.largest, [&shared.bodies, budget]).await?;
    let now = Timestamp::now();
    let kept = kept(&headers);
    let (DeliveryName { id, event }, bytes, _permits) = verify(hook, headers, body, now).await?;
    if !hook.is_shared {
        let delivery = Delivery { source: name, id, event, headers: kept, body: bytes, received_at: now };
        let taken = store(shared, &delivery).await?;
        return Ok((taken, Some((delivery.source, delivery.id))));
    }
    let (repository, bytes) = repository_of(hook, bytes).await?;
    let Some(repository) = repository else { return Ok((Acceptance::OfNobody, None)) };
    let sources =
        shared.activities.intake.sources_behind(&name, &repository).await.map_err(|error| not_stored(&id, &error))?;
    if sources.is_empty() {
        tracing::debug!(delivery.id = id, "no source is the repository `{}` ({})", repository.full_name, repository.id);
        return Ok((Acceptance::OfNobody, None));
    }
    // Several sources may share a repository, for example for different branches. Each one processes the delivery.
    let mut taken = Acceptance::Duplicate;
    let mut delivery = Delivery { source: name, id, event, headers: kept, body: bytes, received_at: now };
    for source in sources {
        delivery.source = source;
        if matches!(store(shared, &delivery).await?, Acceptance::Stored) {
            taken = Acceptance::Stored;
        }
    }
    Ok((taken, None))
}

async fn store(shared: &Shared, delivery: &Delivery) -> Result<Acceptance, Refusal> {
    shared
        .activities
        .intake
        .accept(delivery)
        .await
        .map(Acceptance::from)
        .map_err(|error| not_stored(&delivery.id, &error))
}

fn not_stored(id: &str, error: &StoreError) -> Refusal {
    tracing::error!(delivery.id = id, %error, "delivery {id} could not be stored: {error}");
    let detail = "the delivery could not be stored; send it again";
    Refusal::new("not_stored", StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(5)
}

/// Returns the repository of a verified delivery. Nothing else is parsed here. Large deliveries are parsed on a separate thread.
async fn repository_of(hook: &Hook, bytes: Vec<u8>) -> Result<(Option<Repository>, Vec<u8>), Refusal> {
    let (read, bytes) = if bytes.len() <= VERIFIED_AT_ONCE {
        (hook.forge.repository(&bytes), bytes)
    } else {
        let forge = hook.forge.clone();
        let read = tokio::task::spawn_blocking(move || (forge.repository(&bytes), bytes)).await;
        read.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic()))
    };
    match read {
        Ok(repository) => Ok((repository, bytes)),
        Err(error) => Err(Refusal::new("malformed", StatusCode::BAD_REQUEST, error.to_string())),
    }
}

/// Refuses bodies in forms that no forge needs: anything except JSON, and compressed bodies, whose size is unknown until they are
/// unpacked.
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

/// Verifies the sender of a delivery. Returns its name, its body, and the bytes that the body takes from the budgets.
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
        let Hook { forge, secrets, .. } = hook.clone();
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

/// Parts of names of headers with secret values.
const SECRET: [&str; 4] = ["authorization", "cookie", "secret", "token"];

/// Returns the headers to store with the body, with secrets redacted.
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
