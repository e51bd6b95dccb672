//! Every example delivery that GitHub publishes: understood, or ignored by its name, and never an error.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use slipway_domain::EventKind;
use slipway_testkit::ignore_test;

/// The examples of github.com in `@octokit/webhooks-examples` 7.6.1.
const EXAMPLES: usize = 329;

/// Where `make data` puts the examples; `None` where it could not fetch them for want of npm: the calling test is then ignored.
fn examples() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(".data/webhooks");
    if folder.is_dir() {
        return Some(folder);
    }
    let npm = Command::new("npm").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    assert!(!npm.is_ok_and(|status| status.success()), "GitHub's example deliveries are missing\n  help: make data");
    ignore_test("npm is missing, which fetches GitHub's example deliveries", "apt-get install npm");
    None
}

/// How many deliveries of each kind a file of examples holds, by the kind of event they are read as.
fn read_all(file: &Path) -> BTreeMap<&'static str, usize> {
    let github = slipway_forge::connect(slipway_forge::Settings::GitHub);
    let text = std::fs::read(file).expect("examples");
    let groups: Vec<Value> = serde_json::from_slice(&text).expect("a list of events");
    let mut counts = BTreeMap::new();
    for group in &groups {
        let name = group["name"].as_str().expect("a name");
        for example in group["examples"].as_array().expect("examples") {
            let events = github.read(name, example.to_string().as_bytes());
            let events = events.unwrap_or_else(|error| panic!("{}: {name}: {error}: {example}", file.display()));
            for event in events {
                if !matches!(event.kind, EventKind::Ignored { .. } | EventKind::Installation(_)) {
                    assert!(event.repository.is_some() && event.sender.is_some(), "{name}: {example}");
                }
                *counts.entry(event.kind.as_str()).or_default() += 1;
            }
        }
    }
    counts
}

#[test]
fn all_of_githubs_example_deliveries_are_understood_or_ignored_by_name() {
    let Some(folder) = examples() else { return };
    let counts = read_all(&folder.join("api.github.com.json"));
    assert_eq!(counts.values().sum::<usize>(), EXAMPLES, "{counts:?}");
    let expected =
        [("change", 14), ("check_action", 5), ("ignored", 291), ("installation", 10), ("merge_group", 2), ("push", 7)];
    assert_eq!(counts, expected.into());
}

#[test]
fn so_are_those_of_github_enterprise_server() {
    let Some(folder) = examples() else { return };
    let mut files = 0;
    for entry in std::fs::read_dir(folder).expect("examples").flatten() {
        if entry.file_name().to_string_lossy().starts_with("ghes-") {
            let counts = read_all(&entry.path());
            assert!(counts["push"] > 0 && counts["change"] > 0, "{counts:?}");
            files += 1;
        }
    }
    assert_eq!(files, 5);
}
