//! The guard catches edits that went wrong, whatever made them: here they are made wrong on purpose.

use crate::guard::check;
use crate::splice::{Addition, Splice, SpliceEffect};
use slipway_yaml::{Style, Tree};

const TEXT: &str = "a: old # side\nb: {c: 1}\nl: [x, y]\n";

/// What the guard says when `written` takes the place of `old`, where `value` in `style` was meant.
fn verdict(edited: &str, written: &str, value: &str, style: Style) -> String {
    let tree = Tree::parse("app.yaml", TEXT).unwrap();
    let splice = Splice {
        document: 0,
        steps: vec![0],
        span: 3..6,
        text: written.to_owned(),
        effect: SpliceEffect::Replaced { value: value.to_owned(), style, is_typed: false },
    };
    match check("app.yaml", &tree, &[splice], edited) {
        Ok(()) => "passed".to_owned(),
        Err(refusal) => refusal.diagnostic().message.clone(),
    }
}

fn verdict_of(written: &str, value: &str, style: Style) -> String {
    verdict(&TEXT.replace("old", written), written, value, style)
}

#[test]
fn a_right_edit_passes() {
    assert_eq!(verdict_of("new", "new", Style::Plain), "passed");
    assert_eq!(verdict_of("\"12\"", "12", Style::DoubleQuoted), "passed");
}

#[test]
fn a_value_that_reads_otherwise_is_caught() {
    let caught = "the edited file would not read as intended: another value would change";
    assert_eq!(verdict_of("'new'", "new", Style::Plain), caught);
    assert_eq!(verdict_of("[new]", "[new]", Style::Plain), caught);
    assert_eq!(verdict_of("x\nd: y", "x", Style::Plain), caught);
    assert_eq!(verdict_of("&x new", "new", Style::Plain), caught);
}

#[test]
fn a_number_where_text_was_meant_is_caught_by_the_second_parser() {
    let caught = "the edited file would not read as intended: a second parser sees another change";
    assert_eq!(verdict_of("12", "12", Style::Plain), caught);
    assert_eq!(verdict_of("true", "true", Style::Plain), caught);
}

#[test]
fn a_change_elsewhere_is_caught() {
    let caught = "the edited file would not read as intended: another value would change";
    let edited = TEXT.replace("old", "new");
    for (from, to) in [("c: 1", "c: 2"), ("[x, y]", "[x]"), ("b: ", "B: "), ("c: 1", "c: '1'")] {
        assert_eq!(verdict(&edited.replace(from, to), "new", "new", Style::Plain), caught);
    }
    assert_eq!(
        verdict(&format!("{edited}---\nx\n"), "new", "new", Style::Plain),
        "the edited file would not read as intended: the number of documents would change"
    );
}

#[test]
fn a_changed_comment_is_caught() {
    let caught = "the edited file would not read as intended: a comment would change";
    assert_eq!(verdict_of("new # more", "new", Style::Plain), caught);
    let edited = TEXT.replace("old", "new").replace("# side", " # side");
    assert_eq!(verdict(&edited, "new", "new", Style::Plain), caught);
    let edited = TEXT.replace("old", "new").replace(" # side", "");
    assert_eq!(verdict(&edited, "new", "new", Style::Plain), caught);
}

#[test]
fn a_file_that_is_no_yaml_any_more_is_caught() {
    let message = verdict_of("[", "[", Style::Plain);
    assert!(message.starts_with("the edited file would not read as intended: invalid YAML"), "{message}");
}

/// What the guard says when `edited` was made where `b` was to get the entry `d: 2`.
fn verdict_of_addition(edited: &str) -> String {
    let tree = Tree::parse("app.yaml", TEXT).unwrap();
    let offset = TEXT.find('}').unwrap();
    let splice = Splice {
        document: 0,
        steps: vec![1],
        span: offset..offset,
        text: ", d: '2'".to_owned(),
        effect: SpliceEffect::Added {
            mapping: TEXT.find('{').unwrap(),
            entry: Addition {
                keys: vec!["d".to_owned()],
                value: "2".to_owned(),
                style: Style::SingleQuoted,
                is_typed: false,
                flow: true,
            },
        },
    };
    match check("app.yaml", &tree, &[splice], edited) {
        Ok(()) => "passed".to_owned(),
        Err(refusal) => refusal.diagnostic().message.clone(),
    }
}

#[test]
fn an_addition_that_is_not_the_wanted_one_is_caught() {
    assert_eq!(verdict_of_addition(&TEXT.replace("c: 1", "c: 1, d: '2'")), "passed");
    let caught = "the edited file would not read as intended: another value would change";
    for wrong in ["c: 1, d: '3'", "c: 1, d: 2", "c: 1", "c: 1, e: '2'", "d: '2', c: 1", "c: 1, d: '2', e: 3"] {
        assert_eq!(verdict_of_addition(&TEXT.replace("c: 1", wrong)), caught, "{wrong}");
    }
}
