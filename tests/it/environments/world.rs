//! A world with several environments on one branch, each in its folder.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use slipway_testkit::WorkTree;

use crate::support::{Bench, DEADLINE, DEFAULT_SETTINGS, slipway, text};

/// Manifests of the example environment, which every environment here is a copy of.
fn manifests() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/environment/staging");
    let entries = std::fs::read_dir(folder).expect("the example environment").flatten();
    let file = |path: PathBuf| {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        (name, std::fs::read_to_string(path).expect("a manifest"))
    };
    entries.map(|entry| file(entry.path())).collect()
}

/// A server whose environments have the given rules, each in a folder of its name beside `staging`.
pub(crate) async fn start(environments: &[(&str, &str)], more: &str) -> Bench {
    let mut bench = prepare(environments, more).await;
    bench.restart(&[]).await;
    bench
}

/// The same before its server is started.
pub(crate) async fn prepare(environments: &[(&str, &str)], more: &str) -> Bench {
    let bench = Bench::without_server(&format!("{DEFAULT_SETTINGS}\n{more}")).await;
    let clone = by_hand(&bench).await;
    for (name, _) in environments.iter().filter(|(name, _)| *name != "staging") {
        for (file, content) in manifests() {
            clone.write(format!("{name}/{file}"), content).expect("written");
        }
    }
    if environments.len() > 1 {
        clone.commit("More environments").await.expect("committed");
        assert!(clone.push("main").await.expect("pushed").success());
    }
    write_settings(&bench, environments, more);
    bench
}

/// Writes the settings for environments with the given rules.
pub(crate) fn write_settings(bench: &Bench, environments: &[(&str, &str)], more: &str) {
    let url = bench.world.git.url("environment.git");
    let lines: Vec<String> = environments
        .iter()
        .map(|(name, rules)| {
            let rules = if rules.is_empty() { String::new() } else { format!(", {rules}") };
            format!("- {{name: {name}, url: \"{url}\", folder: {name}{rules}}}")
        })
        .collect();
    let settings = bench.world.settings(&format!("{DEFAULT_SETTINGS}\n{more}"));
    let plain = format!("- {{name: staging, url: \"{url}\"}}");
    assert!(settings.contains(&plain), "{settings}");
    std::fs::write(bench.world.config(), settings.replace(&plain, &lines.join("\n"))).expect("written");
}

/// A person's clone of the environment repository.
pub(crate) async fn by_hand(bench: &Bench) -> WorkTree {
    let folder = bench.world.folder.join("by-hand");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).expect("removed");
    }
    WorkTree::clone(&bench.world.git.url("environment.git"), folder).await.expect("a clone")
}

/// Runs a command of the command line against the server, with an administrator's token.
pub(crate) async fn command(bench: &Bench, arguments: &[&str]) -> Output {
    let mut command = Command::new(slipway());
    command.args(arguments).args(["--server", bench.api().base(), "--token-file"]).arg(bench.world.token_file());
    // The git server runs in this test: it goes on while the command waits for what the server asks it.
    tokio::task::spawn_blocking(move || command.output()).await.expect("a thread").expect("it ran")
}

/// The same, which has to work, and its answer.
pub(crate) async fn done(bench: &Bench, arguments: &[&str]) -> Value {
    let output = command(bench, arguments).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {said}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// The same, which has to be refused, and the complaint.
pub(crate) async fn refused(bench: &Bench, arguments: &[&str]) -> String {
    let output = command(bench, arguments).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
    said
}

/// The run to an environment that satisfies a condition, once there is one.
pub(crate) async fn run_to(bench: &Bench, environment: &str, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
    let found = |run: &Value| run["environment"] == environment && is_it(run);
    bench.api().wait_for_run(what, DEADLINE, found).await.expect(what)
}

/// The run to an environment that waits.
pub(crate) async fn waiting_for(bench: &Bench, environment: &str) -> Value {
    run_to(bench, environment, "a run that waits", |run| text(run, "state") == "waiting").await
}

/// The model `digits` in an environment, as the API tells it.
pub(crate) async fn digits_in(bench: &Bench, environment: &str) -> Value {
    let answer = bench.api().get(&format!("/api/v1/environments/{environment}")).await.expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.text);
    let models = answer.json["models"].as_array().cloned().unwrap_or_default();
    models.into_iter().find(|model| text(model, "model") == "digits").unwrap_or_default()
}

/// What a manifest of an environment says the digest is.
pub(crate) async fn deployed_digest(bench: &Bench, environment: &str) -> String {
    let file = format!("{environment}/inferenceservice.yaml");
    let manifest = bench.world.environment.show("main", &file).await.expect("a manifest");
    let line = manifest.lines().find(|line| line.contains("digits:digest")).expect("a mark");
    line.split_whitespace().nth(1).expect("a value").trim_matches('"').to_owned()
}
