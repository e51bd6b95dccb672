//! Preflight checks of GitLab (docs.gitlab.com: "Users API", "Personal access tokens API", "Projects API", "Project webhooks
//! API").

use jiff::Timestamp;
use serde_json::Value;

use super::hooks::{Hook, NeededEvent};
use super::{PreflightCheck, PreflightReport, PreflightSubject, WebhookAddress, shown};
use crate::api::http::Client;

/// Webhooks per page: GitLab's maximum.
const PAGE: usize = 100;
/// Access levels: a developer may set statuses and open merge requests. A maintainer may also read webhooks and merge.
const DEVELOPER: u64 = 30;
const MAINTAINER: u64 = 40;
/// The page for people with the settings of webhooks.
const HOOKS: &str = "project → Settings → Webhooks";

/// The events that a webhook has to send, by their keys in GitLab's document of a webhook.
const EVENTS: &[NeededEvent] = &[
    NeededEvent::essential("push_events", "Push events", "pushes are only found by polling, minutes later"),
    NeededEvent::essential("merge_requests_events", "Merge request events", "merge requests are not judged"),
    NeededEvent::useful("note_events", "Comments", "commands in comments are not executed"),
];

/// `project` is the path of the project in the API.
pub(in crate::api) async fn preflight_checks(
    client: &Client,
    project: &str,
    hook: Option<&WebhookAddress>,
) -> Vec<PreflightCheck> {
    let mut found = PreflightReport::default();
    let Some(user) = found.reached(client.url(), client.probe("/api/v4/user").await) else { return found.into_list() };
    let name = match &user.document {
        Err(error) => {
            let help = "set `api.token` to a token with the scope `api`: project → Settings → Access tokens";
            found.refused(PreflightSubject::Login, error, help);
            return found.into_list();
        }
        Ok(user) => shown(&format!("a token of `{}`", user["username"].as_str().unwrap_or_default())),
    };
    token(client, &name, &mut found).await;
    let level = role(client, project, &mut found).await;
    if let Some(place) = hook {
        if level >= MAINTAINER {
            hooks(client, project, place, &mut found).await;
        } else {
            found.unknown(PreflightSubject::Webhook, "only maintainers can read the project's webhooks");
        }
    }
    found.limits(&user.headers);
    found.into_list()
}

/// Checks the expiry and the scopes of the token.
async fn token(client: &Client, name: &str, found: &mut PreflightReport) {
    let token = match client.probe("/api/v4/personal_access_tokens/self").await.and_then(|probe| probe.document) {
        Ok(token) => token,
        Err(error) => {
            found.ok(PreflightSubject::Login, name);
            found.withheld(
                PreflightSubject::Login,
                &error,
                "the expiry date and the scopes of the token are not known",
            );
            return;
        }
    };
    match token["expires_at"].as_str() {
        Some(day) => found.login_until(name, &shown(day), Timestamp::now()),
        None => found.ok(PreflightSubject::Login, format!("{name}, valid until it is revoked")),
    }
    let mut scopes = token["scopes"].as_array().into_iter().flatten().filter_map(Value::as_str);
    if scopes.any(|scope| scope == "api") {
        found.ok(PreflightSubject::Permissions, "the token has the scope `api`");
    } else {
        let help = "project → Settings → Access tokens: create a token with the scope `api`";
        found.missing(
            PreflightSubject::Permissions,
            "the token lacks the scope `api`: Slipway cannot report anything",
            help,
        );
    }
}

/// The access level of the account in the project, 0 if it has none.
async fn role(client: &Client, path: &str, found: &mut PreflightReport) -> u64 {
    let name = client.repository();
    let project = match client.probe(path).await.and_then(|probe| probe.document) {
        Ok(project) => project,
        Err(error) => {
            let help = format!("check `api.repository`, and make the account a member of `{name}`");
            found.refused(PreflightSubject::Repository, &error, help);
            return 0;
        }
    };
    found.there(name, &project);
    let level = |from: &str| project["permissions"][from]["access_level"].as_u64().unwrap_or_default();
    let level = level("project_access").max(level("group_access"));
    if level >= DEVELOPER {
        found.ok(PreflightSubject::Permissions, "the account has the role Developer or higher");
    } else {
        let text = "the account has a role below Developer: GitLab refuses statuses and merge requests";
        found.missing(
            PreflightSubject::Permissions,
            text,
            "project → Manage → Members: give the account the role Developer or Maintainer",
        );
    }
    level
}

async fn hooks(client: &Client, project: &str, place: &WebhookAddress, found: &mut PreflightReport) {
    let list = client.probe(&format!("{project}/hooks?per_page={PAGE}")).await;
    let read = |document: &Value| document.as_array().into_iter().flatten().map(read_hook).collect();
    found.listed_hooks(list, read, place, EVENTS, HOOKS);
}

fn read_hook(hook: &Value) -> Hook {
    let subscribed = EVENTS.iter().filter(|event| hook[event.name] == true).map(|event| event.name.to_owned());
    Hook {
        url: hook["url"].as_str().unwrap_or_default().to_owned(),
        // GitLab disables a webhook that fails too often, for some time or permanently.
        active: hook["alert_status"].as_str().is_none_or(|status| status == "executable"),
        events: subscribed.collect(),
        sends_json: None,
    }
}
