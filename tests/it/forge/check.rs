//! `slipway forge check`, against the double: what is well is said to be well, and nothing else is.

use std::process::Command;

use jiff::SignedDuration;
use serde_json::{Value, json};
use slipway_testkit::github::{APP_ID, APP_KEY, GitHub, ROBOT_TOKEN, Refusal, Setup, webhook};

use super::ground::Ground;
use crate::support::slipway;

const APP: &str = "app: {id: 4711, key: {file: ./app.pem}}";
pub(crate) const ROBOT: &str = "token: {file: ./robot}";

/// Settings of a server beside a GitHub; no server runs.
pub(crate) struct Desk {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) github: GitHub,
    ground: Ground,
}

impl Desk {
    pub(crate) async fn with(login: &str) -> Self {
        assert!(APP.contains(&APP_ID.to_string()), "the settings name the double's App");
        let ground = Ground::new().await;
        let github = GitHub::start(ground.bare.clone()).await.expect("a GitHub");
        let folder = tempfile::tempdir().expect("a folder");
        let api = format!("api: {{url: \"{}\", repository: team/models, {login}}}", github.url());
        let of_source = api.replace("repository:", "deployments: true, repository:");
        let settings = format!(
            "apiVersion: slipway.dev/v1alpha1
kind: Server
listen: 127.0.0.1:0
state: ./state
web: {{public_url: \"https://slipway.example\"}}
sources:
- {{name: digits, forge: github, url: \"https://git.example/models.git\", secret: {{file: ./secret}}, environment: staging, {of_source}}}
- {{name: plain, forge: plain, url: \"https://git.example/others.git\", secret: {{file: ./secret}}, environment: staging}}
environments:
- {{name: staging, url: \"https://git.example/environment.git\", requests: {{forge: github, merge: slipway, {api}}}}}
"
        );
        for (name, content) in [
            ("slipway-server.yaml", &*settings),
            ("secret", "a secret of some length"),
            ("app.pem", APP_KEY),
            ("robot", ROBOT_TOKEN),
        ] {
            std::fs::write(folder.path().join(name), content).expect("written");
        }
        Self { folder, github, ground }
    }

    /// Runs it; answers its exit code and everything it said.
    async fn check(&self, arguments: &[&str]) -> (i32, String) {
        let mut command = Command::new(slipway());
        command.args(["forge", "check"]).args(arguments).current_dir(self.folder.path());
        let output = tokio::task::spawn_blocking(move || command.output()).await.expect("no panic").expect("it ran");
        let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).expect("UTF-8")).concat();
        (output.status.code().expect("an exit code"), said)
    }

    /// The preflight checks of the source, once something was set up, and the exit code.
    async fn after(&self, change: impl FnOnce(&mut Setup)) -> (i32, Vec<Value>) {
        self.github.set_up(change);
        let (code, said) = self.check(&["--source", "digits", "--output", "json"]).await;
        let document: Value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
        (code, document["checked"][0]["checks"].as_array().expect("checks").clone())
    }
}

/// The preflight checks that are not well, as `status subject: message`, with their help.
fn faults(checks: &[Value]) -> Vec<(String, String)> {
    let word = |preflight_check: &Value, name: &str| preflight_check[name].as_str().unwrap_or_default().to_owned();
    let line = |preflight_check: &Value| {
        let [status, subject, message] = ["status", "subject", "message"].map(|name| word(preflight_check, name));
        (format!("{status} {subject}: {message}"), word(preflight_check, "help"))
    };
    checks
        .iter()
        .filter(|preflight_check| !matches!(word(preflight_check, "status").as_str(), "ok" | "unknown"))
        .map(line)
        .collect()
}

/// The one fault, which has to say these parts.
fn only_fault(checks: &[Value], line: &str, help: &str) {
    let faults = faults(checks);
    let [(found, helps)] = &faults[..] else { panic!("expected one fault with `{line}`: {faults:#?}") };
    assert!(found.contains(line), "`{line}` is not in {found}");
    assert!(helps.contains(help), "`{help}` is not in {helps}");
}

#[tokio::test]
async fn an_app_that_has_what_it_needs_passes_every_preflight_check() {
    let desk = Desk::with(APP).await;
    let (code, said) = desk.check(&[]).await;
    assert_eq!(code, 0, "{said}");
    for line in [
        "source digits",
        "ok           clock        the clocks of this machine and of the forge agree",
        "ok           login        the App `slipway` (4711)",
        "ok           permissions  Checks: Read and write, Contents: Read-only, Deployments: Read and write, Pull requests: Read",
        "ok           events       Pull request, Push, Issue comment, Check run, Check suite, Merge group",
        "ok           webhook      it sends to https://slipway.example/webhooks/digits",
        "unknown      deliveries   there was no delivery",
        "ok           limits       5000 calls are left of 5000 in an hour",
        "source plain: `api` is not set, so there is nothing to check",
        "environment staging",
        "ok           permissions  Contents: Read and write, Pull requests: Read and write, Metadata: Read-only",
    ] {
        assert!(said.contains(line), "`{line}` is not in\n{said}");
    }
    assert!(!["warning", "missing", "unreachable", "ghs_", "eyJ"].iter().any(|word| said.contains(word)), "{said}");
    let written = desk.github.requests().into_iter().filter(|call| call.method != "GET").map(|call| call.path);
    assert!(written.clone().all(|path| path.ends_with("/access_tokens")), "{:?}", written.collect::<Vec<_>>());
}

#[tokio::test]
async fn a_permission_that_is_missing_is_named_with_the_setting_to_change() {
    let desk = Desk::with(APP).await;
    let without = |setup: &mut Setup| {
        setup.requested["checks"] = json!("read");
        setup.granted["checks"] = json!("read");
    };
    let (code, checks) = desk.after(without).await;
    assert_eq!(code, 1, "{checks:#?}");
    let help =
        "https://github.example/organizations/team/settings/apps/slipway/permissions: set Checks: Read and write";
    only_fault(&checks, "missing permissions: `Checks: Read and write` is not granted", help);
    // The App asks for it by now, and the owner has not accepted it.
    let (code, checks) = desk.after(|setup| setup.requested["checks"] = json!("write")).await;
    assert_eq!(code, 1);
    only_fault(&checks, "`Checks: Read and write` is not granted", "the owner of the installation must accept it");
    // What only a merge queue needs is no reason to fail.
    let lesser = |setup: &mut Setup| {
        setup.granted["checks"] = json!("write");
        setup.granted["merge_queues"] = Value::Null;
        setup.events.retain(|event| event != "merge_group");
    };
    let (code, checks) = desk.after(lesser).await;
    let faults = faults(&checks);
    assert_eq!((code, faults.len()), (0, 2), "{faults:#?}");
    assert!(faults.iter().all(|(line, _)| line.starts_with("warning ")), "{faults:#?}");
    let (code, checks) = desk.after(|setup| setup.events.retain(|event| event != "pull_request")).await;
    assert_eq!(code, 1, "{checks:#?}");
}

#[tokio::test]
async fn an_app_whose_key_is_anothers_or_that_is_not_installed_is_reported_and_no_more_is_called() {
    let desk = Desk::with("app: {id: 4712, key: {file: ./app.pem}}").await;
    let (code, checks) = desk.after(|_| ()).await;
    assert_eq!(code, 1);
    only_fault(
        &checks,
        "missing login: the forge refused the call: 401",
        "set `app.id` and `app.key` to the values of one App",
    );
    assert_eq!(desk.github.requests().len(), 1, "who is nobody asks nothing more");

    let desk = Desk::with(APP).await;
    let (code, checks) = desk.after(|setup| setup.is_installed = false).await;
    assert_eq!(code, 1);
    let (line, help) = &faults(&checks)[0];
    assert!(line.contains("missing repository: the forge did not find the resource: 404"), "{line}");
    assert!(help.contains("https://github.example/apps/slipway/installations/new"), "{help}");
}

#[tokio::test]
async fn a_clock_that_is_off_is_reported_even_where_the_login_is_refused_for_it() {
    let desk = Desk::with(APP).await;
    let (code, checks) = desk.after(|setup| setup.clock = SignedDuration::from_secs(90)).await;
    assert_eq!(code, 0);
    only_fault(&checks, "warning clock: this machine's clock is ", "synchronise this machine's clock");
    let (line, _) = &faults(&checks)[0];
    assert!(line.contains(" s behind the forge's"), "{line}");
    let seconds: u64 = line
        .split("clock is ")
        .nth(1)
        .and_then(|rest| rest.split(' ').next())
        .and_then(|n| n.parse().ok())
        .expect("a number");
    assert!((60..=91).contains(&seconds), "{line}");
    let (_, checks) = desk.after(|setup| setup.clock = SignedDuration::from_secs(-90)).await;
    only_fault(&checks, "s ahead of the forge's", "");
}

#[tokio::test]
async fn a_webhook_that_leads_elsewhere_or_sends_forms_is_reported_with_the_address_to_set() {
    let desk = Desk::with(APP).await;
    let elsewhere = "https://user:word@old.example/webhooks/others?token=word";
    let (code, checks) = desk.after(|setup| setup.webhook = webhook(elsewhere)).await;
    assert_eq!(code, 1);
    let line = "missing webhook: it sends to https://old.example/webhooks/others, expected \
     https://slipway.example/webhooks/digits";
    only_fault(&checks, line, "settings/apps/slipway: set https://slipway.example/webhooks/digits");
    let (code, checks) = desk.after(|setup| setup.webhook = webhook("https://old.example/webhooks/digits")).await;
    assert_eq!(code, 0);
    only_fault(&checks, "warning webhook: it sends to https://old.example", "if these are different servers");
    let forms = |setup: &mut Setup| {
        setup.webhook = webhook("https://slipway.example/webhooks/digits");
        setup.webhook["content_type"] = json!("form");
    };
    let (code, checks) = desk.after(forms).await;
    assert_eq!(code, 1);
    only_fault(&checks, "it sends forms", "application/json");
    let (code, checks) = desk.after(|setup| setup.webhook = Value::Null).await;
    assert_eq!(code, 1);
    only_fault(&checks, "the App has no webhook", "set https://slipway.example/webhooks/digits");
}

#[tokio::test]
async fn deliveries_that_were_not_taken_are_reported_with_what_their_answers_mean() {
    let desk = Desk::with(APP).await;
    desk.ground.push("better", "2").await;
    desk.github.open_pull("better", 1).await.expect("a pull request");
    let deliveries = desk.github.waiting();
    desk.github.record_attempt(&deliveries[0], 202);
    desk.github.record_attempt(&deliveries[0], 401);
    let (code, checks) = desk.after(|_| ()).await;
    assert_eq!(code, 0);
    only_fault(
        &checks,
        "warning deliveries: 1 of the last 2 deliveries were accepted; the response to the newest",
        "the webhook's secret differs from the source's secret",
    );
}

#[tokio::test]
async fn a_forge_that_does_not_answer_or_has_no_calls_left_is_reported_as_that() {
    let desk = Desk::with(APP).await;
    desk.github.limit_the_hour(0, std::time::Duration::from_mins(10));
    let (code, checks) = desk.after(|_| ()).await;
    assert_eq!(code, 0, "asking for the limits costs nothing");
    only_fault(
        &checks,
        "warning limits: 0 calls are left of 0 in an hour",
        "check whether other programs use this login",
    );
    desk.github.lift_limits();
    let (_, checks) = desk.after(|_| ()).await;
    assert!(
        checks.iter().any(|preflight_check| preflight_check["message"] == "this server has no rate limit"),
        "{checks:#?}"
    );
    desk.github.refuse(1, Refusal::Broken);
    let (code, checks) = desk.after(|_| ()).await;
    assert_eq!((code, checks.len()), (4, 1), "{checks:#?}");
    only_fault(&checks, "unreachable address: ", "check `api.url`");
}

#[tokio::test]
async fn a_robots_token_gets_checks_of_its_end_its_scopes_and_the_webhooks_of_the_repository() {
    let desk = Desk::with(ROBOT).await;
    let (code, checks) = desk.after(|_| ()).await;
    assert_eq!(code, 1);
    only_fault(
        &checks,
        "missing webhook: the repository has no webhook",
        "add one for https://slipway.example/webhooks/digits",
    );
    let hook = json!({
        "config": webhook("https://slipway.example/webhooks/digits"), "events": ["pull_request", "push", "issue_comment"],
        "last_response": { "code": 401, "status": "unauthorized", "message": "Invalid HTTP Response: 401" },
    });
    let soon = (jiff::Timestamp::now() + SignedDuration::from_hours(48)).strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    let hooked = |setup: &mut Setup| {
        setup.hooks = vec![hook];
        setup.token_until = Some(soon.clone());
    };
    let (code, checks) = desk.after(hooked).await;
    let faults = faults(&checks);
    assert_eq!((code, faults.len()), (0, 3), "{faults:#?}");
    for line in [
        format!("warning login: a token of `robot`, valid until {soon}"),
        "warning events: the webhook does not send `Merge group`".to_owned(),
        "warning deliveries: the response to the last delivery was 401".to_owned(),
    ] {
        assert!(faults.iter().any(|(fault, _)| fault.starts_with(&line)), "`{line}` is not in {faults:#?}");
    }
    assert!(
        checks.iter().any(|preflight_check| preflight_check["message"] == "the token has the scope `repo`"),
        "{checks:#?}"
    );
}

#[tokio::test]
async fn a_source_that_nobody_set_up_is_no_source_to_check() {
    let desk = Desk::with(APP).await;
    let (code, said) = desk.check(&["--source", "others"]).await;
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("the server's settings contain no source `others`, only digits, plain"), "{said}");
    assert!(desk.github.requests().is_empty());
}
