//! What `slipway forge check` says of a real Gitea.

use slipway_forge::{ApiSettings, Finding, HookPlace, Login, Purpose, Settings, Standing, Subject, connect_api};
use slipway_testkit::demo::SECRET;
use slipway_testkit::gitea::{Brand, Gitea, NewHook};

use super::{EVENTS, MODELS, SCOPES};

/// What is not well, as `Standing Subject: text`.
fn faults(found: &[Finding]) -> Vec<String> {
    let faults = found.iter().filter(|finding| !matches!(finding.standing, Standing::Ok | Standing::Unknown));
    faults.map(|finding| format!("{:?} {:?}: {}", finding.standing, finding.subject, finding.text)).collect()
}

#[tokio::test]
async fn a_real_gitea_is_asked_what_its_account_may_do_and_where_its_webhook_leads() {
    is_asked(Brand::Gitea, Settings::Gitea).await;
}

#[tokio::test]
#[ignore = "make test-forgejo"]
async fn a_real_forgejo_is_asked_what_its_account_may_do_and_where_its_webhook_leads() {
    is_asked(Brand::Forgejo, Settings::Forgejo).await;
}

async fn is_asked(brand: Brand, forge: Settings) {
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
    let place = HookPlace { server: Some("https://slipway.example".to_owned()), path: "/webhooks/digits".to_owned() };
    let examine = async |token: &str| {
        let (url, repository, login) = (gitea.url().to_owned(), MODELS.to_owned(), Login::Token(token.into()));
        let settings = ApiSettings { forge, url, repository, login, purpose: Purpose::Source { deployments: false } };
        connect_api(settings).expect("an API").examine(Some(&place)).await
    };

    let faults_before = faults(&examine(&tokens[0]).await);
    assert_eq!(faults_before, ["Missing Webhook: the repository has no webhook"]);
    let hook = models.hook(NewHook { url, secret: SECRET, events: EVENTS }).await.expect("a webhook");
    let found = examine(&tokens[0]).await;
    assert!(faults(&found).is_empty(), "{found:#?}");
    for subject in
        [Subject::Address, Subject::Clock, Subject::Login, Subject::Permissions, Subject::Webhook, Subject::Events]
    {
        let is_well = found.iter().any(|finding| finding.subject == subject && finding.standing == Standing::Ok);
        assert!(is_well, "{subject:?}: {found:#?}");
    }

    models.replace_hook(hook, NewHook { url, secret: SECRET, events: &["push"] }).await.expect("changed");
    let lacking = faults(&examine(&tokens[0]).await);
    assert!(lacking.iter().any(|line| line.starts_with("Missing Events: `Pull request`")), "{lacking:#?}");

    let of_grace = examine(&tokens[1]).await;
    let [told] = &faults(&of_grace)[..] else { panic!("one fault: {of_grace:#?}") };
    assert!(told.starts_with("Warning Permissions: what others may do"), "{told}");
    let webhook = of_grace.iter().find(|finding| finding.subject == Subject::Webhook).expect("it is said");
    assert_eq!(webhook.standing, Standing::Unknown);
    let of_eve = faults(&examine(&tokens[2]).await);
    assert!(of_eve[0].starts_with("Missing Permissions: the account may not write"), "{of_eve:#?}");
    let of_nobody = faults(&examine("0123456789012345678901234567890123456789").await);
    assert!(of_nobody[0].starts_with("Missing Login: the forge refuses: 401"), "{of_nobody:#?}");
}
