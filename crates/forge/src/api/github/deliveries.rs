//! Finds the deliveries that GitHub sent and no server accepted (docs.github.com, "REST API endpoints for GitHub App webhooks").
//! GitHub does not send them again by itself. It lists its attempts of the last three days.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde_json::Value;
use ureq::http::Method;

use super::client::Client;
use crate::api::{ApiError, Undelivered, answer};

/// Attempts per page.
const PAGE: usize = 100;
/// The most pages that are read, newest attempts first.
const MAX_PAGES: usize = 10;

/// An attempt to send a delivery.
struct Attempt {
    id: u64,
    guid: String,
    event: String,
    sent_at: Timestamp,
}

/// Attempts that were read and belong to other repositories: an App has one list for all its repositories.
pub(super) type OfOthers = Mutex<BTreeSet<u64>>;

/// The deliveries of this App since `since` that no server accepted, oldest first. An accepted delivery is not listed, because
/// the server that accepted it has stored it.
pub(super) async fn undelivered(
    client: &Client,
    of_others: &OfOthers,
    since: Timestamp,
) -> Result<Vec<Undelivered>, ApiError> {
    let (mut taken, mut failed) = (BTreeSet::new(), BTreeMap::new());
    let mut cursor = None;
    let mut pages = 0;
    loop {
        let next = cursor.as_ref().map_or_else(String::new, |cursor| format!("&cursor={cursor}"));
        let path = format!("/app/hook/deliveries?per_page={PAGE}{next}");
        let (page, link) = client.call_as_app(Method::GET, &path).await?;
        let mut is_older = false;
        // An attempt that does not match GitHub's description is skipped. The others are still read.
        for (attempt, was_taken) in answer::items(&page)?.iter().filter_map(read_attempt) {
            is_older = attempt.sent_at < since;
            if is_older {
                break;
            }
            if was_taken {
                taken.insert(attempt.guid);
            } else {
                failed.insert(attempt.guid.clone(), attempt);
            }
        }
        cursor = link.as_deref().and_then(next_cursor);
        pages += 1;
        if is_older || cursor.is_none() {
            break;
        }
        if pages == MAX_PAGES {
            tracing::warn!(
                "GitHub lists more than {} attempts since {since}: failed deliveries before these attempts are not \
                 fetched",
                MAX_PAGES * PAGE
            );
            break;
        }
    }
    let mut missing: Vec<Attempt> = failed.into_values().filter(|attempt| !taken.contains(&attempt.guid)).collect();
    {
        let mut of_others = of_others.lock().unwrap_or_else(PoisonError::into_inner);
        of_others.retain(|id| missing.iter().any(|attempt| attempt.id == *id));
        missing.retain(|attempt| !of_others.contains(&attempt.id));
    }
    missing.sort_by_key(|attempt| attempt.sent_at);
    let undelivered =
        missing.into_iter().map(|Attempt { id, guid, event, .. }| Undelivered { attempt: id, id: guid, event });
    Ok(undelivered.collect())
}

/// An attempt, and whether a server accepted it.
fn read_attempt(attempt: &Value) -> Option<(Attempt, bool)> {
    let text = |name: &str| attempt[name].as_str();
    let read = Attempt {
        id: attempt["id"].as_u64()?,
        guid: text("guid")?.to_owned(),
        event: text("event")?.to_owned(),
        sent_at: text("delivered_at")?.parse().ok()?,
    };
    // Without a status code, no server responded.
    let was_taken = attempt["status_code"].as_u64().is_some_and(|status| (200..300).contains(&status));
    Some((read, was_taken))
}

/// The payload of a delivery, if it is about this repository.
pub(super) async fn payload(client: &Client, of_others: &OfOthers, attempt: u64) -> Result<Option<Vec<u8>>, ApiError> {
    let (document, _) = client.call_as_app(Method::GET, &format!("/app/hook/deliveries/{attempt}")).await?;
    let payload = document.pointer("/request/payload").unwrap_or(&Value::Null);
    let about = payload.pointer("/repository/full_name").and_then(Value::as_str).unwrap_or_default();
    if !about.eq_ignore_ascii_case(client.repository()) {
        of_others.lock().unwrap_or_else(PoisonError::into_inner).insert(attempt);
        return Ok(None);
    }
    Ok(Some(payload.to_string().into_bytes()))
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
