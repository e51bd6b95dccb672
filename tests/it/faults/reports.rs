//! The forge is out, and its credentials are rotated meanwhile: once it is back and the new ones are there, nothing is missing
//! and nothing is there twice.

use std::collections::BTreeMap;

use serde_json::Value;
use slipway_testkit::github::{APP_ID, APP_KEY, GitHub, SECOND_APP_KEY};
use slipway_testkit::{Answer, Api, Repository, SlipwayProcess, WorkTree};

use super::{HOOK, SECRET, World};
use crate::support::DEADLINE;

/// Changes before the forge goes out, and while it is out.
const BEFORE: u64 = 4;
const WHILE_OUT: u64 = 12;

/// Whether no report is behind.
fn all_reported(metrics: &Answer) -> bool {
    metrics.text.lines().any(|line| line == "slipway_reports_behind{source=\"models\"} 0")
}

struct Forge {
    world: World,
    github: GitHub,
    work: WorkTree,
    /// Each change with its commits.
    pull_requests: BTreeMap<u64, Vec<String>>,
}

impl Forge {
    async fn start() -> Self {
        let world = World::on_sqlite().await;
        let github =
            GitHub::start(Repository::at(world.path().join("repositories/models.git"))).await.expect("a GitHub");
        let settings = world.path().join("server-a.yaml");
        let plain = std::fs::read_to_string(&settings).expect("settings");
        let api = format!(
            "forge: github, api: {{url: \"{}\", repository: team/models, app: {{id: {APP_ID}, key: {{file: ./app.pem}}}}}}",
            github.url()
        );
        std::fs::write(&settings, plain.replace("forge: github", &api)).expect("written");
        std::fs::write(world.path().join("app.pem"), APP_KEY).expect("written");
        let work = WorkTree::clone(&world.git.url("models.git"), world.path().join("work-of-changes")).await;
        Self { world, github, work: work.expect("a clone"), pull_requests: BTreeMap::new() }
    }

    /// Commits to the branch of a change, which is opened if it is not yet; delivers that, and waits until its run has ended.
    async fn push(&mut self, api: &Api, number: u64) {
        let branch = format!("change-{number}");
        let (known, commits) =
            (self.pull_requests.contains_key(&number), self.pull_requests.entry(number).or_default());
        let from = if known { &*branch } else { "main" };
        self.work.git(&["checkout", "-q", "-B", &branch, from]).await.expect("a branch");
        let content = format!("kind: Nothing of the kind {number}.{}\n", commits.len());
        self.work.write("slipway.yaml", content).expect("written");
        let head = self.work.commit("a change that is refused").await.expect("a commit");
        assert!(self.work.push(&branch).await.expect("pushed").success());
        if known {
            self.github.deliver_push_event(number).await.expect("noticed");
        } else {
            assert_eq!(self.github.open_pull(&branch, 1).await.expect("a pull request"), number);
        }
        commits.push(head.clone());
        for delivery in self.github.waiting() {
            let answer = delivery.send(api, HOOK, SECRET).await.expect("an answer");
            assert!(matches!(answer.status, 200 | 202), "{}: {}", answer.status, answer.text);
        }
        let ended = api.wait_for_end(&head, DEADLINE).await.expect("its run ends");
        assert_eq!(ended["state"], "refused", "{ended:#}");
    }

    /// What should be at the forge, what is there, and what is there more than once.
    fn count(&self) -> (usize, usize, usize) {
        let (mut tried, mut landed, mut doubled) = (0, 0, 0);
        for (number, commits) in &self.pull_requests {
            for head in commits {
                let of_head = |check: &Value| check["head_sha"] == **head;
                let ended = |check: &Value| of_head(check) && check["status"] == "completed";
                tried += 2;
                landed += self.github.count_checks(ended).min(2);
                doubled += self.github.count_checks(of_head).saturating_sub(2);
            }
            let newest = commits.last().expect("a commit");
            let comments = self.github.our_comments(*number);
            tried += 1;
            landed += usize::from(comments.iter().any(|text| text.contains(&newest[..12])));
            doubled += comments.len().saturating_sub(1);
        }
        (tried, landed, doubled)
    }
}

#[tokio::test]
async fn credentials_rotated_while_the_forge_is_out_leave_no_report_missing_once_it_is_back() {
    let mut forge = Forge::start().await;
    let server = forge.world.start().await;
    for number in 1..=BEFORE {
        forge.push(&server.api(), number).await;
    }
    server.api().wait_for("all reports", "/metrics", DEADLINE, all_reported).await.expect("all is reported");

    forge.github.go_out();
    for number in 1..=BEFORE + WHILE_OUT {
        forge.push(&server.api(), number).await;
    }
    let tried_once = |answer: &Answer| {
        let failed =
            |report: &Value| report["attempts"].as_u64() > Some(0) && !report["note"].as_str().unwrap_or("").is_empty();
        answer.json["reports"].as_array().is_some_and(|reports| reports.iter().any(failed))
    };
    let listed = "/api/v1/reports?source=models&state=behind&limit=500";
    server.api().wait_for("a report that failed", listed, DEADLINE, tried_once).await.expect("it fails");
    // Whoever steers it has it tried again, in vain: each of the answers of a forge that is out is seen.
    let requests = |github: &GitHub| github.requests().len();
    let enough = requests(&forge.github) + 8;
    while requests(&forge.github) < enough {
        let asked = requests(&forge.github);
        let retried = server.api().post("/api/v1/reports/retry?source=models").await.expect("an answer");
        assert_eq!(retried.status, 200, "{}", retried.text);
        let more = |github: &GitHub| (requests(github) > asked).then_some(());
        forge.github.wait_for("a request", DEADLINE, more).await.expect("it is asked");
    }
    forge.github.rotate_key();
    forge.github.come_back();
    let before = forge.count();
    assert!(before.1 < before.0, "the forge was told meanwhile: {before:?}");
    assert!(server.terminate().await.expect("it ends").success());

    std::fs::write(forge.world.path().join("app.pem"), SECOND_APP_KEY).expect("written");
    let server: SlipwayProcess = forge.world.start().await;
    server.api().wait_for("all reports", "/metrics", DEADLINE, all_reported).await.expect("all is reported");
    let (tried, landed, doubled) = forge.count();
    println!(
        "credentials rotated during an outage: {tried} reports tried, {landed} landed, {} lost, {doubled} doubled",
        tried - landed
    );
    assert_eq!((tried - landed, doubled), (0, 0));
    let refused = server.api().get("/api/v1/reports?state=refused").await.expect("an answer");
    assert_eq!(refused.json["reports"], serde_json::json!([]), "{}", refused.text);
    assert!(server.terminate().await.expect("it ends").success());
    forge.world.finish().await;
}

#[tokio::test]
async fn a_forge_that_was_out_and_is_back_gets_every_report_without_anybody_doing_something() {
    let mut forge = Forge::start().await;
    let server = forge.world.start().await;
    forge.push(&server.api(), 1).await;
    server.api().wait_for("all reports", "/metrics", DEADLINE, all_reported).await.expect("all is reported");
    forge.github.go_out();
    for number in 1..=WHILE_OUT {
        forge.push(&server.api(), number).await;
    }
    let refused = forge.github.come_back();
    server.api().wait_for("all reports", "/metrics", DEADLINE, all_reported).await.expect("all is reported");
    let (tried, landed, doubled) = forge.count();
    println!(
        "forge out for {refused} calls: {tried} reports tried, {landed} landed, {} lost, {doubled} doubled",
        tried - landed
    );
    assert!(refused > 0);
    assert_eq!((tried - landed, doubled), (0, 0));
    assert!(server.terminate().await.expect("it ends").success());
    forge.world.finish().await;
}
