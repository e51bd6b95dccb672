//! The same against a real Gitea and a real Forgejo: their pushes, deliveries, statuses, comments and merges. Without a
//! built Gitea these tests say that they are skipped; in CI they fail. Those of Forgejo, which takes long to build, are a
//! target of their own.

mod check;
mod drafts;
mod forks;
mod lfs;
mod lost;
mod promotions;
mod pull_requests;
mod requests;

use slipway_testkit::demo::SECRET;
use slipway_testkit::gitea::{Brand, Gitea, NewHook, Person, Project};

use crate::support::{Bench, DEADLINE, DEFAULT_SETTINGS};

const MODELS: &str = "team/models";
const ENVIRONMENT: &str = "team/environment";
const CHECK: &str = "slipway/digits";
/// What a webhook has to tell of.
const EVENTS: &[&str] = &["push", "delete", "pull_request_only", "pull_request_sync", "pull_request_comment"];
/// What Slipway's token may do.
const SCOPES: &[&str] = &["write:repository", "write:issue", "read:user"];

/// Somebody who may push, somebody who may look, and Slipway.
struct People {
    grace: (Person, String),
    eve: (Person, String),
    slipway: Person,
}

/// A server whose source and whose environment live at a Gitea or Forgejo.
struct World {
    bench: Bench,
    gitea: Gitea,
    people: People,
    hook: u64,
}

impl World {
    /// Starts with an environment in its first state and no model yet. `changes` is the source's setting; `more` are more
    /// lines of the server's settings. Nothing if there is none of this brand here.
    async fn start(brand: Brand, pull_requests: &str, more: &str) -> Option<Self> {
        let gitea = Gitea::start(brand).await.expect("it starts")?;
        let mut bench = Bench::without_server(DEFAULT_SETTINGS).await;
        gitea.organisation("team").await.expect("a team");
        let [models, environment] = [("models"), ("environment")].map(|name| gitea.project("team", name));
        let (models, environment) = (models.await.expect("a repository"), environment.await.expect("a repository"));
        let mut people = Vec::new();
        for (name, permission) in [("slipway", "admin"), ("grace", "write"), ("eve", "read")] {
            let person = gitea.person(name).await.expect("an account");
            models.permit(&person, permission).await.expect("permitted");
            let token = gitea.token(&person, SCOPES).await.expect("a token");
            people.push((person, token));
        }
        let [(slipway, robot), grace, eve] = people.try_into().unwrap_or_else(|_| unreachable!("three people"));
        environment.permit(&slipway, "write").await.expect("permitted");

        let manifests = gitea.clone_url(ENVIRONMENT, "slipway", &robot);
        bench.world.environment.git(&["push", "--quiet", &manifests, "main"]).await.expect("pushed");
        bench.world.environment = gitea.repository(ENVIRONMENT);
        let origin = gitea.clone_url(MODELS, "grace", &grace.1);
        bench.world.work.git(&["remote", "set-url", "origin", &origin]).await.expect("set");
        let config = bench.world.config();
        std::fs::write(config.with_file_name("robot"), &robot).expect("written");
        std::fs::write(&config, settings(&gitea, pull_requests, more)).expect("written");
        bench.restart(&[]).await;
        let url = format!("{}/webhooks/digits", bench.server().address());
        let hook = models.hook(NewHook { url: &url, secret: SECRET, events: EVENTS }).await.expect("a webhook");
        let people = People { grace, eve, slipway };
        Some(Self { bench, gitea, people, hook })
    }

    fn models(&self) -> Project<'_> {
        self.gitea.at(MODELS)
    }

    fn environment(&self) -> Project<'_> {
        self.gitea.at(ENVIRONMENT)
    }

    /// Waits until a status at a commit has a state. One that ended otherwise is told of.
    async fn status(&self, head: &str, context: &str, state: &str) {
        let ended = async |project: &Project<'_>| {
            let found = project.statuses(head).await?.into_iter().find(|status| status["context"] == context);
            Ok(found.filter(|found| found["status"] == state || found["status"] != "pending"))
        };
        let what = format!("the end of `{context}` at {head}");
        let ended = self.models().wait_for(&what, DEADLINE, ended).await.expect("it is told");
        assert_eq!(ended["status"], state, "{ended:#}");
    }

    /// Our first comment below a change once it says something.
    async fn comment_that_says(&self, number: u64, part: &str) -> String {
        let says = async |project: &Project<'_>| {
            let ours = project.comments_of(number, &self.people.slipway).await?;
            Ok(ours.into_iter().find(|text| text.contains(part)))
        };
        self.models().wait_for(&format!("a comment with `{part}`"), DEADLINE, says).await.expect("it is written")
    }

    /// Starts the server again, at another address, and tells Gitea.
    async fn restart(&mut self) {
        self.bench.restart(&[]).await;
        let url = format!("{}/webhooks/digits", self.bench.server().address());
        let hook = NewHook { url: &url, secret: SECRET, events: EVENTS };
        self.models().replace_hook(self.hook, hook).await.expect("changed");
    }
}

fn settings(gitea: &Gitea, pull_requests: &str, more: &str) -> String {
    let (url, forge) = (gitea.url(), gitea.brand().word());
    let login = "credentials: {username: slipway, password: {file: ./robot}}";
    let api = |repository: &str| format!("api: {{url: \"{url}\", repository: {repository}, token: {{file: ./robot}}}}");
    let (models, environment) = (api(MODELS), api(ENVIRONMENT));
    format!(
        "apiVersion: slipway.dev/v1alpha1
kind: Server
listen: 127.0.0.1:0
state: ./state
web: {{api_token: {{file: ./token}}}}
sources:
- {{name: digits, forge: {forge}, url: \"{url}/{MODELS}.git\", secret: {{file: ./secret}}, environment: staging, pull_requests: {pull_requests}, {login}, {models}}}
environments:
- {{name: staging, url: \"{url}/{ENVIRONMENT}.git\", {login}, requests: {{forge: {forge}, merge: slipway, {environment}}}}}
{DEFAULT_SETTINGS}
{more}
"
    )
}
