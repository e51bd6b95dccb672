//! What requests carry in their addresses, read strictly: what is not known is refused, with a problem document.

use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::web::problem::Problem;
use slipway_domain::{RunId, SourceName};

/// The parameters of a query. Their type has to refuse unknown ones.
pub(super) struct Query<T>(pub(super) T);

/// No parameters at all.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NoParameters {}

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let read = axum::extract::Query::<T>::try_from_uri(&parts.uri);
        let read = read.map_err(|error| Problem::bad_request(format!("the query cannot be read: {error}")))?;
        Ok(Self(read.0))
    }
}

/// The values in an address's path, in their order.
async fn values<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<Vec<String>, Problem> {
    let unreadable = |error| Problem::bad_request(format!("the address cannot be read: {error}"));
    let values =
        RawPathParams::from_request_parts(parts, state).await.map_err(|error| unreadable(error.to_string()))?;
    Ok(values.iter().map(|(_, value)| value.to_owned()).collect())
}

/// The run that an address names.
pub(super) struct RunOf(pub(super) RunId);

impl<S: Send + Sync> FromRequestParts<S> for RunOf {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let run = values(parts, state).await?.first().and_then(|text| text.parse().ok());
        run.map(Self).ok_or_else(|| Problem::bad_request("a run's identifier is a UUID"))
    }
}

/// The delivery that an address names, by its source and its identifier.
pub(super) struct DeliveryOf(pub(super) SourceName, pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for DeliveryOf {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let [source, id] = &values(parts, state).await?[..] else {
            return Err(Problem::bad_request("a delivery is named by its source and its identifier"));
        };
        let source = SourceName::try_from(source.clone()).map_err(Problem::bad_request)?;
        Ok(Self(source, plain_text("a delivery's identifier", id)?))
    }
}

/// The report that an address names.
pub(super) struct ReportOf(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for ReportOf {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let id = values(parts, state).await?.into_iter().next().unwrap_or_default();
        plain_text("a report's identifier", &id).map(Self)
    }
}

/// The row that an address names, by what it is and which.
pub(super) struct RowOf(pub(super) String, pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for RowOf {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let [kind, key] = &values(parts, state).await?[..] else {
            return Err(Problem::bad_request("a row is named by what it is and by its key"));
        };
        Ok(Self(plain_text("what a row is", kind)?, plain_text("a row's key", key)?))
    }
}

/// The environment that an address names.
pub(super) struct EnvironmentOf(pub(super) SourceName);

impl<S: Send + Sync> FromRequestParts<S> for EnvironmentOf {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let name = values(parts, state).await?.into_iter().next().unwrap_or_default();
        SourceName::try_from(name).map(Self).map_err(Problem::bad_request)
    }
}

/// The model in an environment, or of a source, that an address names.
pub(super) struct ModelOf(pub(super) SourceName, pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for ModelOf {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let [place, model] = &values(parts, state).await?[..] else {
            return Err(Problem::bad_request("a model is named by its place and its name"));
        };
        let place = SourceName::try_from(place.clone()).map_err(Problem::bad_request)?;
        Ok(Self(place, plain_text("a model's name", model)?))
    }
}

/// The largest body that a request to the API may have, in bytes.
const LARGEST_BODY: usize = 64 << 10;

/// What a request carries as JSON. Its type has to refuse unknown keys; an empty body is an empty object.
pub(super) struct Sent<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Sent<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let body = axum::body::to_bytes(request.into_body(), LARGEST_BODY).await.map_err(|_| {
            Problem::bad_request(format!("the body cannot be read, or is larger than {LARGEST_BODY} bytes"))
        })?;
        let text: &[u8] = if body.is_empty() { b"{}" } else { &body };
        let read = serde_json::from_slice(text);
        read.map(Self).map_err(|error| Problem::bad_request(format!("the body cannot be read: {error}")))
    }
}

/// A number behind which a list begins, if one is given: they are stored as 64 bits with a sign.
pub(super) fn number(name: &str, after: Option<u64>) -> Result<Option<u64>, Problem> {
    match after {
        Some(after) if i64::try_from(after).is_err() => {
            Err(Problem::bad_request(format!("`{name}` is {after}, expected 0 to {}", i64::MAX)))
        }
        after => Ok(after),
    }
}

/// The longest text that anything is called by.
const LONGEST_NAME: usize = 1024;

/// A text that something may be called by: not empty, not long, no control characters.
pub(super) fn plain_text(what: &str, text: &str) -> Result<String, Problem> {
    if text.is_empty() || text.len() > LONGEST_NAME || text.chars().any(char::is_control) {
        return Err(Problem::bad_request(format!(
            "{what} has 1 to {LONGEST_NAME} bytes, and no control characters among them"
        )));
    }
    Ok(text.to_owned())
}
