//! Every block of the documentation is run, or checked, or listed in tests/documentation.yaml with the reason why not.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::fence::{Block, blocks};
use super::frame::{Frame, is_whole};
use super::played::PLAYED;
use super::{pages, read, sources};

/// How a block is tested, where its page and its language do not say it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Entry {
    /// The first line of the block.
    block: String,
    /// Why it cannot be run here.
    not_run: Option<String>,
    /// The test that runs it.
    test: Option<String>,
    /// The file that this block of YAML is a part of.
    pub(super) part_of: Option<Frame>,
    /// Where the block is written when the page is played.
    pub(super) file: Option<String>,
    /// The command that prints the block.
    pub(super) output_of: Option<String>,
    /// What happens before the block is played.
    pub(super) before: Option<String>,
    /// The exit code of its last command.
    pub(super) exit: i32,
    /// Whether the server may take a while to get there.
    pub(super) waits: bool,
}

impl Entry {
    /// Whether the block is left to others when its page is played.
    pub(super) fn is_left_out(&self) -> bool {
        self.not_run.is_some() || self.test.is_some()
    }
}

fn entries() -> BTreeMap<String, Vec<Entry>> {
    serde_yaml::from_str(&read("tests/documentation.yaml")).expect("tests/documentation.yaml")
}

/// The entry of a block.
pub(super) fn entry_of(block: &Block) -> Option<Entry> {
    entries().remove(&block.page)?.into_iter().find(|entry| entry.block == block.first_line())
}

/// What is missing in the test of a block.
fn untested(block: &Block, entry: Option<&Entry>, is_played: bool) -> Option<&'static str> {
    let is_listed = entry.is_some_and(Entry::is_left_out);
    let is_tested = match &*block.language {
        "console" => is_played,
        "yaml" => is_whole(block) || entry.is_some_and(|entry| entry.part_of.is_some()),
        "json" => serde_json::from_str::<serde_json::Value>(&block.text()).is_ok(),
        "text" => is_played && entry.is_some_and(|entry| entry.file.is_some() || entry.output_of.is_some()),
        "mermaid" => block.is_generated,
        // The package has its README as its documentation, whose examples `cargo test` runs.
        "rust" => read(&block.page.replace("README.md", "src/lib.rs")).contains("include_str!(\"../README.md\")"),
        "python" => false,
        _ => return Some("is of a language that no test knows"),
    };
    (!is_tested && !is_listed).then_some("is neither run nor listed in tests/documentation.yaml")
}

#[test]
fn every_block_of_the_documentation_is_tested_or_listed() {
    let entries = entries();
    let mut faults = Vec::new();
    for page in pages() {
        let listed = entries.get(&page).map(Vec::as_slice).unwrap_or_default();
        let blocks = blocks(&page);
        for block in &blocks {
            let entry = listed.iter().find(|entry| entry.block == block.first_line());
            let fault = untested(block, entry, PLAYED.contains(&&*page));
            faults.extend(fault.map(|fault| format!("{} {fault}", block.place())));
        }
        for entry in listed {
            let meant = blocks.iter().filter(|block| block.first_line() == entry.block).count();
            if meant == 0 {
                faults.push(format!("{page}: `{}` is the first line of no block", entry.block));
            }
        }
    }
    faults.extend(entries.keys().filter(|page| !pages().contains(page)).map(|page| format!("there is no page {page}")));
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn what_is_left_out_has_a_reason_or_a_test() {
    let sources = sources();
    for (page, listed) in entries() {
        for entry in listed {
            if let Some(reason) = &entry.not_run {
                assert!(reason.split_whitespace().count() > 3, "{page}: `{reason}` is no reason");
            }
            if let Some(test) = &entry.test {
                assert!(sources.defined.contains(test), "{page}: there is no test `{test}`");
            }
        }
    }
}

#[test]
fn a_block_that_nothing_tests_is_found() {
    let block = |language: &str, line: &str| Block {
        page: "crates/gate/README.md".to_owned(),
        line: 1,
        language: language.to_owned(),
        lines: vec![line.to_owned()],
        is_generated: false,
    };
    for (language, line) in [
        ("console", "$ ls"),
        ("yaml", "a: b"),
        ("json", "{"),
        ("text", "a"),
        ("mermaid", "a"),
        ("python", "a"),
        ("", "a"),
    ] {
        assert!(untested(&block(language, line), None, false).is_some(), "{language}");
    }
    assert!(untested(&block("text", "a"), None, true).is_some());
    for (language, line) in [("rust", "a"), ("json", "{}"), ("yaml", "kind: Model")] {
        assert_eq!(untested(&block(language, line), None, false), None, "{language}");
    }
    let listed = Entry { not_run: Some("it takes hours to run".to_owned()), ..Entry::default() };
    assert_eq!(untested(&block("console", "$ ls"), Some(&listed), false), None);
}
