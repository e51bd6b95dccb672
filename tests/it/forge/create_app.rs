//! `slipway forge create-app`, against the double: the test is the person with the browser.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use slipway_forge::{ApiError, NewApp, Purpose};
use slipway_testkit::Api;
use slipway_testkit::github::{APP_KEY, GitHub};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use super::ground::Ground;
use crate::support::slipway;

const HOOK: &str = "https://slipway.example/webhooks/digits";

/// A command that waits for its browser.
struct Registering {
    folder: tempfile::TempDir,
    github: GitHub,
    command: Child,
    lines: Lines<BufReader<ChildStdout>>,
    /// The page's address, up to its path, and the path.
    page: (Api, String),
    _ground: Ground,
}

impl Registering {
    async fn begin() -> Self {
        let ground = Ground::new().await;
        let github = GitHub::start(ground.bare.clone()).await.expect("a GitHub");
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = Command::new(slipway())
            .args(["forge", "create-app", "--organization", "team", "--webhook", HOOK, "--api", &github.url()])
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("it starts");
        let mut lines = BufReader::new(command.stdout.take().expect("a pipe")).lines();
        let address = lines.next_line().await.expect("a line").expect("the page's address");
        let (origin, key) = address.rsplit_once('/').expect("an address with a path");
        let page = (Api::at(origin), format!("/{key}"));
        Self { folder, github, command, lines, page, _ground: ground }
    }

    /// The form's fields: where it leads to, with the state, and the manifest.
    async fn form(&self) -> (String, String) {
        let page = self.page.0.get(&self.page.1).await.expect("a page");
        assert_eq!(page.status, 200, "{}", page.text);
        let between = |before: &str| {
            let rest = page.text.split(before).nth(1).unwrap_or_else(|| panic!("no `{before}`: {}", page.text));
            rest.split('"').next().expect("its end").replace("&quot;", "\"").replace("&amp;", "&")
        };
        (between("action=\""), between("name=\"manifest\" value=\""))
    }

    /// Comes back from GitHub as the browser does.
    async fn come_back(&self, code: &str, state: &str) -> u16 {
        let path = format!("{}/back?code={code}&state={state}", self.page.1);
        self.page.0.get(&path).await.expect("an answer").status
    }

    /// How it ends, what it prints then, and what it says.
    async fn end(mut self) -> (i32, String, String, tempfile::TempDir) {
        let mut printed = Vec::new();
        while let Some(line) = self.lines.next_line().await.expect("a line") {
            printed.push(line);
        }
        let output = self.command.wait_with_output().await.expect("it ends");
        let said = String::from_utf8(output.stderr).expect("UTF-8");
        (output.status.code().expect("a code"), printed.join("\n"), said, self.folder)
    }
}

fn state_of(action: &str) -> String {
    action.split("state=").nth(1).expect("a state").to_owned()
}

#[tokio::test]
async fn an_app_is_registered_by_a_form_and_its_key_and_secret_are_read_by_nobody_else() {
    let registering = Registering::begin().await;
    let (action, manifest) = registering.form().await;
    assert!(
        action.starts_with(&format!("{}/organizations/team/settings/apps/new?state=", registering.github.url())),
        "{action}"
    );
    let code = registering.github.register(&manifest).expect("GitHub takes the manifest");
    // Somebody else's code does not count, and ends nothing.
    assert_eq!(registering.come_back("evil", "guessed").await, 403);
    assert_eq!(registering.page.0.get("/guessed").await.expect("an answer").status, 404);
    assert_eq!(registering.come_back(&code, &state_of(&action)).await, 200);
    let api = registering.github.url();
    let (ended, printed, said, folder) = registering.end().await;
    assert_eq!(ended, 0, "{said}");
    let lines = format!(
        "forge: github\nsecret: {{file: ./slipway-app.secret}}\napi: {{url: \"{api}\", repository: OWNER/NAME, app: {{id: 4711, key: {{file: ./slipway-app.pem}}}}}}"
    );
    assert_eq!(printed, lines);
    assert!(
        said.contains(
            "install it for the repositories of models at https://github.example/apps/slipway/installations/new"
        ),
        "{said}"
    );
    for (name, content) in [("slipway-app.pem", APP_KEY), ("slipway-app.secret", "a secret of the webhook")] {
        let path = folder.path().join(name);
        assert_eq!(std::fs::read_to_string(&path).expect("a file"), content);
        assert_eq!(path.metadata().expect("a file").permissions().mode() & 0o777, 0o600, "{name}");
        assert!(!said.contains(content) && !printed.contains(content), "{name} is shown");
    }
}

#[tokio::test]
async fn an_answer_without_a_usable_key_or_that_is_too_long_leaves_no_files() {
    for (key, reason) in [("no key at all".to_owned(), "private key"), (APP_KEY.repeat(100), "cannot be read")] {
        let registering = Registering::begin().await;
        registering.github.set_up(|setup| setup.new_key = key);
        let (action, manifest) = registering.form().await;
        let code = registering.github.register(&manifest).expect("a code");
        assert_eq!(registering.come_back(&code, &state_of(&action)).await, 200);
        let (ended, printed, said, folder) = registering.end().await;
        assert_eq!((ended, &*printed), (4, ""), "{said}");
        assert!(said.contains("the App cannot be fetched") && said.contains(reason), "{said}");
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0);
    }
}

#[tokio::test]
async fn who_gives_up_before_the_form_is_answered_leaves_no_files() {
    let registering = Registering::begin().await;
    registering.form().await;
    let process =
        rustix::process::Pid::from_raw(registering.command.id().expect("it runs").cast_signed()).expect("a number");
    rustix::process::kill_process(process, rustix::process::Signal::INT).expect("it is told");
    let (ended, _, said, folder) = registering.end().await;
    assert_eq!(ended, 1, "{said}");
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0);
}

#[tokio::test]
async fn a_code_that_github_does_not_know_or_that_was_used_is_refused() {
    let registering = Registering::begin().await;
    let (action, _) = registering.form().await;
    assert_eq!(registering.come_back(&"0".repeat(40), &state_of(&action)).await, 200);
    let (ended, _, said, _) = registering.end().await;
    assert_eq!(ended, 2, "{said}");

    let ground = Ground::new().await;
    let github = GitHub::start(ground.bare.clone()).await.expect("a GitHub");
    let app = NewApp::new(
        &github.url(),
        None,
        "slipway",
        HOOK,
        &[Purpose::Source { deployments: true }, Purpose::Environment],
    )
    .expect("an App");
    let code = github.register(&app.form("http://127.0.0.1:1/back", "state").manifest).expect("a code");
    let exchange = async || {
        let (app, code) = (app.clone(), code.clone());
        tokio::task::spawn_blocking(move || app.register(&code)).await.expect("no panic")
    };
    exchange().await.expect("an App");
    assert!(matches!(exchange().await, Err(ApiError::Missing { .. })));
}

#[tokio::test]
async fn a_key_that_is_there_already_is_not_written_over() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("slipway-app.secret"), "another").expect("written");
    let mut command = std::process::Command::new(slipway());
    command.args(["forge", "create-app", "--webhook", HOOK]).current_dir(folder.path());
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("no panic").expect("it ran");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("slipway-app.secret` cannot be created"), "{output:?}");
    assert_eq!(std::fs::read_to_string(folder.path().join("slipway-app.secret")).expect("a file"), "another");
    assert!(!folder.path().join("slipway-app.pem").exists());
}
