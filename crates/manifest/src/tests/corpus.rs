//! Hand-written edits with their results: files under `corpus/`, whose form [`Case::read`] knows.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::{Edit, Place, Refusal, Selector, edit};

const FILES: [(&str, &str); 4] = [
    ("kubernetes", include_str!("corpus/kubernetes.txt")),
    ("style", include_str!("corpus/style.txt")),
    ("added", include_str!("corpus/added.txt")),
    ("refused", include_str!("corpus/refused.txt")),
];

/// One edit: `@@ case`, then how it is made, then `@@ before` with the file, then `@@ after` or `@@ refused`.
#[derive(Default)]
pub(super) struct Case {
    name: String,
    selector: Selector,
    place: Option<Place>,
    value: String,
    /// `create`, and how the file is written: `crlf`, `bom`, `unended`.
    flags: BTreeSet<String>,
    before: String,
    after: Option<String>,
    refused: Option<String>,
}

impl Case {
    fn read(text: &str) -> Vec<Self> {
        let mut cases: Vec<Self> = Vec::new();
        let mut section = "";
        for line in text.lines() {
            let Some(order) = line.strip_prefix("@@ ") else {
                let case = cases.last_mut().unwrap();
                let text = match section {
                    "before" => &mut case.before,
                    "after" => case.after.get_or_insert_default(),
                    "refused" => case.refused.get_or_insert_default(),
                    other => panic!("text in `{other}`"),
                };
                text.push_str(line);
                text.push('\n');
                continue;
            };
            let (word, rest) = order.split_once(' ').unwrap_or((order, ""));
            section = word;
            if word == "case" {
                cases.push(Self { name: rest.to_owned(), ..Self::default() });
            }
            let case = cases.last_mut().unwrap();
            match word {
                "select" => case.selector = rest.parse().unwrap(),
                "path" => case.place = Some(Place::Path(rest.parse().unwrap())),
                "marker" => case.place = Some(Place::Mark(rest.parse().unwrap())),
                "value" => case.value = rest.replace("\\n", "\n"),
                "create" | "crlf" | "bom" | "unended" => _ = case.flags.insert(word.to_owned()),
                "case" | "before" | "after" | "refused" => {}
                other => panic!("`{other}` is no order"),
            }
        }
        cases
    }

    pub(super) fn edit(&self) -> Edit {
        Edit {
            selector: self.selector.clone(),
            place: self.place.clone().unwrap(),
            value: self.value.clone(),
            create: self.flags.contains("create"),
            text: false,
            anchored: false,
        }
    }

    /// The file that is edited.
    pub(super) fn file(&self) -> Vec<u8> {
        self.bytes(&self.before)
    }

    fn bytes(&self, text: &str) -> Vec<u8> {
        let has = |flag| self.flags.contains(flag);
        let text = if has("unended") { text.strip_suffix('\n').unwrap() } else { text };
        let text = if has("crlf") { text.replace('\n', "\r\n") } else { text.to_owned() };
        let text = if has("bom") { format!("\u{feff}{text}") } else { text };
        text.into_bytes()
    }
}

pub(super) fn cases() -> impl Iterator<Item = (String, Case)> {
    FILES
        .into_iter()
        .flat_map(|(file, text)| Case::read(text).into_iter().map(move |case| (format!("{file}: {}", case.name), case)))
}

#[test]
fn every_case_of_the_corpus_holds() {
    let mut count = 0;
    for (name, case) in cases() {
        count += 1;
        let before = case.file();
        match (edit("app.yaml", &before, &case.edit()), &case.after, &case.refused) {
            (Ok(edited), Some(after), None) => {
                let after = case.bytes(after);
                assert_eq!(String::from_utf8_lossy(&edited.content), String::from_utf8_lossy(&after), "{name}");
                assert_eq!(edited.changes.is_empty(), before == after, "{name}");
                let again = edit("app.yaml", &after, &case.edit()).unwrap();
                assert!(matches!(again.content, Cow::Borrowed(_)), "{name}: a second edit changes nothing");
            }
            (Err(refusal), None, Some(words)) => {
                assert_eq!(format!("{refusal}\n"), *words, "{name}");
                assert!(refusal.diagnostic().position.is_some() && refusal.diagnostic().help.is_some(), "{name}");
                assert!(!matches!(refusal, Refusal::Guard(_)), "{name}");
            }
            (result, ..) => panic!("{name}: {result:?}"),
        }
    }
    assert!(count >= 60, "{count} cases");
}
