//! Manifests as people write them, before and after an edit: all bytes are compared.

use std::borrow::Cow;

use crate::tests::values;
use crate::{Values, set};

/// Sets the values of `fashion` and compares every byte; a second edit must then change nothing.
fn golden_with(values: &Values, before: &str, after: &str) {
    let edited = set("app.yaml", before.as_bytes(), "fashion", values).unwrap();
    assert_eq!(String::from_utf8_lossy(&edited.content), after);
    assert!(!edited.changes.is_empty());
    let again = set("app.yaml", after.as_bytes(), "fashion", values).unwrap();
    assert!(again.changes.is_empty());
    assert!(matches!(again.content, Cow::Borrowed(_)));
    assert_eq!(again.places, edited.places);
}

fn golden(before: &str, after: &str) {
    golden_with(&values(), before, after);
}

/// One marked line, with a digest to write.
fn line(digest: &str, before: &str, after: &str) {
    let values = Values { digest: digest.to_owned(), ..values() };
    let mark = |text: &str| format!("{text} # {{\"slipway\": \"fashion:digest\"}}\n");
    golden_with(&values, &mark(before), &mark(after));
}

#[test]
fn a_kserve_inference_service_gets_its_storage_uri() {
    golden(
        "apiVersion: serving.kserve.io/v1beta1\nkind: InferenceService\nmetadata:\n  name: fashion\n  annotations:\n    slipway.dev/digest: sha256:0000 # {\"slipway\": \"fashion:digest\"}\nspec:\n  predictor:\n    model:\n      modelFormat: {name: pytorch}\n      storageUri: s3://models/fashion/0000 # {\"slipway\": \"fashion:uri\"}\n",
        "apiVersion: serving.kserve.io/v1beta1\nkind: InferenceService\nmetadata:\n  name: fashion\n  annotations:\n    slipway.dev/digest: sha256:9f86d081884c7d65 # {\"slipway\": \"fashion:digest\"}\nspec:\n  predictor:\n    model:\n      modelFormat: {name: pytorch}\n      storageUri: s3://models/fashion/9f86d081 # {\"slipway\": \"fashion:uri\"}\n",
    );
}

#[test]
fn a_deployment_gets_annotations_and_environment_variables() {
    golden(
        "kind: Deployment\nspec:\n  replicas: 3 # by hand\n  template:\n    metadata:\n      annotations:\n        slipway.dev/run: \"old\"   # {\"slipway\": \"fashion:run\"}\n    spec:\n      containers:\n      - name: web\n        env:\n        - name: MODEL_URI\n          value: 's3://old'  # {\"slipway\": \"fashion:uri\"}\n        - {name: MODEL_DIGEST, value: \"sha256:00\"}\n",
        "kind: Deployment\nspec:\n  replicas: 3 # by hand\n  template:\n    metadata:\n      annotations:\n        slipway.dev/run: \"0190c7a2-run\"   # {\"slipway\": \"fashion:run\"}\n    spec:\n      containers:\n      - name: web\n        env:\n        - name: MODEL_URI\n          value: 's3://models/fashion/9f86d081'  # {\"slipway\": \"fashion:uri\"}\n        - {name: MODEL_DIGEST, value: \"sha256:00\"}\n",
    );
}

#[test]
fn a_kustomization_gets_labels_images_and_annotations() {
    golden(
        "resources: [base]\ncommonAnnotations:\n  model: old # {\"slipway\": \"fashion:digest\"}\nlabels:\n- pairs:\n    version: v1 # {\"slipway\": \"fashion:version\"}\n  includeSelectors: false\nimages:\n- name: registry/fashion\n  digest: sha256:00 # {\"slipway\": \"fashion:digest\"}\n",
        "resources: [base]\ncommonAnnotations:\n  model: sha256:9f86d081884c7d65 # {\"slipway\": \"fashion:digest\"}\nlabels:\n- pairs:\n    version: v12 # {\"slipway\": \"fashion:version\"}\n  includeSelectors: false\nimages:\n- name: registry/fashion\n  digest: sha256:9f86d081884c7d65 # {\"slipway\": \"fashion:digest\"}\n",
    );
}

#[test]
fn windows_line_ends_and_a_byte_order_mark_survive() {
    golden(
        "\u{feff}a: old # {\"slipway\": \"fashion:version\"}\r\nb:\r\n  - 'x' # {\"slipway\": \"fashion:run\"}\r\n",
        "\u{feff}a: v12 # {\"slipway\": \"fashion:version\"}\r\nb:\r\n  - '0190c7a2-run' # {\"slipway\": \"fashion:run\"}\r\n",
    );
}

#[test]
fn mixed_line_ends_and_a_missing_last_one_survive() {
    golden(
        "a: 1\r\nb: 2\n\r\n\n  \nc: old # {\"slipway\": \"fashion:version\"}",
        "a: 1\r\nb: 2\n\r\n\n  \nc: v12 # {\"slipway\": \"fashion:version\"}",
    );
}

#[test]
fn every_document_of_a_file_is_edited() {
    golden(
        "# head\n---\na: old # {\"slipway\": \"fashion:version\"}\n---\n# empty\n---\n- old # {\"slipway\": \"fashion:version\"}\n...\n--- old # {\"slipway\": \"fashion:version\"}\n",
        "# head\n---\na: v12 # {\"slipway\": \"fashion:version\"}\n---\n# empty\n---\n- v12 # {\"slipway\": \"fashion:version\"}\n...\n--- v12 # {\"slipway\": \"fashion:version\"}\n",
    );
}

#[test]
fn anchors_aliases_and_tags_elsewhere_survive() {
    golden(
        "base: &base {a: 1, b: !!str 2}\nuse: *base\nmore:\n  <<: *base\n  c: old # {\"slipway\": \"fashion:version\"}\nd: !custom [x]\n",
        "base: &base {a: 1, b: !!str 2}\nuse: *base\nmore:\n  <<: *base\n  c: v12 # {\"slipway\": \"fashion:version\"}\nd: !custom [x]\n",
    );
}

#[test]
fn an_anchor_that_nothing_refers_to_stays_on_the_value() {
    golden(
        "a: &version old # {\"slipway\": \"fashion:version\"}\n",
        "a: &version v12 # {\"slipway\": \"fashion:version\"}\n",
    );
}

#[test]
fn odd_indentation_and_spaces_survive() {
    golden(
        "a:\n     b:\n           -   c:    old      #   {  \"slipway\"  :  \"fashion:version\"  }   \n",
        "a:\n     b:\n           -   c:    v12      #   {  \"slipway\"  :  \"fashion:version\"  }   \n",
    );
}

#[test]
fn markers_of_flux_stand_beside() {
    golden(
        "a: x # {\"$imagepolicy\": \"flux-system:app\"}\nb: old # {\"slipway\": \"fashion:version\"}\nc: old # {\"$imagepolicy\": \"a:b:tag\", \"slipway\": \"fashion:version\"}\n",
        "a: x # {\"$imagepolicy\": \"flux-system:app\"}\nb: v12 # {\"slipway\": \"fashion:version\"}\nc: v12 # {\"$imagepolicy\": \"a:b:tag\", \"slipway\": \"fashion:version\"}\n",
    );
}

#[test]
fn other_models_keep_their_values() {
    golden(
        "a: old # {\"slipway\": \"fashion:version\"}\nb: old # {\"slipway\": \"fashion-2:version\"}\nc: *x # prose\n"
            .replace("*x", "x")
            .as_str(),
        "a: v12 # {\"slipway\": \"fashion:version\"}\nb: old # {\"slipway\": \"fashion-2:version\"}\nc: x # prose\n",
    );
}

#[test]
fn prose_and_lines_that_are_commented_out_are_no_markers() {
    golden(
        "# see {\"slipway\": \"x:y\"} and \"slipway\"\n# a: old # {\"slipway\": \"fashion:version\"}\na: old # {\"slipway\": \"fashion:version\"}\nb: old # {\"owner\": \"slipway\"}\n",
        "# see {\"slipway\": \"x:y\"} and \"slipway\"\n# a: old # {\"slipway\": \"fashion:version\"}\na: v12 # {\"slipway\": \"fashion:version\"}\nb: old # {\"owner\": \"slipway\"}\n",
    );
}

#[test]
fn text_in_a_block_or_in_quotes_is_no_marker() {
    golden(
        "a: |\n  x: old # {\"slipway\": \"fashion:version\"}\nb: '# {\"slipway\": \"fashion:version\"}'\nc: old # {\"slipway\": \"fashion:version\"}\n",
        "a: |\n  x: old # {\"slipway\": \"fashion:version\"}\nb: '# {\"slipway\": \"fashion:version\"}'\nc: v12 # {\"slipway\": \"fashion:version\"}\n",
    );
}

#[test]
fn unicode_around_the_value_survives() {
    golden(
        "größe: ü # ½\n\"ключ\": \"старый\" # {\"slipway\": \"fashion:version\"}\n名: 🚢 # {\"slipway\": \"fashion:run\"}\n",
        "größe: ü # ½\n\"ключ\": \"v12\" # {\"slipway\": \"fashion:version\"}\n名: 0190c7a2-run # {\"slipway\": \"fashion:run\"}\n",
    );
}

#[test]
fn a_value_that_spans_lines_is_replaced_as_a_whole() {
    golden(
        "a: old\n  value # {\"slipway\": \"fashion:version\"}\nb: \"x\\\n  y\" # {\"slipway\": \"fashion:run\"}\n",
        "a: v12 # {\"slipway\": \"fashion:version\"}\nb: \"0190c7a2-run\" # {\"slipway\": \"fashion:run\"}\n",
    );
}

#[test]
fn flow_style_with_one_value_on_the_line_is_edited() {
    golden(
        "a: {image: {digest: abc}} # {\"slipway\": \"fashion:version\"}\nb: [\n  old, # {\"slipway\": \"fashion:version\"}\n  other,\n  {c: 'x'} # {\"slipway\": \"fashion:run\"}\n]\n",
        "a: {image: {digest: v12}} # {\"slipway\": \"fashion:version\"}\nb: [\n  v12, # {\"slipway\": \"fashion:version\"}\n  other,\n  {c: '0190c7a2-run'} # {\"slipway\": \"fashion:run\"}\n]\n",
    );
}

#[test]
fn list_items_and_nested_lists_are_edited() {
    golden(
        "- old # {\"slipway\": \"fashion:version\"}\n- - old # {\"slipway\": \"fashion:version\"}\n- a: old # {\"slipway\": \"fashion:version\"}\n",
        "- v12 # {\"slipway\": \"fashion:version\"}\n- - v12 # {\"slipway\": \"fashion:version\"}\n- a: v12 # {\"slipway\": \"fashion:version\"}\n",
    );
}

#[test]
fn an_explicit_key_may_have_a_marked_value() {
    golden(
        "? key\n: old # {\"slipway\": \"fashion:version\"}\n",
        "? key\n: v12 # {\"slipway\": \"fashion:version\"}\n",
    );
}

#[test]
fn quotes_keep_their_style() {
    line("it's", "a: 'x'", "a: 'it''s'");
    line("a\"b\\c", "a: \"x\"", "a: \"a\\\"b\\\\c\"");
    line("abc", "a: \"x # y\"", "a: \"abc\"");
    line("abc", "'a': ''", "'a': 'abc'");
    line("true", "a: 'x'", "a: 'true'");
}

#[test]
fn text_that_would_read_as_something_else_gets_quotes() {
    for text in
        ["1234567890", "12e5", "0x1f", "0o7", "1_0", "12:30", "true", "No", "on", "null", "~", "2026-01-31", ".5", "<<"]
    {
        line(text, "a: x", &format!("a: \"{text}\""));
    }
}

#[test]
fn text_that_needs_quotes_by_syntax_gets_them() {
    for text in ["", "a: b", "a #b", "- a", " a", "a ", "*a", "@a", "%a", "é", "{a}", "a:", "a,b", "!a", "---"] {
        line(text, "a: x", &format!("a: \"{text}\""));
        line(text, "a: {b: x}", &format!("a: {{b: \"{text}\"}}"));
    }
}

#[test]
fn text_that_is_text_everywhere_stays_plain() {
    for text in ["9f86d081", "sha256:12e5", "v1.2.3", "1.2.3", "oci://r/m@sha256:ab", "/srv/a_b", "a=b"] {
        line(text, "a: x", &format!("a: {text}"));
    }
}

#[test]
fn a_number_without_quotes_takes_a_number() {
    line("4", "a: 3", "a: 4");
    line("-0.5", "a: 12e5", "a: -0.5");
    line("123456789012345", "a: [7]", "a: [123456789012345]");
}

#[test]
fn a_written_null_and_a_date_are_places_for_text() {
    line("abc", "a: null", "a: abc");
    line("abc", "a: ~", "a: abc");
    line("abc", "a: 2026-01-31", "a: abc");
    line("12", "a: ~", "a: \"12\"");
    line("null", "a: null", "a: \"null\"");
}

#[test]
fn many_comments_in_a_row_are_no_obstacle() {
    let comments = "# a long licence\n".repeat(500);
    golden(
        &format!("{comments}a: old # {{\"slipway\": \"fashion:version\"}}\n{comments}"),
        &format!("{comments}a: v12 # {{\"slipway\": \"fashion:version\"}}\n{comments}"),
    );
}

#[test]
fn changes_say_where_which_and_what() {
    let text = "a: 'it''s' # {\"slipway\": \"fashion:version\"}\nü: {b: v12} # {\"slipway\": \"fashion:version\"}\n";
    let edited = set("app.yaml", text.as_bytes(), "fashion", &values()).unwrap();
    assert_eq!(edited.places, 2);
    let [change] = &edited.changes[..] else { panic!("one change, came {:?}", edited.changes) };
    assert_eq!((change.position.line, change.position.column), (1, 4));
    assert_eq!(
        (change.place.to_string().as_str(), change.old.as_deref(), &*change.new),
        ("fashion:version", Some("it's"), "v12")
    );
}

#[test]
fn a_file_without_the_token_is_not_even_read() {
    for content in [&b"\xff\xfe not yaml: [ # slipway"[..], b"{{ template }}", b""] {
        let edited = set("app.yaml", content, "fashion", &values()).unwrap();
        assert_eq!(&*edited.content, content);
        assert_eq!((edited.places, edited.changes.len()), (0, 0));
    }
}
