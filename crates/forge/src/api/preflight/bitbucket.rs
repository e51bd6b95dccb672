//! Preflight checks of Bitbucket Cloud (developer.atlassian.com/cloud/bitbucket/rest: "Repositories", "Webhooks"). Its responses
//! name the scopes of the login in a header. No response contains the expiry of a token.

use serde_json::Value;

use super::hooks::{Hook, NeededEvent, strings};
use super::{PreflightCheck, PreflightReport, PreflightSubject, WebhookAddress};
use crate::api::http::Client;

/// Webhooks per page: Bitbucket's maximum.
const PAGE: usize = 100;
/// The header that names the scopes of the login.
const SCOPES: &str = "x-oauth-scopes";
/// The page for people with the settings of webhooks.
const HOOKS: &str = "repository → Repository settings → Webhooks";

/// The events that a webhook has to send.
const EVENTS: &[NeededEvent] = &[
    NeededEvent::essential("repo:push", "Repository: Push", "pushes are only found by polling, minutes later"),
    NeededEvent::essential(
        "pullrequest:created",
        "Pull request: Created",
        "pull requests are not judged when they are opened",
    ),
    NeededEvent::essential(
        "pullrequest:updated",
        "Pull request: Updated",
        "pull requests are not judged after new commits",
    ),
    NeededEvent::useful("pullrequest:fulfilled", "Pull request: Merged", "runs of merged pull requests continue"),
    NeededEvent::useful("pullrequest:rejected", "Pull request: Declined", "runs of declined pull requests continue"),
    NeededEvent::useful("pullrequest:comment_created", "Pull request: Comment created", "commands are not executed"),
];

/// `repository` is the path of the repository in the API.
pub(in crate::api) async fn preflight_checks(
    client: &Client,
    repository: &str,
    hook: Option<&WebhookAddress>,
) -> Vec<PreflightCheck> {
    let mut found = PreflightReport::default();
    let Some(probe) = found.reached(client.url(), client.probe(repository).await) else { return found.into_list() };
    if let Err(error) = &probe.document {
        let help = "check `api.repository`, and set `api.token` to a token of this repository: repository → Repository \
         settings → Access tokens";
        found.refused(PreflightSubject::Login, error, help);
        return found.into_list();
    }
    found.ok(PreflightSubject::Login, "Bitbucket accepts the token");
    found.unknown(PreflightSubject::Login, "Bitbucket does not show when the token expires");
    found.ok(PreflightSubject::Repository, format!("the repository `{}` exists", client.repository()));
    match probe.header(SCOPES) {
        None => found.unknown(PreflightSubject::Permissions, "the responses contain no scopes"),
        Some(scopes) => permissions(&scopes, &mut found),
    }
    if let Some(place) = hook {
        let list = client.probe(&format!("{repository}/hooks?pagelen={PAGE}")).await;
        let read = |document: &Value| document["values"].as_array().into_iter().flatten().map(read_hook).collect();
        found.listed_hooks(list, read, place, EVENTS, HOOKS);
    }
    found.limits(&probe.headers);
    found.into_list()
}

fn permissions(scopes: &str, found: &mut PreflightReport) {
    let has = |scope: &str| scopes.split([',', ' ']).any(|word| word == scope);
    for (scope, others, used_for) in [
        ("pullrequest:write", [].as_slice(), "comments and pull requests cannot be written"),
        ("repository", &["repository:write", "repository:admin"], "statuses cannot be written"),
    ] {
        if has(scope) || others.iter().any(|other| has(other)) {
            found.ok(PreflightSubject::Permissions, format!("the token has the scope `{scope}`"));
        } else {
            let help = format!("repository → Repository settings → Access tokens: create a token with `{scope}`");
            found.missing(
                PreflightSubject::Permissions,
                format!("the token lacks the scope `{scope}`: {used_for}"),
                help,
            );
        }
    }
}

fn read_hook(hook: &Value) -> Hook {
    Hook {
        url: hook["url"].as_str().unwrap_or_default().to_owned(),
        active: hook["active"] == true,
        events: strings(&hook["events"]),
        sends_json: None,
    }
}
