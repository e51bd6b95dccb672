//! What the span tree keeps, how paths lead through it, and how plain scalars are read.

use crate::{Kind, MAX_BYTES, NotAPath, Path, Reading, Tree, is_plain_text, reading_of};
use proptest::prelude::*;
use slipway_domain::Position;

const TEXT: &str = "\u{feff}# head\r\nspec:\r\n  é: 'ü' # side\r\n  list:\r\n  - name: web\r\n    image: {tag: \"1\"} # flow\r\n  - [a, b]\r\n\"a.b\": |\r\n  # not a comment\r\n";

fn tree(text: &str) -> Tree {
    Tree::parse("a.yaml", text).unwrap()
}

fn slice(tree: &Tree, path: &str) -> String {
    let path: Path = path.parse().unwrap();
    let place = tree.find(0, &path).unwrap();
    tree.text()[place.node.span.clone()].to_owned()
}

fn at(line: usize, column: usize) -> Position {
    Position { line, column }
}

#[test]
fn scalars_keep_their_bytes_with_quotes_and_without_comments() {
    let tree = tree(TEXT);
    assert_eq!(slice(&tree, "spec.é"), "'ü'");
    assert_eq!(slice(&tree, "spec.list[name=web].image.tag"), "\"1\"");
    assert_eq!(slice(&tree, "spec.list[1][0]"), "a");
    let comments: Vec<&str> = tree.comments().iter().map(|comment| comment.text.as_str()).collect();
    assert_eq!(comments, [" head", " side", " flow"]);
}

#[test]
fn columns_count_characters_and_a_byte_order_mark_counts_nothing() {
    let tree = tree(TEXT);
    assert_eq!(tree.position(3), at(1, 1));
    assert_eq!(tree.position_of("spec.é"), Some(at(3, 6)));
    assert_eq!(tree.position_of("spec.list[0].image.tag"), Some(at(6, 18)));
}

#[test]
fn a_block_is_shown_by_its_key_and_a_missing_value_by_its_nearest_ancestor() {
    let tree = tree(TEXT);
    assert_eq!(tree.position_of("spec"), Some(at(2, 1)));
    assert_eq!(tree.position_of("spec.list"), Some(at(4, 3)));
    assert_eq!(tree.position_of("spec.nothing"), None);
    assert_eq!(tree.position_of("spec..x"), None);
    assert_eq!(tree.nearest_position("spec.list[0].nothing.at.all"), at(5, 5));
    assert_eq!(tree.nearest_position("nothing"), at(2, 1));
}

#[test]
fn a_key_or_a_name_that_occurs_twice_leads_nowhere() {
    let tree = tree("a: 1\na: 2\nl: [{name: x}, {name: x}]\n");
    assert_eq!(tree.position_of("a"), None);
    assert_eq!(tree.position_of("l[name=x]"), None);
    assert_eq!(tree.position_of("l[1]"), Some(at(3, 16)));
}

#[test]
fn anchors_are_distinguished_by_document() {
    let tree = tree("a: &x 1\nb: *x\n---\na: &x 1\n");
    let roots = tree.documents();
    let first = |root: &crate::Node| match &root.kind {
        Kind::Mapping { entries, .. } => entries[0].value.clone(),
        _ => panic!("a mapping"),
    };
    assert!(tree.is_aliased(&first(&roots[0])));
    assert!(!tree.is_aliased(&first(&roots[1])));
}

#[test]
fn a_path_is_printed_as_it_is_read() {
    for text in [
        ".",
        "spec.model.sequential[3].conv2d",
        "a[name=server].image",
        "[\"key.with.dots\"].b",
        "m[\"slipway.dev/digest\"]",
        "a[name=\"x]y\"]",
        "items[app.kubernetes.io/name=x].v",
        "items[a.b=\"c d\"].v",
        "items[\"a=b\"=\"c]\"].v",
        "items[\"a]b\"=x].v",
        "args[flag=--x=y]",
        "[0][1]",
    ] {
        assert_eq!(text.parse::<Path>().unwrap().to_string(), text);
    }
    for text in [
        "",
        "a..b",
        "a.",
        "a[",
        "a[x]",
        "a[0",
        "a.[0]",
        "a[\"b]",
        "a[name=]",
        "a[0]b",
        "a[n=x]y]",
        "a[\"n\"=]",
        "a[\"n\"=\"x]",
    ] {
        assert!(text.parse::<Path>().is_err(), "{text}");
    }
    for (text, same) in [("a[\"b.c\"=x]", "a[b.c=x]"), ("a[\"b\"=\"x\"].c", "a[b=x].c")] {
        assert_eq!(text.parse::<Path>().unwrap().to_string(), same);
    }
    let error: NotAPath = "a[x]".parse::<Path>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "`a[x]` is not a path: expected `[0]`, `[name=server]` (with any key) or `[\"key\"]`, and quotes around a key \
         that contains `]`, as in `spec.containers[name=server].image`"
    );
}

#[test]
fn texts_beyond_the_bounds_are_refused() {
    let refusal = |text: &str| Tree::parse("a.yaml", text).unwrap_err().to_string();
    assert!(refusal(&"#".repeat(MAX_BYTES + 1)).contains("expected at most 1048576"));
    assert!(refusal(&"[".repeat(10_000)).starts_with("a.yaml:1:"));
    assert!(refusal(&format!("{}1", "- ".repeat(100))).starts_with("a.yaml:1:"));
    assert!(refusal(&format!("[{}]", "a,".repeat(250_000))).contains("more than 200000 values"));
    let bomb: String = (1..12).fold("a0: &a0 [x]\n".to_owned(), |text, n| {
        format!("{text}a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 9].join(","))
    });
    assert!(refusal(&bomb).contains("all aliases expanded"));
    assert_eq!(
        refusal("a: &x [*x]\n"),
        "a.yaml:1:8: this alias refers to a value that contains it, expected a value that ends before the alias\n  \
         help: write the value itself instead of the alias"
    );
    assert!(refusal("a: b: c\n").starts_with("a.yaml:1:5: invalid YAML: "));
}

#[test]
fn a_plain_scalar_is_text_only_if_every_reader_agrees() {
    for number in [
        "1",
        "-7",
        "1234567890",
        "12e5",
        "1.5",
        ".5",
        "1.",
        "0x1f",
        "0o17",
        "017",
        "1_000",
        "12:30:45",
        ".inf",
        "-.NaN",
        "+1",
    ] {
        assert_eq!(reading_of(number), Reading::Number, "{number}");
    }
    for truth in ["true", "No", "ON", "y"] {
        assert_eq!(reading_of(truth), Reading::Boolean, "{truth}");
    }
    assert_eq!(reading_of("Null"), Reading::Null);
    assert_eq!(reading_of("2026-01-31"), Reading::Date);
    for text in ["sha256:ab12", "v1.2.3", "s3://models/a@b", "9f86d081", "1.2.3", "2e", "e5", "x:y", "/srv"] {
        assert!(is_plain_text(text), "{text}");
    }
    for text in
        ["", "a b", "a:", "-a", "@a", "a#b", "é", "a,b", "{a}", "12e5", "no", "*a", "=", "<<", "...", "2026-1-1"]
    {
        assert!(!is_plain_text(text), "{text}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "[-a-c:#&*!|>'\"{}\\[\\],?%@~ \t\n\r\u{feff}é]{0,60}") {
        if let Ok(tree) = Tree::parse("a.yaml", &text) {
            for comment in tree.comments() {
                prop_assert!(text[comment.span.clone()].starts_with('#'));
            }
            for offset in 0..=text.len() {
                let place = tree.position(offset);
                prop_assert!(place.line >= 1 && place.column >= 1);
            }
        }
    }

    #[test]
    fn plain_text_is_the_same_text_to_both_parsers(text in "[-a-f0-9./:_+@=xeTyno]{1,12}") {
        if is_plain_text(&text) {
            let read: serde_yaml::Value = serde_yaml::from_str(&format!("k: {text}")).unwrap();
            prop_assert_eq!(read["k"].as_str(), Some(text.as_str()));
            let flow: serde_yaml::Value = serde_yaml::from_str(&format!("[{text}]")).unwrap();
            prop_assert_eq!(flow[0].as_str(), Some(text.as_str()));
            let tree = Tree::parse("a", &format!("{{k: {text}}}")).unwrap();
            let place = tree.find(0, &"k".parse().unwrap()).unwrap();
            prop_assert_eq!(place.node.scalar(), Some(text.as_str()));
        }
    }
}
