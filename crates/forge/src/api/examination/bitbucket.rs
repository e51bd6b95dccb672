//! Bitbucket Cloud (developer.atlassian.com/cloud/bitbucket/rest: "Repositories", "Webhooks"). Its answers name the scopes
//! of the login in a header; until when a token holds is told nowhere.

use serde_json::Value;

use super::hooks::{Hook, NeededEvent, texts};
use super::{Finding, Findings, HookPlace, Subject};
use crate::api::http::Client;

/// Webhooks on a page: the most that Bitbucket gives.
const PAGE: usize = 100;
/// The header that names the scopes of the login.
const SCOPES: &str = "x-oauth-scopes";
/// Where webhooks are set.
const HOOKS: &str = "repository → Repository settings → Webhooks";

/// What a webhook has to tell of.
const EVENTS: &[NeededEvent] = &[
    NeededEvent::essential("repo:push", "Repository: Push", "pushes are found by looking alone, minutes later"),
    NeededEvent::essential(
        "pullrequest:created",
        "Pull request: Created",
        "changes are not judged when they are opened",
    ),
    NeededEvent::essential(
        "pullrequest:updated",
        "Pull request: Updated",
        "changes are not judged when they are pushed to",
    ),
    NeededEvent::useful("pullrequest:fulfilled", "Pull request: Merged", "runs of merged changes go on"),
    NeededEvent::useful("pullrequest:rejected", "Pull request: Declined", "runs of declined changes go on"),
    NeededEvent::useful("pullrequest:comment_created", "Pull request: Comment created", "commands are not followed"),
];

/// `repository` is the path of the repository in the API.
pub(in crate::api) async fn examine(client: &Client, repository: &str, hook: Option<&HookPlace>) -> Vec<Finding> {
    let mut found = Findings::default();
    let Some(look) = found.reached(client.url(), client.look(repository).await) else { return found.into_list() };
    if let Err(error) = &look.document {
        let help = "`api.repository` has to be right, and `api.token` one of it: repository → Repository settings → Access tokens";
        found.refused(Subject::Login, error, help);
        return found.into_list();
    }
    found.ok(Subject::Login, "the token is taken");
    found.unknown(Subject::Login, "until when it holds is told nowhere");
    found.ok(Subject::Repository, format!("`{}` is there", client.repository()));
    match look.header(SCOPES) {
        None => found.unknown(Subject::Permissions, "its answers name no scopes"),
        Some(scopes) => permissions(&scopes, &mut found),
    }
    if let Some(place) = hook {
        let list = client.look(&format!("{repository}/hooks?pagelen={PAGE}")).await;
        let read = |document: &Value| document["values"].as_array().into_iter().flatten().map(read_hook).collect();
        found.listed_hooks(list, read, place, EVENTS, HOOKS);
    }
    found.limits(&look.headers);
    found.into_list()
}

fn permissions(scopes: &str, found: &mut Findings) {
    let has = |scope: &str| scopes.split([',', ' ']).any(|word| word == scope);
    for (scope, others, used_for) in [
        ("pullrequest:write", [].as_slice(), "comments and requests cannot be written"),
        ("repository", &["repository:write", "repository:admin"], "statuses cannot be told"),
    ] {
        if has(scope) || others.iter().any(|other| has(other)) {
            found.ok(Subject::Permissions, format!("the token has the scope `{scope}`"));
        } else {
            let help = format!("repository → Repository settings → Access tokens: make one with `{scope}`");
            found.missing(Subject::Permissions, format!("the token lacks the scope `{scope}`: {used_for}"), help);
        }
    }
}

fn read_hook(hook: &Value) -> Hook {
    Hook {
        url: hook["url"].as_str().unwrap_or_default().to_owned(),
        active: hook["active"] == true,
        events: texts(&hook["events"]),
        sends_json: None,
    }
}
