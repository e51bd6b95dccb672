//! What `slipway forge check` says of a real Gitea.

use slipway_forge::{
    ApiSettings, Login, PreflightCheck, PreflightStatus, PreflightSubject, Purpose, Settings, WebhookAddress,
    connect_api,
};
use slipway_testkit::demo::SECRET;
use slipway_testkit::gitea::{Brand, Gitea, NewHook};

use super::{EVENTS, MODELS, SCOPES};

/// What is not well, as `Standing Subject: text`.
fn faults(found: &[PreflightCheck]) -> Vec<String> {
    let faults = found
        .iter()
        .filter(|preflight_check| !matches!(preflight_check.status, PreflightStatus::Ok | PreflightStatus::Unknown));
    faults
        .map(|preflight_check| {
            format!("{:?} {:?}: {}", preflight_check.status, preflight_check.subject, preflight_check.message)
        })
        .collect()
}

#[tokio::test]
async fn a_real_gitea_is_asked_what_its_account_may_do_and_where_its_webhook_leads() {
    preflight_passes(Brand::Gitea, Settings::Gitea).await;
}

#[tokio::test]
#[ignore = "make test-forgejo"]
async fn a_real_forgejo_is_asked_what_its_account_may_do_and_where_its_webhook_leads() {
    preflight_passes(Brand::Forgejo, Settings::Forgejo).await;
}

async fn preflight_passes(brand: Brand, forge: Settings) {
    let Some(gitea) = Gitea::start(brand).await.expect("it starts") else { return };
    gitea.organisation("team").await.expect("a team");
    let models = gitea.project("team", "models").await.expect("a repository");
    let mut tokens = Vec::new();
    for (name, permission) in [("slipway", "admin"), ("grace", "write"), ("eve", "read")] {
        let person = gitea.person(name).await.expect("an account");
        models.permit(&person, permission).await.expect("permitted");
        tokens.push(gitea.token(&person, SCOPES).await.expect("a token"));
    }
    let url = "https://slipway.example/webhooks/digits";
    let place =
        WebhookAddress { server: Some("https://slipway.example".to_owned()), path: "/webhooks/digits".to_owned() };
    let preflight_checks = async |token: &str| {
        let (url, repository, login) = (gitea.url().to_owned(), MODELS.to_owned(), Login::Token(token.into()));
        let settings = ApiSettings { forge, url, repository, login, purpose: Purpose::Source { deployments: false } };
        connect_api(settings).expect("an API").preflight_checks(Some(&place)).await
    };

    let faults_before = faults(&preflight_checks(&tokens[0]).await);
    assert_eq!(faults_before, ["Missing Webhook: the repository has no webhook"]);
    let hook = models.hook(NewHook { url, secret: SECRET, events: EVENTS }).await.expect("a webhook");
    let found = preflight_checks(&tokens[0]).await;
    assert!(faults(&found).is_empty(), "{found:#?}");
    for subject in [
        PreflightSubject::Address,
        PreflightSubject::Clock,
        PreflightSubject::Login,
        PreflightSubject::Permissions,
        PreflightSubject::Webhook,
        PreflightSubject::Events,
    ] {
        let is_well = found
            .iter()
            .any(|preflight_check| preflight_check.subject == subject && preflight_check.status == PreflightStatus::Ok);
        assert!(is_well, "{subject:?}: {found:#?}");
    }

    models.replace_hook(hook, NewHook { url, secret: SECRET, events: &["push"] }).await.expect("changed");
    let lacking = faults(&preflight_checks(&tokens[0]).await);
    assert!(
        lacking.iter().any(|line| line.starts_with("Missing Events: the webhook does not send `Pull request`:")),
        "{lacking:#?}"
    );

    let of_grace = preflight_checks(&tokens[1]).await;
    let [fault] = &faults(&of_grace)[..] else { panic!("one fault: {of_grace:#?}") };
    assert!(fault.starts_with("Warning Permissions: only administrators of the repository"), "{fault}");
    let webhook = of_grace
        .iter()
        .find(|preflight_check| preflight_check.subject == PreflightSubject::Webhook)
        .expect("it is said");
    assert_eq!(webhook.status, PreflightStatus::Unknown);
    let of_eve = faults(&preflight_checks(&tokens[2]).await);
    assert!(of_eve[0].starts_with("Missing Permissions: the account may not write"), "{of_eve:#?}");
    let of_nobody = faults(&preflight_checks("0123456789012345678901234567890123456789").await);
    assert!(of_nobody[0].starts_with("Missing Login: the forge refused the call: 401"), "{of_nobody:#?}");
}
