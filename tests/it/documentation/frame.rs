//! Blocks of YAML are accepted by `slipway check`: whole files as they stand, parts within the smallest file around them.

use std::path::Path;
use std::process::Command;

use serde::Deserialize;
use slipway_testkit::github::APP_KEY;

use super::fence::{Block, blocks};
use super::inventory::entry_of;
use super::{pages, sources};
use crate::support::slipway;

/// What a part belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Frame {
    /// Keys at the top of the server's settings.
    Settings,
    /// Entries of `environments` in the server's settings.
    Environments,
    /// Entries of `spec.checks` in a policy.
    Checks,
    /// Keys of `spec` in a model.
    Spec,
    /// The beginning of a model behind its name; the rest of its `spec` follows.
    Model,
    /// Rules of Prometheus.
    Alerts,
}

const HEAD: &str = "apiVersion: slipway.dev/v1alpha1\n";

/// Keys at the top of the smallest settings.
const SETTINGS: [&str; 5] = [
    "state: ./state\n",
    "executor: {local: {trainer: /bin/true}}\n",
    "sources:\n- {name: team-a, forge: plain, url: \"http://127.0.0.1:1/m.git\", secret: {file: ./webhook-secret}, environment: staging}\n",
    "environments:\n- {name: staging, url: \"http://127.0.0.1:1/first.git\"}\n",
    "people: [{name: kim}, {name: lee}, {name: sam}]\n",
];

/// Keys of `spec` of a small model.
const SPEC: [&str; 6] = [
    "paths: [slipway.yaml, \"data/**\"]\n",
    "task: classification\n",
    "data: {format: csv, label: churned, train: {file: data/train.csv}, test: {file: data/test.csv}}\n",
    "model: {sequential: [{linear: 2}]}\n",
    "training: {optimizer: {adam: {learning_rate: 1e-3}}, epochs: 20, batch_size: 64}\n",
    "policy: policy.yaml\n",
];

const POLICY: &str = "kind: Policy\nmetadata: {name: churn}\nspec:\n  checks:\n";

/// Whether a block is a whole file of ours, or names the schema of one.
pub(super) fn is_whole(block: &Block) -> bool {
    block.lines.iter().any(|line| line.starts_with("kind: "))
        || block.text().trim_start().starts_with("# yaml-language-server: ")
}

/// The keys at the top of a block.
fn keys(text: &str) -> Vec<&str> {
    let is_key = |line: &&str| line.starts_with(|c: char| c.is_ascii_lowercase());
    text.lines().filter(is_key).filter_map(|line| line.split_once(':')).map(|(key, _)| key).collect()
}

/// A part with those keys of the smallest file that it leaves out.
fn around(defaults: &[&str], part: &str) -> String {
    let given = keys(part);
    let left: String =
        defaults.iter().filter(|key| !given.contains(&key.split(':').next().unwrap_or_default())).copied().collect();
    format!("{left}{part}")
}

fn indented(text: &str) -> String {
    text.lines().flat_map(|line| ["  ", line, "\n"]).collect()
}

impl Frame {
    /// The file that a part belongs to, and its text.
    fn around(self, part: &str) -> (&'static str, String) {
        match self {
            Self::Settings => ("settings.yaml", format!("{HEAD}kind: Server\n{}", around(&SETTINGS, part))),
            Self::Environments => {
                let others = if part.contains("- name: staging") {
                    ""
                } else {
                    "- {name: staging, url: \"http://127.0.0.1:1/first.git\"}\n"
                };
                (
                    "settings.yaml",
                    format!("{HEAD}kind: Server\n{}", around(&SETTINGS, &format!("environments:\n{others}{part}"))),
                )
            }
            Self::Checks => ("checks.yaml", format!("{HEAD}{POLICY}{part}")),
            Self::Spec => (
                "slipway.yaml",
                format!("{HEAD}kind: Model\nmetadata: {{name: churn}}\nspec:\n{}", indented(&around(&SPEC, part))),
            ),
            Self::Model => {
                let given: Vec<&str> = part.lines().map(str::trim_start).collect();
                let is_given =
                    |key: &&&str| given.iter().any(|line| line.starts_with(key.split(' ').next().unwrap_or_default()));
                let rest: String = SPEC.iter().filter(|key| !is_given(key)).copied().collect();
                ("slipway.yaml", format!("{HEAD}kind: Model\nmetadata: {{name: churn}}\n{part}{}", indented(&rest)))
            }
            Self::Alerts => ("alerts.yaml", part.to_owned()),
        }
    }
}

/// A folder with the files that settings, models and policies of pages name.
fn folder_for(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |file: &str, text: &str| {
        let path = folder.path().join(file);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("written");
    };
    write("policy.yaml", &format!("{HEAD}{POLICY}  - {{metric: accuracy, at_least: 0.8}}\n"));
    write("webhook-secret", "a secret that is long enough");
    for named in text.split("file: ").skip(1) {
        let file = named.split([',', '}', '\n', ' ']).next().unwrap_or_default();
        let content = match file.rsplit('.').next() {
            Some("csv") => format!("a,b\n{}", "1,2\n".repeat(1_000)),
            Some("pem") => APP_KEY.to_owned(),
            _ => "a secret that is long enough".to_owned(),
        };
        write(file, &content);
    }
    folder
}

/// Dates until which something is accepted, moved to where `slipway check` takes them on any day.
fn with_dates(text: &str) -> String {
    let soon = (jiff::Timestamp::now() + jiff::SignedDuration::from_hours(240)).to_string();
    let soon = &soon[.."2026-11-30".len()];
    let mut parts = text.split("expires: ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |all, rest| format!("{all}expires: {soon}{}", rest.get(10..).unwrap_or_default()))
}

/// Folders of a machine that settings of pages name.
const FOLDERS: [&str; 2] = ["backups/latest/artifacts", "mnt/replica/artifacts"];

/// What `slipway check` has against a file.
fn refused(file: &str, text: &str) -> Option<String> {
    let text = with_dates(text);
    let folder = folder_for(&text);
    // Folders that settings copy from have to be there.
    let text = FOLDERS.iter().fold(text, |text, name| {
        let here = folder.path().join(name);
        std::fs::create_dir_all(&here).expect("a folder");
        text.replace(&format!("/{name}"), &here.display().to_string())
    });
    std::fs::write(folder.path().join(file), &text).expect("written");
    let mut check = Command::new(slipway());
    check.args(["check", "--no-data", file]).current_dir(folder.path());
    let output = check.output().expect("it ran");
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    (!output.status.success()).then(|| format!("{said}\n{text}"))
}

/// What is wrong with a block of YAML.
fn fault(block: &Block) -> Option<String> {
    let (text, frame) = (block.text(), entry_of(block).and_then(|entry| entry.part_of));
    if let Some(rest) = text.strip_prefix("# yaml-language-server: $schema=https://slipway.dev/")
        && !rest.trim_end().contains('\n')
    {
        return (!Path::new(env!("CARGO_MANIFEST_DIR")).join(rest.trim_end()).exists())
            .then(|| "no such schema".to_owned());
    }
    match frame {
        Some(Frame::Alerts) => {
            let rules: serde_yaml::Value = match serde_yaml::from_str(&text) {
                Ok(rules) => rules,
                Err(error) => return Some(error.to_string()),
            };
            let names = rules
                .as_sequence()
                .into_iter()
                .flatten()
                .filter_map(|rule| rule["expr"].as_str()?.split_whitespace().next());
            names.map(str::to_owned).find(|name| !sources().quoted.contains(name))
        }
        Some(frame) => {
            let (file, text) = frame.around(&text);
            refused(file, &text)
        }
        None => {
            let file = match block.lines.iter().find_map(|line| line.strip_prefix("kind: ")) {
                Some("Model") => "slipway.yaml",
                Some("Policy") => "checks.yaml",
                Some("Server") => "settings.yaml",
                _ => {
                    return Some("this is neither a model nor a policy nor settings: what is it a part of?".to_owned());
                }
            };
            refused(file, &text)
        }
    }
}

#[test]
fn every_block_of_yaml_in_the_documentation_is_accepted() {
    let mut tried = 0;
    let mut faults = Vec::new();
    for page in pages() {
        for block in blocks(&page).iter().filter(|block| block.language == "yaml") {
            tried += 1;
            faults.extend(fault(block).map(|fault| format!("{}: {fault}", block.place())));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(tried > 20, "only {tried} blocks were found");
}

#[test]
fn a_part_with_a_mistake_is_refused_in_every_frame() {
    for (frame, good, bad) in [
        (Frame::Settings, "limits: {reconcile_interval: 5m}\n", "limits: {look_often: 5m}\n"),
        (Frame::Environments, "- {name: a, url: \"http://127.0.0.1:1/e.git\"}\n", "- {name: a}\n"),
        (Frame::Checks, "    - {metric: accuracy, at_least: 0.8}\n", "    - {metric: accuracy, at_least: 8}\n"),
        (Frame::Spec, "evaluation: {metrics: [accuracy]}\n", "evaluation: {metrics: [precise]}\n"),
        (Frame::Model, "spec:\n  evaluation: {metrics: [accuracy]}\n", "spec:\n  training: {}\n"),
    ] {
        let (file, text) = frame.around(good);
        assert_eq!(refused(file, &text), None);
        let (file, text) = frame.around(bad);
        assert!(refused(file, &text).is_some(), "{text}");
    }
}
