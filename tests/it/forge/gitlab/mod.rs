//! The same against a stateful GitLab, whose webhooks come twice, late and the wrong way round.

mod pull_requests;
mod refusals;
mod requests;

use slipway_testkit::demo::SECRET;
use slipway_testkit::gitlab::{Delivery, GitLab, ROBOT_TOKEN, access};

use crate::support::{Bench, DEADLINE, DEFAULT_SETTINGS};

const CHECK: &str = "slipway/digits";
/// An account that may push.
const WRITER: u64 = 11;
/// An account that may only look.
const READER: u64 = 12;

/// A server whose source lives on the double.
struct World {
    bench: Bench,
    gitlab: GitLab,
}

impl World {
    /// Starts with a first model on `main`. Changes from forks are judged too.
    async fn start() -> Self {
        let mut bench = Bench::without_server(DEFAULT_SETTINGS).await;
        let gitlab = GitLab::start(bench.world.models.clone()).await.expect("a GitLab");
        gitlab.permit(WRITER, "grace", access::DEVELOPER);
        gitlab.permit(READER, "eve", access::REPORTER);
        let api = format!(
            "forge: gitlab, changes: all, api: {{url: \"{}\", repository: team/models, token: {{file: ./robot}}}}",
            gitlab.url()
        );
        bench.move_to_forge(&api, ("robot", ROBOT_TOKEN)).await;
        Self { bench, gitlab }
    }

    /// Sends what waits at GitLab, in order and once.
    async fn deliver(&self) {
        self.send(&self.gitlab.waiting()).await;
    }

    async fn send(&self, deliveries: &[Delivery]) {
        for delivery in deliveries {
            let answer = delivery.send(&self.bench.api(), "/webhooks/digits", SECRET).await.expect("an answer");
            assert!(matches!(answer.status, 200 | 202), "{}: {}", answer.status, answer.text);
        }
    }

    /// Waits until the newest status of a name at a commit has ended, as it should.
    async fn ended(&self, head: &str, name: &str, state: &str) {
        let ended = |gitlab: &GitLab| {
            let newest = gitlab.statuses(head, name).pop();
            newest.filter(|status| !matches!(status["status"].as_str(), Some("pending" | "running")))
        };
        let what = format!("the end of `{name}` at {head}");
        let ended = self.gitlab.wait_for(&what, DEADLINE, ended).await.expect("it ends");
        assert_eq!(ended["status"], state, "{ended:#}");
    }

    /// Our first note below a change once it says something.
    async fn note_that_says(&self, number: u64, part: &str) -> String {
        let says = |gitlab: &GitLab| gitlab.our_notes(number).into_iter().find(|text| text.contains(part));
        self.gitlab.wait_for(&format!("a note with `{part}`"), DEADLINE, says).await.expect("it is written")
    }
}
