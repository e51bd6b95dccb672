//! What is found at forges that give one canned answer a question, after their documentation.

use serde_json::json;

use super::*;
use crate::Settings;
use crate::api::tests::Forge;

#[test]
fn a_date_within_the_time_of_the_call_is_no_skew_and_one_outside_is() {
    let at = |text: &str| text.parse::<Timestamp>().expect("a time");
    let (asked, answered) = (at("2026-03-01T12:00:00.9Z"), at("2026-03-01T12:00:05Z"));
    for (date, seconds) in [
        ("Sun, 01 Mar 2026 12:00:00 GMT", 0),
        ("Sun, 01 Mar 2026 12:00:03 GMT", 0),
        ("Sun, 01 Mar 2026 12:01:05 GMT", 60),
        ("Sun, 01 Mar 2026 11:59:00 GMT", -60),
    ] {
        let headers = [(DATE, date.parse().expect("a value"))].into_iter().collect();
        let skew = skew_of(&headers, asked, answered).expect("a date");
        assert_eq!(skew.as_secs(), seconds, "{date}");
    }
    assert_eq!(skew_of(&HeaderMap::new(), asked, answered), None);
}

#[test]
fn a_webhook_is_known_by_its_whole_address_where_that_is_set_and_by_its_path_where_not() {
    let place =
        |server: Option<&str>| WebhookAddress { server: server.map(str::to_owned), path: "/webhooks/a".to_owned() };
    assert!(place(Some("https://slipway.example/")).is("https://slipway.example/webhooks/a"));
    assert!(!place(Some("https://slipway.example")).is("https://old.example/webhooks/a"));
    assert!(place(None).is("https://slipway.example/webhooks/a?x=1"));
    assert!(!place(None).is("https://slipway.example/webhooks/a/b"));
    assert_eq!(place(None).wanted(), "https://HOST/webhooks/a");
}

fn place() -> WebhookAddress {
    WebhookAddress { server: Some("https://slipway.example".to_owned()), path: "/webhooks/digits".to_owned() }
}

/// What is found, as `standing subject: text`, where an answer is no refusal unless its status says so.
async fn found_at(forge: Settings, answers: Vec<(u16, Value)>) -> (Vec<String>, Vec<String>) {
    let peer = Forge::answering(forge, answers);
    let found = peer.api.preflight_checks(Some(&place())).await;
    let line = |preflight_check: &PreflightCheck| {
        format!("{:?} {:?}: {}", preflight_check.status, preflight_check.subject, preflight_check.message)
    };
    (found.iter().map(line).collect(), peer.questions().into_iter().map(|question| question.line).collect())
}

fn holds(found: &[String], lines: &[&str]) {
    for line in lines {
        assert!(found.iter().any(|preflight_check| preflight_check.starts_with(line)), "`{line}` is not in {found:#?}");
    }
}

#[tokio::test]
async fn a_token_at_gitlab_gets_checks_of_its_end_its_scopes_and_its_role() {
    let (user, self_until) = (json!({ "username": "slipway" }), |day: &str, scope: &str| {
        (200, json!({ "expires_at": day, "scopes": [scope] }))
    });
    let project = |level: u64| {
        (200, json!({ "permissions": { "project_access": { "access_level": level }, "group_access": null } }))
    };
    let hook = json!({ "url": "https://slipway.example/webhooks/digits", "push_events": true, "merge_requests_events": true, "note_events": false, "alert_status": "executable" });
    let answers = vec![(200, user.clone()), self_until("2099-01-01", "api"), project(40), (200, json!([hook]))];
    let (found, asked) = found_at(Settings::GitLab, answers).await;
    holds(
        &found,
        &[
            "Ok Login: a token of `slipway`, valid until 2099-01-01",
            "Ok Permissions: the token has the scope `api`",
            "Ok Permissions: the account has the role Developer or higher",
            "Ok Webhook: it sends to https://slipway.example/webhooks/digits",
            "Ok Events: Push events, Merge request events",
            "Warning Events: the webhook does not send `Comments`",
            "Unknown Clock",
            "Unknown Deliveries",
            "Unknown Limits",
        ],
    );
    assert_eq!(asked[1], "GET /api/v4/personal_access_tokens/self");

    let (found, _) =
        found_at(Settings::GitLab, vec![(200, user.clone()), self_until("2020-01-01", "read_api"), project(20)]).await;
    holds(
        &found,
        &[
            "Warning Login: a token of `slipway`, valid until 2020-01-01",
            "Missing Permissions: the token lacks the scope `api`",
            "Missing Permissions: the account has a role below Developer",
            "Unknown Webhook: only maintainers can read the project's webhooks",
        ],
    );

    let (found, _) = found_at(Settings::GitLab, vec![(401, json!({ "message": "401 Unauthorized" }))]).await;
    holds(&found, &["Ok Address", "Missing Login: the forge refused the call: 401"]);
}

#[tokio::test]
async fn a_webhook_at_gitlab_that_failed_too_often_is_reported_as_switched_off() {
    let token = json!({ "expires_at": null, "scopes": ["api"] });
    let project = json!({ "permissions": { "project_access": null, "group_access": { "access_level": 50 } } });
    let hook = json!({ "url": "https://slipway.example/webhooks/digits", "push_events": true, "merge_requests_events": true, "note_events": true, "alert_status": "disabled" });
    let answers = [json!({ "username": "slipway" }), token, project, json!([hook])].map(|answer| (200, answer));
    let (found, _) = found_at(Settings::GitLab, answers.into()).await;
    holds(
        &found,
        &["Ok Login: a token of `slipway`, valid until it is revoked", "Missing Webhook: the webhook is not active"],
    );
}

#[tokio::test]
async fn what_bitbucket_does_not_say_is_not_taken_for_well() {
    let hook = json!({ "url": "https://old.example/webhooks/digits", "active": true, "events": ["repo:push", "pullrequest:created"] });
    let answers = vec![(200, json!({})), (200, json!({ "values": [hook] }))];
    let (found, asked) = found_at(Settings::Bitbucket, answers).await;
    holds(
        &found,
        &[
            "Unknown Login",
            "Unknown Permissions: the responses contain no scopes",
            "Warning Webhook: it sends to https://old.example/webhooks/digits, but `web.public_url` is",
            "Missing Events: the webhook does not send `Pull request: Updated`",
            "Warning Events: the webhook does not send `Pull request: Comment created`",
        ],
    );
    assert_eq!(asked[1], "GET /2.0/repositories/team/models/hooks?pagelen=100");
    let (found, _) = found_at(Settings::Bitbucket, vec![(200, json!({})), (403, json!({ "error": "scope" }))]).await;
    holds(&found, &["Unknown Webhook: this login cannot read webhooks: the forge refused the call: 403"]);
}

#[tokio::test]
async fn a_gitea_account_that_administers_nothing_cannot_ask_for_others_and_is_shown_no_webhooks() {
    let repository = json!({ "permissions": { "admin": false, "push": true } });
    let (found, asked) = found_at(Settings::Gitea, vec![(200, json!({ "login": "slipway" })), (200, repository)]).await;
    holds(
        &found,
        &[
            "Ok Permissions: the account may write",
            "Warning Permissions: only administrators of the repository can read the permissions of others",
            "Unknown Webhook: only administrators of the repository",
        ],
    );
    assert_eq!(asked, ["GET /api/v1/user", "GET /api/v1/repos/team/models"]);
}
