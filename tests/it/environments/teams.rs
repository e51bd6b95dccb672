//! Two teams whose models have the same name: a second source beside the first one, in the same environment.

use serde_json::{Value, json};
use slipway_testkit::demo::SECRET;
use slipway_testkit::{Repository, WorkTree, signature};

use crate::support::{Bench, MODEL, small_files, text};

/// The other team's source.
pub(crate) const OTHERS: &str = "others";

/// The other team's repository.
pub(crate) struct Team {
    work: WorkTree,
}

impl Team {
    /// Makes the other team's repository and its source in the settings. Its server is started afterwards.
    pub(crate) async fn beside(bench: &Bench) -> Self {
        let bare = bench.world.folder.join("repositories/others.git");
        Repository::init_bare(bare).await.expect("a repository");
        let url = bench.world.git.url("others.git");
        let work = WorkTree::clone(&url, bench.world.folder.join("others")).await.expect("a work tree");
        for (path, content) in small_files() {
            work.write(path, content).expect("a model's file");
        }
        let settings = std::fs::read_to_string(bench.world.config()).expect("settings");
        let ours = settings.lines().find(|line| line.contains("name: digits")).expect("a source");
        let theirs = ours.replace("name: digits", &format!("name: {OTHERS}")).replace("models.git", "others.git");
        std::fs::write(bench.world.config(), settings.replace(ours, &format!("{ours}\n{theirs}"))).expect("written");
        Self { work }
    }

    /// Pushes the small model, trained from a seed, and tells the server. Answers the commit.
    pub(crate) async fn push(&self, bench: &Bench, seed: u32) -> String {
        self.work.write("slipway.yaml", MODEL.replace("seed: 7", &format!("seed: {seed}"))).expect("written");
        let before = self.work.head().await.unwrap_or_else(|_| "0".repeat(40));
        let head = self.work.commit(&format!("seed {seed}")).await.expect("a commit");
        assert!(self.work.push("main").await.expect("pushed").success());
        self.deliver_push(bench, &before, &head).await;
        head
    }

    /// Tells the server of a push, until it takes it.
    async fn deliver_push(&self, bench: &Bench, before: &str, head: &str) {
        let body = json!({"ref": "refs/heads/main", "before": before, "after": head, "pusher": "ada"}).to_string();
        let signature = signature(SECRET, body.as_bytes());
        let headers = [("x-slipway-event", "push"), ("x-slipway-delivery", head), ("x-hub-signature-256", &*signature)];
        let path = format!("/webhooks/{OTHERS}");
        let answer = bench.api().send("POST", &path, &headers, body.into_bytes()).await.expect("an answer");
        assert_eq!(answer.status, 202, "{}", answer.text);
    }
}

/// That a run waits for a person, because its model is another source's in its environment.
pub(crate) fn is_held_up_for_its_owner(run: &Value, owner: &str) -> bool {
    let reason = format!("belongs to the source `{owner}`");
    run["stalled"] == true && run["awaits_environment"] == true && text(run, "reason").contains(&reason)
}
