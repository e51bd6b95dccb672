//! Preflight checks of the connection to GitHub (docs.github.com, "REST API endpoints for GitHub Apps", "for GitHub App
//! webhooks", "for rate limits").

mod app;
mod token;

use jiff::Timestamp;
use serde_json::Value;

use super::client::Client;
use crate::api::preflight::{PreflightReport, PreflightSubject, ProbeAnswer, WebhookAddress, shown};
use crate::api::{ApiError, PreflightCheck};

pub(super) async fn preflight_checks(client: &Client, hook: Option<&WebhookAddress>) -> Vec<PreflightCheck> {
    let mut found = PreflightReport::default();
    match client.app() {
        Some(app) => app::preflight_checks(client, app.id(), hook, &mut found).await,
        None => token::preflight_checks(client, hook, &mut found).await,
    }
    found.into_list()
}

/// Checks the remaining calls of the hour by the response of `GET /rate_limit`, which does not count against the limit.
fn limits(answer: Result<ProbeAnswer, ApiError>, found: &mut PreflightReport) {
    let core = match answer.and_then(|probe| probe.document) {
        Ok(document) => document["resources"]["core"].clone(),
        // GitHub Enterprise Server has no limits unless an administrator sets them.
        Err(ApiError::Missing { .. }) => return found.ok(PreflightSubject::Limits, "this server has no rate limit"),
        Err(error) => return found.withheld(PreflightSubject::Limits, &error, "the rate limit is not known"),
    };
    match (core["remaining"].as_u64(), core["limit"].as_u64(), core["reset"].as_i64()) {
        (Some(left), Some(limit), Some(reset)) => {
            let seconds = reset.saturating_sub(Timestamp::now().as_second()).max(0);
            found.calls_left(left, &format!(" of {limit} in an hour, and the limit resets in {seconds} s"));
        }
        _ => found.unknown(PreflightSubject::Limits, "the response contains no rate limit"),
    }
}

/// A text of a document, shortened to one line.
fn text(document: &Value, pointer: &str) -> String {
    shown(document.pointer(pointer).and_then(Value::as_str).unwrap_or_default())
}
