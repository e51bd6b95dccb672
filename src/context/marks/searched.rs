//! Which files of an environment are looked into for marks: those that mention us, up to a size, whatever they are called.

use std::sync::LazyLock;

use slipway_git::{Held, Texts};

/// The largest file that is searched for marks, in bytes. Larger ones are not written by hand.
pub const MAX_MANIFEST_BYTES: u64 = 16 << 20;
/// The same of a file whose name does not say that it is a manifest.
const LARGEST_OTHER: u64 = 1 << 20;
/// What every file holds that may mark something, or seem to. Case makes no difference.
const WORD: &str = "slipway";
/// What may stand in the place of a letter, or between two, by a slip.
const LETTERS: &str = "abcdefghijklmnopqrstuvwxyz-_.";
/// What every file begins with in whose place Git LFS keeps another one.
const LFS: &str = "version https://git-lfs.github.com/spec/";
/// Files that quote marks, and are no manifests: documentation and programs.
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

/// The files that marks are looked for in. Asked of every file of a search, so it is made once.
static MANIFESTS: LazyLock<Held> = LazyLock::new(|| {
    let manifests = [".yaml", ".yml"].map(|ending| (ending.to_owned(), MAX_MANIFEST_BYTES));
    let quoting = QUOTING.map(|ending| (ending.to_owned(), 0));
    let texts = Texts::of(spellings().into_iter().chain([in_utf16(), LFS.to_owned()]));
    Held { texts, endings: manifests.into_iter().chain(quoting).collect(), others: LARGEST_OTHER }
});

/// The files that are looked into.
pub(crate) fn manifests() -> &'static Held {
    &MANIFESTS
}

/// How large a file of this name is at most, in bytes, to be looked into for marks.
pub fn largest_manifest(path: &str) -> u64 {
    MANIFESTS.most_bytes(path)
}

/// Whether a file's content is looked at closer, because it may mark something.
pub fn may_be_marked(content: &[u8]) -> bool {
    MANIFESTS.texts.are_in(content)
}

/// Whether a content is a pointer of Git LFS, and what it stands for is elsewhere.
pub fn is_pointer(content: &[u8]) -> bool {
    content.starts_with(LFS.as_bytes())
}

/// Whether a file is a manifest by its name, so that what is kept from us of it may be marked.
pub fn is_called_manifest(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    name.contains(".yaml") || name.contains(".yml") || name == "kustomization"
}

/// The word in UTF-16, with either end first.
fn in_utf16() -> String {
    WORD.chars().flat_map(|letter| [letter, '\0']).collect::<String>().trim_end_matches('\0').to_owned()
}

/// The word, and the word with one slip: a letter too few, two in each other's place, another letter, or one too many. What holds
/// one of them is found by the shortest.
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
