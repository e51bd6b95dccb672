//! Finds keys without a value. Deserializers treat them as absent, so an incomplete setting would be ignored silently.

use slipway_domain::Diagnostic;

use super::draft::Draft;
use super::path::{Path, Segment};
use super::tree::Tree;

/// The spellings of null in YAML (yaml.org/spec/1.2.2, core schema).
const NOTHING: [&str; 4] = ["~", "null", "Null", "NULL"];

/// A key without a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmptyKey {
    /// The path of the missing value.
    pub path: Path,
    /// `~` or `null` as written; `None` if nothing stands after the key.
    pub written: Option<String>,
    /// The byte offset of the key.
    start: usize,
}

impl EmptyKey {
    /// Whether its value is left out. A written `null` may be meant as text.
    pub fn is_left_out(&self) -> bool {
        self.written.is_none()
    }

    /// Whether it is the key of a list item, as in `- relu:`, which is only a name.
    pub fn is_item(&self) -> bool {
        matches!(self.path.segments(), [.., Segment::Index(_), Segment::Key(_)])
    }

    /// The diagnostic about it.
    pub(super) fn diagnostic(&self, file: &str, tree: &Tree) -> Diagnostic {
        let key = match self.path.segments().last() {
            Some(Segment::Key(key)) => key.as_str(),
            _ => "",
        };
        let quotes = self
            .written
            .as_ref()
            .map_or_else(String::new, |written| format!("; if you mean the text, write it in quotes: `\"{written}\"`"));
        Diagnostic::new(file, format!("`{key}` has no value, expected one"))
            .at(tree.position(self.start))
            .help(format!("write a value, or remove the key{quotes}"))
    }
}

/// Every key of a document without a value, with aliases and merge keys expanded, in the order of the document.
pub(super) fn empty_keys(draft: &Draft) -> Vec<EmptyKey> {
    let mut found = Vec::new();
    beneath(draft, &Path::root(), &mut found);
    found
}

fn beneath(draft: &Draft, path: &Path, found: &mut Vec<EmptyKey>) {
    match draft {
        Draft::Scalar(_) => {}
        Draft::Sequence(items) => {
            for (index, item) in items.iter().enumerate() {
                beneath(item, &path.then(Segment::Index(index)), found);
            }
        }
        Draft::Mapping(fields) => {
            for field in fields {
                let path = path.then(Segment::Key(field.name.clone()));
                match &field.value {
                    Draft::Scalar(text) if text.is_empty() => {
                        found.push(EmptyKey { path, written: None, start: field.start });
                    }
                    Draft::Scalar(text) if NOTHING.contains(&text.as_str()) => {
                        found.push(EmptyKey { path, written: Some(text.clone()), start: field.start });
                    }
                    value => beneath(value, &path, found),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use crate::{EmptyKey, Recovered, Segment, read_all};

    #[derive(Debug, Default, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Check {
        name: Option<String>,
        slice: Option<BTreeMap<String, String>>,
        columns: Vec<String>,
    }

    type Checks = BTreeMap<String, Vec<Check>>;

    fn read(text: &str, may_be_empty: &dyn Fn(&EmptyKey) -> bool) -> Recovered<Checks> {
        read_all("f.yaml", text, "checks: [{slice: {by: x}}]\n", may_be_empty)
    }

    fn mistakes(text: &str) -> Vec<String> {
        read(text, &|_| false).mistakes.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_key_without_a_value_is_reported_at_its_place_however_nothing_is_written() {
        for written in ["", " ", " ~", " null", " Null", " NULL", " # by: label", " &a", " !!null"] {
            let found = mistakes(&format!("checks:\n  - name: x\n    slice:{written}\n    columns: [y]\n"));
            assert_eq!(found.len(), 1, "`{written}`: {found:?}");
            assert!(
                found[0].starts_with(
                    "f.yaml:3:5: `slice` has no value, expected one\n  help: write a value, or remove the key"
                ),
                "{found:?}"
            );
        }
        assert!(mistakes("checks: [{name: ~}]")[0].ends_with("if you mean the text, write it in quotes: `\"~\"`"));
        assert!(mistakes("checks: [{name: }]")[0].ends_with("or remove the key"));
        assert_eq!(mistakes("checks:\n").len(), 1);
        assert_eq!(mistakes("checks: [{columns: , slice: , name: }]\n").len(), 3);
    }

    #[test]
    fn what_is_quoted_empty_or_of_another_type_is_a_value() {
        for sound in
            ["name: ''", "name: \"null\"", "name: '~'", "slice: {}", "columns: []", "name: nULL", "name: !!str null"]
        {
            assert_eq!(mistakes(&format!("checks: [{{{sound}}}]")), [""; 0], "{sound}");
        }
    }

    #[test]
    fn nothing_is_found_behind_aliases_and_merge_keys_and_reported_once() {
        let found = mistakes("x-usual: &usual\n  slice:\nchecks:\n  - {<<: *usual}\n  - {<<: *usual, name: b}\n");
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("f.yaml:2:3: `slice` has no value"), "{found:?}");
        let found = mistakes("x-none: &none\nchecks:\n  - slice: *none\n");
        assert!(found.len() == 1 && found[0].starts_with("f.yaml:3:5: `slice` has no value"), "{found:?}");
        assert_eq!(mistakes("x-note:\nchecks: []\n"), [""; 0], "nobody reads it");
        let overridden = "x-usual: &usual {slice: }\nchecks:\n  - {<<: *usual, slice: {by: y}}\n";
        assert_eq!(mistakes(overridden), [""; 0]);
    }

    #[test]
    fn other_mistakes_are_found_beside_it_and_what_is_read_is_a_guess_there() {
        let Recovered { value, mistakes, guesses } =
            read("checks:\n  - {slice: , columns: 3}\n  - {nam: b}\n", &|_| false);
        assert_eq!(mistakes.len(), 3, "{mistakes:?}");
        let checks = &value.expect("a guess")["checks"];
        assert_eq!(checks[0].slice.as_ref().map(BTreeMap::len), Some(1), "taken from the sample");
        assert_eq!(checks[1].name.as_deref(), Some("b"));
        assert!(guesses.touch("checks[0].slice") && !guesses.touch("checks[1].slice"));
    }

    #[test]
    fn a_key_that_nobody_knows_is_reported_as_such_too() {
        let found = mistakes("checks: [{slise: , name: a, columns: ~}]\n");
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[0].contains("`slise` has no value") && found[1].contains("`columns` has no value"), "{found:?}");
        assert!(found[2].contains("unknown key `slise`") && found[2].contains("did you mean `slice`?"), "{found:?}");
    }

    #[test]
    fn whoever_reads_may_take_nothing_for_something() {
        let names =
            |key: &EmptyKey| !key.is_left_out() && key.path.segments().last().and_then(Segment::key) == Some("name");
        let read = read("checks: [{name: null}, {name: }, {slice: null}]", &names);
        assert_eq!(read.mistakes.len(), 2, "{:?}", read.mistakes);
        assert!(
            read_all::<serde_yaml::Value>("f", "a: [relu: , linear: 2]\n", "", &EmptyKey::is_item).mistakes.is_empty()
        );
    }

    #[test]
    fn a_text_larger_than_people_write_is_refused_as_well() {
        let many: Vec<String> = (0..8_000).map(|number| format!("  - {{name: check{number}}}\n")).collect();
        let text = format!("checks:\n{}", many.concat());
        assert!(text.len() > 64 << 10 && read(&text, &|_| false).value.is_some());
        let found = mistakes(&format!("{text}  - {{name: }}\n"));
        assert!(found.len() == 1 && found[0].contains("`name` has no value"), "{found:?}");
    }
}
