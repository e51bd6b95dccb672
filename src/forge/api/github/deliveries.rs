//! Deliveries that GitHub sent and nobody took (docs.github.com, "REST API endpoints for GitHub App webhooks"). GitHub does
//! not send them again by itself; it keeps a list of its attempts for three days.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;
use ureq::http::Method;

use super::client::Client;
use crate::forge::api::{ApiError, Undelivered, answer};

/// Attempts on one page.
const PAGE: usize = 100;
/// Pages that are looked through: the newest attempts.
const MOST_PAGES: usize = 10;

/// An attempt of which no other attempt of the same delivery was taken.
struct Attempt {
    id: u64,
    guid: String,
    event: String,
    sent_at: Timestamp,
}

/// The deliveries of this App since a moment that nobody took, oldest first. Of an attempt that was taken, whoever took it
/// has promised to keep it.
pub(super) async fn undelivered(client: &Client, since: Timestamp) -> Result<Vec<Undelivered>, ApiError> {
    let (mut taken, mut failed) = (BTreeSet::new(), BTreeMap::new());
    let mut cursor = None;
    for _ in 0..MOST_PAGES {
        let next = cursor.as_ref().map_or_else(String::new, |cursor| format!("&cursor={cursor}"));
        let path = format!("/app/hook/deliveries?per_page={PAGE}{next}");
        let (page, link) = client.call_as_app(Method::GET, &path).await?;
        let mut is_older = false;
        for attempt in answer::items(&page)? {
            let sent_at: Timestamp =
                answer::text(attempt, "/delivered_at")?.parse().map_err(|error| unreadable(&error))?;
            is_older = sent_at < since;
            if is_older {
                break;
            }
            let guid = answer::text(attempt, "/guid")?.to_owned();
            if (200..300).contains(&answer::number(attempt, "/status_code")?) {
                taken.insert(guid);
                continue;
            }
            let event = answer::text(attempt, "/event")?.to_owned();
            failed.insert(guid.clone(), Attempt { id: answer::number(attempt, "/id")?, guid, event, sent_at });
        }
        cursor = link.as_deref().and_then(next_cursor);
        if is_older || cursor.is_none() {
            break;
        }
    }
    let mut missing: Vec<Attempt> = failed.into_values().filter(|attempt| !taken.contains(&attempt.guid)).collect();
    missing.sort_by_key(|attempt| attempt.sent_at);
    let told = missing.into_iter().map(|Attempt { id, guid, event, .. }| Undelivered { attempt: id, id: guid, event });
    Ok(told.collect())
}

/// What a delivery said, if it was about this repository.
pub(super) async fn payload(client: &Client, attempt: u64) -> Result<Option<Vec<u8>>, ApiError> {
    let (document, _) = client.call_as_app(Method::GET, &format!("/app/hook/deliveries/{attempt}")).await?;
    let payload = document.pointer("/request/payload").unwrap_or(&Value::Null);
    let about = payload.pointer("/repository/full_name").and_then(Value::as_str).unwrap_or_default();
    Ok(about.eq_ignore_ascii_case(client.repository()).then(|| payload.to_string().into_bytes()))
}

/// The cursor of the next page in a `Link` header (RFC 8288).
fn next_cursor(link: &str) -> Option<String> {
    let next = link.split(',').find(|part| part.contains("rel=\"next\""))?;
    let address = next.split_once('<')?.1.split_once('>')?.0;
    let query = address.split_once('?')?.1;
    let cursor = query.split('&').find_map(|pair| pair.strip_prefix("cursor="))?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'%' | b'=');
    (!cursor.is_empty() && cursor.len() < 200 && cursor.bytes().all(plain)).then(|| cursor.to_owned())
}

fn unreadable(error: &jiff::Error) -> ApiError {
    ApiError::Unreachable { reason: format!("`delivered_at`: {error}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_read_from_the_link_and_leads_nowhere_else() {
        let link = "<https://api.github.com/app/hook/deliveries?per_page=100&cursor=v1_17>; rel=\"next\"";
        assert_eq!(next_cursor(link).as_deref(), Some("v1_17"));
        for none in [
            "",
            "<https://api.github.com/app/hook/deliveries?cursor=v1_17>; rel=\"prev\"",
            "<https://api.github.com/x?cursor=>; rel=\"next\"",
            "<https://api.github.com/x?cursor=a/../b>; rel=\"next\"",
        ] {
            assert_eq!(next_cursor(none), None, "{none}");
        }
    }
}
