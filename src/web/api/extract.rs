//! Parses paths, queries and bodies of requests strictly. Unknown parameters are refused with a problem document.

use std::str::FromStr;

use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;

use super::query_mistake;
use crate::web::problem::Problem;
use slipway_domain::{RunId, SourceName};

/// The parameters of a query. Their type must refuse unknown ones.
pub(super) struct Query<T>(pub(super) T);

/// No parameters at all.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NoParameters {}

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let read = axum::extract::Query::<T>::try_from_uri(&parts.uri);
        let read = read.map_err(|error| Problem::bad_request(query_mistake::explain(&error.body_text())))?;
        Ok(Self(read.0))
    }
}

/// Returns the values in an address's path, in order.
async fn values<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<Vec<String>, Problem> {
    let unreadable = |error| Problem::bad_request(format!("the address cannot be read: {error}"));
    let values =
        RawPathParams::from_request_parts(parts, state).await.map_err(|error| unreadable(error.to_string()))?;
    Ok(values.iter().map(|(_, value)| value.to_owned()).collect())
}

/// The run that an address names.
pub(super) struct RunOf(pub(super) RunName);

/// The description of a run in an address.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "only its description is used")]
pub(super) struct RunPath {
    /// Identifier of the run, or the first digits of it (at least eight) if they match one run only.
    #[param(pattern = "^[0-9a-fA-F]{8}(-?[0-9a-fA-F]{1,4}){0,6}$")]
    id: String,
}

/// How a run is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RunName {
    /// By its full identifier.
    Whole(RunId),
    /// By its first digits, in lower case and with dashes.
    Beginning(String),
}

/// Minimum number of digits of a run's identifier. Identifiers of about one minute share the first eight.
const MIN_RUN_DIGITS: usize = 8;
/// Digits of a UUID, and the numbers of digits before each dash.
const UUID_DIGITS: usize = 32;
const BEFORE_DASHES: [usize; 4] = [8, 12, 16, 20];

impl FromStr for RunName {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        let digits: String = text.chars().filter(|letter| *letter != '-').collect::<String>().to_ascii_lowercase();
        let is_hexadecimal = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_hexadecimal || !(MIN_RUN_DIGITS..=UUID_DIGITS).contains(&digits.len()) {
            let shown: String = text.chars().filter(|letter| !letter.is_control()).take(80).collect();
            return Err(Problem::bad_request(format!(
                "`{shown}` names no run: expected its identifier, such as `01990d3e-5c7a-7d31-8f52-6f0a1b2c3d4e`, or its first \
                 {MIN_RUN_DIGITS} digits or more"
            )));
        }
        if let Ok(whole) = digits.parse() {
            return Ok(Self::Whole(whole));
        }
        let mut beginning = String::new();
        for (place, digit) in digits.chars().enumerate() {
            if BEFORE_DASHES.contains(&place) {
                beginning.push('-');
            }
            beginning.push(digit);
        }
        Ok(Self::Beginning(beginning))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RunOf {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        values(parts, state).await?.into_iter().next().unwrap_or_default().parse().map(Self)
    }
}

/// Minimum number of digits of a commit's name, as in git.
const MIN_COMMIT_DIGITS: usize = 7;

/// Parses the first digits of a commit's name into lower case.
pub(super) fn beginning_of_commit(text: &str) -> Result<String, Problem> {
    let is_one = (MIN_COMMIT_DIGITS..=40).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_one {
        return Ok(text.to_ascii_lowercase());
    }
    let shown: String = text.chars().filter(|letter| !letter.is_control()).take(80).collect();
    Err(Problem::bad_request(format!(
        "`head`: `{shown}` is no commit: expected its {MIN_COMMIT_DIGITS} to 40 first hexadecimal digits"
    )))
}

/// The delivery that an address names, by source and identifier.
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

/// The row that an address names, by kind and key.
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

/// Maximum size of a request's body to the API, in bytes.
const MAX_BODY_BYTES: usize = 64 << 10;

/// The JSON body of a request. Its type must refuse unknown keys. An empty body counts as an empty object.
pub(super) struct Sent<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Sent<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let body = axum::body::to_bytes(request.into_body(), MAX_BODY_BYTES).await.map_err(|_| {
            Problem::bad_request(format!("the body cannot be read, or is larger than {MAX_BODY_BYTES} bytes"))
        })?;
        let text: &[u8] = if body.is_empty() { b"{}" } else { &body };
        let read = serde_json::from_slice(text);
        read.map(Self).map_err(|error| Problem::bad_request(format!("the body cannot be read: {error}")))
    }
}

/// Checks the number after which a list begins. Numbers are stored as signed 64-bit integers.
pub(super) fn number(name: &str, after: Option<u64>) -> Result<Option<u64>, Problem> {
    match after {
        Some(after) if i64::try_from(after).is_err() => {
            Err(Problem::bad_request(format!("`{name}` is {after}, expected 0 to {}", i64::MAX)))
        }
        after => Ok(after),
    }
}

/// Maximum length of a name, in bytes.
const MAX_NAME_LENGTH: usize = 1024;

/// Checks a name: not empty, not too long, no control characters.
pub(super) fn plain_text(what: &str, text: &str) -> Result<String, Problem> {
    if text.is_empty() || text.len() > MAX_NAME_LENGTH || text.chars().any(char::is_control) {
        return Err(Problem::bad_request(format!(
            "{what} has 1 to {MAX_NAME_LENGTH} bytes, and no control characters among them"
        )));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_named_by_its_identifier_or_by_its_first_digits() {
        let named = |text: &str| text.parse::<RunName>().map_err(|problem| problem.detail().to_owned());
        let whole = RunId::new();
        assert_eq!(named(&whole.to_string()), Ok(RunName::Whole(whole)));
        assert_eq!(named(&whole.to_string().to_uppercase()), Ok(RunName::Whole(whole)));
        assert_eq!(named("01990d3e"), Ok(RunName::Beginning("01990d3e".to_owned())));
        assert_eq!(named("01990D3E-"), Ok(RunName::Beginning("01990d3e".to_owned())));
        assert_eq!(named("01990d3e5c7a7"), Ok(RunName::Beginning("01990d3e-5c7a-7".to_owned())));
        for wrong in ["", "01990d3", "latest-run", "01990d3g", &"0".repeat(33), "%", "--------"] {
            assert!(named(wrong).expect_err(wrong).contains("first 8 digits or more"), "{wrong}");
        }
    }

    #[test]
    fn a_commit_is_named_by_seven_digits_or_more() {
        assert_eq!(beginning_of_commit("ABCDEF0").ok().as_deref(), Some("abcdef0"));
        for wrong in ["abcdef", "main", "abcdefg", &"0".repeat(41)] {
            let problem = beginning_of_commit(wrong).expect_err(wrong);
            assert!(problem.detail().contains("7 to 40 first hexadecimal digits"), "{wrong}");
        }
    }
}
