//! Preflight checks of a personal access token. GitHub reports the scopes of classic tokens. Of fine-grained tokens it reports
//! only the expiry.

use jiff::Timestamp;
use serde_json::Value;

use super::{limits, text};
use crate::api::github::client::Client;
use crate::api::github::needs;
use crate::api::preflight::hooks::{Hook, NeededEvent};
use crate::api::preflight::{PreflightReport, PreflightSubject, ProbeAnswer, WebhookAddress};

/// Webhooks per page: GitHub's maximum.
const PAGE: usize = 100;
/// The scope that a classic token needs.
const SCOPE: &str = "repo";
/// The header that names the scopes of a classic token.
const SCOPES: &str = "x-oauth-scopes";
/// The header with the expiry of a token.
const UNTIL: &str = "github-authentication-token-expiration";
/// The page for people with the settings of webhooks.
const HOOKS: &str = "repository → Settings → Webhooks";

pub(super) async fn preflight_checks(client: &Client, hook: Option<&WebhookAddress>, found: &mut PreflightReport) {
    let Some(probe) = found.reached(client.url(), client.probe("/user").await) else { return };
    let who = match &probe.document {
        Ok(user) => format!("a token of `{}`", text(user, "/login")),
        Err(error) => {
            let help =
                "set `api.token` to a token of this GitHub: Settings → Developer settings → Personal access tokens";
            return found.refused(PreflightSubject::Login, error, help);
        }
    };
    match probe.header(UNTIL) {
        Some(until) => found.login_until(&who, &until, Timestamp::now()),
        None => found.ok(PreflightSubject::Login, format!("{who}, valid until it is revoked")),
    }
    scopes(&probe, found);
    repository(client, found).await;
    if let Some(place) = hook {
        hooks(client, place, found).await;
    }
    limits(client.probe("/rate_limit").await, found);
}

fn scopes(probe: &ProbeAnswer, found: &mut PreflightReport) {
    match probe.header(SCOPES) {
        None => {
            found.unknown(
                PreflightSubject::Permissions,
                "the permissions of a fine-grained token cannot be read with this token",
            );
        }
        Some(scopes) if scopes.split(',').any(|scope| scope.trim() == SCOPE) => {
            found.ok(PreflightSubject::Permissions, "the token has the scope `repo`");
        }
        Some(scopes) => {
            let text = format!(
                "the token has the scopes `{scopes}`, but not `repo`: Slipway cannot report to a private repository"
            );
            found.warn(
                PreflightSubject::Permissions,
                text,
                "Settings → Developer settings → Personal access tokens: tick `repo`",
            );
        }
    }
}

async fn repository(client: &Client, found: &mut PreflightReport) {
    let name = client.repository();
    let repository = match client.probe(&format!("/repos/{name}")).await.and_then(|probe| probe.document) {
        Ok(repository) => repository,
        Err(error) => {
            let help = format!("check `api.repository`, and make the token's account a collaborator of `{name}`");
            return found.refused(PreflightSubject::Repository, &error, help);
        }
    };
    found.there(name, &repository);
    if repository["permissions"]["push"] == true {
        found.ok(PreflightSubject::Permissions, "the account may write");
    } else {
        let help = "repository → Settings → Collaborators and teams: give the account Write";
        found.missing(
            PreflightSubject::Permissions,
            "the account may not write: GitHub refuses statuses and pull requests",
            help,
        );
    }
}

async fn hooks(client: &Client, place: &WebhookAddress, found: &mut PreflightReport) {
    // Only Apps have check runs: only an App can receive requests to run one again.
    let needed: Vec<NeededEvent> =
        needs::EVENTS.iter().copied().filter(|event| !event.name.starts_with("check_")).collect();
    let path = format!("/repos/{}/hooks?per_page={PAGE}", client.repository());
    match client.probe(&path).await.and_then(|probe| probe.document) {
        Err(error) => {
            found.withheld(
                PreflightSubject::Webhook,
                &error,
                "only administrators of the repository can read its webhooks",
            );
        }
        Ok(document) => {
            let all: Vec<&Value> = document.as_array().into_iter().flatten().collect();
            let hooks: Vec<Hook> = all.iter().copied().map(Hook::of_github).collect();
            found.hooks(&hooks, place, &needed, HOOKS);
            let ours =
                all.iter().find(|hook| hook["config"]["url"].as_str().is_some_and(|url| place.leads_to_path(url)));
            last_delivery(ours.map_or(&Value::Null, |hook| &hook["last_response"]), found);
        }
    }
}

fn last_delivery(last: &Value, found: &mut PreflightReport) {
    match last["code"].as_u64() {
        None => found.unknown(PreflightSubject::Deliveries, "there was no delivery yet"),
        Some(status @ 200..300) => {
            found.ok(PreflightSubject::Deliveries, format!("the response to the last delivery was {status}"));
        }
        Some(status) => {
            let text = format!("the response to the last delivery was {status} ({})", text(last, "/message"));
            found.warn(
                PreflightSubject::Deliveries,
                text,
                format!("{HOOKS} → Recent deliveries: 401 means that the secrets differ"),
            );
        }
    }
}
