//! What is said of values that people write in the form of other tools: each says what to write.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::read;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only mistakes are read")]
struct Training {
    #[serde(default)]
    seed: u32,
    #[serde(default)]
    rate: f64,
    #[serde(default)]
    shuffle: bool,
    #[serde(default)]
    label: String,
    #[serde(default)]
    names: Vec<String>,
    #[serde(default)]
    optimizer: Option<Optimizer>,
    #[serde(default)]
    layers: Vec<Layer>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    data: Option<Data>,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "format", rename_all = "snake_case")]
#[expect(dead_code, reason = "only mistakes are read")]
enum Data {
    Csv {
        label: String,
        #[serde(default)]
        names: Vec<String>,
    },
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "only mistakes are read")]
enum Optimizer {
    Adam { learning_rate: f64 },
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "only mistakes are read")]
enum Layer {
    Linear(u32),
    Relu,
}

fn said(text: &str) -> String {
    read::<Training>("f.yaml", text).expect_err(text).to_string()
}

#[test]
fn a_number_in_another_form_is_reported_as_it_has_to_be_written() {
    for (text, expected, help) in [
        ("rate: 20%", "a number for `rate`, found the text `20%`", "write `0.2`"),
        ("rate: 0,01", "a number for `rate`, found the text `0,01`", "write `0.01`"),
        ("rate: \"0.5\"", "a number for `rate`, found the text `0.5`", "write `0.5`, without quotes"),
        ("seed: 1_000", "from 0 to 4294967295 for `seed`, found the text `1_000`", "write `1000`"),
        ("seed: 010", "from 0 to 4294967295 for `seed`", "write `10`"),
        ("seed: -1", "from 0 to 4294967295 for `seed`, found the number `-1`", "write a number in this range"),
        ("seed: 12345678901", "from 0 to 4294967295 for `seed`, found the number", "write a number in this range"),
        ("seed: 1e3", "from 0 to 4294967295 for `seed`, found the number `1e3`", "write `1000`"),
        ("seed: 20%", "from 0 to 4294967295 for `seed`, found the text `20%`", "write a number without `%`"),
        ("seed: \"7\"", "from 0 to 4294967295 for `seed`, found the text `7`", "write `7`, without quotes"),
        ("seed: 2.5", "from 0 to 4294967295 for `seed`", "write a whole number"),
        ("seed: ", "from 0 to 4294967295 for `seed`, found nothing", "write a value after the key"),
        ("shuffle: yes", "`true` or `false` for `shuffle`", "write `true`, without quotes"),
        ("shuffle: \"False\"", "`true` or `false` for `shuffle`", "write `false`, without quotes"),
    ] {
        let shown = said(text);
        assert!(shown.contains(expected) && shown.contains(&format!("help: {help}")), "{text}: {shown}");
    }
}

#[test]
fn a_decimal_comma_among_entries_is_reported_as_one_number() {
    let shown = said("{rate: 0,01}");
    assert!(
        shown.contains("unknown key `01`") && shown.contains("help: write `0.01` if you mean one number"),
        "{shown}"
    );
    assert!(said("{seed: 1,000}").contains("help: write `1.000`, or `1000` if you mean one number"));
    assert!(!said("{seed: 1, 01: 2}").contains("one number"));
}

#[test]
fn a_value_with_too_much_or_too_little_around_it_is_reported_as_it_has_to_be_written() {
    for (text, help) in [
        ("optimizer: adam", "write its keys below it, as in `adam: {KEY: VALUE}`"),
        ("layers: [{linear: {outputs: 8}}]", "write the value alone: `linear: 8`"),
        ("layers: [{linear: [8]}]", "write the value alone: `linear: 8`"),
        ("layers: [{relu: {a: 1}}]", "write `relu` alone"),
        ("label: [y]", "write the value alone: `label: y`"),
        (
            "data: {format: csv, label: null}",
            "write a text; if you mean the word itself, write it in quotes: \
         `\"null\"`",
        ),
        ("data: {format: csv, label: ~}", "write a text; if you mean the word itself, write it in quotes: `\"~\"`"),
        ("data:\n  format: csv\n  label:\n", "write a text after the key"),
        (
            "data: {format: csv, label: y, names: [a, null]}",
            "if you mean the word itself, write it in quotes: `\"null\"`",
        ),
        ("names: a", "write a list: `[a]`"),
        ("names: {a: b}", "write a list: one item per line, each after `- `"),
        ("labels: a", "write keys with their values below it"),
        ("data: {format: csv, label: 1.0}", "write it in quotes: `\"1.0\"`"),
    ] {
        let shown = said(text);
        assert!(shown.contains(&format!("help: {help}")) || shown.contains(help), "{text}: {shown}");
    }
}

#[test]
fn a_text_that_is_no_yaml_is_reported_with_what_to_do() {
    for (text, said_of_it) in [
        (
            "seed: 1\n\trate: 2\n",
            "f.yaml:2:1: invalid YAML: the indentation contains a tab\n  help: indent with spaces",
        ),
        ("labels:\n\ta: b\n", "f.yaml:2:1: invalid YAML: the indentation contains a tab"),
        ("labels:\n  \ta: b\n  c: d\n", "the indentation contains a tab"),
        ("label: @x\n", "in quotes"),
        ("label: *x\n", "write a text that begins with `*` in quotes"),
        ("label: a: b\n", "write a text that contains `: ` in quotes"),
    ] {
        let shown = said(text);
        assert!(shown.contains(said_of_it), "{text}: {shown}");
    }
}
