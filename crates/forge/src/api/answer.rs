//! Reads the responses of all forges alike: as a document, a request to wait, or a refusal with a help text.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use ureq::http::{HeaderMap, StatusCode};

use super::preflight::shown;
use super::{ApiError, RefusalOf};
use slipway_domain::{ForgeId, Repository};

/// The most bytes of a response that are read. A page of fifty comments is far smaller.
pub(super) const MAX_ANSWER_BYTES: usize = 8 << 20;
/// The most characters of a refusal that are shown.
const MAX_REASON_LENGTH: usize = 300;
/// The help text for a pull request that may not be merged yet.
const NOT_NOW: &str = "check the required checks, reviews and rules of the branch at the forge";
/// The longest wait that is accepted from a forge.
const MAX_PAUSE: Duration = Duration::from_hours(2);
/// The wait after a limit that names none. GitHub recommends one minute after a secondary limit.
const DEFAULT_PAUSE: Duration = Duration::from_mins(1);

/// The document of a response (null if the body is empty), or the error that the response stands for.
pub(super) fn read(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Result<Value, ApiError> {
    if status.is_success() {
        if body.is_empty() {
            return Ok(Value::Null);
        }
        return serde_json::from_slice(body)
            .map_err(|error| ApiError::Unreachable { reason: format!("the response is not JSON: {error}") });
    }
    let text = String::from_utf8_lossy(body);
    let said: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_REASON_LENGTH).collect();
    let reason = format!("{status}: {said}");
    if let Some(pause) = requested_pause(status, headers, &text) {
        return Err(ApiError::Throttled { pause: pause.min(MAX_PAUSE) });
    }
    let refused = |of, reason, help| Err(ApiError::Refused { of, reason, help });
    match status {
        StatusCode::UNAUTHORIZED => refused(
            RefusalOf::Login,
            reason,
            "set a valid login in `api` of the source; this one is wrong or has expired",
        ),
        StatusCode::FORBIDDEN => {
            refused(RefusalOf::Permission, reason, "give the login in `api` of the source the permission for this call")
        }
        StatusCode::GONE => refused(RefusalOf::Content, reason, "the object was deleted at the forge"),
        StatusCode::NOT_FOUND => Err(ApiError::Missing {
            reason,
            help: "check `api.url` and `api.repository` of the source, and whether its login may read the repository",
        }),
        StatusCode::CONFLICT => Err(ApiError::Moved { reason }),
        StatusCode::METHOD_NOT_ALLOWED => refused(RefusalOf::State, reason, NOT_NOW),
        StatusCode::REQUEST_TIMEOUT => Err(ApiError::Unreachable { reason }),
        status if status.is_redirection() => refused(
            RefusalOf::Settings,
            reason,
            "set `api.url` and `api.repository` to the new address: redirects are not followed",
        ),
        status if status.is_client_error() => refused(RefusalOf::Content, reason, "see the response of the forge"),
        _ => Err(ApiError::Unreachable { reason }),
    }
}

/// The repository in a document. `id` points to its identifier, which is a number or a text, and `name` to its name.
pub(super) fn repository(document: &Value, id: &str, name: &str) -> Result<Repository, ApiError> {
    let found = match document.pointer(id) {
        Some(Value::Number(number)) => number.as_u64().map(ForgeId::from),
        Some(Value::String(text)) => text.parse().ok(),
        _ => None,
    };
    let id =
        found.ok_or_else(|| ApiError::Unreachable { reason: format!("the response has no identifier at `{id}`") })?;
    Ok(Repository { id, full_name: shown(text(document, name)?) })
}

/// The wait that a response requests. It is `Retry-After` in seconds (RFC 9110, 10.2.3), or the time until GitHub's rate limit
/// resets. If the response reports a limit without a time, it is [`DEFAULT_PAUSE`].
fn requested_pause(status: StatusCode, headers: &HeaderMap, text: &str) -> Option<Duration> {
    let limited =
        matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::FORBIDDEN | StatusCode::SERVICE_UNAVAILABLE);
    if !limited {
        return None;
    }
    if let Some(seconds) = number_of(headers, "retry-after") {
        return Some(Duration::from_secs(seconds));
    }
    if calls_left(headers) == Some(0)
        && let Some(pause) = limit_begins_anew_in(headers)
    {
        return Some(pause);
    }
    let stated = status == StatusCode::TOO_MANY_REQUESTS || text.contains("secondary rate limit");
    stated.then_some(DEFAULT_PAUSE)
}

/// How many calls remain until the forge's limit resets, if the response states it.
pub(super) fn calls_left(headers: &HeaderMap) -> Option<u32> {
    ["x-ratelimit-remaining", "ratelimit-remaining"].iter().find_map(|name| number_of(headers, name))
}

/// The time until the forge's limit resets, if the response states it; at least one second.
pub(super) fn limit_begins_anew_in(headers: &HeaderMap) -> Option<Duration> {
    let reset: u64 = ["x-ratelimit-reset", "ratelimit-reset"].iter().find_map(|name| number_of(headers, name))?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    Some(Duration::from_secs(reset.saturating_sub(now).max(1)))
}

fn number_of<T: std::str::FromStr>(headers: &HeaderMap, name: &str) -> Option<T> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

/// A required text of a document.
pub(super) fn text<'a>(document: &'a Value, pointer: &str) -> Result<&'a str, ApiError> {
    document.pointer(pointer).and_then(Value::as_str).ok_or_else(|| lacking(pointer))
}

/// A required number of a document.
pub(super) fn number(document: &Value, pointer: &str) -> Result<u64, ApiError> {
    document.pointer(pointer).and_then(Value::as_u64).ok_or_else(|| lacking(pointer))
}

/// The items of a list.
pub(super) fn items(document: &Value) -> Result<&[Value], ApiError> {
    document.as_array().map(Vec::as_slice).ok_or_else(|| lacking(""))
}

fn lacking(pointer: &str) -> ApiError {
    ApiError::Unreachable { reason: format!("the response lacks `{}`", pointer.trim_start_matches('/')) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use slipway_domain::Retry;

    fn answered(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Result<Value, ApiError> {
        let headers =
            headers.iter().map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("a value")));
        read(StatusCode::from_u16(status).expect("a status"), &headers.collect(), body.as_bytes())
    }

    #[test]
    fn a_forge_that_asks_to_wait_is_waited_for_and_one_that_fails_is_asked_again() {
        for (status, headers, body, pause) in [
            (429, vec![("retry-after", "7")], "", Duration::from_secs(7)),
            (403, vec![("retry-after", "9")], "", Duration::from_secs(9)),
            (403, vec![("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "4102444800")], "", MAX_PAUSE),
            (429, vec![], "", DEFAULT_PAUSE),
            (403, vec![], "You have exceeded a secondary rate limit", DEFAULT_PAUSE),
        ] {
            let error = answered(status, &headers, body).expect_err("throttled");
            assert_eq!(error.retry(), Retry::After(pause), "{status} {headers:?}");
        }
        assert_eq!(answered(502, &[], "").expect_err("failed").retry(), Retry::Backoff);
        assert_eq!(answered(403, &[], "no").expect_err("refused").retry(), Retry::Never);
    }

    #[test]
    fn what_another_login_or_another_day_could_mend_is_never_final() {
        for (status, is_final) in [
            (401, false),
            (403, false),
            (404, false),
            (405, false),
            (301, false),
            (503, false),
            (410, true),
            (422, true),
        ] {
            assert_eq!(answered(status, &[], "").expect_err("refused").is_final(), is_final, "{status}");
        }
    }

    #[test]
    fn a_refusal_says_what_to_change_and_nothing_that_could_break_a_line() {
        let missing = answered(404, &[], "Not\nFound").expect_err("missing").to_string();
        assert!(missing.contains("`api.repository`") && missing.contains("Not Found"), "{missing}");
        let moved = answered(301, &[("location", "https://elsewhere.example")], "").expect_err("moved").to_string();
        assert!(moved.contains("redirects are not followed"), "{moved}");
        assert!(matches!(answered(409, &[], ""), Err(ApiError::Moved { .. })));
        assert!(answered(400, &[], &"x".repeat(10_000)).expect_err("long").to_string().len() < 500);
    }

    #[test]
    fn an_answer_without_a_document_is_one_and_one_that_is_none_is_not() {
        assert_eq!(answered(204, &[], ""), Ok(Value::Null));
        assert_eq!(answered(200, &[], "<html>").expect_err("no JSON").retry(), Retry::Backoff);
    }
}
