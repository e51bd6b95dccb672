//! The documentation: its commands and links exist, its files hold, its generated parts are current.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use crate::support::{each_source, slipway};

mod block;
mod forges;
mod settings;

pub(crate) use block::is_current;

/// Every page of the documentation, without those that are generated as a whole.
fn pages() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pages: Vec<String> =
        ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"].map(str::to_owned).into();
    for entry in std::fs::read_dir(root.join("docs")).expect("a folder") {
        let name = entry.expect("an entry").file_name();
        if Path::new(&name).extension().is_some_and(|extension| extension == "md") && name != "cli.md" {
            pages.push(format!("docs/{}", name.to_string_lossy()));
        }
    }
    pages.sort();
    pages
}

fn read(page: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(page);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Code of a page: what stands between backquotes, and the lines of console blocks after their `$`.
fn code(page: &str) -> Vec<String> {
    let text = read(page);
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
fn every_slipway_command_of_the_documentation_exists_with_its_options() {
    let mut tried = BTreeSet::new();
    for command in pages().iter().flat_map(|page| code(page)) {
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
    assert!(tried.len() >= 7, "the documentation names only {tried:?}: is this test still reading them?");
}

#[test]
fn every_make_target_of_the_documentation_exists() {
    let makefile = read("Makefile");
    let mut tried = BTreeSet::new();
    for command in pages().iter().flat_map(|page| code(page)) {
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
    assert!(tried.contains("demo") && tried.contains("test"), "the documentation names only {tried:?}");
}

/// All source code of the workspace.
fn sources() -> String {
    let mut sources = String::new();
    for folder in ["src", "tests", "crates"] {
        each_source(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut |_, text| sources.push_str(text));
    }
    sources
}

#[test]
fn pages_for_users_name_no_tests() {
    let sources = sources();
    for page in pages().iter().filter(|page| page.starts_with("docs/") || *page == "README.md") {
        for line in read(page).lines() {
            let mut words = line.split('`').skip(1).step_by(2).filter(|word| word.len() > 25);
            let named = words.find(|word| sources.contains(&format!("fn {word}()")));
            assert_eq!(named, None, "{page}: tests are named in docs/forges.yaml, or in the code");
        }
    }
}

/// The anchor that forges give to a heading.
fn anchor(heading: &str) -> String {
    let words = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = words.chars().filter(|c| c.is_alphanumeric() || *c == ' ' || *c == '-' || *c == '_');
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// Blocks of YAML in a page whose first line is one of these keys of the server's settings.
fn settings_in(page: &str, keys: &[&str]) -> Vec<String> {
    let text = read(page);
    let blocks = text.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let dedented = |block: &str| {
        let indent = block.len() - block.trim_start().len();
        block.lines().map(|line| line.get(indent..).unwrap_or_default()).collect::<Vec<_>>().join("\n")
    };
    blocks.map(dedented).filter(|block| keys.iter().any(|key| block.starts_with(&format!("{key}:")))).collect()
}

#[test]
fn settings_that_the_documentation_shows_are_accepted() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("slipway-server.yaml");
    std::fs::write(folder.path().join("secret"), "a secret of the webhook\n").expect("written");
    let minimal = "apiVersion: slipway.dev/v1alpha1\nkind: Server\nstate: ./state\nexecutor: {local: {trainer: /bin/true}}\n\
                   sources:\n- {name: models, forge: plain, url: \"http://127.0.0.1:1/m.git\", secret: {file: ./secret}, environment: staging}\n\
                   environments:\n- {name: staging, url: \"http://127.0.0.1:1/e.git\"}\n";
    let mut tried = 0;
    for page in pages() {
        for block in settings_in(&page, &["retention", "people", "limits", "web"]) {
            std::fs::write(&file, format!("{minimal}{block}\n")).expect("written");
            let output = Command::new(slipway()).arg("check").arg(&file).output().expect("it ran");
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success(), "{page}: {block}\n{said}");
            tried += 1;
        }
    }
    assert!(tried >= 2, "only {tried} blocks were found");
}

#[test]
fn every_page_is_in_the_contents_of_the_site() {
    let contents = read("docs/SUMMARY.md");
    for page in pages().iter().filter_map(|page| page.strip_prefix("docs/")).filter(|page| *page != "SUMMARY.md") {
        assert!(contents.contains(&format!("]({page})")), "docs/SUMMARY.md lacks {page}");
    }
    assert!(contents.contains("](cli.md)"));
}

#[test]
fn every_file_and_heading_that_the_documentation_links_exists() {
    for page in pages() {
        let text = read(&page);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.starts_with("http") {
                continue;
            }
            let (file, heading) = link.split_once('#').map_or((link, None), |(file, heading)| (file, Some(heading)));
            let target = Path::new(env!("CARGO_MANIFEST_DIR")).join(&page);
            let target = if file.is_empty() { target } else { target.with_file_name(file) };
            assert!(target.exists(), "{page} links `{link}`, which is not there");
            if let Some(heading) = heading {
                let linked = std::fs::read_to_string(&target).expect("a page");
                let found = linked.lines().filter(|line| line.starts_with('#')).any(|line| anchor(line) == heading);
                assert!(found, "{page} links `{link}`, and there is no such heading");
            }
        }
    }
}

#[test]
fn the_page_of_adoption_shows_settings_a_model_and_a_policy_that_are_sound() {
    let text = read("docs/adoption.md");
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
