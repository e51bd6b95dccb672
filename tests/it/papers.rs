//! The papers name only commands that exist: every `slipway …` and `make …` in them is tried.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use crate::support::{each_source, slipway};

const PAPERS: [&str; 11] = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "CHANGELOG.md",
    "docs/benchmarks.md",
    "docs/editors.md",
    "docs/evaluation-folders.md",
    "docs/first-model.md",
    "docs/operating.md",
    "docs/reports.md",
];

fn read(paper: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(paper);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Code of a paper: what stands between backquotes, and the lines of console blocks after their `$`.
fn code(paper: &str) -> Vec<String> {
    let text = read(paper);
    let mut code = Vec::new();
    let mut fenced = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if fenced {
            code.extend(line.trim_start().strip_prefix("$ ").map(str::to_owned));
        } else {
            code.extend(line.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    code
}

#[test]
fn every_slipway_command_of_the_papers_exists_with_its_options() {
    let mut tried = BTreeSet::new();
    for command in PAPERS.iter().flat_map(|paper| code(paper)) {
        let words: Vec<&str> = command.split_whitespace().collect();
        let Some(("slipway", rest)) = words.split_first().map(|(first, rest)| (*first, rest)) else {
            continue;
        };
        let names: Vec<&str> = rest
            .iter()
            .copied()
            .take_while(|word| word.chars().all(|c| c.is_ascii_lowercase() || c == '-') && !word.starts_with('-'))
            .collect();
        let known = (0..=names.len()).rev().find_map(|count| {
            let output = Command::new(slipway()).args(&names[..count]).arg("--help").output().expect("it ran");
            output
                .status
                .success()
                .then(|| (names[..count].join(" "), String::from_utf8_lossy(&output.stdout).into_owned()))
        });
        let (name, help) = known.expect("slipway --help works");
        assert!(!name.is_empty() || names.is_empty(), "there is no command `{command}`");
        for option in rest.iter().filter(|word| word.starts_with("--")) {
            assert!(help.contains(option), "`slipway {name}` has no option `{option}` (`{command}`)");
        }
        tried.insert(name);
    }
    assert!(tried.len() >= 7, "the papers name only {tried:?}: is this test still reading them?");
}

#[test]
fn every_make_target_of_the_papers_exists() {
    let makefile = read("Makefile");
    let mut tried = BTreeSet::new();
    for command in PAPERS.iter().flat_map(|paper| code(paper)) {
        for part in command.split("&&") {
            let mut words = part.split_whitespace();
            if words.next() != Some("make") {
                continue;
            }
            for target in words.filter(|word| !word.contains('=')) {
                assert!(makefile.contains(&format!("\n{target}:")), "there is no target `{target}` (`{command}`)");
                tried.insert(target.to_owned());
            }
        }
    }
    assert!(tried.contains("demo") && tried.contains("test"), "the papers name only {tried:?}");
}

#[test]
fn every_test_that_the_page_of_forges_names_exists() {
    let mut sources = String::new();
    for folder in ["src", "tests", "crates"] {
        each_source(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut |_, text| sources.push_str(text));
    }
    let page = read("docs/forges.md");
    // Backquoted words that long, with underscores alone between them, are names of tests there, or of metrics.
    let named: BTreeSet<&str> = page
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|word| {
            word.len() > 25
                && word.matches('_').count() > 3
                && !word.contains(|c: char| " /.-:".contains(c))
                && !word.starts_with("slipway_")
        })
        .collect();
    assert!(named.len() > 40, "{named:?}");
    for name in named {
        assert!(sources.contains(&format!("fn {name}(")), "there is no test `{name}`");
    }
}

#[test]
fn every_file_that_the_papers_link_exists() {
    for paper in PAPERS {
        let text = read(paper);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.starts_with("http") || link.starts_with('#') {
                continue;
            }
            let target = Path::new(env!("CARGO_MANIFEST_DIR")).join(paper).with_file_name(link);
            assert!(target.exists(), "{paper} links `{link}`, which is not there");
        }
    }
}

#[test]
fn the_readme_shows_settings_a_model_and_a_policy_that_are_sound() {
    let text = read("README.md");
    let blocks: Vec<&str> = text.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir_all(folder.path().join("data")).expect("a folder");
    for name in ["train.csv", "test.csv"] {
        let table = format!("a,b\n{}", "1,2\n".repeat(1_000));
        std::fs::write(folder.path().join("data").join(name), table).expect("written");
    }
    for secret in ["webhook-secret", "token"] {
        std::fs::write(folder.path().join(secret), "a secret that is long enough").expect("written");
    }
    let mut kinds = BTreeSet::new();
    for (kind, file) in [("Policy", "policy.yaml"), ("Model", "slipway.yaml"), ("Server", "server.yaml")] {
        let block = blocks
            .iter()
            .find(|block| block.contains(&format!("kind: {kind}\n")))
            .unwrap_or_else(|| panic!("no {kind}"));
        std::fs::write(folder.path().join(file), block).expect("written");
        let checked = Command::new(slipway())
            .args(["check", "--no-data", file])
            .current_dir(folder.path())
            .output()
            .expect("it ran");
        assert!(
            checked.status.success(),
            "{kind}: {}{}",
            String::from_utf8_lossy(&checked.stdout),
            String::from_utf8_lossy(&checked.stderr)
        );
        kinds.insert(kind);
    }
    assert_eq!(kinds.len(), 3);
}
