//! Properties over generated manifests: bytes outside of the marked values, and meaning elsewhere, never change.

use proptest::prelude::*;
use serde::Deserialize;
use serde_yaml::Value;

use crate::{Field, Refusal, Values, inspect, markers, set, unfit};

/// A piece of a generated manifest: fixed text, or a marked value.
#[derive(Debug, Clone)]
enum Piece {
    Text(String),
    Marked { before: String, value: String, after: String, field: Field },
}

pub(super) fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        "m[a-z0-9./-]{0,8}",
        "'([a-z #:é]|''){0,6}'",
        "\"([a-z #:é']|\\\\\"|\\\\n){0,6}\"",
        Just("~".to_owned()),
        Just("2026-01-31".to_owned()),
    ]
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{1,6}", "\"[a-z./:# ]{1,6}\"", "'[a-zé]{1,4}'"]
}

fn field() -> impl Strategy<Value = Field> {
    prop::sample::select(Field::ALL.to_vec())
}

/// One block of lines under its own key, so that keys never collide.
fn piece(number: usize) -> impl Strategy<Value = Piece> {
    let text = prop_oneof![
        scalar().prop_map(move |value| format!("k{number}: {value} # note\n")),
        (key(), scalar()).prop_map(move |(key, value)| format!("k{number}:\n   {key}: [{value}, {{x: {value}}}]\n")),
        Just(format!("k{number}: |\n  a: b # {{\"slipway\": \"m:uri\"}}\n\n   c\n")),
        Just(format!("k{number}: &a{number} [1, 2.5, true]\nl{number}: *a{number}\n")),
        Just(format!("# {number}\n\n")),
        Just(format!("k{number}: 1 # {{\"$imagepolicy\": \"a:b\"}}\n")),
        Just(format!("k{number}: x # {{\"slipway\": \"other:uri\"}}\n")),
    ];
    let shape = prop::sample::select(vec![
        ("k: ", " "),
        ("k:\n    - n: ", "   "),
        ("k:\n  - ", " "),
        ("k: {a: {b: ", "}}  "),
        ("k: [", "] "),
        ("k: &anchor ", " "),
        ("? k\n: ", " "),
    ]);
    let marked = (shape, scalar(), field()).prop_map(move |((before, after), value, field)| Piece::Marked {
        before: before.replacen('k', &format!("k{number}"), 1).replace("anchor", &format!("z{number}")),
        value,
        after: format!("{after}# {{\"slipway\": \"m:{field}\"}}\n"),
        field,
    });
    prop_oneof![text.prop_map(Piece::Text), marked]
}

fn manifest() -> impl Strategy<Value = (Vec<Piece>, bool, bool)> {
    let documents = prop::collection::vec(0..3_u8, 1..10).prop_flat_map(|breaks| {
        let pieces: Vec<_> = breaks
            .into_iter()
            .enumerate()
            .map(|(number, divide)| {
                piece(number).prop_map(move |piece| {
                    let divider = (divide == 0).then(|| Piece::Text("---\n".to_owned()));
                    divider.into_iter().chain([piece]).collect::<Vec<_>>()
                })
            })
            .collect();
        pieces
    });
    (documents, any::<bool>(), any::<bool>()).prop_map(|(pieces, windows, mark)| (pieces.concat(), windows, mark))
}

fn values() -> impl Strategy<Value = Values> {
    let value = || {
        prop_oneof![
            "[a-z0-9:/@._-]{0,16}",
            "[ -~é🚢]{0,12}",
            "[0-9]{1,12}",
            "[0-9]{1,3}e[0-9]{1,3}",
            prop::sample::select(vec![
                "true",
                "no",
                "~",
                "null",
                "",
                "- a",
                "a: b",
                "x #y",
                "...",
                "---",
                "2026-01-31"
            ])
            .prop_map(str::to_owned),
        ]
    };
    (value(), value(), value(), value()).prop_map(|(uri, digest, version, run)| Values { uri, digest, version, run })
}

/// The text with the marked values as `written` gives them.
fn assemble(pieces: &[Piece], windows: bool, mark: bool, mut written: impl FnMut(Field, &str) -> String) -> String {
    let mut text = String::new();
    for piece in pieces {
        match piece {
            Piece::Text(fixed) => text.push_str(fixed),
            Piece::Marked { before, value, after, field } => {
                text.push_str(before);
                text.push_str(&written(*field, value));
                text.push_str(after);
            }
        }
    }
    let text = if windows { text.replace('\n', "\r\n") } else { text };
    if mark { format!("\u{feff}{text}") } else { text }
}

fn documents(text: &str) -> Vec<Value> {
    serde_yaml::Deserializer::from_str(text.trim_start_matches('\u{feff}'))
        .map(|document| Value::deserialize(document).unwrap())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn an_edit_changes_the_marked_values_and_nothing_else((pieces, windows, mark) in manifest(), values in values()) {
        let text = assemble(&pieces, windows, mark, |_, value| value.to_owned());
        let count = pieces.iter().filter(|piece| matches!(piece, Piece::Marked { .. })).count();
        let edited = match set("app.yaml", text.as_bytes(), "m", &values) {
            // Not every text that can stand there looks like a value of its field; the rest of it must not be lost.
            Err(Refusal::PartOfValue(_)) => return Ok(()),
            edited => edited.unwrap(),
        };
        let after = String::from_utf8(edited.content.into_owned()).unwrap();
        prop_assert_eq!(edited.places, count);

        // The bytes: walk along the fixed pieces, and take what stands between as the written value.
        let mut rest = after.strip_prefix('\u{feff}').unwrap_or(&after);
        for piece in &pieces {
            let fixed = |text: &str| if windows { text.replace('\n', "\r\n") } else { text.to_owned() };
            match piece {
                Piece::Text(text) => rest = rest.strip_prefix(&fixed(text)).expect("the same text"),
                Piece::Marked { before, after, field, .. } => {
                    rest = rest.strip_prefix(&fixed(before)).expect("the same text before");
                    let end = rest.find(&fixed(after)).expect("the same text after");
                    let read: Value = serde_yaml::from_str(&rest[..end]).unwrap();
                    prop_assert!(!rest[..end].contains('\n'));
                    prop_assert_eq!(read.as_str(), Some(values.of(*field)));
                    rest = &rest[end + fixed(after).len()..];
                }
            }
        }
        prop_assert_eq!(rest, "");

        // The meaning: with every marked value written in quotes, old and new texts are the same documents.
        let quoted = |field: Field, _: &str| serde_json::to_string(values.of(field)).unwrap();
        let wanted = assemble(&pieces, windows, false, quoted);
        prop_assert_eq!(documents(&after), documents(&wanted));

        match markers("app.yaml", after.as_bytes()) {
            Ok(listed) => prop_assert_eq!(listed.iter().filter(|marker| marker.model == "m").count(), count),
            // Not every text that can be written looks like a value of its field.
            Err(refusal) => prop_assert!(matches!(refusal, Refusal::PartOfValue(_)), "{refusal}"),
        }
        let again = set("app.yaml", after.as_bytes(), "m", &values).unwrap();
        prop_assert_eq!(again.changes, vec![]);
    }

    #[test]
    fn no_text_makes_an_edit_panic_or_trip_the_guard(
        text in "([-a-c:#&*!|>'\"{}\\[\\],? \n\u{feff}]|\n[ ]{0,3}|a: |# \\{\"slipway\": \"m:uri\"\\}\n| b #\\{\"slipway\":\"m:run\"\\}){0,24}",
        values in values(),
    ) {
        match set("app.yaml", text.as_bytes(), "m", &values) {
            Ok(edited) => prop_assert!(edited.changes.len() <= edited.places),
            Err(refusal) => prop_assert!(!matches!(refusal, Refusal::Guard(_)), "{}", refusal),
        }
        let _ = markers("app.yaml", text.as_bytes());
    }

    #[test]
    fn whatever_mentions_us_is_read_without_a_panic(
        text in "([-a-z:#\"'{}=>/.,_é ]|slipway|SLIPWAY|slipwya|churn|:uri|digest|none|a: b # |: \\|\n  |\n){0,40}",
        value in "([-a-z0-9:/@=,;.%_é ]|none|sha256:|s3://|20261124-3f9a1c2b7d10){0,8}",
        values in values(),
    ) {
        let inspected = inspect("app.yaml", text.as_bytes());
        let known = ["churn".to_owned()].into_iter().collect();
        for fault in &inspected.faults {
            prop_assert!(fault.among(&known).is_none_or(|diagnostic| diagnostic.help.is_some()));
            let _ = (fault.concerning("churn", &|_| false), fault.hides_a_digest(), fault.mentions("churn"));
        }
        for field in Field::ALL {
            let marked = format!("a: {} # {{\"slipway\": \"m:{field}\"}}\n", serde_json::to_string(&value).unwrap());
            for refusal in unfit("app.yaml", marked.as_bytes(), &values) {
                prop_assert!(refusal.diagnostic().help.is_some());
            }
        }
    }

    #[test]
    fn no_bytes_make_an_edit_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..64), values in values()) {
        bytes.extend_from_slice(b"\na: b # {\"slipway\": \"m:uri\"}\n");
        let _ = set("app.yaml", &bytes, "m", &values);
        let _ = inspect("app.yaml", &bytes);
    }
}
