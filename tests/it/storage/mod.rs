//! What the server keeps: backups that come back, retention that removes nothing that is needed, and damage that is healed.

mod healing;
mod restoring;
mod retention;

use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;
use tokio::process::Command;

use crate::support::{Bench, slipway};

/// What a command printed.
fn printed(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn complaints(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

impl Bench {
    /// Runs `slipway` beside the server.
    async fn beside(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(slipway());
        command.args(arguments).arg("--config").arg(self.world.config()).current_dir(&self.world.folder);
        command.output().await.expect("it ran")
    }

    fn artifact_folder(&self, run: &Value) -> PathBuf {
        let digest = run["artifact"].as_str().expect("an artifact").trim_start_matches("sha256:");
        self.world.folder.join("state/artifacts/sha256").join(digest)
    }

    /// Runs a statement on the server's store.
    async fn tamper(&self, statement: &'static str) {
        sqlx::any::install_default_drivers();
        let url = format!("sqlite://{}", self.world.folder.join("state/slipway.db").display());
        let mut connection = <sqlx::AnyConnection as sqlx::Connection>::connect(&url).await.expect("a connection");
        sqlx::query(statement).execute(&mut connection).await.expect("done");
    }
}

/// Makes files look as if they were written long ago.
fn age(folder: &Path) {
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_hours(5_000);
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        if entry.path().is_dir() {
            age(&entry.path());
        } else {
            let file = std::fs::File::options().append(true).open(entry.path()).expect("a file");
            file.set_modified(long_ago).expect("a time");
        }
    }
}

/// Waits until something holds.
async fn until(what: &str, holds: impl Fn() -> bool) {
    let held = async {
        while !holds() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(crate::support::DEADLINE, held).await.unwrap_or_else(|_| panic!("{what}"));
}
