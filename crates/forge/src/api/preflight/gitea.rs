//! Preflight checks of Gitea and Forgejo (their API description: "user", "repository" and "hooks" of a repository). The API
//! returns neither the scopes of a token nor the results of deliveries.

use serde_json::Value;

use super::hooks::{Hook, NeededEvent};
use super::{PreflightCheck, PreflightReport, PreflightSubject, WebhookAddress, shown};
use crate::api::http::Client;

/// Webhooks per page: Gitea's maximum.
const PAGE: usize = 50;
/// The page for people with the settings of webhooks.
const HOOKS: &str = "repository → Settings → Webhooks";

/// The events that a webhook has to send, by their names in the list of webhooks.
const EVENTS: &[NeededEvent] = &[
    NeededEvent::essential("push", "Push", "pushes are only found by polling, minutes later"),
    NeededEvent::essential("pull_request", "Pull request", "pull requests are not judged when they are opened"),
    NeededEvent::essential(
        "pull_request_sync",
        "Pull request synchronized",
        "pull requests are not judged after new commits",
    ),
    NeededEvent::useful("pull_request_comment", "Pull request comment", "commands in comments are not executed"),
    NeededEvent::useful("delete", "Delete", "deleted branches are only found by polling"),
];

pub(in crate::api) async fn preflight_checks(client: &Client, hook: Option<&WebhookAddress>) -> Vec<PreflightCheck> {
    let mut found = PreflightReport::default();
    let Some(user) = found.reached(client.url(), client.probe("/api/v1/user").await) else { return found.into_list() };
    match &user.document {
        Err(error) => {
            let help = "set `api.token` to a token with `read:user`: profile → Settings → Applications";
            found.refused(PreflightSubject::Login, error, help);
            return found.into_list();
        }
        Ok(user) => {
            found.ok(
                PreflightSubject::Login,
                shown(&format!("a token of `{}`", user["login"].as_str().unwrap_or_default())),
            );
            found.unknown(PreflightSubject::Login, "a token cannot read its own expiry date and scopes");
        }
    }
    let is_admin = repository(client, hook.is_some(), &mut found).await;
    if let Some(place) = hook {
        if is_admin {
            hooks(client, place, &mut found).await;
        } else {
            found.unknown(PreflightSubject::Webhook, "only administrators of the repository can read its webhooks");
        }
    }
    found.limits(&user.headers);
    found.into_list()
}

/// Checks the permissions of the account in the repository. Returns whether the account administers it.
async fn repository(client: &Client, is_source: bool, found: &mut PreflightReport) -> bool {
    let name = client.repository();
    let probe = client.probe(&format!("/api/v1/repos/{name}")).await;
    let document = match probe.and_then(|probe| probe.document) {
        Ok(document) => document,
        Err(error) => {
            let help = format!(
                "check `api.repository`, make the account a collaborator of `{name}`, and use a token with \
                 `read:repository`"
            );
            found.refused(PreflightSubject::Repository, &error, help);
            return false;
        }
    };
    found.there(name, &document);
    let may = |permission: &str| document["permissions"][permission] == true;
    let collaborators = "repository → Settings → Collaborators";
    if may("push") {
        found.ok(PreflightSubject::Permissions, "the account may write");
    } else {
        let help = format!("{collaborators}: give the account Write, or Administrator");
        found.missing(
            PreflightSubject::Permissions,
            "the account may not write: the forge refuses statuses and pull requests",
            help,
        );
    }
    if is_source && may("admin") {
        found.ok(PreflightSubject::Permissions, "the account may read the permissions of others");
    } else if is_source {
        let text = "only administrators of the repository can read the permissions of others: Slipway refuses commands \
         in comments";
        found.warn(PreflightSubject::Permissions, text, format!("{collaborators}: give the account Administrator"));
    }
    may("admin")
}

async fn hooks(client: &Client, place: &WebhookAddress, found: &mut PreflightReport) {
    let list = client.probe(&format!("/api/v1/repos/{}/hooks?limit={PAGE}", client.repository())).await;
    let read = |document: &Value| document.as_array().into_iter().flatten().map(Hook::of_github).collect();
    found.listed_hooks(list, read, place, EVENTS, HOOKS);
}
