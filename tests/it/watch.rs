//! `--watch` in a pipe: plain lines as things change, and no more once nobody reads.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use crate::support::{Bench, DEADLINE, slipway, text};

/// A watching command, and what it writes.
struct Watcher {
    lines: Lines<BufReader<ChildStdout>>,
    child: Child,
}

impl Watcher {
    fn start(bench: &Bench, arguments: &[&str]) -> Self {
        let mut child = Command::new(slipway())
            .args(arguments)
            .args(["--watch", "--server", bench.server().address(), "--token-file"])
            .arg(bench.world.token_file())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("it starts");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        Self { lines, child }
    }

    /// The first line that holds a word.
    async fn until(&mut self, word: &str) -> String {
        let found = async {
            loop {
                let line = self.lines.next_line().await.expect("a line").expect("it goes on");
                assert!(!line.contains(char::is_control), "{line:?}");
                if line.contains(word) {
                    return line;
                }
            }
        };
        timeout(DEADLINE, found).await.unwrap_or_else(|_| panic!("no line with `{word}` came"))
    }
}

#[tokio::test]
async fn what_is_watched_is_shown_again_as_it_changes_and_no_longer_than_somebody_reads() {
    let bench = Bench::start().await;
    let mut environment = Watcher::start(&bench, &["environments", "show", "staging", "--output", "text"]);
    let mut lists = Watcher::start(&bench, &["environments", "list"]);
    let mut runs = Watcher::start(&bench, &["runs", "list"]);
    environment.until("staging on branch main").await;
    let first: serde_json::Value = serde_json::from_str(&lists.until("staging").await).expect("one document a line");
    assert_eq!(first["environments"][0]["name"], "staging");
    let none: serde_json::Value = serde_json::from_str(&runs.until("runs").await).expect("one document a line");
    assert_eq!(none["runs"], serde_json::json!([]));
    let done = bench.promote_a_first_model().await;
    let artifact: String = text(&done, "artifact").trim_start_matches("sha256:").chars().take(12).collect();
    environment.until(&artifact).await;
    runs.until("\"to\":\"done\"").await;
    lists.until("staging").await;
    let mut explained = Watcher::start(&bench, &["runs", "explain", text(&done, "id")]);
    explained.until("sentence").await;
    let Watcher { lines, mut child } = runs;
    drop(lines);
    bench.promote_a_first_model_again().await;
    let ended = timeout(DEADLINE, child.wait()).await.expect("it ends").expect("a status");
    assert_eq!(ended.code(), Some(0));
    bench.finish().await;
}
