//! What is listed of the markers in a file.

use crate::tests::values;
use crate::{Field, Marker, markers, set};
use slipway_domain::Position;

#[test]
fn every_marker_is_listed_with_its_value_and_place() {
    let text = "a: old # {\"slipway\": \"fashion:version\"}\nb:\n- \"s3://ü\" # {\"slipway\": \"mnist-2:uri\", \"x\": 1}\n---\nc: 7 # {\"slipway\": \"f:run\"}\n";
    let marker = |model: &str, field, value: &str, line, column| Marker {
        model: model.to_owned(),
        field,
        value: value.to_owned(),
        position: Position { line, column },
    };
    assert_eq!(
        markers("app.yaml", text.as_bytes()).unwrap(),
        [
            marker("fashion", Field::Version, "old", 1, 4),
            marker("mnist-2", Field::Uri, "s3://ü", 3, 3),
            marker("f", Field::Run, "7", 5, 4),
        ]
    );
}

#[test]
fn a_file_without_markers_lists_none() {
    assert_eq!(markers("app.yaml", b"a: [broken"), Ok(Vec::new()));
    assert_eq!(markers("app.yaml", b"a: \"slipway\" # {\"other\": 1}"), Ok(Vec::new()));
}

#[test]
fn a_model_name_is_a_label_of_at_most_63_characters() {
    let named = |name: &str| markers("a.yaml", format!("a: x # {{\"slipway\": \"{name}:run\"}}").as_bytes());
    for name in ["a", "7", "a-b", "a--b", &"a".repeat(63)] {
        assert_eq!(named(name).unwrap()[0].model, name);
    }
    for name in ["", "-a", "a-", "A", "a.b", "a_b", "ä", " a", &"a".repeat(64)] {
        assert!(named(name).is_err(), "{name}");
    }
}

#[test]
fn what_a_marker_says_stands_around_its_value_stays() {
    let text = "args:\n- --model=none # {\"slipway\": \"fashion:uri\", \"prefix\": \"--model=\"}\n\
                image: \"repo:none-gpu\" # {\"slipway\": \"fashion:version\", \"prefix\": \"repo:\", \"suffix\": \"-gpu\"}\n\
                pin: repo@none # {\"slipway\": \"fashion:digest\", \"prefix\": \"repo@\"}\n";
    let found = markers("app.yaml", text.as_bytes()).unwrap();
    assert!(found.iter().all(|marker| marker.value == "none"), "{found:?}");
    let edited = set("app.yaml", text.as_bytes(), "fashion", &values()).unwrap();
    let now = std::str::from_utf8(&edited.content).unwrap();
    for line in [
        "- \"--model=s3://models/fashion/9f86d081\" #",
        "image: \"repo:v12-gpu\" #",
        "pin: repo@sha256:9f86d081884c7d65 #",
    ] {
        assert!(now.contains(line), "{line} in {now}");
    }
    let again = set("app.yaml", &edited.content, "fashion", &values()).unwrap();
    assert_eq!((again.changes.len(), again.places), (0, 3), "what is written can be followed again");
    let found = markers("app.yaml", &edited.content).unwrap();
    assert_eq!(found[2].value, values().digest);
}
