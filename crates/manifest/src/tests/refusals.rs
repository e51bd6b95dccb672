//! Every refusal, in the words a user sees.

use crate::tests::values;
use crate::{Refusal, Values, markers, set};

fn refusal_of(content: &[u8], values: &Values) -> Refusal {
    let refusal = set("app.yaml", content, "fashion", values).unwrap_err();
    assert_eq!(refusal.to_string(), refusal.diagnostic().to_string());
    assert!(refusal.diagnostic().help.is_some());
    refusal
}

fn refusal(text: &str) -> String {
    refusal_of(text.as_bytes(), &values()).to_string()
}

/// The refusal of one marked line when the digest is to become `new`.
fn refusal_to_write(new: &str, line: &str) -> String {
    let values = Values { digest: new.to_owned(), ..values() };
    let text = format!("{line} # {{\"slipway\": \"fashion:digest\"}}\n");
    refusal_of(text.as_bytes(), &values).to_string()
}

#[test]
fn malformed_markers() {
    insta::assert_snapshot!(refusal("a: x # {\"slipway\": \"fashion:digest\""), @"
    app.yaml:1:6: this marker cannot be read, it is not JSON: EOF while parsing an object
      help: write `# {\"slipway\": \"fashion:digest\"}` and nothing after it
    ");
    insta::assert_snapshot!(refusal("a: x # {\"slipway\": \"fashion:digest\"} note"), @"
    app.yaml:1:6: this marker cannot be read, it is not JSON: trailing characters
      help: write `# {\"slipway\": \"fashion:digest\"}` and nothing after it
    ");
    insta::assert_snapshot!(refusal("a: x # {\"slipway\": [1]}"), @"
    app.yaml:1:6: this marker cannot be read, its value is `[1]`, not a text
      help: write `# {\"slipway\": \"MODEL:FIELD\"}` and nothing after it
    ");
    insta::assert_snapshot!(refusal("a: x # {\"slipway\": \"fashion\"}"), @"
    app.yaml:1:6: this marker cannot be read, `fashion` holds no `:`
      help: write `# {\"slipway\": \"fashion:FIELD\"}` with `uri`, `digest`, `version` or `run` for `FIELD` and nothing after it
    ");
    insta::assert_snapshot!(refusal("a: x # {\"slipway\": \"Fashion:digest\"}"), @"
    app.yaml:1:6: this marker cannot be read, `Fashion` is no model name: lower-case letters, digits and inner `-`, at most 63
      help: write `# {\"slipway\": \"fashion:digest\"}` and nothing after it
    ");
    insta::assert_snapshot!(refusal("a: x # {\"slipway\": \"a:run\", \"slipway\": \"b:run\"}"), @"
    app.yaml:1:6: this marker cannot be read, it is not JSON: duplicate field `slipway`
      help: write `# {\"slipway\": \"a:run\"}` and nothing after it
    ");
}

#[test]
fn markers_of_a_part_of_a_value() {
    insta::assert_snapshot!(refusal("env: MODEL=none # {\"slipway\": \"fashion:uri\"}\n"), @r#"
    app.yaml:1:6: `MODEL=none` holds more than the uri that this marker is for, and the rest would be lost
      help: say what stays: `# {"slipway": "fashion:uri", "prefix": "MODEL="}`, or write `none` for the value if nothing does
    "#);
    insta::assert_snapshot!(refusal("image: repo:none # {\"slipway\": \"fashion:version\"}\n"), @r#"
    app.yaml:1:8: `repo:none` holds more than the version that this marker is for, and the rest would be lost
      help: say what stays: `# {"slipway": "fashion:version", "prefix": "repo:"}`, or write `none` for the value if nothing does
    "#);
    insta::assert_snapshot!(refusal("a: '{\"uri\": \"none\"}' # {\"slipway\": \"fashion:uri\"}\n"), @r##"
    app.yaml:1:4: `{"uri": "none"}` holds more than the uri that this marker is for, and the rest would be lost
      help: say what stays: `# {"slipway": "fashion:uri", "prefix": "{\"uri\": \"", "suffix": "\"}"}`, or write `none` for the value if nothing does
    "##);
    insta::assert_snapshot!(refusal("a: none # {\"slipway\": \"fashion:uri\", \"prefix\": \"MODEL=\"}\n"), @"
    app.yaml:1:4: this marker is for a value that begins with `MODEL=`, came `none`
      help: correct `prefix` and `suffix` of the marker, or the value; a first value may be `MODEL=none`
    ");
    insta::assert_snapshot!(refusal("a: MODEL=none;X=none # {\"slipway\": \"fashion:uri\", \"prefix\": \"MODEL=\"}\n"), @r#"
    app.yaml:1:4: `MODEL=none;X=none` holds more than the uri that this marker is for, and the rest would be lost
      help: say what stays: `# {"slipway": "fashion:uri", "prefix": "MODEL=", "suffix": ";X=none"}`, or write `none` for the value if nothing does
    "#);
    insta::assert_snapshot!(refusal("a: x # {\"slipway\": \"fashion:uri\", \"prefix\": 1}\n"), @r#"
    app.yaml:1:6: this marker cannot be read, its `prefix` is `1`, not a text
      help: write `# {"slipway": "fashion:uri"}` and nothing after it
    "#);
    // It is refused to whoever writes there, and to nobody else who reads the file.
    let listed = markers("app.yaml", b"a: MODEL=none # {\"slipway\": \"fashion:uri\"}\n").unwrap();
    assert_eq!(listed[0].value, "MODEL=none");
}

#[test]
fn unknown_fields() {
    insta::assert_snapshot!(refusal("a: x # {\"slipway\": \"other:tag\"}"), @"
    app.yaml:1:6: unknown field `tag`, expected one of `uri`, `digest`, `version`, `run`
      help: write `# {\"slipway\": \"other:FIELD\"}` with `uri`, `digest`, `version` or `run` for `FIELD` and nothing after it
    ");
}

#[test]
fn markers_next_to_no_value() {
    insta::assert_snapshot!(refusal("# {\"slipway\": \"fashion:digest\"}\na: x\n"), @"
    app.yaml:1:1: this marker stands next to no value
      help: put it behind a value on the same line; a first value may be `\"\"`
    ");
    insta::assert_snapshot!(refusal("a: # {\"slipway\": \"fashion:digest\"}\nb: x\n"), @"
    app.yaml:1:4: this marker stands next to no value
      help: put it behind a value on the same line; a first value may be `\"\"`
    ");
    insta::assert_snapshot!(refusal("? a # {\"slipway\": \"fashion:digest\"}\n: x\n"), @"
    app.yaml:1:5: this marker stands next to no value
      help: put it behind a value on the same line; a first value may be `\"\"`
    ");
    insta::assert_snapshot!(refusal("a: # {\"slipway\": \"fashion:digest\"}\n  x\n"), @"
    app.yaml:1:4: this marker stands next to no value
      help: put it behind a value on the same line; a first value may be `\"\"`
    ");
}

#[test]
fn markers_behind_several_values() {
    insta::assert_snapshot!(refusal("a: {b: x, c: y} # {\"slipway\": \"fashion:digest\"}\n"), @"
    app.yaml:1:17: this marker stands behind 2 values on its line, expected one
      help: give this value a line of its own
    ");
    insta::assert_snapshot!(refusal("a: &a x\nb: [*a, y] # {\"slipway\": \"fashion:digest\"}\n"), @"
    app.yaml:2:12: this marker stands behind 2 values on its line, expected one
      help: give this value a line of its own
    ");
}

#[test]
fn markers_next_to_collections() {
    insta::assert_snapshot!(refusal("a: # {\"slipway\": \"fashion:digest\"}\n  b: x\n"), @"
    app.yaml:1:4: this marker stands next to a mapping or a list, expected a single value
      help: move it behind the value that is meant
    ");
    insta::assert_snapshot!(refusal("a: {} # {\"slipway\": \"fashion:digest\"}\n"), @"
    app.yaml:1:7: this marker stands next to a mapping or a list, expected a single value
      help: move it behind the value that is meant
    ");
}

#[test]
fn aliases_and_anchors_that_are_aliased() {
    insta::assert_snapshot!(refusal("a: &a x\nb: *a # {\"slipway\": \"fashion:digest\"}\n"), @"
    app.yaml:2:4: this value is an alias of a value elsewhere
      help: write the value out here: a promotion changes marked places alone
    ");
    insta::assert_snapshot!(refusal("a: &a x # {\"slipway\": \"fashion:digest\"}\nb: *a\n"), @"
    app.yaml:1:7: this value is used elsewhere through an alias and would change there too
      help: write the value out where the alias is, and mark it there: a promotion changes marked places alone
    ");
    insta::assert_snapshot!(refusal("a: &a\n  b: x # {\"slipway\": \"fashion:digest\"}\nc: {<<: *a}\n"), @"
    app.yaml:2:6: this value is used elsewhere through an alias and would change there too
      help: write the value out where the alias is, and mark it there: a promotion changes marked places alone
    ");
}

#[test]
fn tags_and_blocks() {
    insta::assert_snapshot!(refusal("a: !!str x # {\"slipway\": \"fashion:digest\"}\n"), @"
    app.yaml:1:10: this value has the tag `!!str`
      help: remove the tag, and quote the value if it is a text
    ");
    insta::assert_snapshot!(refusal("a: | # {\"slipway\": \"fashion:digest\"}\n  x\n"), @"
    app.yaml:1:6: this value is a block after `|` or `>`
      help: write the value on the line of its key
    ");
    insta::assert_snapshot!(refusal("- >-2 # {\"slipway\": \"fashion:digest\"}\n    x\n"), @"
    app.yaml:1:7: this value is a block after `|` or `>`
      help: write the value on the line of its key
    ");
}

#[test]
fn duplicate_keys() {
    insta::assert_snapshot!(refusal("a:\n  b: x # {\"slipway\": \"fashion:digest\"}\n  \"b\": y\n"), @"
    app.yaml:3:3: duplicate key `b`, already set on line 2
      help: keep one of the two: readers differ in which they take
    ");
    insta::assert_snapshot!(refusal("a: {b: 1}\nc: x # {\"slipway\": \"fashion:digest\"}\na: 2\n"), @"
    app.yaml:3:1: duplicate key `a`, already set on line 1
      help: keep one of the two: readers differ in which they take
    ");
}

#[test]
fn changes_of_type() {
    insta::assert_snapshot!(refusal_to_write("abc", "a: 3"), @"
    app.yaml:1:4: this value is a number without quotes, and the new digest `abc` is not one to every reader
      help: put the old value into quotes if a text is meant
    ");
    insta::assert_snapshot!(refusal_to_write("007", "a: 3"), @"
    app.yaml:1:4: this value is a number without quotes, and the new digest `007` is not one to every reader
      help: put the old value into quotes if a text is meant
    ");
    insta::assert_snapshot!(refusal_to_write("1234567890123456", "a: 3"), @"
    app.yaml:1:4: this value is a number without quotes, and the new digest `1234567890123456` is not one to every reader
      help: put the old value into quotes if a text is meant
    ");
    insta::assert_snapshot!(refusal_to_write("abc", "a: yes"), @"
    app.yaml:1:4: `yes` is a truth value to readers of YAML 1.1 and a text to all others, and the new digest `abc` is not
      help: write `yes`, `no`, `on` or `off`, or make the old value `true` or `false`, or put it into quotes, by hand
    ");
    insta::assert_snapshot!(refusal_to_write("abc", "a: ="), @"
    app.yaml:1:4: this value is a word with a meaning of its own without quotes, and the new digest `abc` is not one to every reader
      help: put the old value into quotes if a text is meant
    ");
}

#[test]
fn invisible_characters() {
    insta::assert_snapshot!(refusal_to_write("a\nb: injected", "a: 'x'"), @"
    app.yaml:1:4: the new digest holds the character U+000A
      help: use visible characters only
    ");
    insta::assert_snapshot!(refusal_to_write("a\u{202e}b", "a: x"), @"
    app.yaml:1:4: the new digest holds the character U+202E
      help: use visible characters only
    ");
    for character in ['\t', '\0', '\r', '\u{85}', '\u{2028}', '\u{feff}', '\u{7f}', '\u{200b}'] {
        assert!(refusal_to_write(&format!("a{character}b"), "a: \"x\"").contains("holds the character"));
    }
}

#[test]
fn files_that_are_no_yaml() {
    insta::assert_snapshot!(refusal("a: [ # {\"slipway\": \"fashion:digest\"}\n"), @"
    app.yaml:1:4: invalid YAML: unclosed bracket '['
      help: correct the file first; nothing was changed
    ");
    insta::assert_snapshot!(refusal("a: x # {\"slipway\": \"fashion:digest\"}\n\tb: y\n"), @"
    app.yaml:2:1: invalid YAML: the indentation contains a tab
      help: indent with spaces: YAML does not allow tabs there; nothing was changed
    ");
    insta::assert_snapshot!(refusal("a: x # {\"slipway\": \"fashion:digest\"}\nb: \"\\q\"\n"), @"
    app.yaml:2:4: invalid YAML: while parsing a quoted scalar, found unknown escape character
      help: correct the file first; nothing was changed
    ");
    insta::assert_snapshot!(refusal_of(b"a: \xc3\xbc\nb: \xff # {\"slipway\": \"fashion:digest\"}\n", &values()), @"
    app.yaml:2:4: the file is not UTF-8
      help: save the file as UTF-8
    ");
    let long = format!("a: x # {{\"slipway\": \"fashion:digest\"}}\n#{}", "x".repeat(1024 * 1024));
    insta::assert_snapshot!(refusal(&long), @"
    app.yaml: the file is larger than 1048576 bytes
      help: move the resource to a file of its own
    ");
}

#[test]
fn documents_that_only_one_parser_reads() {
    insta::assert_snapshot!(refusal("a: x # {\"slipway\": \"fashion:digest\"}\nb: {c:}\n"), @"
    app.yaml:2:6: parsers disagree about this document, one of them says: found unexpected ':'
      help: write the document in plainer YAML
    ");
    insta::assert_snapshot!(refusal("a: x # {\"slipway\": \"fashion:digest\"}\nb: y # \u{2028}z\n"), @"
    app.yaml:2:8: the character U+2028 ends a line to some readers and not to others
      help: write it as an escape in double quotes, or remove it
    ");
}

#[test]
fn raw_helm_templates() {
    insta::assert_snapshot!(refusal("a: {{ .Values.digest }} # {\"slipway\": \"fashion:digest\"}\n"), @"
    app.yaml:1:5: this key is no single word, as in a template that is not rendered
      help: edit the values file, or the rendered manifest
    ");
    insta::assert_snapshot!(refusal("{{- if .Values.on }}\na: x # {\"slipway\": \"fashion:digest\"}\n{{- end }}\n"), @"
    app.yaml:1:1: this is a template, expected plain YAML
      help: edit the values file, or the rendered manifest
    ");
    insta::assert_snapshot!(refusal("a: x # {\"slipway\": \"fashion:digest\"}\nb: {{ include \"x\" . | nindent 4 }}\n"), @"
    app.yaml:2:5: this key is no single word, as in a template that is not rendered
      help: edit the values file, or the rendered manifest
    ");
}

#[test]
fn a_broken_marker_of_another_model_refuses_only_if_it_cannot_be_read() {
    let text = "a: x # {\"slipway\": \"fashion:digest\"}\nb: # {\"slipway\": \"other:digest\"}\n";
    assert_eq!(set("app.yaml", text.as_bytes(), "fashion", &values()).unwrap().changes.len(), 1);
    assert!(matches!(markers("app.yaml", text.as_bytes()), Err(Refusal::NoValue(_))));
    let text = "a: x # {\"slipway\": \"fashion:digest\"}\nb: y # {\"slipway\": \"other:\"}\n";
    assert!(matches!(set("app.yaml", text.as_bytes(), "fashion", &values()), Err(Refusal::UnknownField(_))));
}
