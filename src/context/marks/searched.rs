//! Selects the files of an environment to search for marks: those that mention Slipway, up to a size limit, except documentation
//! and programs.

use std::sync::LazyLock;

use slipway_git::{Held, Texts};

/// The largest file that is searched for marks, in bytes. Larger files are not written by hand.
pub const MAX_MANIFEST_BYTES: u64 = 16 << 20;
/// The same limit for a file whose name is not that of a manifest.
const LARGEST_OTHER: u64 = 1 << 20;
/// The word that every file with a mark, or with text like a mark, contains. Case is ignored.
const WORD: &str = "slipway";
/// Letters that a misspelling may insert, or put in the place of another letter.
const LETTERS: &str = "abcdefghijklmnopqrstuvwxyz-_.";
/// The beginning of every Git LFS pointer.
const LFS: &str = "version https://git-lfs.github.com/spec/";
/// Endings of files that quote marks but are not manifests: documentation and programs.
const QUOTING: [&str; 20] = [
    ".md",
    ".markdown",
    ".mdx",
    ".rst",
    ".adoc",
    ".txt",
    ".html",
    ".sh",
    ".bash",
    ".py",
    ".rb",
    ".go",
    ".rs",
    ".js",
    ".ts",
    ".java",
    ".kt",
    ".lua",
    ".ps1",
    ".lock",
];

/// The files that are searched for marks. A search checks every file against it, so it is built once.
static MANIFESTS: LazyLock<Held> = LazyLock::new(|| {
    let manifests = [".yaml", ".yml"].map(|ending| (ending.to_owned(), MAX_MANIFEST_BYTES));
    let quoting = QUOTING.map(|ending| (ending.to_owned(), 0));
    let texts = Texts::of(spellings().into_iter().chain([in_utf16(), LFS.to_owned()]));
    Held { texts, endings: manifests.into_iter().chain(quoting).collect(), others: LARGEST_OTHER }
});

/// The files that are searched for marks.
pub(crate) fn manifests() -> &'static Held {
    &MANIFESTS
}

/// Maximum size in bytes up to which a file of this name is searched for marks.
pub fn largest_manifest(path: &str) -> u64 {
    MANIFESTS.most_bytes(path)
}

/// Whether a file's content is inspected further, because it may contain a mark.
pub fn may_be_marked(content: &[u8]) -> bool {
    MANIFESTS.texts.are_in(content)
}

/// Whether a content is a Git LFS pointer, and the actual content is elsewhere.
pub fn is_pointer(content: &[u8]) -> bool {
    content.starts_with(LFS.as_bytes())
}

/// Whether a file is a manifest by its name. If Slipway cannot read its actual content, it may contain marks.
pub fn is_called_manifest(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    name.contains(".yaml") || name.contains(".yml") || name == "kustomization"
}

/// The word in UTF-16, in either byte order.
fn in_utf16() -> String {
    WORD.chars().flat_map(|letter| [letter, '\0']).collect::<String>().trim_end_matches('\0').to_owned()
}

/// The word, and the word with one mistake: a missing letter, two swapped letters, another letter, or an additional letter. A
/// spelling that contains a shorter one is found by the shorter one.
fn spellings() -> Vec<String> {
    let mut spelt: Vec<String> = vec![WORD.to_owned()];
    for at in 0..WORD.len() {
        let (before, behind) = WORD.split_at(at);
        let rest = &behind[1..];
        spelt.push(format!("{before}{rest}"));
        spelt.extend(rest.chars().next().map(|next| format!("{before}{next}{}{}", &behind[..1], &rest[1..])));
        spelt.extend(LETTERS.chars().map(|letter| format!("{before}{letter}{rest}")));
        spelt.extend(LETTERS.chars().map(|letter| format!("{before}{letter}{behind}")));
    }
    spelt.sort();
    spelt.dedup();
    spelt
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_marked_is_found_in_any_case_with_a_slip_and_in_utf16() {
        for text in [
            "slipway",
            "SLIPWAY",
            "a: b # {\"Slipway\": 1}",
            "slipwya",
            "sliway",
            "slip-way",
            "sliPPway",
            "lipway",
            "slipwai",
        ] {
            assert!(may_be_marked(text.as_bytes()), "{text}");
        }
        let mut utf16: Vec<u8> = "a: b # SlipWay".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(may_be_marked(&utf16));
        utf16.insert(0, 0);
        assert!(may_be_marked(&utf16), "the big end first");
        for text in ["", "gateway", "shipyard: way", "slip: way", "slipping away"] {
            assert!(!may_be_marked(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn manifests_are_recognised_by_their_names() {
        for path in ["a/b.yaml", "B.YML", "values.yaml.gotmpl", "a/Kustomization"] {
            assert!(is_called_manifest(path), "{path}");
        }
        for path in ["logo.png", "a.yaml/logo.png", "data.csv"] {
            assert!(!is_called_manifest(path), "{path}");
        }
        assert_eq!((largest_manifest("a.YAML"), largest_manifest("README.md")), (MAX_MANIFEST_BYTES, 0));
    }
}
