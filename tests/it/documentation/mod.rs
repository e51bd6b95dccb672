//! The documentation: its commands and links exist, its files hold, its generated parts are current.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::OnceLock;

use crate::support::each_source;

mod block;
mod commands;
pub(crate) mod fence;
mod forges;
mod frame;
mod inventory;
mod played;
mod session;
mod settings;
pub(crate) mod shape;
mod timeline;
mod worlds;

pub(crate) use block::is_current;

/// Folders whose pages are documentation, with the depth to which they are looked through.
const FOLDERS: [(&str, usize); 7] =
    [(".", 0), ("docs", 0), ("crates", 1), ("examples", 1), ("fuzz", 0), ("policies", 0), ("webhooks", 0)];

/// Every page of the documentation, without those that are generated as a whole.
fn pages() -> Vec<String> {
    let mut pages = Vec::new();
    for (folder, depth) in FOLDERS {
        pages_in(folder, depth, &mut pages);
    }
    pages.retain(|page| page != "docs/cli.md");
    pages.sort();
    pages
}

fn pages_in(folder: &str, depth: usize, pages: &mut Vec<String>) {
    for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).expect("a folder").flatten() {
        let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
        if Path::new(&path).extension().is_some_and(|ending| ending == "md") {
            pages.push(path.trim_start_matches("./").to_owned());
        } else if depth > 0 && entry.path().is_dir() {
            pages_in(&path, depth - 1, pages);
        }
    }
}

fn read(page: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(page);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What the source code of the workspace says, read once.
struct Sources {
    /// Names of functions, types, traits, modules and constants.
    defined: HashSet<String>,
    /// Texts between quotes.
    quoted: HashSet<String>,
}

fn sources() -> &'static Sources {
    static SOURCES: OnceLock<Sources> = OnceLock::new();
    SOURCES.get_or_init(|| {
        let mut sources = Sources { defined: HashSet::new(), quoted: HashSet::new() };
        for folder in ["src", "tests", "crates"] {
            each_source(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut |_, text| sources.read(text));
        }
        sources
    })
}

impl Sources {
    fn read(&mut self, text: &str) {
        const KINDS: [&str; 7] = ["fn", "struct", "enum", "trait", "mod", "const", "type"];
        let mut words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).filter(|word| !word.is_empty());
        while let Some(word) = words.next() {
            if KINDS.contains(&word) {
                self.defined.extend(words.next().map(str::to_owned));
            }
        }
        self.quoted.extend(text.split('"').filter(|part| !part.contains('\n')).map(str::to_owned));
    }
}

#[test]
fn pages_for_users_name_no_tests() {
    let sources = sources();
    for page in pages().iter().filter(|page| page.starts_with("docs/") || *page == "README.md") {
        for line in read(page).lines() {
            // Names of metrics and statistics are shorter than those of tests.
            let mut words = line.split('`').skip(1).step_by(2).filter(|word| word.len() > 32);
            let named = words.find(|word| sources.defined.contains(*word));
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

#[test]
fn every_page_is_in_the_contents_of_the_site() {
    let contents = read("docs/SUMMARY.md");
    for page in pages().iter().filter_map(|page| page.strip_prefix("docs/")).filter(|page| *page != "SUMMARY.md") {
        assert!(contents.contains(&format!("]({page})")), "docs/SUMMARY.md lacks {page}");
    }
    assert!(contents.contains("](cli.md)"));
}

/// The settings of the site, in docs/book.toml.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Site {
    book: BTreeMap<String, String>,
    build: Build,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Build {
    build_dir: String,
    create_missing: bool,
}

/// What mdBook reads besides the pages: SUMMARY.md in the form that it knows, and book.toml.
#[test]
fn the_site_is_described_as_mdbook_reads_it() {
    for line in read("docs/SUMMARY.md").lines().filter(|line| !line.is_empty()) {
        let page =
            line.strip_prefix("- [").and_then(|rest| rest.strip_suffix(".md)")).is_some_and(|rest| rest.contains("]("));
        assert!(page || line.starts_with("# "), "`{line}` is neither a heading nor `- [TITLE](PAGE.md)`");
    }
    let site: Site = basic_toml::from_str(&read("docs/book.toml")).expect("docs/book.toml");
    let keys: Vec<&str> = site.book.keys().map(String::as_str).collect();
    assert_eq!(keys, ["description", "language", "src", "title"]);
    assert_eq!((&*site.book["src"], &*site.build.build_dir), (".", "../target/site"));
    // Else a page that SUMMARY.md misspells would be made, and empty.
    assert!(!site.build.create_missing);
}

#[test]
fn pages_of_the_site_link_only_each_other() {
    for page in pages().iter().filter(|page| page.starts_with("docs/")) {
        assert!(!read(page).contains("](../"), "{page} links a file that the site does not have: name it as code");
    }
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
