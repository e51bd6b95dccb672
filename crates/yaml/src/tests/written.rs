//! Texts as they are written.

use crate::{Path, Tree};

fn texts(text: &str, path: &str) -> Option<Vec<String>> {
    let path: Path = path.parse().expect("a path");
    Tree::parse("a.yaml", text).expect("YAML").texts(&path)
}

#[test]
fn what_yaml_takes_for_numbers_and_truth_values_keeps_its_spelling() {
    let spellings = [
        "2.10",
        "1.0",
        "1e3",
        "True",
        "no",
        "0x1F",
        ".5",
        "+1",
        "null",
        "~",
        "007",
        "1_000",
        "12:30",
        "2026-01-31",
        "123456789012345678901",
        "'2.10'",
        "\"a\\tb\"",
    ];
    for spelling in spellings {
        let expected = match spelling {
            "'2.10'" => "2.10",
            "\"a\\tb\"" => "a\tb",
            other => other,
        };
        assert_eq!(texts(&format!("a: {{b: {spelling}}}"), "a.b"), Some(vec![expected.to_owned()]), "{spelling}");
        assert_eq!(texts(&format!("a: [x, {spelling}]"), "a"), Some(vec!["x".to_owned(), expected.to_owned()]));
    }
}

#[test]
fn aliases_are_followed_and_nothing_is_no_text() {
    let text = "one: &one {b: &b 2.10}\ntwo: *one\nthree: [*b, 1.0]\nnone:\nempty: ''\nmap: {a: b}\n";
    assert_eq!(texts(text, "two.b"), Some(vec!["2.10".to_owned()]));
    assert_eq!(texts(text, "three"), Some(vec!["2.10".to_owned(), "1.0".to_owned()]));
    assert_eq!(texts(text, "empty"), Some(vec![String::new()]));
    assert_eq!(texts(text, "none"), None);
    assert_eq!(texts(text, "map"), None);
    assert_eq!(texts(text, "four"), None);
}
