//! Changes at a forge, from the webhook to the check and the comment: against a stateful GitHub whose webhooks come twice,
//! late and the wrong way round.

mod bitbucket;
pub(crate) mod check;
mod commands;
mod commands_once;
mod contract;
mod create_app;
mod deployments;
mod forks;
mod four_eyes;
mod gitea;
mod gitlab;
mod ground;
mod identity;
mod pages;
mod policies;
mod programs;
mod pull_requests;
mod refusals;
mod replicas;
mod requests;
mod slow;
mod token;
mod undelivered;
mod whole;

use slipway_testkit::demo::SECRET;
use slipway_testkit::github::{APP_ID, APP_KEY, Delivery, GitHub};

use crate::support::{Bench, DEADLINE, DEFAULT_SETTINGS};

/// An account that may push.
const WRITER: u64 = 11;
/// An account that may only look.
const READER: u64 = 12;

/// A server whose source lives on the double.
struct World {
    bench: Bench,
    github: GitHub,
}

impl World {
    /// Starts with a first model on `main`, with the server as an App.
    async fn start() -> Self {
        Self::start_with(DEFAULT_SETTINGS).await
    }

    /// The same with other lines at the end of the server's settings.
    async fn start_with(settings: &str) -> Self {
        Self::start_in(settings, "").await
    }

    /// The same with rules of the environment, such as `approvals: {number: 1}, `.
    async fn start_in(settings: &str, rules: &str) -> Self {
        Self::start_beside(settings, rules, &[]).await
    }

    /// The same with files beside the settings.
    async fn start_beside(settings: &str, rules: &str, files: &[(&str, &str)]) -> Self {
        let bench = Bench::without_server(settings).await;
        for (name, content) in files {
            std::fs::write(bench.world.config().with_file_name(name), content).expect("written");
        }
        let before = std::fs::read_to_string(bench.world.config()).expect("settings");
        let with_rules = before.replace("name: staging, ", &format!("name: staging, {rules}"));
        std::fs::write(bench.world.config(), with_rules).expect("written");
        Self::start_at_github(bench).await
    }

    /// Starts a prepared bench whose source lives on the double.
    async fn start_at_github(mut bench: Bench) -> Self {
        let github = GitHub::start(bench.world.models.clone()).await.expect("a GitHub");
        github.permit(WRITER, "grace", "write");
        github.permit(READER, "eve", "read");
        let api = format!(
            "forge: github, api: {{url: \"{}\", repository: team/models, app: {{id: {APP_ID}, key: {{file: ./app.pem}}}}, deployments: true}}",
            github.url()
        );
        bench.move_to_forge(&api, ("app.pem", APP_KEY)).await;
        Self { bench, github }
    }

    /// Pushes the model with another seed to `main`, which GitHub tells of as a push by an account, and answers the commit.
    async fn push_as(&self, seed: u32, account: u64) -> String {
        let before = self.bench.world.models.rev_parse("refs/heads/main").await.expect("a branch");
        let head = self.bench.push_with("seed: 7", &format!("seed: {seed}")).await;
        self.github.deliver_push("main", &before, &head, account);
        self.deliver().await;
        head
    }

    async fn until_all_is_read(&self) {
        let read = |answer: &slipway_testkit::Answer| answer.json["deliveries"] == serde_json::json!([]);
        let path = "/api/v1/deliveries?state=pending";
        self.bench.api().wait_for("all to be read", path, DEADLINE, read).await.expect("it is read");
    }

    /// Sends what waits at GitHub, in order and once.
    async fn deliver(&self) {
        self.send(&self.github.waiting()).await;
    }

    async fn send(&self, deliveries: &[Delivery]) {
        for delivery in deliveries {
            let answer = delivery.send(&self.bench.api(), "/webhooks/digits", SECRET).await.expect("an answer");
            assert!(matches!(answer.status, 200 | 202), "{}: {}", answer.status, answer.text);
        }
    }

    /// The check of a name at a commit once it has ended.
    async fn ended_check(&self, head: &str, name: &str) -> serde_json::Value {
        let ended =
            |github: &GitHub| github.checks(head, name).into_iter().rev().find(|check| check["status"] == "completed");
        self.github.wait_for(&format!("the end of `{name}` at {head}"), DEADLINE, ended).await.expect("it ends")
    }

    /// Our first comment below a change once it says something.
    async fn comment_that_says(&self, number: u64, part: &str) -> String {
        let says = |github: &GitHub| github.our_comments(number).into_iter().find(|text| text.contains(part));
        self.github.wait_for(&format!("a comment with `{part}`"), DEADLINE, says).await.expect("it is written")
    }
}
