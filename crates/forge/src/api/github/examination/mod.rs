//! What GitHub says of the connection (docs.github.com, "REST API endpoints for GitHub Apps", "for GitHub App webhooks", "for
//! rate limits").

mod app;
mod token;

use jiff::Timestamp;
use serde_json::Value;

use super::client::Client;
use crate::api::examination::{Findings, HookPlace, Look, Subject, shown};
use crate::api::{ApiError, Finding};

pub(super) async fn examine(client: &Client, hook: Option<&HookPlace>) -> Vec<Finding> {
    let mut found = Findings::default();
    match client.app() {
        Some(app) => app::examine(client, app.id(), hook, &mut found).await,
        None => token::examine(client, hook, &mut found).await,
    }
    found.into_list()
}

/// What is left of the hour, by the answer of `GET /rate_limit`, which costs nothing.
fn limits(answer: Result<Look, ApiError>, found: &mut Findings) {
    let core = match answer.and_then(|look| look.document) {
        Ok(document) => document["resources"]["core"].clone(),
        // A server of one's own has no limits unless somebody sets them.
        Err(ApiError::Missing { .. }) => return found.ok(Subject::Limits, "this server has no limits"),
        Err(error) => return found.withheld(Subject::Limits, &error, "the limits are not told"),
    };
    match (core["remaining"].as_u64(), core["limit"].as_u64(), core["reset"].as_i64()) {
        (Some(left), Some(limit), Some(reset)) => {
            let seconds = reset.saturating_sub(Timestamp::now().as_second()).max(0);
            found.calls_left(left, &format!(" of {limit} in an hour, the next begins in {seconds} s"));
        }
        _ => found.unknown(Subject::Limits, "the answer tells of no limits"),
    }
}

/// A text of a document that may be shown.
fn text(document: &Value, pointer: &str) -> String {
    shown(document.pointer(pointer).and_then(Value::as_str).unwrap_or_default())
}
